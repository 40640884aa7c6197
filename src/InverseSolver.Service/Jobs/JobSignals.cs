using System.Collections.Concurrent;

namespace InverseSolver.Service.Jobs;

/// <summary>A preview and the version of the job that it belongs to.</summary>
internal sealed record Preview(long Version, string DataUri);

/// <summary>
/// Signals within the process that avoid polling: work is waiting, a job changed, a job must stop. The store alone is authoritative; a lost signal costs time,
/// never a job.
/// </summary>
internal sealed class JobSignals : IDisposable
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _changes = new();
    private readonly ConcurrentDictionary<string, CancellationTokenSource> _running = new();
    private readonly ConcurrentDictionary<string, Preview> _previews = new();

    /// <summary>Rings when a job may be waiting.</summary>
    public AutoResetEvent Doorbell { get; } = new(initialState: false);

    /// <summary>Completes at the job's next change. It must be obtained before the job is read, or a change in between is missed.</summary>
    public Task NextChange(string id) =>
        _changes.GetOrAdd(id, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Signals that a job changed.</summary>
    public void Changed(string id)
    {
        if (_changes.TryRemove(id, out TaskCompletionSource? change))
        {
            change.TrySetResult();
        }
    }

    /// <summary>Registers the cancellation of a run.</summary>
    public void Began(string id, CancellationTokenSource cancel) => _running[id] = cancel;

    /// <summary>Removes the cancellation of a run that ended.</summary>
    public void Ended(string id)
    {
        _running.TryRemove(id, out _);
        _previews.TryRemove(id, out _);
    }

    /// <summary>Stops a job that runs in this process.</summary>
    public void Stop(string id)
    {
        if (_running.TryGetValue(id, out CancellationTokenSource? cancel))
        {
            try
            {
                cancel.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The run has just ended.
            }
        }
    }

    /// <summary>Stores the newest preview.</summary>
    public void Show(string id, Preview preview) => _previews[id] = preview;

    /// <summary>The newest preview, if it is newer than this version.</summary>
    public string? PreviewSince(string id, long version) =>
        _previews.TryGetValue(id, out Preview? preview) && preview.Version > version ? preview.DataUri : null;

    /// <inheritdoc/>
    public void Dispose() => Doorbell.Dispose();
}
