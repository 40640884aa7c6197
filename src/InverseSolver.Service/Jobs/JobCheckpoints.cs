using System.Diagnostics;
using System.Security.Cryptography;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>Saves running jobs between their steps, and lets them go on from there.</summary>
internal sealed partial class JobCheckpoints(JobStore store, JobFolder folder, IOptions<JobOptions> options, ILogger<JobCheckpoints> log)
{
    /// <summary>The position from which a job runs: its newest checkpoint, or its beginning.</summary>
    /// <param name="job">The job, claimed.</param>
    /// <param name="device">The device to solve it on.</param>
    /// <param name="cancel">Stops the run once the job no longer belongs to it.</param>
    /// <param name="stopping">Once cancelled, the run is saved after its step and ends.</param>
    public JobCheckpoint Open(JobRow job, Device device, CancellationTokenSource cancel, CancellationToken stopping)
    {
        JobCheckpoint checkpoint = New();
        if (job.Checkpoint is null) return checkpoint;
        try
        {
            byte[] saved = folder.ReadCheckpoint(job.Id, job.Checkpoint);
            if (HashOf(saved) != job.CheckpointHash) throw new InvalidDataException("The checkpoint is damaged.");
            if (checkpoint.Load(saved))
            {
                Resumed(job.Id, checkpoint.Steps);
                return checkpoint;
            }

            OfAnotherVersion(job.Id);
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            NotRead(error, job.Id);
        }

        checkpoint.Dispose();
        return New();

        JobCheckpoint New()
        {
            JobCheckpoint? made = null;
            long last = Stopwatch.GetTimestamp();
            // A job that a process died of is saved after every step, so that it is blamed for a step and not for a whole interval.
            TimeSpan interval = job.Stalls > 1 ? TimeSpan.Zero : options.Value.CheckpointInterval;
            return made = new JobCheckpoint(
                device,
                () =>
                {
                    bool ends = stopping.IsCancellationRequested;
                    if (!ends && Stopwatch.GetElapsedTime(last) < interval) return;
                    Save(job, made!, cancel);
                    last = Stopwatch.GetTimestamp();
                    if (ends)
                    {
                        cancel.Cancel();
                        cancel.Token.ThrowIfCancellationRequested();
                    }
                },
                (name, bytes) =>
                {
                    folder.WriteCheckpoint(job.Id, $"{job.Epoch}-{name}", bytes);
                    return $"{job.Epoch}-{name}";
                },
                name => folder.ReadCheckpoint(job.Id, name));
        }
    }

    private void Save(JobRow job, JobCheckpoint checkpoint, CancellationTokenSource cancel)
    {
        try
        {
            byte[] state = checkpoint.Save();
            string name = $"{job.Epoch}-{checkpoint.Steps}.state";
            folder.WriteCheckpoint(job.Id, name, state);
            if (!store.SaveCheckpoint(job.Id, job.Epoch, name, HashOf(state), checkpoint.Steps))
            {
                cancel.Cancel();
                return;
            }

            folder.DeleteCheckpoints(job.Id, [name, .. checkpoint.Files]);
        }
        catch (IOException error)
        {
            // The disk may be full. The run goes on, and the older checkpoint stays.
            NotSaved(error, job.Id);
        }
    }

    private static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    [LoggerMessage(1011, LogLevel.Information, "Job {JobId} goes on after {Steps} steps")]
    private partial void Resumed(string jobId, int steps);

    [LoggerMessage(1012, LogLevel.Warning, "The checkpoint of job {JobId} was written by another version of the service; the job runs from its beginning")]
    private partial void OfAnotherVersion(string jobId);

    [LoggerMessage(1013, LogLevel.Warning, "The checkpoint of job {JobId} cannot be read; the job runs from its beginning")]
    private partial void NotRead(Exception error, string jobId);

    [LoggerMessage(1014, LogLevel.Warning, "A checkpoint of job {JobId} could not be saved; the job runs on")]
    private partial void NotSaved(Exception error, string jobId);
}
