using System.Text.Json.Nodes;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

/// <summary><c>inverse bench</c>, as a user runs it.</summary>
public sealed class BenchTests
{
    [Fact]
    public void Every_job_runs_in_its_own_process_and_leaves_no_tensors()
    {
        string file = Path.GetTempFileName();
        (int exitCode, string output) = Inverse(
            "bench", "solvers", "--solvers", "reSample,mriPurify", "--presets", "fast", "--sizes", "32,48",
            "--device", "cpu", "--json", file);
        Assert.True(exitCode == 0, output);
        JsonArray rows = JsonNode.Parse(File.ReadAllText(file))!.AsArray();
        Assert.Equal(
            [("reSample", "32x32"), ("reSample", "48x48"), ("mriPurify", "32x32"), ("mriPurify", "48x48")],
            rows.Select(row => ((string)row!["solver"]!, (string)row["size"]!)));
        Assert.All(rows, row => Assert.Equal((20, 0, 0L), ((int)row!["networkCalls"]!, (int)row["decoderGradients"]!, (long)row["tensorsLeft"]!)));
        Assert.All(rows, row => Assert.InRange((double)row!["peakMiB"]!, 50, 4000));
        Assert.Contains("| mriPurify | fast | 48x48 |", output, StringComparison.Ordinal);
        File.Delete(file);
    }

    [Theory]
    [InlineData("--solvers", "magic"), InlineData("--sizes", "0"), InlineData("--presets", "best")]
    public void What_is_unknown_is_named_before_anything_runs(string option, string value)
    {
        (int exitCode, string output) = Inverse("bench", "solvers", option, value);
        Assert.Equal(2, exitCode);
        Assert.Contains($"'{value}'", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Transforms_are_timed_in_either_direction()
    {
        string file = Path.GetTempFileName();
        (int exitCode, string output) = Inverse("bench", "nufft", "--device", "cpu", "--json", file);
        Assert.True(exitCode == 0, output);
        JsonArray rows = JsonNode.Parse(File.ReadAllText(file))!.AsArray();
        Assert.All(rows, row => Assert.InRange((double)row!["ms"]!, 0.01, 60_000));
        Assert.All(["forward", "adjoint", "Toeplitz normal operator"], name => Assert.Contains(rows, row => (string)row!["name"]! == name));
        File.Delete(file);
    }

    private static (int ExitCode, string Output) Inverse(params string[] arguments) =>
        Repository.Run(Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse"), arguments);
}
