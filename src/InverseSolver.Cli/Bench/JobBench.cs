using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using InverseSolver.Cli.GpuCheck;
using InverseSolver.Cli.Server;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli.Bench;

/// <summary>
/// <c>inverse bench jobs</c>: jobs a minute through a running service, one after the other on its slot and with shared network calls, by how many are sent
/// at once.
/// </summary>
internal static class JobBench
{
    internal static Command Create()
    {
        Option<string> server = ServerOptions.Server();
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models();
        var solver = new Option<string>("--solver") { Description = "The solver.", DefaultValueFactory = _ => "redDiff" };
        var preset = new Option<string>("--preset") { Description = "Its preset.", DefaultValueFactory = _ => "fast" };
        var concurrency = new Option<string>("--concurrency")
        {
            Description = "Comma-separated numbers of jobs that are sent at once.",
            DefaultValueFactory = _ => "1,2,4,8,16",
        };
        Option<int> rounds = CliOptions.Number("--rounds", "Jobs that each of those sends, one after the other.", 2);
        Option<string?> json = CliOptions.Json();
        var command = new Command("jobs", "Jobs a minute through a running service: random inpainting of the model's reference image.")
        {
            server, modelId, models, solver, preset, concurrency, rounds, json,
        };
        command.SetAction(async (arguments, cancellation) =>
        {
            using Client.InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
            string model = arguments.GetValue(modelId)!;
            ArrayData truth = GoldenImage.Read(CliOptions.FolderOf(arguments.GetValue(models)!, model));
            Problem problem = new Inpainting(new RandomMask(0.7, 1));
            ArrayData measurement = Reconstructor.Simulate(problem, truth, new Dictionary<string, ArrayData>(), 0.01, 1).Measurement;
            var files = new Dictionary<string, byte[]> { ["measurement"] = Npy.Write(measurement) };
            var rows = new List<object>();
            Console.WriteLine("| jobs at once | jobs/min, reproducible | jobs/min, shared calls | gain | images in a call |");
            Console.WriteLine("|---:|---:|---:|---:|---:|");
            await RateAsync(1, 1, reproducible: true);
            foreach (int jobs in Numbers(arguments.GetValue(concurrency)!))
            {
                (double exact, _) = await RateAsync(jobs, arguments.GetValue(rounds), reproducible: true);
                (double shared, double items) = await RateAsync(jobs, arguments.GetValue(rounds), reproducible: false);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {jobs} | {exact:F1} | {shared:F1} | {shared / exact:F2} | {items:F1} |"));
                rows.Add(new { jobs, exact, shared, items });
            }

            CliJson.Write(arguments.GetValue(json), rows);
            return ExitCode.Done;

            async Task<(double PerMinute, double Items)> RateAsync(int senders, int each, bool reproducible)
            {
                var watch = Stopwatch.StartNew();
                double[] items = await Task.WhenAll(Enumerable.Range(0, senders).Select(async sender =>
                {
                    double last = 0;
                    for (int i = 0; i < each; i++)
                    {
                        last = await OneAsync(sender * each + i, reproducible);
                    }

                    return last;
                }));
                return (senders * each / watch.Elapsed.TotalMinutes, items.Max());
            }

            async Task<double> OneAsync(int seed, bool reproducible)
            {
                var request = new JsonObject
                {
                    ["model"] = model,
                    ["problem"] = CliJson.Of(problem),
                    ["sigma"] = 0.01,
                    ["solver"] = new JsonObject { ["type"] = arguments.GetValue(solver), ["preset"] = arguments.GetValue(preset) },
                    ["seed"] = seed,
                    ["name"] = "bench",
                    ["previews"] = false,
                    ["reproducible"] = reproducible,
                };
                Client.Job job = await client.SubmitAsync(request, files, cancellation: cancellation);
                try
                {
                    job = await client.WaitAsync(job.Id, cancellation: cancellation);
                }
                catch (OperationCanceledException)
                {
                    await ServerOptions.CancelAsync(client, [job.Id]);
                    throw;
                }

                return job.State == Client.JobState.Succeeded ? job.Result?.Sharing?.MeanItems ?? 0 : throw new CommandException(ServerOptions.EndOf(job));
            }
        });
        return command;
    }

    private static int[] Numbers(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(number =>
        int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n is >= 1 and <= 256
            ? n
            : throw new CommandException($"'{number}' is no number of jobs (1 to 256)."))];
}
