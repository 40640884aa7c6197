using System.CommandLine;
using InverseSolver.Diffusion;
using InverseSolver.Torch;

namespace InverseSolver.Cli;

/// <summary>Options that several commands have.</summary>
internal static class CliOptions
{
    internal static Option<string> Model() => new("--model") { Description = "Id of the model.", DefaultValueFactory = _ => "brain-mri-128" };

    internal static Option<string> Models() => new("--models") { Description = "Folder with model packages.", DefaultValueFactory = _ => ModelCatalog.DefaultFolder() };

    internal static Option<string?> Operators() => new("--operators") { Description = "Folder with TorchScript files for problems of the type torchScript." };

    internal static Option<string> Device() => new("--device") { Description = "cpu, cuda:N, or auto (a GPU where there is one).", DefaultValueFactory = _ => "auto" };

    internal static Option<string?> Json() => new("--json") { Description = "Also write the result as JSON to this file." };

    internal static Option<long> Seed() => new("--seed") { Description = "Seed of every random number.", DefaultValueFactory = _ => 0 };

    internal static Option<string[]> Set() => new("--set") { Description = "Replace one of the solver's parameters: name=value. May be given several times.", AllowMultipleArgumentsPerToken = true };

    internal static Device ParseDevice(string text)
    {
        UseAllCores();
        if (text == "auto")
        {
            return Backend.CudaDevices > 0 ? new Device(DeviceType.CUDA, 0) : torch.CPU;
        }

        try
        {
            return torch.device(text);
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message);
        }
    }

    internal static LatentModel LoadModel(string folder, string id, Device device)
    {
        if (Backend.BlasWarning() is { } slow)
        {
            Console.Error.WriteLine($"warning: {slow}");
        }

        using var catalog = new ModelCatalog([folder], device);
        if (catalog.Find(id) is null)
        {
            throw new CommandException($"There is no model '{id}' in {folder}. There is: {string.Join(", ", catalog.Models.Select(m => m.Id))}.");
        }

        return ModelPackage.Load(Path.Combine(folder, id), device);
    }

    /// <summary>By itself libtorch takes half of the cores; OMP_NUM_THREADS is what its users set.</summary>
    internal static void UseAllCores()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OMP_NUM_THREADS")))
        {
            Backend.Threads = Environment.ProcessorCount;
        }
    }
}
