using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Cli;

/// <summary>Options that several commands have.</summary>
internal static class CliOptions
{
    internal static Option<string> Model()
    {
        var model = new Option<string>("--model") { HelpName = "ID", Description = "Id of the model.", DefaultValueFactory = _ => "brain-mri-128" };
        model.CompletionSources.Add(_ =>
        {
            using var catalog = new ModelCatalog([ModelCatalog.DefaultFolder()]);
            return [.. catalog.Models.Select(one => one.Id)];
        });
        return model;
    }

    /// <summary>A problem, required.</summary>
    internal static Option<string> Problem()
    {
        var problem = new Option<string>("--problem")
        {
            HelpName = "PROBLEM",
            Description = "The problem as the service takes it: JSON, a file with JSON, or the name of a kind (inverse problems).",
            Required = true,
        };
        problem.CompletionSources.Add([.. Reconstruction.Problems.Problem.Kinds.Select(kind => kind.Name)]);
        return problem;
    }

    /// <summary>A list with commas, without empty places.</summary>
    internal static string[] List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    internal static Option<string> Models() => new("--models")
    {
        HelpName = "FOLDER",
        Description = "Folder with model packages.",
        DefaultValueFactory = _ => ModelCatalog.DefaultFolder(),
    };

    internal static Option<string?> Operators() => new("--operators")
    {
        HelpName = "FOLDER",
        Description = "Folder with TorchScript files for problems of the type torchScript.",
    };

    internal static Option<string> Device() => new("--device")
    {
        Description = "cpu, cuda:N, or auto (a GPU where there is one).",
        DefaultValueFactory = _ => "auto",
    };

    internal static Option<string?> Json() => new("--json")
    {
        HelpName = "FILE",
        Description = "Also write the result as JSON to this file; -: to the standard output, and everything else to the standard error.",
    };

    internal static Option<long> Seed()
    {
        const string Name = "--seed";
        Option<long> seed = Number(Name, "Seed of every random number, 0 or more.", 0L);
        seed.CustomParser = result =>
        {
            long value = Parsed<long>(result, Name);
            if (value < 0)
            {
                result.AddError($"{Name} is 0 or more.");
            }

            return value;
        };
        return seed;
    }

    /// <summary>An option that may be left out and is a number, read in the same way whatever the language of the machine is.</summary>
    /// <typeparam name="T">double, int or long.</typeparam>
    internal static Option<T?> Number<T>(string name, string description)
        where T : struct, INumber<T> => new(name) { Description = description, CustomParser = result => Parsed<T>(result, name) };

    /// <summary>The same with a value that stands for it where it is left out.</summary>
    internal static Option<T> Number<T>(string name, string description, T fallback)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            CustomParser = result => Parsed<T>(result, name),
            DefaultValueFactory = _ => fallback,
        };

    /// <summary>The same with several values.</summary>
    internal static Option<T[]> Numbers<T>(string name, string description, T[] fallback)
        where T : struct, INumber<T> => new(name)
        {
            Description = description,
            AllowMultipleArgumentsPerToken = true,
            CustomParser = result => [.. result.Tokens.Select(token => Parsed<T>(token.Value, name, result))],
            DefaultValueFactory = _ => fallback,
        };

    internal static Option<string[]> Set() => new("--set")
    {
        HelpName = "NAME=VALUE",
        Description = "Replace one of the solver's parameters: name=value. May be given several times.",
        AllowMultipleArgumentsPerToken = true,
    };

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
                : throw new CommandException(
                    $"--device {text}: there is none: "
                        + $"{(Backend.BuiltWithCuda ? $"{Backend.CudaDevices} GPUs are here" : "this build of libtorch has no CUDA")}.");
        }
        catch (ArgumentException e)
        {
            throw new CommandException($"--device {text}: {e.FirstLine}");
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
            ?? throw new CommandException(
                $"--model {id}: there is no such model in {folder}. "
                    + $"{(catalog.Models is [_, ..] all ? $"There is: {string.Join(", ", all.Select(m => m.Id))}" : "There is none")}.");
    }

    internal static ModelCatalog Catalog(string folder) =>
        Directory.Exists(folder) ? new ModelCatalog([folder]) : throw new CommandException($"--models {folder}: there is no such folder.");

    /// <summary>Loads libtorch, sets its threads and tests what will compute.</summary>
    /// <returns>What is to be said of it; null: nothing.</returns>
    /// <exception cref="CommandException">There is no libtorch that can be used.</exception>
    internal static string? TestArithmetic()
    {
        try
        {
            Libtorch.Load();
            Backend.Threads = Backend.ThreadsFor(1);
            return Arithmetic.Warning;
        }
        catch (Exception error) when (error is InvalidOperationException or DllNotFoundException)
        {
            throw new CommandException(error.FirstLine);
        }
    }

    private static T Parsed<T>(ArgumentResult result, string name)
        where T : struct, INumber<T> => result.Tokens is [var token] ? Parsed<T>(token.Value, name, result) : default;

    // A comma is never a decimal point, and never a mark of thousands: 0,01 would be 1.
    private static T Parsed<T>(string text, string name, ArgumentResult result)
        where T : struct, INumber<T>
    {
        bool whole = typeof(T) != typeof(double);
        NumberStyles style = whole
            ? NumberStyles.AllowLeadingSign
            : NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        if (T.TryParse(text, style, CultureInfo.InvariantCulture, out T value) && T.IsFinite(value))
        {
            return value;
        }

        string kind = whole ? "whole number" : text.Contains(',', StringComparison.Ordinal) ? "number with a decimal point, as in 0.01" : "number";
        result.AddError($"{name} is a {kind}, not '{text}'.");
        return default;
    }
}
