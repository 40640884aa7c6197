using InverseSolver.Cli.Server;
using InverseSolver.Reconstruction;

namespace InverseSolver.Cli.Demo;

/// <summary>The demonstration's jobs on their way through a service, and their files.</summary>
/// <param name="client">The service.</param>
/// <param name="folder">Where each job gets a folder of its name.</param>
internal sealed class DemoRun(ServiceClient client, string folder)
{
    private static readonly string[] Artefacts = ["result.npy", "result.png", "report.json"];

    private readonly Dictionary<DemoJob, ServiceJob> _states = [];
    private readonly Dictionary<DemoJob, ArrayData> _measurements = [];

    /// <summary>Has the slice measured, and queues the job.</summary>
    internal async Task SubmitAsync(DemoJob job, string model, double sigma, SubmittedSolver solver, CancellationToken cancellation)
    {
        ArrayData y = await client.SimulateAsync(job.Problem, job.Truth, sigma, job.Seed, cancellation);
        ServiceJob state = await client.SubmitAsync(new SubmittedJob(model, job.Problem, sigma, solver, job.Seed, job.Name), y, job.Truth, cancellation);
        lock (_states)
        {
            (_states[job], _measurements[job]) = (state, y);
        }
    }

    /// <summary>Reports a job's states until it is final.</summary>
    internal async Task FollowAsync(DemoJob job, Action<ServiceJob> report, CancellationToken cancellation)
    {
        await foreach (ServiceJob state in client.FollowAsync(_states[job].Id, cancellation))
        {
            lock (_states)
            {
                _states[job] = state;
            }

            report(state);
        }
    }

    /// <summary>Downloads what the jobs made; says which failed, and leaves those out.</summary>
    internal async Task<IReadOnlyList<DemoResult>> CollectAsync(IReadOnlyList<DemoJob> jobs, CancellationToken cancellation)
    {
        var results = new List<DemoResult>();
        foreach (DemoJob job in jobs)
        {
            ServiceJob state = _states[job];
            if (state.Result is null)
            {
                Console.Error.WriteLine(
                    $"error: {job.Name}: {state.State}"
                        + $"{(state.Error is { } error ? $": {(error.Field is null ? string.Empty : error.Field + ": ")}{error.Detail}" : string.Empty)}");
                continue;
            }

            string own = Directory.CreateDirectory(Path.Combine(folder, job.Name)).FullName;
            foreach (string name in Artefacts)
            {
                await File.WriteAllBytesAsync(Path.Combine(own, name), await client.DownloadAsync(state.Id, name, cancellation), cancellation);
            }

            ArrayData image = ArrayFiles.ReadImage(Path.Combine(own, "result.npy"));
            DemoResult result = DemoResult.Of(job, _measurements[job], image, state.Result);
            ArrayFiles.WriteNpy(Path.Combine(own, "measurement.npy"), _measurements[job]);
            ArrayFiles.WritePng(Path.Combine(own, "measurement.png"), result.Measurement);
            ArrayFiles.WritePng(Path.Combine(own, "leastSquares.png"), result.LeastSquares);
            ArrayFiles.WritePng(Path.Combine(own, "truth.png"), job.Truth);
            results.Add(result);
        }

        return results;
    }

    /// <summary>Stops what is not finished, as far as that is possible.</summary>
    internal async Task CancelAsync(CancellationToken cancellation)
    {
        foreach (ServiceJob state in _states.Values.Where(state => !state.IsFinal))
        {
            try
            {
                await client.CancelAsync(state.Id, cancellation);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                Console.Error.WriteLine($"job {state.Id} could not be cancelled: {e.Message}");
            }
        }
    }
}
