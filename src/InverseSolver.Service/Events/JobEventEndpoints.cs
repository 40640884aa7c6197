using System.Globalization;
using InverseSolver.Service.Access;
using InverseSolver.Service.Jobs;
using InverseSolver.Service.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Events;

/// <summary>A job's changes as server-sent events.</summary>
internal static class JobEventEndpoints
{
    private const string ContentType = "text/event-stream";

    /// <summary>Maps the endpoint.</summary>
    public static void MapJobEvents(this RouteGroupBuilder jobs) =>
        jobs.MapGet("{id}/events", Events).WithName(EventTickets.Operation).Needs(Scope.Read)
            .Produces<JobEvent>(StatusCodes.Status200OK, ContentType).Produces(StatusCodes.Status204NoContent).ProducesErrors(404);

    /// <summary>Streams a job's changes until it is finished.</summary>
    /// <remarks>
    /// Each change has a number, the event's id, which is stored with it; each event carries the job with the state and progress of that moment. `progress`: a
    /// change, sometimes with a preview. `finished`: the job is final, and the stream ends. `expiring`: the job is deleted within a day. Without Last-Event-ID
    /// the current state comes first. With Last-Event-ID every later event comes in order, also after a restart of the service, without previews; `0` gives
    /// all. `snapshot`: the current job in place of events that are no longer stored (the newest 1000 are), or after an id that this job never had. Lines that
    /// begin with a colon are heartbeats, which clients of server-sent events pass over.
    /// </remarks>
    /// <param name="id">The job's id.</param>
    /// <param name="lastEventId">The last event that was received.</param>
    /// <param name="ticket">A ticket of `POST /v1/jobs/{id}/events/ticket`, for those who cannot send headers.</param>
    /// <response code="200">The events.</response>
    /// <response code="204">The job is finished and its last event was received: do not come back.</response>
    private static Results<PushStreamHttpResult, NoContent> Events(
        string id,
        HttpContext http,
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId,
#pragma warning disable IDE0060 // Authentication has read it.
        string? ticket,
#pragma warning restore IDE0060
        [FromServices] JobStore store,
        [FromServices] JobEventFeed feed,
        [FromServices] ApiKeys keys,
        [FromServices] IOptions<JobOptions> options,
        [FromServices] IHostApplicationLifetime lifetime)
    {
        long? seen = null;
        if (!string.IsNullOrEmpty(lastEventId))
        {
            seen = long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
                : lastEventId.All(char.IsAsciiDigit) ? long.MaxValue
                : throw new RequestException(
                    StatusCodes.Status400BadRequest, "invalidValue", "Last-Event-ID",
                    "The id is not that of an event of this job: send the id of the last event received, or leave the header out.");
        }

        JobRow job = store.Find(id, http.Account().Owns);
        if (job.IsFinal && job.Version == seen)
        {
            return TypedResults.NoContent();
        }

        http.Response.Headers.CacheControl = "no-cache, no-store";
        return TypedResults.Stream(
            body => WriteAsync(
                body, id, seen, feed, () => keys.IsStillProved(http.User), options.Value.EventHeartbeat, http.RequestAborted, lifetime.ApplicationStopping),
            ContentType);
    }

    private static async Task WriteAsync(
        Stream body, string id, long? seen, JobEventFeed feed, Func<bool> isStillProved, TimeSpan heartbeat, CancellationToken aborted,
        CancellationToken stopping)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(aborted, stopping);
        feed.Enter(id);
        try
        {
            while (isStillProved())
            {
                JobReading reading = feed.Read(id, heartbeat / 2);
                if (reading.Row is not { } row)
                {
                    return;
                }

                bool isOver = false;
                foreach (JobEventFrame frame in reading.Since(seen))
                {
                    await body.WriteAsync(frame.Bytes, end.Token);
                    (seen, isOver) = (frame.Seq, frame.IsLast);
                }

                await body.FlushAsync(end.Token);
                if (isOver)
                {
                    return;
                }

                if (seen == row.Version)
                {
                    await reading.Change.WaitAsync(heartbeat, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    end.Token.ThrowIfCancellationRequested();
                    if (!reading.Change.IsCompleted)
                    {
                        await body.WriteAsync(": heartbeat\n\n"u8.ToArray(), end.Token);
                    }
                }
                else
                {
                    // Between pages of a replay, others have their turn.
                    await Task.Yield();
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The listener left, or the service ends.
        }
        finally
        {
            feed.Leave(id);
        }
    }
}
