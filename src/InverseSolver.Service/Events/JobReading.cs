using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;

namespace InverseSolver.Service.Events;

/// <summary>One event as it is sent.</summary>
/// <param name="Seq">Its number.</param>
/// <param name="Bytes">Its lines.</param>
/// <param name="IsLast">True where none follows.</param>
internal sealed record JobEventFrame(long Seq, byte[] Bytes, bool IsLast);

/// <summary>A job and its events, read once, when they are first asked for, for any number of listeners.</summary>
/// <param name="id">The job.</param>
/// <param name="change">Its next change, obtained before anything is read.</param>
/// <param name="database">The stored events.</param>
/// <param name="store">The stored jobs.</param>
/// <param name="signals">The previews.</param>
internal sealed class JobReading(string id, Task change, JobDatabase database, JobStore store, JobSignals signals)
{
    private const int Page = 100;

    // A listener that is nearer to the newest event reads from where it is, one further behind a page that others share.
    private const int Near = 16;

    private readonly Lazy<JobRow?> _row = new(() => store.Get(id));
    private readonly ConcurrentDictionary<long, Lazy<IReadOnlyList<JobEventFrame>>> _after = new();
    private readonly ConcurrentDictionary<string, Lazy<IReadOnlyList<JobEventFrame>>> _current = new();

    /// <summary>The change that makes this reading old.</summary>
    public Task Change { get; } = change;

    /// <summary>The timestamp before which nothing was read.</summary>
    public long Begun { get; } = Stopwatch.GetTimestamp();

    /// <summary>The job; null where it was deleted.</summary>
    public JobRow? Row => _row.Value;

    /// <summary>True where it was read that the job is final or deleted.</summary>
    public bool IsOver => _row.IsValueCreated && _row.Value is not { IsFinal: false };

    /// <summary>The events after one, at most a page of them. A snapshot of the job stands for events that are not stored.</summary>
    /// <param name="seen">The number of the last event that the listener has; null: it has none, and gets the current state.</param>
    public IReadOnlyList<JobEventFrame> Since(long? seen)
    {
        JobRow row = Row!;
        if (seen is not { } known)
        {
            return Current("progress");
        }

        if (known == row.Version)
        {
            return [];
        }

        if (known > row.Version)
        {
            return Current("snapshot");
        }

        long from = row.Version - known <= Near ? known : known / Page * Page;
        IReadOnlyList<JobEventFrame> frames = _after.GetOrAdd(from, _ => new(() => After(from))).Value;
        frames = from == known ? frames : [.. frames.SkipWhile(frame => frame.Seq <= known)];
        return frames is [{ Seq: var first }, ..] && first == known + 1 ? frames : Current("snapshot");
    }

    private IReadOnlyList<JobEventFrame> Current(string type) => _current.GetOrAdd(type, _ => new(() =>
    {
        JobRow row = Row!;
        (Job job, string? preview) = (row.ToJob(), signals.PreviewSince(id, 0));
        JobEventFrame[] last = row.IsFinal ? [Frame("finished", row.Version, job, preview, isLast: true)] : [];
        return type == "snapshot" || !row.IsFinal ? [Frame(type, row.Version, job, preview), .. last] : last;
    })).Value;

    private IReadOnlyList<JobEventFrame> After(long from)
    {
        JobRow row = Row!;
        Job job = row.ToJob();
        using SqliteConnection connection = database.Open();
        IEnumerable<Moment> moments = connection.Query<Moment>(
            "SELECT * FROM job_events WHERE job_id = @id AND seq > @from AND seq <= @from + @Page AND seq <= @Version ORDER BY seq",
            new { id, from, row.Version, Page });
        return [.. moments.Select(moment => moment.Seq == row.Version
            ? Frame(!row.IsFinal ? "progress" : row.ExpiryWarned ? "expiring" : "finished", row.Version, job, signals.PreviewSince(id, from), row.IsFinal)
            : Frame(moment.IsFinal ? "finished" : "progress", moment.Seq, moment.Of(job), null))];
    }

    private static JobEventFrame Frame(string type, long seq, Job job, string? preview, bool isLast = false)
    {
        string data = JsonSerializer.Serialize(new JobEvent(job, preview), ApiJson.Options);
        return new JobEventFrame(
            seq, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"id: {seq}\nevent: {type}\ndata: {data}\n\n")), isLast);
    }

    /// <summary>The part of a job that an event stores.</summary>
    private sealed record Moment
    {
        public long Seq { get; init; }

        public string State { get; init; } = "";

        public long? Started { get; init; }

        public long Attempts { get; init; }

        public bool CancelRequested { get; init; }

        public string? Progress { get; init; }

        public bool IsFinal => State is not ("queued" or "running");

        /// <summary>The job at that moment.</summary>
        /// <param name="job">The job as it is now.</param>
        public Job Of(Job job)
        {
            return IsFinal ? job : job with
            {
                State = Enum.Parse<JobState>(State, ignoreCase: true),
                Started = Started is { } started ? DateTimeOffset.FromUnixTimeMilliseconds(started) : null,
                Attempts = (int)Attempts,
                CancelRequested = CancelRequested,
                Progress = Progress is null ? null : JsonSerializer.Deserialize<JobProgress>(Progress, ApiJson.Options),
                Finished = null,
                Expires = null,
                Result = null,
                Error = null,
                Links = job.Links with { Cancel = job.Links.Self + "/cancel" },
            };
        }
    }
}
