using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Bench;

/// <summary>
/// <c>inverse bench solvers</c>: a whole job for each solver, preset and size, each in a process of its own, since a peak of memory never falls.
/// </summary>
internal static class SolverBench
{
    private const double Sigma = 0.01;

    internal static Command Create()
    {
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        var solvers = new Option<string?>("--solvers") { Description = "Comma-separated solvers; all where it is left out." };
        var presets = new Option<string>("--presets") { Description = "Comma-separated presets.", DefaultValueFactory = _ => "fast,balanced" };
        var sizes = new Option<string?>("--sizes") { Description = "Comma-separated sides of square images; the model's native size where it is left out." };
        Option<string?> json = CliOptions.Json();
        var command = new Command(
            "solvers",
            "A whole job for each solver, preset and size, each in a process of its own: "
                + "random inpainting; MRI or coded diffraction where a solver solves nothing else.")
        {
            solvers, presets, sizes, modelId, models, device, json,
        };
        command.SetAction((arguments, cancellation) =>
        {
            string folder = arguments.GetValue(models)!, model = arguments.GetValue(modelId)!, on = arguments.GetValue(device)!;
            string[] types = arguments.GetValue(solvers) is { } named ? List(named) : [.. SolverCatalog.All.Select(solver => solver.Type)];
            string[] sides = arguments.GetValue(sizes) is { } given ? List(given) : ["native"];
            (string Solver, string Preset, string Side)[] jobs =
                [.. from type in types from preset in List(arguments.GetValue(presets)!) from side in sides select (type, preset, side)];
            foreach ((string solver, string preset, string side) in jobs)
            {
                SolverCatalog.Resolve(solver, preset, null);
                _ = Side(side, 0);
            }

            var rows = new JsonArray();
            Console.WriteLine("| solver | preset | size | s | network calls | network gradients | decoder gradients | peak memory MiB | tensors left |");
            Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|---:|");
            foreach ((string solver, string preset, string side) in jobs)
            {
                JsonNode row = jobs.Length == 1
                    ? Run(folder, model, on, solver, preset, side, cancellation)
                    : BenchChild.Run(
                        [
                            "solvers", "--models", folder, "--model", model, "--device", on, "--solvers", solver, "--presets", preset, "--sizes", side,
                        ],
                        cancellation);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {solver} | {preset} | {row["size"]} | {(double)row["seconds"]!:F1} | {row["networkCalls"]} "
                        + $"| {row["networkGradients"]} | {row["decoderGradients"]} | {(double)row["peakMiB"]!:F0} | {row["tensorsLeft"]} |"));
                rows.Add(row);
            }

            CliJson.Write(arguments.GetValue(json), rows);
            return Task.FromResult(rows.All(row => (long)row!["tensorsLeft"]! == 0) ? ExitCode.Done : ExitCode.Failed);
        });
        return command;
    }

    private static JsonObject Run(string folder, string modelId, string device, string type, string preset, string side, CancellationToken cancellation)
    {
        using LatentModel model = CliOptions.LoadModel(folder, modelId, CliOptions.ParseDevice(device));
        int height = Side(side, model.Info.NativeHeight ?? 128), width = Side(side, model.Info.NativeWidth ?? 128);
        var image = new ArrayData(
            [model.Channels, height, width],
            [.. Enumerable.Range(0, model.Channels * height * width).Select(i => 0.5f + 0.4f * MathF.Sin(i % width * 0.2f) * MathF.Cos(i / width * 0.1f))]);
        SolverParameters parameters = SolverCatalog.Resolve(type, preset, null);
        Problem[] problems = [new Inpainting(new RandomMask(0.7, 1)), new CartesianMri(new RandomKSpaceMask(4, 0.08, 1)), new CodedDiffraction()];
        ReconstructionRequest request = problems.Select(Request).First(Solves);
        long before = Tensor.TotalCount;
        CostReport cost = Reconstructor.Run(model, request, null, cancellation).Cost;
        return new JsonObject
        {
            ["solver"] = type,
            ["preset"] = preset,
            ["size"] = $"{height}x{width}",
            ["seconds"] = cost.Seconds,
            ["networkCalls"] = cost.NetworkCalls,
            ["networkGradients"] = cost.NetworkGradients,
            ["decoderGradients"] = cost.DecoderGradients,
            ["peakMiB"] = Process.GetCurrentProcess().PeakWorkingSet64 / 1048576.0,
            ["tensorsLeft"] = Tensor.TotalCount - before,
        };

        bool Solves(ReconstructionRequest one)
        {
            try
            {
                Reconstructor.Check(model.Info, one);
                return true;
            }
            catch (InvalidInputException refused) when (refused.Field == "solver.type")
            {
                return false;
            }
        }

        ReconstructionRequest Request(Problem problem) => new()
        {
            Problem = problem,
            Measurement = Reconstructor.Simulate(problem, image, new Dictionary<string, ArrayData>(), Sigma, 1).Measurement,
            Sigma = Sigma,
            Solver = parameters,
            Seed = 1,
        };
    }

    private static string[] List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static int Side(string text, int native) => text == "native" ? native
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int side) && side is >= 16 and <= 4096 ? side
        : throw new CommandException($"A size is a whole number from 16 to 4096, not '{text}'.");
}
