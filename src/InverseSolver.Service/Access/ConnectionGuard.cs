using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>
/// Bounds the connections on which no request is in progress: those that have sent nothing or a part of a request's head, and idle ones. One too many ends the
/// one that has been silent for longest, so that whoever connects and asks is answered. Bounds the requests in progress too: one too many ends the oldest of
/// the caller that has most, or is refused where that is its own. The health is always answered.
/// </summary>
internal sealed class ConnectionGuard(IOptions<LimitOptions> options, ApiKeys keys)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Guarded> _silent = [];
    private readonly Dictionary<string, LinkedList<HttpContext>> _open = [];
    private int _requests;

    /// <summary>Watches a connection while it lasts.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="next">Serves it.</param>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var guarded = new Guarded(connection);
        connection.Features.Set(guarded);
        Silence(guarded);
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_lock) Remove(guarded);
        }
    }

    /// <summary>Takes a connection out of the silent ones while its request is answered.</summary>
    /// <param name="http">The request.</param>
    /// <param name="next">Answers it.</param>
    public async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        // Servers of tests have no connections.
        if (http.Features.Get<Guarded>() is not { } guarded)
        {
            await next(http);
            return;
        }

        lock (_lock)
        {
            guarded.Requests++;
            Remove(guarded);
        }

        string caller = keys.CallerOf(http) ?? Account.AddressOf(http);
        LinkedListNode<HttpContext>? place = null;
        try
        {
            if (!http.Request.Path.StartsWithSegments("/health")) place = Open(caller, http);
            await next(http);
        }
        finally
        {
            if (place is not null) Close(caller, place);
            // Several requests share a connection of HTTP/2.
            bool last;
            lock (_lock) last = --guarded.Requests == 0;
            if (last) Silence(guarded);
        }
    }

    private LinkedListNode<HttpContext> Open(string caller, HttpContext http)
    {
        lock (_lock)
        {
            if (_requests >= options.Value.OpenRequests)
            {
                (string most, LinkedList<HttpContext> requests) = _open.MaxBy(one => one.Value.Count);
                if (most == caller)
                {
                    http.Response.Headers.Connection = "close";
                    throw new RequestException(
                        StatusCodes.Status503ServiceUnavailable, "busy", null,
                        "Too many requests are in progress, most of them yours: end event streams, and send the request again.")
                    {
                        RetryAfter = TimeSpan.FromSeconds(5),
                    };
                }

                // Its connection ends; nobody waits here for what it does then.
                HttpContext oldest = requests.First!.Value;
                Remove(most, requests.First!);
                oldest.Abort();
            }

            if (!_open.TryGetValue(caller, out LinkedList<HttpContext>? own)) _open[caller] = own = [];
            _requests++;
            return own.AddLast(http);
        }
    }

    private void Close(string caller, LinkedListNode<HttpContext> place)
    {
        lock (_lock) Remove(caller, place);
    }

    // One that gave way is not there any more.
    private void Remove(string caller, LinkedListNode<HttpContext> place)
    {
        if (place.List is not { } own) return;
        own.Remove(place);
        _requests--;
        if (own.Count == 0) _open.Remove(caller);
    }

    private void Silence(Guarded guarded)
    {
        ConnectionContext? oldest = null;
        lock (_lock)
        {
            if (guarded.Place is not null || guarded.Requests > 0) return;
            guarded.Place = _silent.AddLast(guarded);
            if (_silent.Count > options.Value.SilentConnections)
            {
                Guarded first = _silent.First!.Value;
                oldest = first.Connection;
                Remove(first);
            }
        }

        oldest?.Abort(new ConnectionAbortedException("Other connections needed the place of this one, which had been silent for longest."));
    }

    private void Remove(Guarded guarded)
    {
        if (guarded.Place is { } place) _silent.Remove(place);
        guarded.Place = null;
    }

    /// <summary>A connection and its place among the silent ones.</summary>
    private sealed class Guarded(ConnectionContext connection)
    {
        internal ConnectionContext Connection => connection;

        internal LinkedListNode<Guarded>? Place { get; set; }

        internal int Requests { get; set; }
    }
}
