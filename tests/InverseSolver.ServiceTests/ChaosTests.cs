using System.Diagnostics;

namespace InverseSolver.ServiceTests;

/// <summary>The short form of <c>tests/chaos/chaos.py</c>; figures of the long one stand in docs/reliability.md.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Jobs_survive_kills_freezes_and_a_full_disk_with_the_bits_of_undisturbed_ones()
    {
        string program = Path.ChangeExtension(typeof(Program).Assembly.Location, null);
        var start = new ProcessStartInfo(
            "python3",
            [
                Path.Combine(Repository.Root, "tests", "chaos", "chaos.py"), "--service", program, "--models", Path.Combine(Repository.Root, "models"),
                "--jobs", "50", "--disturbances", "28",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process script = Process.Start(start)!;
        Task<string> errors = script.StandardError.ReadToEndAsync();
        string said = await script.StandardOutput.ReadToEndAsync();
        await script.WaitForExitAsync();
        output.WriteLine(said);
        Assert.True(script.ExitCode == 0, said + await errors);
        Assert.Contains("\nkills: 20\n", said);
        Assert.Contains("50 jobs, 28 disturbances", said);
        Assert.Contains(": 0 lost, 0 doubled, 0 different", said);
    }
}
