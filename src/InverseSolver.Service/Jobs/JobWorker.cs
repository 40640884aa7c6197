using System.Diagnostics;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Service.Models;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// The worker slots: for each a thread of its own that claims jobs and runs them on the slot's device, one after the other. OpenMP keeps a pool for each
/// thread that calls it, so all jobs of a slot run on the same thread.
/// </summary>
internal sealed partial class JobWorker(
    JobStore store, JobFolder folder, JobSignals signals, JobRun run, DeviceSlots slots, IHostApplicationLifetime lifetime, IOptions<JobOptions> options, ILogger<JobWorker> log)
    : BackgroundService
{
    /// <summary>What the process ends with when a device is lost: whoever supervises it starts it anew, and the jobs go on.</summary>
    public const int DeviceLostExitCode = 3;

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5), SharedPollInterval = TimeSpan.FromMilliseconds(50);
    private volatile bool deviceLost;
    private readonly string owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int reclaimed = store.ExpireOthers(owner);
        if (reclaimed > 0)
        {
            JobsReclaimed(reclaimed);
        }

        return Task.WhenAll(slots.Devices.Select((device, slot) => StartSlot(slot, device, stoppingToken)));
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
        while (!stopping.IsCancellationRequested && !deviceLost)
        {
            try
            {
                if (Next() is { } job)
                {
                    // One ring wakes one slot, and several jobs may wait.
                    signals.Doorbell.Set();
                    if (job.Sharing is not null && options.Value.SharedJobs > 1)
                    {
                        RunShared(job, device, stopping);
                    }
                    else
                    {
                        Run(job, device, stopping);
                    }

                    continue;
                }
            }
            catch (Exception error)
            {
                // The store or the disk failed. The job, if there is one, comes back when its lease ends.
                WorkerFailed(error);
            }

            WaitHandle.WaitAny(wakers, PollInterval);
        }
    }

    private JobRow? Next()
    {
        string lost = ToJson(new JobError("lostTooOften", null, "The service was lost while it ran this job, too often to try again.", null));
        foreach (string id in store.FinishLost(options.Value.Attempts, lost))
        {
            folder.DeleteEpochs(id, _ => true);
            signals.Changed(id);
        }

        return store.Claim(owner, options.Value.Lease);
    }

    /// <summary>
    /// Runs a job that may share its network calls, and with it further ones as long as the next in line may share them too: each on a thread of its own, their calls
    /// on one. Others wait no longer than if this slot ran one job after the other.
    /// </summary>
    private void RunShared(JobRow first, Device device, CancellationToken stopping)
    {
        ModelLease lease;
        using (var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping))
        {
            cancel.CancelAfter(options.Value.TimeLimit);
            signals.Began(first.Id, cancel);
            try
            {
                using Timer kept = KeepLease(first, cancel);
                lease = run.Acquire(first, device, cancel.Token);
            }
            catch (Exception)
            {
                // Alone it meets the same and says so.
                Run(first, device, stopping);
                return;
            }
        }

        using ModelLease held = lease;
        using var calls = new SharedCalls(lease.Model, options.Value.SharedWindow, options.Value.SharedItems, () => SolverThread.LowerPriority(options.Value.Nice));
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
                    ended.WaitOne(SharedPollInterval);
                    running.RemoveAll(thread => thread.Join(0));
                }
            }
        }
        finally
        {
            // Whatever the store does: the model stays until nobody uses it.
            running.ForEach(thread => thread.Join());
        }

        // Nobody joins where a job waits for the memory that this model holds.
        JobRow? Further() => stopping.IsCancellationRequested || deviceLost || running.Count == 0 || running.Count >= options.Value.SharedJobs || run.ModelsWait
            ? null
            : store.Claim(owner, options.Value.Lease, first.Sharing);

        Thread Start(JobRow job)
        {
            SharedModel view = calls.Join();
            var thread = new Thread(() =>
            {
                SolverThread.LowerPriority(options.Value.Nice);
                try
                {
                    Run(job, device, stopping, view);
                }
                catch (Exception error)
                {
                    WorkerFailed(error);
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

    private void Run(JobRow job, Device device, CancellationToken stopping, SharedModel? shared = null)
    {
        using IDisposable? scope = log.BeginScope(new KeyValuePair<string, object>[] { new("JobId", job.Id), new("Epoch", job.Epoch) });
        using var activity = new Activity("job").Start();
        using var deadline = new CancellationTokenSource(options.Value.TimeLimit);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping, deadline.Token);
        signals.Began(job.Id, cancel);
        signals.Changed(job.Id);
        long started = Stopwatch.GetTimestamp();
        JobStarted(job.Id, (int)job.Attempts, device.ToString());
        bool succeeded = false;
        using (KeepLease(job, cancel))
        {
            try
            {
                (JobResult result, IReadOnlyList<string> warnings) = run.Execute(job, device, cancel, shared);
                succeeded = store.Succeed(job.Id, job.Epoch, ToJson(result), ToJson(warnings));
                if (succeeded)
                {
                    JobSucceeded(job.Id, Stopwatch.GetElapsedTime(started).TotalSeconds);
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                JobStopped(job.Id, byHost: stopping.IsCancellationRequested);
                if (store.Cancelled(job.Id, job.Epoch))
                {
                    // As its owner wanted.
                }
                else if (deadline.IsCancellationRequested)
                {
                    store.Fail(job.Id, job.Epoch, ToJson(new JobError("timeLimit", null, $"It ran longer than {options.Value.TimeLimit.TotalHours:0.##} h (Jobs:TimeLimit).", null)));
                }
                else
                {
                    store.Release(job.Id, job.Epoch);
                }
            }
            catch (Exception error) when ((error.IsFromTorch || error.InnerException?.IsFromTorch == true) && Backend.IsLost(device))
            {
                // The first job stays this process's, and its attempt counts: one that breaks the device each time fails for good in the end. Others only met it.
                if (deviceLost)
                {
                    store.Release(job.Id, job.Epoch);
                }

                deviceLost = true;
                DeviceLost(error, device.ToString(), job.Id);
                Environment.ExitCode = DeviceLostExitCode;
                lifetime.StopApplication();
            }
            catch (Exception error)
            {
                RequestException explained = ErrorMap.Explain(error);
                JobFailed(error, job.Id, explained.Code);
                string detail = explained.Code == "outOfMemory" ? $"There is not enough memory on {device}, not even to solve one image at a time." : explained.Message;
                store.Fail(job.Id, job.Epoch, ToJson(new JobError(explained.Code, explained.Field, detail, ErrorMap.TraceId)));
            }
            finally
            {
                signals.Ended(job.Id);
                signals.Changed(job.Id);
            }
        }

        folder.DeleteEpochs(job.Id, epoch => succeeded ? epoch < job.Epoch : epoch == job.Epoch);
    }

    /// <summary>Renews the lease until disposed, and stops the run once the job is no longer its own.</summary>
    private Timer KeepLease(JobRow job, CancellationTokenSource cancel)
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
                    // The next beat tries again; the lease outlasts three.
                    WorkerFailed(error);
                }
            },
            null,
            lease / 4,
            lease / 4);
    }

    private static string ToJson<T>(T value) => JsonSerializer.Serialize(value, ApiJson.Options);

    [LoggerMessage(1001, LogLevel.Information, "Job {JobId} starts, attempt {Attempt}, on {Device}")]
    private partial void JobStarted(string jobId, int attempt, string device);

    [LoggerMessage(1002, LogLevel.Information, "Job {JobId} succeeded after {Seconds:0.0} s")]
    private partial void JobSucceeded(string jobId, double seconds);

    [LoggerMessage(1003, LogLevel.Information, "Job {JobId} stopped; by the host: {ByHost}")]
    private partial void JobStopped(string jobId, bool byHost);

    [LoggerMessage(1004, LogLevel.Error, "Job {JobId} failed with {Code}")]
    private partial void JobFailed(Exception error, string jobId, string code);

    [LoggerMessage(1005, LogLevel.Error, "The worker failed and goes on")]
    private partial void WorkerFailed(Exception error);

    [LoggerMessage(1007, LogLevel.Information, "Slot {Slot} solves on {Device}")]
    private partial void SlotStarted(int slot, string device);

    [LoggerMessage(1008, LogLevel.Critical, "The device {Device} was lost while it solved job {JobId}; the service ends, and has to be started anew")]
    private partial void DeviceLost(Exception error, string device, string jobId);

    [LoggerMessage(1006, LogLevel.Warning, "{Count} jobs that were running when the service was lost are run again")]
    private partial void JobsReclaimed(int count);
}
