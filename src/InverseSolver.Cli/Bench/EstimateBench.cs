using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Bench;

/// <summary>
/// <c>inverse bench estimate</c>: what the service estimates of jobs before they run, beside their runs, each in a process of its own, right after it.
/// </summary>
internal static class EstimateBench
{
    private const double Sigma = 0.01;
    private const int Coils = 8;

    private static readonly Dictionary<string, Problem> Problems = new()
    {
        ["inpainting"] = new Inpainting(new RandomMask(0.7, 1)),
        ["gaussianBlur"] = new GaussianBlur(),
        ["superResolution"] = new SuperResolution(4),
        ["mri"] = new CartesianMri(new RandomKSpaceMask(4, 0.08, 1)),
        ["tomography"] = new ComputedTomography(60),
        ["parallelMri"] = new ParallelMri(new RandomKSpaceMask(4, null, 1, 12)),
        ["phaseRetrieval"] = new PhaseRetrieval(),
        ["codedDiffraction"] = new CodedDiffraction(),
    };

    internal static Command Create()
    {
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        var solvers = new Option<string?>("--solvers") { Description = "Comma-separated solvers; all where it is left out." };
        var presets = new Option<string>("--presets") { Description = "Comma-separated presets.", DefaultValueFactory = _ => "fast,balanced" };
        var problems = new Option<string>("--problems")
        {
            Description = $"Comma-separated problems: {string.Join(", ", Problems.Keys)}.",
            DefaultValueFactory = _ => "inpainting",
        };
        var sizes = new Option<string>("--sizes") { Description = "Comma-separated sides of square images.", DefaultValueFactory = _ => "128" };
        var frames = new Option<string>("--frames") { Description = "Comma-separated numbers of frames.", DefaultValueFactory = _ => "1" };
        Option<int> longest = CliOptions.Number("--longest", "Jobs that are estimated to take more seconds are not run.", 120);
        var run = new Option<bool>("--run") { Description = "Runs the one job that is named, and estimates nothing." };
        Option<string?> json = CliOptions.Json();
        var command = new Command("estimate", "Estimated seconds and memory of jobs beside those of their runs.")
        {
            problems, sizes, frames, solvers, presets, longest, run, modelId, models, device, json,
        };
        command.SetAction((arguments, cancellation) =>
        {
            string folder = arguments.GetValue(models)!, id = arguments.GetValue(modelId)!, on = arguments.GetValue(device)!;
            string[] types = arguments.GetValue(solvers) is { } named ? List(named) : [.. SolverCatalog.All.Select(solver => solver.Type)];
            Job[] jobs =
            [
                .. from problem in List(arguments.GetValue(problems)!) from size in Numbers(arguments.GetValue(sizes)!)
                   from count in Numbers(arguments.GetValue(frames)!) from type in types from preset in List(arguments.GetValue(presets)!)
                   where SolverCatalog.All.First(solver => solver.Type == type).Presets.ContainsKey(preset)
                   select new Job(problem, size, count, type, preset),
            ];
            using LatentModel model = CliOptions.LoadModel(folder, id, CliOptions.ParseDevice(on));
            var rows = new JsonArray();
            if (arguments.GetValue(run))
            {
                CostReport cost = Reconstructor.Run(model, jobs[0].Check(model.Info)!, static _ => { }, cancellation).Cost;
                long peak = Process.GetCurrentProcess().PeakWorkingSet64;
                rows.Add(new JsonObject { ["seconds"] = cost.Seconds, ["peak"] = peak, ["calls"] = Calls(cost) });
                CliJson.Write(arguments.GetValue(json), rows);
                return Task.FromResult(ExitCode.Done);
            }

            // A job of one pixel block: what a process takes before a job.
            long empty = (long)InChild(new Job("inpainting", 16, 1, "adjoint", "fast"))["peak"]!;
            Console.WriteLine($"Before a job a process takes {empty >> 20} MiB, which the peaks below leave out.\n");
            Console.WriteLine(
                "| problem | size | frames | solver | preset | estimated s | s | ratio | estimated MiB | peak MiB | estimate took s | same calls |");
            Console.WriteLine("|---|---:|---:|---|---|---:|---:|---:|---:|---:|---:|---|");
            foreach (Job job in jobs)
            {
                if (job.Check(model.Info) is not { } valid) continue;
                var watch = Stopwatch.StartNew();
                // Anew for each job, because other programs may slow a machine down for a while.
                var times = new CallTimes([]);
                RunEstimate estimate = RunEstimate.Of(valid, [], model.Info, model.Device, cancellation);
                foreach (PlannedCalls calls in estimate.Calls.Where(calls => !times.Knows(calls.Kind, calls.Items, estimate.Height, estimate.Width)))
                {
                    times = times.With([CallTimes.Measure(model, calls.Kind, calls.Items, estimate.Height, estimate.Width)]);
                }

                double seconds = estimate.Seconds(times)!.Value, took = watch.Elapsed.TotalSeconds;
                long bytes = MemoryEstimate.Of(valid, model.Info).Bytes;
                JsonNode? measured = seconds > arguments.GetValue(longest) ? null : InChild(job);
                bool? same = measured is null ? null : (string)measured["calls"]! == Calls(estimate.Cost);
                rows.Add(new JsonObject
                {
                    ["problem"] = job.Problem,
                    ["size"] = job.Size,
                    ["frames"] = job.Frames,
                    ["solver"] = job.Solver,
                    ["preset"] = job.Preset,
                    ["estimatedSeconds"] = seconds,
                    ["dataSeconds"] = estimate.DataSeconds,
                    ["seconds"] = (double?)measured?["seconds"],
                    ["estimatedBytes"] = bytes,
                    ["peakBytes"] = (long?)measured?["peak"] - empty,
                    ["sameCalls"] = same,
                });
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {job.Problem} | {job.Size} | {job.Frames} | {job.Solver} | {job.Preset} | {seconds:F2} "
                        + $"| {(double?)measured?["seconds"]:F2} | {seconds / (double?)measured?["seconds"]:F2} | {bytes >> 20} "
                        + $"| {((long?)measured?["peak"] - empty) >> 20} | {took:F2} | {(same is null ? "-" : same.Value ? "yes" : measured!["calls"])} |"));
            }

            CliJson.Write(arguments.GetValue(json), rows);
            return Task.FromResult(ExitCode.Done);

            JsonNode InChild(Job job) => BenchChild.Run(
                [
                    "estimate", "--run", "--models", folder, "--model", id, "--device", on, "--problems", job.Problem, "--sizes", $"{job.Size}",
                    "--frames", $"{job.Frames}", "--solvers", job.Solver, "--presets", job.Preset,
                ],
                cancellation);
        });
        return command;
    }

    private static string Calls(CostReport cost) =>
        $"{cost.NetworkCalls}, {cost.NetworkGradients}, {cost.DecoderCalls}, {cost.DecoderGradients}, {cost.EncoderCalls}";

    private static string[] List(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static int[] Numbers(string text) => [.. List(text).Select(number =>
        int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n is >= 1 and <= 4096
            ? n
            : throw new CommandException($"'{number}' is no size and no number of frames (1 to 4096)."))];

    private sealed record Job(string Problem, int Size, int Frames, string Solver, string Preset)
    {
        /// <summary>The job, checked; null where its solver cannot solve its problem.</summary>
        internal CheckedReconstruction? Check(ModelInfo model)
        {
            Problem problem = Problems.GetValueOrDefault(Problem) ?? throw new CommandException($"There is no problem '{Problem}' here.");
            var image = new ArrayData(
                [Frames, model.Channels, Size, Size],
                [.. Enumerable.Range(0, Frames * model.Channels * Size * Size).Select(i =>
                    0.5f + 0.4f * MathF.Sin(i % Size * 0.2f) * MathF.Cos(i / Size * 0.1f))]);
            SimulatedMeasurement simulated = Reconstructor.Simulate(
                problem, Frames == 1 ? image.Frame(0) : image, new Dictionary<string, ArrayData>(), Sigma, 1, coils: problem is ParallelMri ? Coils : null);
            var request = new ReconstructionRequest
            {
                Problem = problem,
                Measurement = simulated.Measurement,
                Sigma = Sigma,
                Solver = SolverCatalog.Resolve(Solver, Preset, null),
                Seed = 1,
            };
            try
            {
                return Reconstructor.Check(model, request);
            }
            catch (InvalidInputException refused) when (refused.Field == "solver.type")
            {
                return null;
            }
        }
    }
}
