using System.Diagnostics;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Slow files delay only each other.</summary>
public sealed class ReaderLaneTests
{
    [Fact]
    public async Task A_good_file_is_read_beside_many_that_hold_the_reader_up()
    {
        byte[][] slow = [.. Enumerable.Range(0, 6).Select(i => (byte[])[.. FormatReaderTests.NeverEnding(), .. new byte[i]])];
        (byte[] good, _) = RawData.Write("plain");
        using var reader = new FormatReader(ReaderLimits.Default, processes: 2);
        reader.Start();
        var time = Stopwatch.StartNew();
        Task<TimeSpan>[] hostile = [.. slow.Concat(slow).Select(file => Task.Factory.StartNew(
            () =>
            {
                Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(reader, file));
                return time.Elapsed;
            },
            TaskCreationOptions.LongRunning))];
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.Equal(1, RawMriFile.Read(reader, good).Frames);
        TimeSpan read = time.Elapsed;

        // Each takes a second of processor time from the one process that has patience.
        TimeSpan[] refused = await Task.WhenAll(hostile);
        Assert.True(read < refused.Max() / 2, $"The good file was read after {read}, the last hostile one after {refused.Max()}.");
    }

    [Fact]
    public void A_caller_steps_aside_while_its_file_is_slow_and_for_no_other()
    {
        int aside = 0, back = 0;
        using var all = new FormatReader(ReaderLimits.Default);
        FormatReader reader = all.SteppingAside(() =>
        {
            aside++;
            return new Back(() => back++);
        });
        Assert.Equal(1, RawMriFile.Read(reader, RawData.Write("plain").File).Frames);
        Assert.Equal((0, 0), (aside, back));
        byte[] slow = FormatReaderTests.NeverEnding();
        for (int i = 1; i <= 2; i++)
        {
            Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(reader, slow));
            Assert.Equal((i, i), (aside, back));

            // Short and full time the first time, full time alone after that.
            Assert.Equal(1 + i, all.Restarts);
        }
    }

    [Fact]
    public async Task Writing_a_result_does_not_wait_for_files_that_are_read()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        reader.Start();
        using (Process process = Process.GetProcessById(reader.ProcessId!.Value)) FormatReaderTests.Signal(process.Id, "STOP");
        Task<RawMri> held = Task.Factory.StartNew(() => RawMriFile.Read(reader, RawData.Write("plain").File), TaskCreationOptions.LongRunning);
        var time = Stopwatch.StartNew();
        (IReadOnlyList<DerivedFile> files, _) = DerivedFiles.Write(reader, new DerivedImages
        {
            Values = [0, 1, 2, 3],
            Slices = 1,
            Channels = 1,
            Rows = 2,
            Columns = 2,
            Scale = 1,
            Origin = new MeasurementOrigin { Format = "array", Rows = 2, Columns = 2 },
            Solver = "adjoint",
            Model = "none",
            SoftwareVersion = "0",
        });
        Assert.Contains(files, file => file.Name == "result-0000.dcm");
        Assert.Equal(1, (await held).Frames);
        Assert.Equal(1, reader.Restarts);
    }

    private sealed class Back(Action then) : IDisposable
    {
        public void Dispose() => then();
    }
}
