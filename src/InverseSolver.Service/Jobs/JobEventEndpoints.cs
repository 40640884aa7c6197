using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Jobs;

/// <summary>A job's changes as server-sent events.</summary>
internal static class JobEventEndpoints
{
    /// <summary>Maps the endpoint.</summary>
    public static void MapJobEvents(this RouteGroupBuilder jobs) =>
        jobs.MapGet("{id}/events", Events).WithName("listenToJob").ProducesErrors(400, 404);

    /// <summary>Streams a job's changes until it is finished.</summary>
    /// <remarks>
    /// Each event carries the whole job, so that no state is lost: a listener that reconnects with Last-Event-ID gets the newest state at once if it changed
    /// meanwhile. `progress`: a change, sometimes with a preview. `finished`: the last event. `heartbeat`: no change.
    /// </remarks>
    /// <param name="id">The job's id.</param>
    /// <param name="lastEventId">The last event that was received.</param>
    /// <response code="200">The events.</response>
    /// <response code="204">The job is finished and its last event was received: do not come back.</response>
    private static Results<ServerSentEventsResult<JobEvent>, NoContent> Events(
        string id,
        HttpContext http,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
        [FromServices] JobStore store,
        [FromServices] JobSignals signals,
        [FromServices] IOptions<JobOptions> options,
        [FromServices] IHostApplicationLifetime lifetime)
    {
        long seen = 0;
        if (!string.IsNullOrEmpty(lastEventId) && !long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out seen))
        {
            throw new RequestException(
                StatusCodes.Status400BadRequest, "invalidValue", "Last-Event-ID",
                "The id is not that of an event of this job: send the id of the last event received, or leave the header out.");
        }

        JobRow job = store.Find(id);
        if (job.IsFinal && job.Version <= seen)
        {
            return TypedResults.NoContent();
        }

        return TypedResults.ServerSentEvents(
            Follow(id, seen, store, signals, options.Value.EventHeartbeat, http.RequestAborted, lifetime.ApplicationStopping));
    }

    private static async IAsyncEnumerable<SseItem<JobEvent>> Follow(
        string id,
        long seen,
        JobStore store,
        JobSignals signals,
        TimeSpan heartbeat,
        CancellationToken aborted,
        CancellationToken stopping,
        [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(aborted, stopping, cancellation);
        while (!end.IsCancellationRequested)
        {
            Task change = signals.NextChange(id);
            if (store.Get(id) is not { } job)
            {
                signals.Changed(id);
                yield break;
            }

            if (job.Version > seen)
            {
                string? preview = signals.PreviewSince(id, seen);
                seen = job.Version;
                yield return new SseItem<JobEvent>(new JobEvent(job.ToJob(), preview), job.IsFinal ? "finished" : "progress")
                {
                    EventId = seen.ToString(CultureInfo.InvariantCulture),
                };
            }

            if (job.IsFinal)
            {
                // A final job does not change any more, so its signal is removed.
                signals.Changed(id);
                yield break;
            }

            await change.WaitAsync(heartbeat, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!change.IsCompleted && !end.IsCancellationRequested)
            {
                yield return new SseItem<JobEvent>(new JobEvent(null, null), "heartbeat");
            }
        }
    }
}
