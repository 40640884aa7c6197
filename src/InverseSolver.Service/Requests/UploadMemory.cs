using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>Bounds the memory of all bodies together and of each caller's, as their bytes arrive, and the time of each.</summary>
internal sealed class UploadMemory(IOptions<LimitOptions> options)
{
    // A body that has been arriving for longer gives way to others when memory is short: those of honest callers have arrived by then.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // A series of DICOM files is held three times while it is packed.
    private const int Copies = 3;

    private readonly Lock _lock = new();
    private readonly LinkedList<UploadBytes> _arriving = [];
    private readonly Dictionary<string, long> _ofCallers = [];
    private readonly long _most = Math.Max(options.Value.UploadBytes, LargestBody(options.Value));
    private readonly long _mostOfCaller = Math.Max(options.Value.UploadBytes / 2, Copies * LargestBody(options.Value));
    private long _held;

    /// <summary>Bytes that are held now.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Begins a body, whose memory is held until the result is disposed.</summary>
    /// <param name="caller">Whose body it is.</param>
    /// <param name="aborted">The caller went away.</param>
    public UploadBytes Open(string caller, CancellationToken aborted)
    {
        var body = new UploadBytes(this, caller, TimeSpan.FromSeconds(options.Value.BodySeconds), aborted);
        lock (_lock) body.Place = _arriving.AddLast(body);
        return body;
    }

    /// <summary>Takes memory for a body; where there is none, the body that has been arriving for longest gives way.</summary>
    /// <exception cref="RequestException">There is none, and no body has been arriving for long.</exception>
    internal void Take(UploadBytes body, long bytes)
    {
        lock (_lock)
        {
            while (_held + bytes > _most || OfCaller(body) + bytes > _mostOfCaller)
            {
                bool isOwn = _held + bytes <= _most;
                if (_arriving.FirstOrDefault(one => !isOwn || one.Caller == body.Caller) is not { } oldest || oldest == body || oldest.Age < Patience)
                {
                    throw isOwn ? CallerBusy() : Busy();
                }

                oldest.GiveWay();
                Leave(oldest);
            }

            if (body.HasGivenWay) throw Busy();
            Count(body, bytes);
        }
    }

    /// <summary>Ends the arrival of a body, which holds its memory and gives way no more.</summary>
    internal void Arrived(UploadBytes body)
    {
        lock (_lock) Remove(body);
    }

    /// <summary>Returns a body's memory.</summary>
    internal void Leave(UploadBytes body)
    {
        lock (_lock)
        {
            Remove(body);
            Count(body, -body.Bytes);
        }
    }

    /// <summary>The refusal where memory is short.</summary>
    internal static RequestException Busy() => new(
        StatusCodes.Status503ServiceUnavailable, "busy", null, "The uploads of all callers together take as much memory as is allowed: send the request again.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    private static RequestException CallerBusy() => new(
        StatusCodes.Status429TooManyRequests, "busy", null,
        "Your uploads together take as much memory as one caller is allowed: send the request again once others are done.")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    private static long LargestBody(LimitOptions limits) => Math.Max(limits.RequestBytes, limits.JsonBytes);

    private long OfCaller(UploadBytes body) => _ofCallers.GetValueOrDefault(body.Caller);

    private void Count(UploadBytes body, long bytes)
    {
        body.Bytes += bytes;
        _held += bytes;
        if (OfCaller(body) + bytes is not 0 and var all) _ofCallers[body.Caller] = all;
        else _ofCallers.Remove(body.Caller);
    }

    private void Remove(UploadBytes body)
    {
        if (body.Place is { } place) _arriving.Remove(place);
        body.Place = null;
    }
}

/// <summary>The memory and the time of one body.</summary>
internal sealed class UploadBytes : IDisposable
{
    private readonly UploadMemory _memory;
    private readonly CancellationTokenSource _end;
    private readonly long _began = Environment.TickCount64;

    internal UploadBytes(UploadMemory memory, string caller, TimeSpan time, CancellationToken aborted)
    {
        _memory = memory;
        Caller = caller;
        _end = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        _end.CancelAfter(time);
    }

    /// <summary>Ends the reading: the time is over, the caller went away, or the body gave way.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>True where the body was ended because others needed its memory.</summary>
    public bool HasGivenWay { get; private set; }

    /// <summary>Whose body it is.</summary>
    internal string Caller { get; }

    /// <summary>The time since the body began.</summary>
    internal TimeSpan Age => TimeSpan.FromMilliseconds(Environment.TickCount64 - _began);

    /// <summary>The bytes held; changed by <see cref="UploadMemory"/> only.</summary>
    internal long Bytes { get; set; }

    /// <summary>The place in the order of arrival; null once all has arrived.</summary>
    internal LinkedListNode<UploadBytes>? Place { get; set; }

    /// <summary>Takes memory.</summary>
    /// <exception cref="RequestException">There is none.</exception>
    public void Take(long bytes) => _memory.Take(this, bytes);

    /// <summary>Ends the arrival.</summary>
    public void Arrived() => _memory.Arrived(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Leave(this);
        _end.Dispose();
    }

    internal void GiveWay()
    {
        HasGivenWay = true;
        // Not here, under a lock: continuations run where a token is cancelled.
        _ = _end.CancelAsync();
    }
}
