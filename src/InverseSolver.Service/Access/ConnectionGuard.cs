using InverseSolver.Service.Requests;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Access;

/// <summary>
/// Bounds the connections on which no request is in progress: those that have sent nothing or a part of a request's head, and idle ones. One too many ends the
/// one that has been silent for longest, so that whoever connects and asks is answered.
/// </summary>
internal sealed class ConnectionGuard(IOptions<LimitOptions> options)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Guarded> _silent = [];

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

        try
        {
            await next(http);
        }
        finally
        {
            // Several requests share a connection of HTTP/2.
            bool last;
            lock (_lock) last = --guarded.Requests == 0;
            if (last) Silence(guarded);
        }
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
