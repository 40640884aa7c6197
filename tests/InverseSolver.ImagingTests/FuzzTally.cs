using System.Diagnostics;
using System.Globalization;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>The outcomes for damaged files.</summary>
/// <param name="name">Of the first file and the random numbers.</param>
/// <param name="time">The most time that the reader has for a file.</param>
/// <param name="folder">Where the counts go as they grow, and the files that ended the reader or were neither read nor refused; null for nowhere.</param>
internal sealed class FuzzTally(string name, TimeSpan time, string? folder)
{
    /// <summary>So many files are one line of the log.</summary>
    internal const int Lines = 1000;

    private const int Kept = 20;
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _files, _read, _ended, _late, _failed;
    private TimeSpan _longest;

    internal int Refused { get; private set; }

    /// <summary>The largest address space that the reader had.</summary>
    internal long PeakKilobytes { get; private set; }

    /// <summary>Has one file read. Anything thrown but a refusal is the caller's.</summary>
    internal void Try(FormatReader reader, byte[] file, Action<FormatReader, byte[]> read)
    {
        long ended = reader.Restarts, start = Stopwatch.GetTimestamp();
        bool unreadable = false;
        try
        {
            read(reader, file);
            _read++;
        }
        catch (InvalidMeasurementException e)
        {
            Assert.DoesNotContain('/', e.Message);
            Refused++;
            unreadable = e.Message.Contains("its reader ran out", StringComparison.Ordinal);
        }
        catch
        {
            Keep(file, "thrown");
            throw;
        }
        Count(Stopwatch.GetElapsedTime(start), file, reader.Restarts > ended, unreadable);
        if (reader.ProcessId is { } id) PeakKilobytes = Math.Max(PeakKilobytes, FormatReaderTests.PeakKilobytes(id));
        if (_files % Lines == 0) Write();
    }

    internal void Write()
    {
        if (folder is not null) File.AppendAllText(Path.Combine(folder, "counts.log"), $"{DateTime.UtcNow:s} {this}\n");
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{name}: {_files} files, {_read} read, {Refused} refused, reader ended by {_ended} ({_late} late), out of memory without ending {_failed}, "
            + $"longest {_longest.TotalSeconds:F2} s, {PeakKilobytes / 1024} MiB at most, {Stopwatch.GetElapsedTime(_start).TotalSeconds:F0} s");

    private void Count(TimeSpan took, byte[] file, bool ended, bool unreadable)
    {
        _files++;
        if (took > _longest) _longest = took;
        if (ended)
        {
            _ended++;
            bool late = took >= time;
            if (late) _late++;
            Keep(file, late ? "late" : "crash");
        }
        else if (unreadable)
        {
            _failed++;
            Keep(file, "memory");
        }
    }

    private void Keep(byte[] file, string why)
    {
        if (folder is not null && (why == "thrown" || _ended + _failed <= Kept)) File.WriteAllBytes(Path.Combine(folder, $"{name} {_files} {why}"), file);
    }
}
