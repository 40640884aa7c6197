using System.Text.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.Imaging;

/// <summary>A number of reader processes and the calls that wait for one of them, the first of which gets the next that is free.</summary>
/// <param name="limits">The limits for one file.</param>
/// <param name="processes">The processes, at most.</param>
/// <param name="yields">True where its processes leave the processor to others.</param>
internal sealed class ReaderLane(ReaderLimits limits, int processes, bool yields = false) : IDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);

    // Of honest files none took more than 0.35 s and a second for each 46 MiB, and small ones some hundredths.
    private static readonly TimeSpan ShortFloor = TimeSpan.FromSeconds(0.3), ShortMost = TimeSpan.FromSeconds(2);
    private const double ShortBytesPerSecond = 16 << 20;

    // On the clock a file gets more than of a processor, which it shares with others.
    private const int Sharing = 5;

    // Where a file was late within this time, the short time is shorter still.
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(1);
    private const int Pressed = 3;

    private readonly Lock _lock = new();
    private readonly Stack<ReaderProcess> _idle = [];
    private readonly Queue<TaskCompletionSource> _waiting = [];
    private int _free = processes;
    private bool _disposed;
    private long _restarts;
    private long _lastLate = long.MinValue / 2;

    /// <summary>The number of processes that were replaced.</summary>
    internal long Restarts => Interlocked.Read(ref _restarts);

    /// <summary>The id of the idle process that gets the next call; null where none is idle.</summary>
    internal int? ProcessId
    {
        get
        {
            lock (_lock) return _idle.TryPeek(out ReaderProcess? process) ? process.Id : null;
        }
    }

    /// <summary>The processor time within which files of a size are read, unless they are slow.</summary>
    /// <param name="bytes">The file's size.</param>
    internal static TimeSpan ShortTime(long bytes) =>
        TimeSpan.FromSeconds(Math.Min(ShortMost.TotalSeconds, ShortFloor.TotalSeconds + (bytes / ShortBytesPerSecond)));

    /// <summary>The JSON of a request.</summary>
    internal static byte[] Request(string operation, JsonObject? arguments, ReaderLimits limits)
    {
        JsonObject request = arguments?.DeepClone().AsObject() ?? [];
        request["op"] = operation;
        request["limits"] = new JsonObject { ["elements"] = limits.Elements, ["seconds"] = (long)Math.Ceiling(limits.Time.TotalSeconds) };
        return JsonSerializer.SerializeToUtf8Bytes(request);
    }

    /// <summary>Has a process running and answering.</summary>
    internal void Start()
    {
        Enter();
        ReaderProcess? process = null;
        try
        {
            process = Running();
        }
        finally
        {
            Leave(process);
        }
    }

    /// <summary>Has a process do one thing; null: it did not survive that, or not in time.</summary>
    internal (uint Status, ReaderAnswer Answer)? TryExchange(byte[] json, IReadOnlyList<ReadOnlyMemory<byte>> blob) =>
        TryExchange(process => process.Exchange(json, blob, limits.Time), static () => false, out _);

    /// <summary>Has a process do one thing within a short time; null: it did not survive that, or not in time, or it was not asked.</summary>
    /// <param name="json">The request.</param>
    /// <param name="blob">The file.</param>
    /// <param name="time">The most processor time.</param>
    /// <param name="isSlow">Asked once a process is free; where it is true none is used.</param>
    /// <param name="late">True where the time was over, or the file is known to be slow.</param>
    internal (uint Status, ReaderAnswer Answer)? TryExchange(
        byte[] json, IReadOnlyList<ReadOnlyMemory<byte>> blob, TimeSpan time, Func<bool> isSlow, out bool late) =>
        TryExchange(process => process.Exchange(json, blob, Sharing * time, () => IsPressed ? time / Pressed : time), isSlow, out late);

    private (uint Status, ReaderAnswer Answer)? TryExchange(
        Func<ReaderProcess, (uint Status, ReaderAnswer Answer)> exchange, Func<bool> isSlow, out bool late)
    {
        Enter();
        ReaderProcess? process = null;
        try
        {
            if (late = isSlow()) return null;
            process = Running();
            return exchange(process);
        }
        catch (IOException)
        {
            if (late = process!.IsLate) Interlocked.Exchange(ref _lastLate, Environment.TickCount64);
            process.Dispose();
            process = null;
            Interlocked.Increment(ref _restarts);
            return null;
        }
        finally
        {
            Leave(process);
        }
    }

    /// <summary>Ends the processes; later calls fail, and those under way end theirs.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            while (_idle.TryPop(out ReaderProcess? process)) process.Dispose();
        }
    }

    private bool IsPressed => Environment.TickCount64 - Interlocked.Read(ref _lastLate) < Memory.TotalMilliseconds;

    private void Enter()
    {
        TaskCompletionSource turn;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_free > 0)
            {
                _free--;
                return;
            }

            turn = new TaskCompletionSource();
            _waiting.Enqueue(turn);
        }

        turn.Task.Wait();
    }

    private void Leave(ReaderProcess? process)
    {
        lock (_lock)
        {
            if (process is not null && _disposed) process.Dispose();
            else if (process is not null) _idle.Push(process);
            if (_waiting.TryDequeue(out TaskCompletionSource? next)) next.SetResult();
            else _free++;
        }
    }

    private ReaderProcess Running()
    {
        ReaderProcess? idle;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _idle.TryPop(out idle);
        }

        if (idle is { HasEnded: false }) return idle;
        if (idle is not null)
        {
            // It ended between two files, so neither is to blame.
            idle.Dispose();
            Interlocked.Increment(ref _restarts);
        }

        var process = new ReaderProcess(limits.MemoryBytes, yields);
        try
        {
            process.Exchange(Request("hello", null, limits), [], StartTime);
            return process;
        }
        catch (IOException e)
        {
            process.Dispose();
            throw new InvalidOperationException("inverse_reader does not run: a library that it needs is missing (scripts/install-packages.sh run).", e);
        }
    }
}
