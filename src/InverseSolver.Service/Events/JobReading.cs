using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using InverseSolver.Service.Jobs;
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

    // Listeners further behind read for themselves, so that their pages are not kept.
    private const int Shared = 16;

    private readonly Lazy<JobRow?> _row = new(() => store.Get(id));
    private readonly ConcurrentDictionary<long, Lazy<IReadOnlyList<JobEventFrame>>> _since = new();

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
        long behind = Row!.Version - seen ?? 1;
        return behind == 0 ? []
            : behind is > 0 and <= Shared ? _since.GetOrAdd(seen ?? -1, _ => new(() => Frames(seen))).Value
            : Frames(seen);
    }

    private IReadOnlyList<JobEventFrame> Frames(long? seen)
    {
        JobRow row = Row!;
        Job job = row.ToJob();
        JobEventFrame newest = Frame(row.IsFinal ? "finished" : "progress", row.Version, job, signals.PreviewSince(id, seen ?? 0), row.IsFinal);
        if (seen is not { } known)
        {
            return [newest];
        }

        using SqliteConnection connection = database.Open();
        List<Moment> moments = connection.Query<Moment>(
            "SELECT * FROM job_events WHERE job_id = @id AND seq > @known AND seq <= @Version ORDER BY seq LIMIT @Page",
            new { id, known, row.Version, Page }).AsList();
        if (moments is [] || moments[0].Seq != known + 1)
        {
            JobEventFrame snapshot = Frame("snapshot", row.Version, job, signals.PreviewSince(id, 0));
            return row.IsFinal ? [snapshot, newest] : [snapshot];
        }

        return [.. moments.Select(moment => moment.Seq == row.Version ? newest : Frame("progress", moment.Seq, moment.Of(job), null))];
    }

    private static JobEventFrame Frame(string type, long seq, Job job, string? preview, bool isLast = false)
    {
        string data = JsonSerializer.Serialize(new JobEvent(job, preview), ApiJson.Options);
        return new JobEventFrame(
            seq, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"id: {seq}\nevent: {type}\ndata: {data}\n\n")), isLast);
    }

    /// <summary>What an event stores of a job.</summary>
    private sealed record Moment
    {
        public long Seq { get; init; }

        public string State { get; init; } = "";

        public long? Started { get; init; }

        public long Attempts { get; init; }

        public bool CancelRequested { get; init; }

        public string? Progress { get; init; }

        /// <summary>The job at that moment.</summary>
        /// <param name="job">The job as it is now.</param>
        public Job Of(Job job)
        {
            JobState state = Enum.Parse<JobState>(State, ignoreCase: true);
            return state >= JobState.Succeeded ? job : job with
            {
                State = state,
                Started = Started is { } started ? DateTimeOffset.FromUnixTimeMilliseconds(started) : null,
                Attempts = (int)Attempts,
                CancelRequested = CancelRequested,
                Progress = Progress is null ? null : JsonSerializer.Deserialize<JobProgress>(Progress, ApiJson.Options),
                Finished = null,
                Result = null,
                Error = null,
                Links = job.Links with { Cancel = job.Links.Self + "/cancel" },
            };
        }
    }
}
