using InverseSolver.Service.Models;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// The worker slots: each has a thread that claims jobs and runs them on the slot's device, one after the other. OpenMP keeps a pool for each
/// thread that calls it, so all jobs of a slot run on the same thread.
/// </summary>
internal sealed partial class JobWorker(
    JobClaims claims, JobPerformer performer, SharedJobs shared, JobSignals signals, DeviceSlots slots, DiskSpace disk,
    IOptions<JobOptions> options, ILogger<JobWorker> log)
    : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    // Beyond the time to drain: for the network call that a stopped run ends after, and for what it writes.
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(15);

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int reclaimed = claims.ExpireOthers();
        if (reclaimed > 0)
        {
            JobsReclaimed(reclaimed);
        }

        return Task.WhenAll(slots.Devices.Select((device, slot) => StartSlot(slot, device, stoppingToken)));
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(options.Value.DrainTime + StopTime);
        await base.StopAsync(bound.Token);
    }

    private Task StartSlot(int slot, Device device, CancellationToken stopping)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            SolverThread.LowerPriority(options.Value.Nice);
            Work(device, stopping);
            done.SetResult();
        })
        {
            Name = $"solver {slot}",
            IsBackground = true,
        };
        SlotStarted(slot, device.ToString());
        thread.Start();
        return done.Task;
    }

    private void Work(Device device, CancellationToken stopping)
    {
        WaitHandle[] wakers = [signals.Doorbell, stopping.WaitHandle];
        while (!stopping.IsCancellationRequested && !performer.DeviceIsLost)
        {
            try
            {
                if (disk.AllowsWork && claims.Next() is { } job)
                {
                    // One signal wakes one slot, and several jobs may wait.
                    signals.Doorbell.Set();
                    // A job that a process died of runs alone, so that only it is to blame should that happen again.
                    if (job.Sharing is not null && options.Value.SharedJobs > 1 && job.Stalls == 1)
                    {
                        shared.Run(job, device, stopping);
                    }
                    else
                    {
                        performer.Run(job, device, stopping);
                    }

                    continue;
                }
            }
            catch (Exception error)
            {
                // The store or the disk failed. A claimed job returns to the queue when its lease ends.
                WorkerFailed(new LoggedError(error));
            }

            WaitHandle.WaitAny(wakers, PollInterval);
        }
    }

    [LoggerMessage(1005, LogLevel.Error, "The worker failed and goes on")]
    private partial void WorkerFailed(Exception error);

    [LoggerMessage(1007, LogLevel.Information, "Slot {Slot} solves on {Device}")]
    private partial void SlotStarted(int slot, string device);

    [LoggerMessage(1006, LogLevel.Warning, "{Count} jobs that were running when the service was lost are run again")]
    private partial void JobsReclaimed(int count);
}
