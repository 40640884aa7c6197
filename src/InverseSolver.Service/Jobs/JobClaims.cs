using System.Text.Json;
using InverseSolver.Service.Access;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Claims waiting jobs for this process, and ends those that were lost with their processes too often.</summary>
internal sealed class JobClaims(
    JobStore store, JobFolder folder, JobSignals signals, IOptions<JobOptions> options, IOptions<CallerOptions> quotas)
{
    private readonly string _weights = JsonSerializer.Serialize(quotas.Value.Weights);
    private readonly string _owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";

    /// <summary>Returns jobs of another process on this data folder to the queue; that process has ended, because this one holds the folder's lock.</summary>
    /// <returns>The number of such jobs.</returns>
    public int ExpireOthers() => store.ExpireOthers(_owner);

    /// <summary>Claims the next job in the queue; null: none waits.</summary>
    public JobRow? Next()
    {
        foreach (string id in store.FinishLost(options.Value.Attempts, Lost))
        {
            folder.DeleteEpochs(id, _ => true);
            folder.DeleteCheckpoints(id);
            folder.WriteEnds(store.Ends(id));
            signals.Changed(id);
        }

        return Claim(sharing: null);
    }

    /// <summary>Claims the next job in the queue, where it may share the network calls of a group; else null.</summary>
    /// <param name="sharing">The group's key.</param>
    public JobRow? NextOf(string? sharing) => Claim(sharing);

    private JobRow? Claim(string? sharing) => store.Claim(
        _owner, options.Value.Lease, sharing, quotas.Value.Running is > 0 and var most ? most : int.MaxValue, _weights,
        quotas.Value.SolverSecondsPerDay is > 0 and var seconds ? seconds : double.MaxValue);

    private static string Lost(JobRow job)
    {
        string place = job.ToJob().Progress is { } last ? $"after step {last.Step} of {last.Of} ({last.Stage})" : "before its first step";
        return JsonSerializer.Serialize(
            new JobError(
                "quarantined", null,
                $"The service ended {job.Stalls} times while it ran this job, each time {place}. It is set aside, so that other jobs can run: "
                    + "look into the service's log for the cause, and send the job again once it is mended.",
                null),
            ApiJson.Options);
    }
}
