using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>One running inverse_reader and the pipes to it. What its answers say is not trusted: a file may have taken it over.</summary>
internal sealed class ReaderProcess : IDisposable
{
    private const uint Version = 1;
    private const int FrameBytes = 24;
    private const int MaxJsonBytes = 64 << 20;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(20);
    private readonly Process _process;
    private readonly long _memoryBytes;

    /// <summary>Starts a process.</summary>
    /// <param name="memoryBytes">Its address space.</param>
    /// <param name="yields">True where it leaves the processor to others.</param>
    internal ReaderProcess(long memoryBytes, bool yields)
    {
        _memoryBytes = memoryBytes;
        var start = new ProcessStartInfo(Program, [memoryBytes.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        // malloc overwrites what is freed: a damaged file that has a parser read beyond its buffers finds nothing of the files before it.
        start.Environment["GLIBC_TUNABLES"] = "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165";
        try
        {
            _process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException("inverse_reader, which lies beside this assembly, cannot be started.", e);
        }

        if (yields) Try(() => _process.PriorityClass = ProcessPriorityClass.BelowNormal);
    }

    internal static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "inverse_reader");

    internal int Id => _process.Id;

    /// <summary>True where it was ended because its time was over.</summary>
    internal bool IsLate { get; private set; }

    internal bool HasEnded => _process.HasExited;

    /// <summary>Sends a request and waits for its answer; the process is ended when that takes too long.</summary>
    /// <exception cref="IOException">The process ended, was too late or does not keep to the protocol. It is of no more use.</exception>
    /// <param name="json">The request.</param>
    /// <param name="blob">The file.</param>
    /// <param name="time">The most time on the clock.</param>
    /// <param name="processorTime">The most time of a processor, asked again and again; null: no limit.</param>
    internal (uint Status, ReaderAnswer Answer) Exchange(
        ReadOnlySpan<byte> json, IReadOnlyList<ReadOnlyMemory<byte>> blob, TimeSpan time, Func<TimeSpan>? processorTime = null)
    {
        TimeSpan before = ProcessorTime();
        using Timer? busy = processorTime is null ? null : new Timer(
            _ =>
            {
                if (ProcessorTime() - before > processorTime()) EndLate();
            },
            null, Tick, Tick);
        using var late = new Timer(_ => EndLate(), null, time, Timeout.InfiniteTimeSpan);
        Send(json, blob);
        return Receive();
    }

    public void Dispose()
    {
        Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private void EndLate()
    {
        IsLate = true;
        Kill();
    }

    private TimeSpan ProcessorTime()
    {
        TimeSpan used = TimeSpan.Zero;
        Try(() => used = _process.TotalProcessorTime);
        return used;
    }

    private void Kill() => Try(_process.Kill);

    private static void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It has ended already.
        }
    }

    private void Send(ReadOnlySpan<byte> json, IReadOnlyList<ReadOnlyMemory<byte>> blob)
    {
        Span<byte> frame = stackalloc byte[FrameBytes];
        "INVR"u8.CopyTo(frame);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(frame[8..], json.Length);
        BinaryPrimitives.WriteInt64LittleEndian(frame[16..], blob.Sum(part => (long)part.Length));
        Stream pipe = _process.StandardInput.BaseStream;
        pipe.Write(frame);
        pipe.Write(json);
        foreach (ReadOnlyMemory<byte> part in blob) pipe.Write(part.Span);
        pipe.Flush();
    }

    private (uint Status, ReaderAnswer Answer) Receive()
    {
        Stream pipe = _process.StandardOutput.BaseStream;
        byte[] frame = new byte[FrameBytes];
        pipe.ReadExactly(frame);
        uint status = BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(4));
        long jsonBytes = BinaryPrimitives.ReadInt64LittleEndian(frame.AsSpan(8));
        long blobBytes = BinaryPrimitives.ReadInt64LittleEndian(frame.AsSpan(16));
        if (!frame.AsSpan().StartsWith("INVA"u8) || jsonBytes is < 0 or > MaxJsonBytes || blobBytes < 0 || blobBytes > _memoryBytes) throw OutOfStep();

        byte[] text = new byte[jsonBytes];
        pipe.ReadExactly(text);
        try
        {
            JsonElement head = JsonSerializer.Deserialize<JsonElement>(text);
            var arrays = new Dictionary<string, ReaderArray>();
            if (status == 0)
            {
                foreach (JsonElement item in head.GetProperty("arrays").EnumerateArray())
                {
                    ReaderArray array = ReadArray(pipe, item, ref blobBytes);
                    arrays.Add(array.Name, array);
                }
            }
            if (blobBytes != 0) throw OutOfStep();
            return (status, new ReaderAnswer(head, arrays));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException or ArgumentException)
        {
            throw OutOfStep();
        }
    }

    private static ReaderArray ReadArray(Stream pipe, JsonElement item, ref long left)
    {
        long bytes = item.GetProperty("bytes").GetInt64();
        if (bytes < 0 || bytes > left || bytes > Array.MaxLength) throw OutOfStep();
        left -= bytes;
        string type = item.GetProperty("dtype").GetString()!;
        int[] shape = [.. item.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
        decimal needed = shape.Aggregate(
            (decimal)int.Parse(type.AsSpan(1), CultureInfo.InvariantCulture), (product, size) => Math.Min(product * size, long.MaxValue));
        if (shape.Any(size => size < 0) || needed != bytes) throw OutOfStep();
        byte[] data = new byte[bytes];
        pipe.ReadExactly(data);
        return new ReaderArray(item.GetProperty("name").GetString()!, type, shape, data);
    }

    private static IOException OutOfStep() => new("inverse_reader does not keep to its protocol.");
}
