using System.Diagnostics;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

/// <summary>Signals end a command soon, with one sentence. How soon on a quiet machine stands in docs/reliability.md; here only a hang fails.</summary>
public sealed class InterruptionTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-signal-");

    public InterruptionTests()
    {
        File.WriteAllBytes(PathOf("y.npy"), Npy.Write(new ArrayData([128, 128], [.. Enumerable.Range(0, 128 * 128).Select(i => i % 128 / 128f)])));
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
    }

    public void Dispose() => _folder.Delete(recursive: true);

    // While the program starts, while it solves, and while it does what cannot be broken off: after so many seconds of a processor's time, whoever else
    // uses it.
    [Theory]
    [InlineData("INT", 130, 1, "solve")]
    [InlineData("INT", 130, 3, "solve")]
    [InlineData("TERM", 143, 3, "evaluate")]
    [InlineData("TERM", 143, 2, "bench")]
    public async Task A_signal_ends_a_command_with_one_sentence(string signal, int code, double after, string command)
    {
        string[] arguments = command switch
        {
            "solve" =>
            [
                "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--sigma", "0.05",
                "--solver", "ddnm", "--preset", "paper", "--out", PathOf("out"),
            ],
            "evaluate" =>
            [
                "evaluate", "--images", _folder.FullName, "--problems", "denoising", "--solvers", "reSample",
                "--presets", "paper", "--resume", PathOf("rows.json"),
            ],
            _ => ["bench", "networks", "--batches", "64"],
        };

        // A shell that starts something in the background has it ignore SIGINT.
        var start = new ProcessStartInfo(
            "/usr/bin/env",
            ["--default-signal=INT", Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        using Process process = Process.Start(start)!;
        Task<string> said = process.StandardError.ReadToEndAsync(), written = process.StandardOutput.ReadToEndAsync();
        while (!process.HasExited && Used(process) < TimeSpan.FromSeconds(after)) await Task.Delay(20);
        Assert.False(process.HasExited, await Soon(said));
        var watch = Stopwatch.StartNew();
        Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id}"]).WaitForExit();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10);
        Assert.Equal(
            ["error: The command was cancelled."],
            (await said).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(line => !line.StartsWith("warning: ", StringComparison.Ordinal)));
        Assert.Equal(code, process.ExitCode);
        await written;
        Assert.False(Directory.Exists(PathOf("out")));

        static TimeSpan Used(Process process)
        {
            try
            {
                return process.TotalProcessorTime;
            }
            catch (InvalidOperationException)
            {
                // It has ended.
                return TimeSpan.MaxValue;
            }
        }

        static async Task<string> Soon(Task<string> text) => text.IsCompleted ? await text : "";
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);
}
