using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// The one worker slot: a thread of its own that claims jobs and runs them, one after the other. OpenMP keeps a pool for each
/// thread that calls it, so all jobs run on the same thread.
/// </summary>
internal sealed partial class JobWorker(
    JobStore store, JobFolder folder, JobSignals signals, JobRun run, IOptions<JobOptions> options, ILogger<JobWorker> log) : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);
    private readonly string owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int reclaimed = store.ExpireOthers(owner);
        if (reclaimed > 0)
        {
            JobsReclaimed(reclaimed);
        }

        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            SolverThread.LowerPriority(options.Value.Nice);
            Work(stoppingToken);
            done.SetResult();
        })
        {
            Name = "solver",
            IsBackground = true,
        };
        thread.Start();
        return done.Task;
    }

    private void Work(CancellationToken stopping)
    {
        WaitHandle[] wakers = [signals.Doorbell, stopping.WaitHandle];
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (Next() is { } job)
                {
                    Run(job, stopping);
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

    private void Run(JobRow job, CancellationToken stopping)
    {
        using IDisposable? scope = log.BeginScope(new KeyValuePair<string, object>[] { new("JobId", job.Id), new("Epoch", job.Epoch) });
        using var activity = new Activity("job").Start();
        using var deadline = new CancellationTokenSource(options.Value.TimeLimit);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping, deadline.Token);
        signals.Began(job.Id, cancel);
        signals.Changed(job.Id);
        long started = Stopwatch.GetTimestamp();
        JobStarted(job.Id, (int)job.Attempts);
        bool succeeded = false;
        using (KeepLease(job, cancel))
        {
            try
            {
                JobResult result = run.Execute(job, cancel);
                succeeded = store.Succeed(job.Id, job.Epoch, ToJson(result));
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
            catch (Exception error)
            {
                RequestException explained = ErrorMap.Explain(error);
                JobFailed(error, job.Id, explained.Code);
                store.Fail(job.Id, job.Epoch, ToJson(new JobError(explained.Code, explained.Field, explained.Message, ErrorMap.TraceId)));
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

    [LoggerMessage(1001, LogLevel.Information, "Job {JobId} starts, attempt {Attempt}")]
    private partial void JobStarted(string jobId, int attempt);

    [LoggerMessage(1002, LogLevel.Information, "Job {JobId} succeeded after {Seconds:0.0} s")]
    private partial void JobSucceeded(string jobId, double seconds);

    [LoggerMessage(1003, LogLevel.Information, "Job {JobId} stopped; by the host: {ByHost}")]
    private partial void JobStopped(string jobId, bool byHost);

    [LoggerMessage(1004, LogLevel.Error, "Job {JobId} failed with {Code}")]
    private partial void JobFailed(Exception error, string jobId, string code);

    [LoggerMessage(1005, LogLevel.Error, "The worker failed and goes on")]
    private partial void WorkerFailed(Exception error);

    [LoggerMessage(1006, LogLevel.Warning, "{Count} jobs that were running when the service was lost are run again")]
    private partial void JobsReclaimed(int count);
}
