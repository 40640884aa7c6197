using System.Text.Json;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Claims waiting jobs for this process, and ends those that processes were lost with too often.</summary>
internal sealed class JobClaims(JobStore store, JobFolder folder, JobSignals signals, IOptions<JobOptions> options)
{
    private readonly string owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";

    /// <summary>Gives jobs that another process on this data folder ran back to the queue: it is gone, since the folder is this one's.</summary>
    /// <returns>The number of such jobs.</returns>
    public int ExpireOthers() => store.ExpireOthers(owner);

    /// <summary>The next job in line, now this process's; null: none waits.</summary>
    public JobRow? Next()
    {
        string lost = JsonSerializer.Serialize(
            new JobError("lostTooOften", null, "The service was lost while it ran this job, too often to try again.", null), ApiJson.Options);
        foreach (string id in store.FinishLost(options.Value.Attempts, lost))
        {
            folder.DeleteEpochs(id, _ => true);
            signals.Changed(id);
        }

        return store.Claim(owner, options.Value.Lease);
    }

    /// <summary>The next job in line, where it may share the network calls of a group; else null.</summary>
    /// <param name="sharing">The group's key.</param>
    public JobRow? NextOf(string? sharing) => store.Claim(owner, options.Value.Lease, sharing);
}
