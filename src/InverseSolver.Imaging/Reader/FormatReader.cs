using System.Text.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.Imaging;

/// <summary>
/// The process that parses strangers' HDF5 and DICOM files, apart from this one. It starts with the first file, serves one file at a time,
/// and where a file ends it or holds it up, the next file gets a new one.
/// </summary>
/// <param name="limits">The limits for one file.</param>
public sealed class FormatReader(ReaderLimits limits) : IDisposable
{
    private static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);
    private readonly Lock _oneAtATime = new();
    private ReaderProcess? _process;
    private bool _disposed;
    private long _restarts;

    /// <summary>True where the reader program is installed. Without it HDF5 and DICOM files are neither read nor written.</summary>
    public static bool IsInstalled { get; } = File.Exists(ReaderProcess.Program);

    /// <summary>The limits for one file.</summary>
    public ReaderLimits Limits => limits;

    /// <summary>The number of times that the process was replaced, because a file ended or blocked it, or because it was ended from outside.</summary>
    public long Restarts => Interlocked.Read(ref _restarts);

    /// <summary>The process's id; null where none runs.</summary>
    public int? ProcessId => _process?.Id;

    /// <summary>Starts the process unless it runs, and has it answer.</summary>
    /// <exception cref="InvalidOperationException">It cannot be started: it, or a library that it needs, is missing.</exception>
    public void Start()
    {
        lock (_oneAtATime) Running();
    }

    /// <summary>Ends the process; later calls fail.</summary>
    public void Dispose()
    {
        lock (_oneAtATime)
        {
            _disposed = true;
            _process?.Dispose();
            _process = null;
        }
    }

    /// <summary>Has the process do one thing.</summary>
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
        if (bytes > limits.MemoryBytes / 2) throw new InvalidMeasurementException($"The file has {bytes} bytes; at most {limits.MemoryBytes / 2} are read.");
        byte[] json = Request(operation, arguments);
        lock (_oneAtATime)
        {
            ReaderProcess process = Running();
            try
            {
                (uint status, ReaderAnswer answer) = process.Exchange(json, blob, limits.Time);
                return status switch
                {
                    0 => answer,
                    1 => throw new InvalidMeasurementException(Message(answer)),
                    2 => throw new InvalidOperationException($"inverse_reader, {operation}: {Message(answer)}"),
                    _ => throw Unreadable(),
                };
            }
            catch (IOException)
            {
                process.Dispose();
                _process = null;
                Interlocked.Increment(ref _restarts);
                throw Unreadable();
            }
        }
    }

    private ReaderProcess Running()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_process is { HasEnded: false }) return _process;
        if (_process is not null)
        {
            // It ended between two files, so neither is to blame.
            _process.Dispose();
            _process = null;
            Interlocked.Increment(ref _restarts);
        }

        var process = new ReaderProcess(limits.MemoryBytes);
        try
        {
            process.Exchange(Request("hello", null), [], StartTime);
        }
        catch (IOException e)
        {
            process.Dispose();
            throw new InvalidOperationException("inverse_reader does not run: a library that it needs is missing (scripts/install-packages.sh run).", e);
        }
        return _process = process;
    }

    private byte[] Request(string operation, JsonObject? arguments)
    {
        JsonObject request = arguments?.DeepClone().AsObject() ?? [];
        request["op"] = operation;
        request["limits"] = new JsonObject { ["elements"] = limits.Elements, ["seconds"] = (long)Math.Ceiling(limits.Time.TotalSeconds) };
        return JsonSerializer.SerializeToUtf8Bytes(request);
    }

    private static string Message(ReaderAnswer answer) =>
        answer.Head.ValueKind == JsonValueKind.Object && answer.Head.TryGetProperty("message", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : "";

    private static InvalidMeasurementException Unreadable() => new("The file could not be read: its reader ran out of time or memory, or crashed on it.");
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
