using System.CommandLine;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli;

/// <summary>Options that several commands have.</summary>
internal static class CliOptions
{
    internal static Option<string> Model() => new("--model") { Description = "Id of the model.", DefaultValueFactory = _ => "brain-mri-128" };

    internal static Option<string> Models() => new("--models") { Description = "Folder with model packages.", DefaultValueFactory = _ => ModelCatalog.DefaultFolder() };

    internal static Option<string?> Operators() => new("--operators") { Description = "Folder with TorchScript files for problems of the type torchScript." };

    internal static Option<string> Device() => new("--device") { Description = "cpu, cuda:N, or auto (a GPU where there is one).", DefaultValueFactory = _ => "auto" };

    internal static Option<string?> Json() => new("--json") { Description = "Also write the result as JSON to this file." };

    internal static Option<long> Seed()
    {
        var seed = new Option<long>("--seed") { Description = "Seed of every random number, 0 or more.", DefaultValueFactory = _ => 0 };
        seed.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<long>() < 0)
            {
                result.AddError("--seed is 0 or more.");
            }
        });
        return seed;
    }

    internal static Option<string[]> Set() => new("--set") { Description = "Replace one of the solver's parameters: name=value. May be given several times.", AllowMultipleArgumentsPerToken = true };

    internal static Device ParseDevice(string text)
    {
        if (text == "auto")
        {
            return Backend.CudaDevices > 0 ? new Device(DeviceType.CUDA, 0) : torch.CPU;
        }

        try
        {
            Device device = Backend.ParseDevice(text);
            return device.type != DeviceType.CUDA || Math.Max(device.index, 0) < Backend.CudaDevices
                ? device
                : throw new CommandException($"There is no {text}: {(Backend.BuiltWithCuda ? $"{Backend.CudaDevices} GPUs are here" : "this build of libtorch has no CUDA")}.");
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message);
        }
    }

    internal static LatentModel LoadModel(string folder, string id, Device device, ModelOptions? options = null)
    {
        return ModelPackage.Load(FolderOf(folder, id), device, options);
    }

    /// <summary>The folder of the package with an id, whatever the folder's own name is.</summary>
    internal static string FolderOf(string folder, string id)
    {
        using ModelCatalog catalog = Catalog(folder);
        return catalog.FolderOf(id)
            ?? throw new CommandException($"There is no model '{id}' in {folder}. There is: {string.Join(", ", catalog.Models.Select(m => m.Id))}.");
    }

    internal static ModelCatalog Catalog(string folder) =>
        Directory.Exists(folder) ? new ModelCatalog([folder]) : throw new CommandException($"There is no folder {folder}.");

    /// <summary>Loads libtorch, takes all cores (by itself it takes half of them; OMP_NUM_THREADS is what its users set) and tests what will compute.</summary>
    /// <returns>What is to be said of it; null: nothing.</returns>
    /// <exception cref="CommandException">There is no libtorch that can be used.</exception>
    internal static string? TestArithmetic()
    {
        try
        {
            Libtorch.Load();
            if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OMP_NUM_THREADS")))
            {
                Backend.Threads = Environment.ProcessorCount;
            }

            return Arithmetic.Warning;
        }
        catch (Exception error) when (error is InvalidOperationException or DllNotFoundException)
        {
            throw new CommandException(error.FirstLine);
        }
    }
}
