using System.Diagnostics;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

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
            Assert.Empty(File.ReadAllBytes($"/proc/{id}/environ"));
        }
        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [Fact]
    public void A_reader_that_was_killed_is_replaced_and_the_file_in_its_hands_is_refused()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        reader.Start();
        int first = reader.ProcessId!.Value;
        using (var process = Process.GetProcessById(first))
        {
            process.Kill();
            process.WaitForExit();
        }
        Assert.Throws<InvalidMeasurementException>(() => reader.Call("hello", [NoFile]));
        Assert.Equal(1, reader.Restarts);
        reader.Call("hello", [NoFile]);
        Assert.NotEqual(first, reader.ProcessId);
        Assert.Equal(1, reader.Restarts);
    }

    [Fact]
    public void A_wrong_request_is_our_fault_and_not_the_files()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        Assert.Contains("no such operation", Assert.Throws<InvalidOperationException>(() => reader.Call("nonsense", [NoFile])).Message, StringComparison.Ordinal);
        Assert.Equal(0, reader.Restarts);
    }
}
