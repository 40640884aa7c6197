using System.Diagnostics;
using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Runs one job to its final state.</summary>
internal sealed partial class JobPerformer(
    JobStore store, JobFolder folder, JobSignals signals, JobRun run, JobHeartbeat heartbeat, IHostApplicationLifetime lifetime, IOptions<JobOptions> options,
    ILogger<JobPerformer> log)
{
    /// <summary>The process's exit code when a device is lost: its supervisor restarts it, and the jobs go on.</summary>
    public const int DeviceLostExitCode = 3;

    private volatile bool _deviceIsLost;

    /// <summary>True once a device was lost: the service ends, and no further job may start.</summary>
    public bool DeviceIsLost => _deviceIsLost;

    /// <summary>Runs one job to its end on the calling thread: to a result, to an error, or back to the queue.</summary>
    /// <param name="job">A job of this process.</param>
    /// <param name="device">The device to solve on.</param>
    /// <param name="stopping">Cancelled when the host stops: the job goes back to the queue.</param>
    /// <param name="shared">The model that a group of jobs shares; null: the job does not share it.</param>
    public void Run(JobRow job, Device device, CancellationToken stopping, SharedModel? shared = null)
    {
        using IDisposable? scope = log.BeginScope(new KeyValuePair<string, object>[] { new("JobId", job.Id), new("Epoch", job.Epoch) });
        using var activity = new Activity("job").Start();
        using var deadline = new CancellationTokenSource(options.Value.TimeLimit);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        using CancellationTokenRegistration drain = stopping.Register(() => cancel.CancelAfter(options.Value.DrainTime));
        signals.Began(job.Id, cancel);
        signals.Changed(job.Id);
        long started = Stopwatch.GetTimestamp();
        JobStarted(job.Id, (int)job.Attempts, device.ToString());
        bool succeeded = false;
        using (heartbeat.Keep(job, cancel))
        {
            try
            {
                (JobResult result, IReadOnlyList<string> warnings) = run.Execute(job, device, cancel, stopping, shared);
                succeeded = store.Succeed(job.Id, job.Epoch, ToJson(result), ToJson(warnings), result.Artefacts.Sum(artefact => artefact.Bytes));
                if (succeeded)
                {
                    JobSucceeded(job.Id, Stopwatch.GetElapsedTime(started).TotalSeconds);
                }
                else
                {
                    // It was asked to stop while its files were written, or no longer belongs to this worker.
                    store.Cancelled(job.Id, job.Epoch);
                }
            }
            catch (OperationCanceledException) when (cancel.IsCancellationRequested)
            {
                JobStopped(job.Id, byHost: stopping.IsCancellationRequested);
                if (store.Cancelled(job.Id, job.Epoch))
                {
                    // As its owner requested.
                }
                else if (deadline.IsCancellationRequested)
                {
                    string limit = $"It ran longer than {options.Value.TimeLimit.TotalHours:0.##} h (Jobs:TimeLimit).";
                    store.Fail(job.Id, job.Epoch, ToJson(new JobError("timeLimit", null, limit, null)));
                }
                else
                {
                    store.Release(job.Id, job.Epoch);
                }
            }
            catch (Exception error) when ((error.IsFromTorch || error.InnerException?.IsFromTorch == true) && Backend.IsLost(device))
            {
                // The attempt of the first job counts, so that a job that breaks the device each time fails in the end. The others return to the queue.
                if (_deviceIsLost)
                {
                    store.Release(job.Id, job.Epoch);
                }

                _deviceIsLost = true;
                DeviceLost(error, device.ToString(), job.Id);
                Environment.ExitCode = DeviceLostExitCode;
                lifetime.StopApplication();
            }
            catch (Exception error) when (DiskSpace.IsFull(error))
            {
                // The worker waits for space before it starts a job again, which is not to blame.
                NoSpace(job.Id);
                folder.DeleteEpochs(job.Id, epoch => epoch == job.Epoch);
                store.Release(job.Id, job.Epoch);
            }
            catch (Exception error)
            {
                RequestException explained = ErrorMap.Explain(error);
                JobFailed(new LoggedError(error), job.Id, explained.Code, ErrorMap.TraceId);
                string detail = explained.Code == "outOfMemory"
                    ? $"There is not enough memory on {device}, not even to solve one image at a time."
                    : explained.Message;
                store.Fail(job.Id, job.Epoch, ToJson(new JobError(explained.Code, explained.Field, detail, ErrorMap.TraceId)));
            }
            finally
            {
                signals.Ended(job.Id);
                signals.Changed(job.Id);
            }
        }

        folder.DeleteEpochs(job.Id, epoch => succeeded ? epoch < job.Epoch : epoch == job.Epoch);
        if (store.Get(job.Id) is not { IsFinal: false }) folder.DeleteCheckpoints(job.Id);
        folder.WriteEnds(store.Ends(job.Id));
    }

    private static string ToJson<T>(T value) => JsonSerializer.Serialize(value, ApiJson.Options);

    [LoggerMessage(1001, LogLevel.Information, "Job {JobId} starts, attempt {Attempt}, on {Device}")]
    private partial void JobStarted(string jobId, int attempt, string device);

    [LoggerMessage(1002, LogLevel.Information, "Job {JobId} succeeded after {Seconds:0.0} s")]
    private partial void JobSucceeded(string jobId, double seconds);

    [LoggerMessage(1003, LogLevel.Information, "Job {JobId} stopped; by the host: {ByHost}")]
    private partial void JobStopped(string jobId, bool byHost);

    [LoggerMessage(1004, LogLevel.Error, "Job {JobId} failed with {Code}; trace {Trace}")]
    private partial void JobFailed(Exception error, string jobId, string code, string? trace);

    [LoggerMessage(1015, LogLevel.Error, "The disk is full: job {JobId} could not go on and waits for space")]
    private partial void NoSpace(string jobId);

    [LoggerMessage(1008, LogLevel.Critical, "The device {Device} was lost while it solved job {JobId}; the service ends and must be restarted")]
    private partial void DeviceLost(Exception error, string device, string jobId);
}
