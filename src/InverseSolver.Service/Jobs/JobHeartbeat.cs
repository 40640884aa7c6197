using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Renews the leases of running jobs.</summary>
internal sealed partial class JobHeartbeat(JobStore store, IOptions<JobOptions> options, ILogger<JobHeartbeat> log)
{
    /// <summary>Renews a job's lease until disposed, and stops its run once the job no longer belongs to this process.</summary>
    /// <param name="job">The job.</param>
    /// <param name="cancel">Stops its run.</param>
    public Timer Keep(JobRow job, CancellationTokenSource cancel)
    {
        TimeSpan lease = options.Value.Lease;
        return new Timer(
            _ =>
            {
                try
                {
                    if (!store.Renew(job.Id, job.Epoch, lease))
                    {
                        cancel.Cancel();
                    }
                }
                catch (Exception error)
                {
                    // The next heartbeat tries again; the lease lasts for three.
                    BeatFailed(error, job.Id);
                }
            },
            null,
            lease / 4,
            lease / 4);
    }

    [LoggerMessage(1009, LogLevel.Error, "The lease of job {JobId} could not be renewed; the next beat tries again")]
    private partial void BeatFailed(Exception error, string jobId);
}
