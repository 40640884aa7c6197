using InverseSolver.Diffusion.Batching;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Service.Models;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Runs jobs concurrently that share their network calls.</summary>
internal sealed partial class SharedJobs(
    JobClaims claims, JobPerformer performer, JobHeartbeat heartbeat, JobRun run, JobSignals signals, IOptions<JobOptions> options, ILogger<SharedJobs> log)
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Runs a job that may share its network calls, together with further ones while the next in the queue may share them too: each on its own thread, their
    /// calls on one. Other jobs wait no longer than if this slot ran one job after the other.
    /// </summary>
    /// <param name="first">The first of them, a job of this process.</param>
    /// <param name="device">The device to solve on.</param>
    /// <param name="stopping">Cancelled when the host stops.</param>
    public void Run(JobRow first, Device device, CancellationToken stopping)
    {
        ModelLease lease;
        using (var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping))
        {
            cancel.CancelAfter(options.Value.TimeLimit);
            signals.Began(first.Id, cancel);
            try
            {
                using Timer kept = heartbeat.Keep(first, cancel);
                lease = run.Acquire(first, device, cancel.Token);
            }
            catch (Exception)
            {
                // A job that runs alone meets the same error and reports it.
                performer.Run(first, device, stopping);
                return;
            }
        }

        using ModelLease held = lease;
        using var calls = new SharedCalls(
            lease.Model, options.Value.SharedWindow, options.Value.SharedItems, () => SolverThread.LowerPriority(options.Value.Nice));
        using var ended = new AutoResetEvent(initialState: false);
        var running = new List<Thread>();
        try
        {
            for (JobRow? next = first; next is not null || running.Count > 0; next = Further())
            {
                if (next is { } job)
                {
                    running.Add(Start(job));
                }
                else
                {
                    ended.WaitOne(PollInterval);
                    running.RemoveAll(thread => thread.Join(0));
                }
            }
        }
        finally
        {
            // Even if the store fails, the model stays until it is unused.
            running.ForEach(thread => thread.Join());
        }

        // No job joins while another waits for the memory of this model.
        JobRow? Further()
        {
            bool isOpen = running.Count > 0 && running.Count < options.Value.SharedJobs && !stopping.IsCancellationRequested && !performer.DeviceIsLost;
            return isOpen && !run.ModelsWait ? claims.NextOf(first.Sharing) : null;
        }

        Thread Start(JobRow job)
        {
            SharedModel view = calls.Join();
            var thread = new Thread(() =>
            {
                SolverThread.LowerPriority(options.Value.Nice);
                try
                {
                    performer.Run(job, device, stopping, view);
                }
                catch (Exception error)
                {
                    SharedJobFailed(new LoggedError(error));
                }
                finally
                {
                    view.Dispose();
                    ended.Set();
                }
            })
            {
                Name = "shared solver",
                IsBackground = true,
            };
            thread.Start();
            return thread;
        }
    }

    [LoggerMessage(1010, LogLevel.Error, "A job of a group failed, and the others go on")]
    private partial void SharedJobFailed(Exception error);
}
