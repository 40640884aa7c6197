using System.CommandLine;
using InverseSolver.Cli.Convert;
using InverseSolver.Cli.Server;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;

namespace InverseSolver.Cli;

/// <summary><c>inverse models</c>: lists packages, checks networks against reference outputs, makes packages of checkpoints.</summary>
internal static class ModelsCommand
{
    internal static Command Create() => new("models", "Lists, checks, converts, loads and unloads models.")
    {
        List(), Check(), ConvertModelCommand.Create(), ServerModels.Show(), ServerModels.Load(), ServerModels.Unload(),
    };

    private static Command List()
    {
        Option<string> models = CliOptions.Models();
        Option<string?> json = CliOptions.Json(), server = ServerOptions.ServerIfAny();
        var command = new Command("list", "Lists the model packages of a folder, or of a running service.") { models, server, json };
        command.SetAction(async (arguments, cancellation) =>
        {
            if (arguments.GetValue(server) is { } url)
            {
                await ServerModels.ListAsync(url, arguments.GetValue(json), cancellation);
                return ExitCode.Done;
            }

            using ModelCatalog catalog = CliOptions.Catalog(arguments.GetValue(models)!);
            IReadOnlyList<ModelInfo> usable = catalog.Models;
            IReadOnlyList<BrokenModel> unusable = catalog.Broken;
            if (usable.Count + unusable.Count == 0)
            {
                Console.WriteLine($"There is no model package in {arguments.GetValue(models)}.");
            }

            foreach (ModelInfo model in usable)
            {
                Console.WriteLine(
                    $"{model.Id,-24} {model.Channels} channel(s), {Sizes(model)}  {Networks(model)}  {model.Title}"
                        + $"{(model.Missing is { } missing ? $"  ({missing})" : "")}");
            }

            foreach (BrokenModel broken in unusable)
            {
                Console.WriteLine($"{broken.Name,-24} cannot be used: {broken.Reason}");
            }

            CliJson.Write(arguments.GetValue(json), usable);
            return ExitCode.Done;
        });
        return command;
    }

    private static string Sizes(ModelInfo model) =>
        model is { FixedHeight: { } height, FixedWidth: { } width } ? $"only {height} x {width}" : $"multiples of {model.SizeMultiple}";

    // What runs its networks, and which of them give no gradient.
    private static string Networks(ModelInfo model)
    {
        if (model.Backends is not { } backends)
        {
            return "";
        }

        ModelGradients gradients = model.Gradients;
        string[] without =
        [
            .. gradients.Denoiser ? Array.Empty<string>() : ["denoiser"],
            .. gradients.Decoder ? Array.Empty<string>() : ["decoder"],
            .. gradients.Encoder ? Array.Empty<string>() : ["encoder"],
        ];
        string[] distinct = [.. new[] { backends.Denoiser, backends.Decoder, backends.Encoder }.OfType<string>().Distinct()];
        return string.Join("+", distinct) + (without is [] ? "" : $" (no gradient of {string.Join(", ", without)})");
    }

    private static Command Check()
    {
        var folder = new Argument<string>("folder") { Description = "A network's folder, or a model package, in the diffusers layout." };
        Option<string> device = CliOptions.Device();
        Option<string?> json = CliOptions.Json();
        var command = new Command("check", "Loads a network or a model package; where it holds a golden.safetensors, compares with it.")
        {
            folder, device, json,
        };
        command.SetAction(arguments =>
        {
            string path = arguments.GetRequiredValue(folder);
            if (!Directory.Exists(path))
            {
                throw new CommandException($"There is no folder {path}: name one that holds a network or a model package.");
            }

            IReadOnlyList<GoldenResult> results = GoldenCheck.Run(path, CliOptions.ParseDevice(arguments.GetValue(device)!));
            foreach (GoldenResult result in results)
            {
                string comparison = result.Reason is { } reason
                    ? $"cannot be compared: {reason}"
                    : $"{result.RelativeError,10:E2}  {(result.Passes() ? "ok" : $"above {GoldenCheck.Tolerance:E0}")}";
                Console.WriteLine($"{result.Tensor,-28} {comparison}");
            }

            if (results.Count == 0)
            {
                Console.WriteLine($"Loads. There is no {GoldenCheck.FileName} to compare with.");
            }

            CliJson.Write(
                arguments.GetValue(json),
                results.Select(r => new { r.Tensor, RelativeError = double.IsFinite(r.RelativeError) ? r.RelativeError : (double?)null, r.Reason }));
            return results.All(r => r.Passes()) ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }
}
