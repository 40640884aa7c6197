using InverseSolver.Service.Audit;
using InverseSolver.Service.Jobs;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Storage;

/// <summary>Deletes what has been kept long enough, warns a day before, and watches the disk.</summary>
internal sealed partial class Retention(
    JobStore store, JobFolder folder, DiskSpace disk, AuditTrail audit, JobSignals signals, IOptions<JobOptions> options, ILogger<Retention> log)
    : BackgroundService
{
    private static readonly TimeSpan Warning = TimeSpan.FromDays(1);

    private bool _wasLow;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        TimeSpan shortest = options.Value.KeepResults < options.Value.KeepInputs ? options.Value.KeepResults : options.Value.KeepInputs;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(Math.Clamp(shortest.TotalSeconds / 4, 0.5, 60)));
        do
        {
            try
            {
                Pass();
            }
            catch (Exception error)
            {
                PassFailed(error);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private void Pass()
    {
        bool low = disk.IsLow;
        if (low && !_wasLow) DiskIsLow(disk.Free >> 20);
        _wasLow = low;
        foreach (JobRow job in store.Expired()) Try(job.Id, Delete);
        if (options.Value.KeepBytes > 0)
        {
            foreach (string id in store.Beyond(options.Value.KeepBytes)) Try(id, Delete);
        }

        foreach (string id in store.InputsDue(options.Value.KeepInputs)) Try(id, one => store.ForgetInputs(one, folder.DeleteInputs(one)));
        foreach (string id in store.WarnOfExpiry(Warning)) signals.Changed(id);
        audit.Prune();
        disk.TakeReserve();
    }

    // One job that cannot be deleted keeps no other.
    private void Try(string id, Action<string> delete)
    {
        try
        {
            delete(id);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            NotDeleted(error, id);
        }
    }

    // Files first: they are what takes the space, and what is left of a job without them is deleted in the next pass.
    private void Delete(string id)
    {
        folder.Delete(id);
        if (store.Delete(id, byAge: true)) Deleted(id);
        signals.Changed(id);
    }

    [LoggerMessage(4001, LogLevel.Information, "Job {JobId} was deleted: its time was over, or newer jobs needed its space (Jobs:KeepResults, Jobs:KeepBytes)")]
    private partial void Deleted(string jobId);

    [LoggerMessage(4002, LogLevel.Error, "Old jobs could not be looked for; the next pass tries again")]
    private partial void PassFailed(Exception error);

    [LoggerMessage(4004, LogLevel.Error, "The files of job {JobId}, whose time is over, could not be deleted; the next pass tries again")]
    private partial void NotDeleted(Exception error, string jobId);

    [LoggerMessage(4003, LogLevel.Warning, "{Megabytes} MiB are left on the disk of the data folder (Jobs:WarnFreeBytes)")]
    private partial void DiskIsLow(long megabytes);
}
