using System.Text.Json.Nodes;
using InverseSolver.Cli.Server;
using InverseSolver.Client;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Demo;

/// <summary>The demonstration's jobs on their way through a service, and their files.</summary>
/// <param name="client">The service.</param>
/// <param name="folder">Where each job gets a folder of its name.</param>
internal sealed class DemoRun(InverseClient client, string folder)
{
    private readonly Dictionary<DemoJob, Job> _states = [];
    private readonly Dictionary<DemoJob, ArrayData> _measurements = [];

    /// <summary>Measures the slice, and queues the job.</summary>
    internal async Task SubmitAsync(DemoJob job, string model, double sigma, JsonObject solver, CancellationToken cancellation)
    {
        ArrayData y = Reconstructor.Simulate(job.Problem, job.Truth, new Dictionary<string, ArrayData>(), sigma, job.Seed).Measurement;
        var request = new JsonObject
        {
            ["model"] = model,
            ["problem"] = CliJson.Of(job.Problem),
            ["sigma"] = sigma,
            ["solver"] = solver.DeepClone(),
            ["seed"] = job.Seed,
            ["name"] = job.Name,
            ["previews"] = false,
        };
        var files = new Dictionary<string, byte[]> { ["measurement"] = Npy.Write(y), ["truth"] = Npy.Write(job.Truth) };
        Job state = await client.SubmitAsync(request, files, cancellation: cancellation);
        (_states[job], _measurements[job]) = (state, y);
    }

    /// <summary>Waits for a job.</summary>
    internal async Task WaitAsync(DemoJob job, Action<SolverProgress> report, CancellationToken cancellation)
    {
        Job end = await client.WaitAsync(_states[job].Id, new Reporter<Job>(ServerOptions.Progress(report)), cancellation);
        lock (_states)
        {
            _states[job] = end;
        }
    }

    /// <summary>Downloads what the jobs made; says which failed, and leaves those out.</summary>
    internal async Task<IReadOnlyList<DemoResult>> CollectAsync(IReadOnlyList<DemoJob> jobs, CancellationToken cancellation)
    {
        var results = new List<DemoResult>();
        foreach (DemoJob job in jobs)
        {
            Job state = _states[job];
            if (state.Result is not { } found)
            {
                Console.Error.WriteLine($"error: {job.Name}: {ServerOptions.EndOf(state)}");
                continue;
            }

            Console.WriteLine($"{job.Name}: succeeded after {found.Cost.Seconds:F1} s");
            string own = Path.Combine(folder, job.Name);
            await client.SaveAsync(state, own, cancellation);
            DemoResult result = DemoResult.Of(job, _measurements[job], ArrayFiles.ReadImage(Path.Combine(own, "result.npy")), found);
            ArrayFiles.WritePng(Path.Combine(own, "measurement.png"), result.Measurement);
            ArrayFiles.WritePng(Path.Combine(own, "leastSquares.png"), result.LeastSquares);
            ArrayFiles.WritePng(Path.Combine(own, "truth.png"), job.Truth);
            results.Add(result);
        }

        return results;
    }

    /// <summary>Stops what is not finished, as far as that is possible.</summary>
    internal Task CancelAsync() => ServerOptions.CancelAsync(
        client, _states.Values.Where(state => state.State is JobState.Queued or JobState.Running).Select(state => state.Id));
}
