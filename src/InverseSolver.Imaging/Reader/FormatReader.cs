using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.Imaging;

/// <summary>
/// The processes that parse strangers' HDF5 and DICOM files, apart from this one. Each starts with its first file and serves one at a time; where a file ends
/// it or holds it up, the next file gets a new one. A file first gets a short time. One that needs longer is read anew with its full time by a process that
/// reads no others, so that slow files delay only each other. Results are written by a process of their own.
/// </summary>
public sealed class FormatReader : IDisposable
{
    private readonly Lanes _lanes;
    private readonly bool _ofResults;
    private readonly Func<IDisposable>? _aside;

    /// <summary>Makes a reader.</summary>
    /// <param name="limits">The limits for one file.</param>
    /// <param name="processes">The processes for files that need little time.</param>
    public FormatReader(ReaderLimits limits, int processes = 1)
        : this(new Lanes(limits, processes), ofResults: false, aside: null)
    {
    }

    private FormatReader(Lanes lanes, bool ofResults, Func<IDisposable>? aside) => (_lanes, _ofResults, _aside) = (lanes, ofResults, aside);

    /// <summary>True where the reader program is installed. Without it HDF5 and DICOM files are neither read nor written.</summary>
    public static bool IsInstalled { get; } = File.Exists(ReaderProcess.Program);

    /// <summary>The limits for one file.</summary>
    public ReaderLimits Limits => _lanes.Limits;

    /// <summary>The number of times that a process was replaced, because a file ended or blocked it, or because it was ended from outside.</summary>
    public long Restarts => _lanes.All.Sum(lane => lane.Restarts);

    /// <summary>The id of the process that gets the next file; null where none runs.</summary>
    public int? ProcessId => _lanes.Quick.ProcessId;

    /// <summary>Starts a process unless one runs, and has it answer.</summary>
    /// <exception cref="InvalidOperationException">It cannot be started: it, or a library that it needs, is missing.</exception>
    public void Start() => _lanes.Quick.Start();

    /// <summary>Ends the processes; later calls fail.</summary>
    public void Dispose()
    {
        foreach (ReaderLane lane in _lanes.All) lane.Dispose();
    }

    /// <summary>The same reader for writing results: it does not wait for files that others sent.</summary>
    internal FormatReader ForResults() => new(_lanes, ofResults: true, _aside);

    /// <summary>The same reader for a caller that steps aside while one of its files waits among the slow ones.</summary>
    /// <param name="aside">Called when a file needs more than the short time; its result is disposed once the file was read or refused.</param>
    public FormatReader SteppingAside(Func<IDisposable> aside) => new(_lanes, _ofResults, aside);

    /// <summary>Has a process do one thing.</summary>
    /// <param name="operation">Its name.</param>
    /// <param name="blob">The file, in parts that follow each other.</param>
    /// <param name="arguments">What else the request's JSON holds.</param>
    /// <exception cref="InvalidMeasurementException">The file is refused, or the process did not survive it, or not in time.</exception>
    /// <exception cref="InvalidOperationException">The process cannot be started, or finds the request wrong.</exception>
    internal ReaderAnswer Call(string operation, IReadOnlyList<ReadOnlyMemory<byte>> blob, JsonObject? arguments = null)
    {
        if (!IsInstalled)
        {
            throw new InvalidMeasurementException("It is an HDF5 or DICOM file, and the program that reads those is not installed here; .npy files are read.");
        }
        long bytes = blob.Sum(part => (long)part.Length);
        if (bytes > Limits.MemoryBytes / 2) throw new InvalidMeasurementException($"The file has {bytes} bytes; at most {Limits.MemoryBytes / 2} are read.");
        byte[] json = ReaderLane.Request(operation, arguments, Limits);
        (uint status, ReaderAnswer answer) = (_ofResults ? _lanes.Results.TryExchange(json, blob) : Read(json, blob, bytes)) ?? throw Unreadable();
        return status switch
        {
            0 => answer,
            1 => throw new InvalidMeasurementException(Message(answer)),
            2 => throw new InvalidOperationException($"inverse_reader, {operation}: {Message(answer)}"),
            _ => throw Unreadable(),
        };
    }

    private (uint Status, ReaderAnswer Answer)? Read(byte[] json, IReadOnlyList<ReadOnlyMemory<byte>> blob, long bytes)
    {
        if (ReaderLane.ShortTime(bytes) is var little && little >= Limits.Time) return _lanes.Quick.TryExchange(json, blob);

        // Copies of a file that was slow do not get the short time again.
        Func<bool> isKnown = () => _lanes.Slow.Contains(blob);
        if (_lanes.Quick.TryExchange(json, blob, little, isKnown, out bool late) is { } answer) return answer;
        if (!late) return null;
        _lanes.Slow.Add(blob);
        using IDisposable? aside = _aside?.Invoke();
        return _lanes.Patient.TryExchange(json, blob);
    }

    private static string Message(ReaderAnswer answer) =>
        answer.Head.ValueKind == JsonValueKind.Object && answer.Head.TryGetProperty("message", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : "";

    private static InvalidMeasurementException Unreadable() => new("The file could not be read: its reader ran out of time or memory, or crashed on it.");

    /// <summary>The processes, which all views of a reader share.</summary>
    private sealed class Lanes(ReaderLimits limits, int processes)
    {
        internal ReaderLimits Limits => limits;

        internal ReaderLane Quick { get; } = new(limits, processes);

        internal ReaderLane Patient { get; } = new(limits, 1, yields: true);

        internal ReaderLane Results { get; } = new(limits, 1);

        internal IReadOnlyList<ReaderLane> All => [Quick, Patient, Results];

        internal SlowFiles Slow { get; } = new();
    }

    /// <summary>The last files that needed more than the short time.</summary>
    private sealed class SlowFiles
    {
        private const int Most = 256;
        private readonly Queue<string> _order = [];
        private readonly HashSet<string> _known = [];

        internal bool Contains(IReadOnlyList<ReadOnlyMemory<byte>> blob)
        {
            lock (_known)
            {
                if (_known.Count == 0) return false;
            }

            string hash = Hash(blob);
            lock (_known) return _known.Contains(hash);
        }

        internal void Add(IReadOnlyList<ReadOnlyMemory<byte>> blob)
        {
            string hash = Hash(blob);
            lock (_known)
            {
                if (!_known.Add(hash)) return;
                _order.Enqueue(hash);
                if (_order.Count > Most) _known.Remove(_order.Dequeue());
            }
        }

        private static string Hash(IReadOnlyList<ReadOnlyMemory<byte>> blob)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (ReadOnlyMemory<byte> part in blob) hash.AppendData(part.Span);
            return Convert.ToHexString(hash.GetHashAndReset());
        }
    }
}

/// <summary>Limits of memory, time and size for the process that reads a file.</summary>
/// <param name="MemoryBytes">The most address space of the process, the file and its libraries included.</param>
/// <param name="Time">The most time for one file.</param>
/// <param name="Elements">The most numbers that are read from one file; a complex number counts once.</param>
public sealed record ReaderLimits(long MemoryBytes, TimeSpan Time, long Elements)
{
    /// <summary>2 GiB, one minute, 64 million numbers.</summary>
    public static ReaderLimits Default { get; } = new(2L << 30, TimeSpan.FromMinutes(1), 64L << 20);
}
