using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class FormatReaderTests
{
    private static readonly byte[] NoFile = new byte[1000];

    [Fact]
    public void The_reader_starts_closes_its_sandbox_and_leaves_no_process()
    {
        int id;
        using (var reader = new FormatReader(ReaderLimits.Default))
        {
            Assert.Null(reader.ProcessId);
            Assert.True(reader.Call("hello", []).Head.GetProperty("filtered").GetBoolean());
            id = reader.ProcessId!.Value;
            // glibc takes its one variable to pieces where it lies.
            string[] variables = File.ReadAllText($"/proc/{id}/environ").Split('\0', StringSplitOptions.RemoveEmptyEntries);
            Assert.StartsWith("GLIBC_TUNABLES=", variables[0], StringComparison.Ordinal);
            Assert.All(variables[1..], variable => Assert.StartsWith("glibc.malloc.", variable, StringComparison.Ordinal));
        }
        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [Fact]
    public void A_reader_that_was_killed_between_two_files_is_replaced_and_no_file_is_refused()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        reader.Start();
        int first = reader.ProcessId!.Value;
        using (var process = Process.GetProcessById(first))
        {
            process.Kill();
            process.WaitForExit();
        }
        reader.Call("hello", [NoFile]);
        Assert.NotEqual(first, reader.ProcessId);
        Assert.Equal(1, reader.Restarts);
    }

    [Fact]
    public void A_wrong_request_is_our_fault_and_not_the_files()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        Assert.Contains(
            "no such operation", Assert.Throws<InvalidOperationException>(() => reader.Call("nonsense", [NoFile])).Message, StringComparison.Ordinal);
        Assert.Equal(0, reader.Restarts);
    }

    [Fact]
    public async Task A_reader_that_is_late_or_dies_during_a_call_is_replaced()
    {
        using var reader = new FormatReader(ReaderLimits.Default with { Time = TimeSpan.FromSeconds(0.3) });
        reader.Start();
        Signal(reader.ProcessId!.Value, "STOP");
        Assert.Contains("out of time", Assert.Throws<InvalidMeasurementException>(() => reader.Call("hello", [NoFile])).Message, StringComparison.Ordinal);
        Assert.Equal(1, reader.Restarts);
        reader.Start();

        using var patient = new FormatReader(ReaderLimits.Default);
        patient.Start();
        int id = patient.ProcessId!.Value;
        Signal(id, "STOP");
        using var file = new AwaitedFile();
        Task<InvalidMeasurementException> call = Task.Run(() => Assert.Throws<InvalidMeasurementException>(() => patient.Call("hello", [file.Memory])));
        // The call has to be under way: between two files nobody would be refused.
        await file.Asked;
        // At once: after the short time the file would get another process.
        using (var process = Process.GetProcessById(id)) process.Kill();
        await call;
        patient.Call("hello", [NoFile]);
        Assert.Equal(1, patient.Restarts);
    }

    [Fact]
    public void The_memory_limit_refuses_the_file_and_holds()
    {
        const int memory = 256 << 20;
        (byte[] bomb, _) = RawData.Write("bomb");
        (byte[] plain, _) = RawData.Write("plain");
        using var reader = new FormatReader(new ReaderLimits(memory, TimeSpan.FromMinutes(1), 1L << 30));
        Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(reader, bomb));
        Assert.Equal(1, RawMriFile.Read(reader, plain).Frames);
        Assert.InRange(PeakKilobytes(reader.ProcessId!.Value), 1, memory / 1024);
        Assert.Equal(0, reader.Restarts);
        Assert.Contains(
            "at most 134217728 are read", Assert.Throws<InvalidMeasurementException>(() => reader.Call("hello", [new byte[memory]])).Message,
            StringComparison.Ordinal);
        Assert.Equal(1, RawMriFile.Read(reader, plain).Frames);
    }

    /// <summary>A file that says when it is being sent.</summary>
    private sealed class AwaitedFile : MemoryManager<byte>
    {
        private readonly TaskCompletionSource _asked = new();

        public override Memory<byte> Memory => CreateMemory(NoFile.Length);

        public Task Asked => _asked.Task;

        public override Span<byte> GetSpan()
        {
            _asked.TrySetResult();
            return NoFile;
        }

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    // An object of a global heap whose size brings HDF5 back to the object's own beginning, for ever.
    internal static byte[] NeverEnding()
    {
        byte[] file = RawData.Write("plain").File;
        const int firstObject = 16, sizeOfObject = 8;
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(file.AsSpan().IndexOf("GCOL"u8) + firstObject + sizeOfObject), -16);
        return file;
    }

    private static byte[] Dicom(int rows, int columns, int claimed)
    {
        byte[] file = DicomBuilder.Mr(rows, columns).Pixels(new ushort[256]).File();
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(file.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xE0, 0x7F, 0x10, 0x00]) + 8), claimed);
        return file;
    }

    public static TheoryData<string, string> Liars => new()
    {
        { "never ending", "ran out of time" },
        { "length", "truncated or damaged|is damaged, or is not" },
        { "rows", "33554432 numbers, which its" },
        { "chunks", "61440000 numbers, which its" },
    };

    [Theory, MemberData(nameof(Liars))]
    public async Task A_file_that_lies_about_its_lengths_costs_little_and_delays_nobody(string name, string message)
    {
        byte[] file = name switch
        {
            "never ending" => NeverEnding(),
            "length" => Dicom(16, 16, 1 << 30),
            "rows" => Dicom(8192, 4096, 512),
            _ => RawData.Write("claim").File,
        };
        (byte[] good, _) = RawData.Write("plain");
        using var reader = new FormatReader(ReaderLimits.Default with { Time = TimeSpan.FromMinutes(10) });
        reader.Start();
        Task<RawMri> beside = Task.Run(() => RawMriFile.Read(reader, good));
        string text = Assert.Throws<InvalidMeasurementException>(
            () => { if (name is "length" or "rows") DicomFile.Read(reader, file); else RawMriFile.Read(reader, file); }).Message;
        Assert.Contains(message.Split('|'), expected => text.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(1, (await beside.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken)).Frames);
        // Once after its short time, once in the process that has patience.
        Assert.Equal(name == "never ending" ? 2 : 0, reader.Restarts);
        reader.Start();
        Assert.InRange(Kilobytes(reader.ProcessId!.Value, "VmHWM:"), 1, 256 << 10);
    }

    [Fact]
    public void Callers_share_one_process_one_after_the_other()
    {
        (byte[] file, byte[] expected) = RawData.Write("plain");
        float[] kspace = Npz.Read(expected, "kspace", 1 << 20).Values;
        using var reader = new FormatReader(ReaderLimits.Default);
        reader.Start();
        int id = reader.ProcessId!.Value;
        Parallel.For(
            0, 16, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            _ => Assert.InRange(RawData.Distance(kspace, RawMriFile.Read(reader, file).KSpace), 0, 1e-6));
        Assert.Equal(id, reader.ProcessId);
        Assert.Equal(0, reader.Restarts);
    }

    [Fact]
    public void The_process_ends_with_its_input()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "inverse_reader"), ["2000000000"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(0, process.ExitCode);
    }

    [Fact]
    public void Nothing_of_a_file_stays_in_the_readers_memory()
    {
        (byte[] patient, _) = RawData.Write("study");
        using var reader = new FormatReader(ReaderLimits.Default);
        Assert.Equal("Doe^Jane", RawMriFile.Read(reader, patient).Study.PatientName);
        reader.Call("hello", []); // answered once the file before is freed
        byte[]? memory = Memory(reader.ProcessId!.Value);
        Assert.SkipUnless(memory is not null, "Only the superuser looks into the reader's memory.");
        Assert.True(memory.AsSpan().IndexOf("inverse_reader"u8) >= 0);
        Assert.Equal(-1, memory.AsSpan().IndexOf("Doe^Jane"u8));
        Assert.Equal(-1, memory.AsSpan().IndexOf("<patientBirthdate>"u8));
    }

    // All that a process can write to; null where that is forbidden.
    private static byte[]? Memory(int id)
    {
        try
        {
            using var all = new MemoryStream();
            using FileStream from = new($"/proc/{id}/mem", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            foreach (string line in File.ReadLines($"/proc/{id}/maps"))
            {
                string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                if (!words[1].StartsWith("rw", StringComparison.Ordinal)) continue;
                long[] ends = [.. words[0].Split('-').Select(end => Convert.ToInt64(end, 16))];
                byte[] region = new byte[ends[1] - ends[0]];
                from.Position = ends[0];
                from.ReadExactly(region);
                all.Write(region);
            }
            return all.ToArray();
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The largest address space a process had; 0 where it has just ended, as one does whose time is up while it answers.</summary>
    internal static long PeakKilobytes(int id) => Kilobytes(id, "VmPeak:");

    private static long Kilobytes(int id, string name) =>
        File.ReadLines($"/proc/{id}/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
            ? long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], null)
            : 0;

    internal static void Signal(int id, string name) => RawData.Run("/usr/bin/env", ["kill", "-" + name, id.ToString(null, null)]);
}
