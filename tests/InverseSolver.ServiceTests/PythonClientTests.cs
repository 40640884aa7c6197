using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests;

/// <summary>The Python client and its example, run by Debian's Python against a service of their own.</summary>
public sealed partial class PythonClientTests(ITestOutputHelper output) : IDisposable
{
    private const string Python = "/usr/bin/python3";
    private static readonly string Package = Path.Combine(Repository.Root, "src/clients/python");
    private static readonly string Example = Path.Combine(Package, "examples/restore.py");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-python-");

    private string? _key;

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_client_passes_its_tests_and_its_example_restores_a_picture()
    {
        (int numpy, string missing) = await RunAsync("", "-c", "import numpy");
        Assert.SkipUnless(numpy == 0, $"Python's numpy is not installed (scripts/install-packages.sh test): {missing}");
        using var service = new ServiceProcess(_folder.CreateSubdirectory("data").FullName, settings: [("OMP_NUM_THREADS", "1"), ("Access__Keys", "true")]);
        using HttpClient client = await service.ClientAsync();
        string url = client.BaseAddress!.GetLeftPart(UriPartial.Authority);

        _key = File.ReadAllText(Path.Combine(_folder.FullName, "data", "first-key")).Trim();
        (int code, string text) = await RunAsync(url, "-X", "dev", "-m", "unittest", "discover", "-v", "-s", Path.Combine(Repository.Root, "tests/clients"));
        Assert.True(code == 0, text);
        Assert.Contains("\nRan 29 tests in ", text, StringComparison.Ordinal);
        Assert.EndsWith("\nOK\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("ResourceWarning", text, StringComparison.Ordinal);

        string results = Path.Combine(_folder.FullName, "out");
        (code, text) = await RunAsync(url, Example, url, Path.Combine(Repository.Root, "docs/images/slice.png"), results);
        Assert.True(code == 0, text);
        Assert.Contains("\nrunning pixel 5/21\n", text, StringComparison.Ordinal);
        Match figures = Figures().Match(text);
        Assert.True(figures.Success, text);
        // Measured: 0.096 and 30.0 dB.
        Assert.InRange(double.Parse(figures.Groups[1].Value, CultureInfo.InvariantCulture), 0.01, 1);
        Assert.InRange(double.Parse(figures.Groups[2].Value, CultureInfo.InvariantCulture), 27, 40);
        Assert.All(["result.png", "measurement.png"], name =>
            Assert.True(File.ReadAllBytes(Path.Combine(results, name)).AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]), name));
    }

    [Fact]
    public void The_documented_example_is_the_one_that_runs_and_has_at_most_20_lines()
    {
        Assert.InRange(File.ReadAllLines(Example).Length, 5, 20);
        Assert.Contains(
            $"```python\n{File.ReadAllText(Example)}```\n", File.ReadAllText(Path.Combine(Repository.Root, "docs/clients.md")), StringComparison.Ordinal);
    }

    private async Task<(int Code, string Text)> RunAsync(string url, params string[] arguments)
    {
        Assert.SkipUnless(File.Exists(Python), $"{Python} is not installed.");
        var start = new ProcessStartInfo(Python, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.FullName,
            Environment = { ["INVERSESOLVER_URL"] = url, ["INVERSESOLVER_KEY"] = _key, ["PYTHONPATH"] = Package, ["PYTHONDONTWRITEBYTECODE"] = "1" },
        };
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        using Process script = Process.Start(start)!;
        try
        {
            Task<string> errors = script.StandardError.ReadToEndAsync(limit.Token);
            string said = await script.StandardOutput.ReadToEndAsync(limit.Token) + await errors;
            await script.WaitForExitAsync(limit.Token);
            output.WriteLine(said);
            return (script.ExitCode, said);
        }
        finally
        {
            if (!script.HasExited)
            {
                script.Kill(entireProcessTree: true);
            }
        }
    }

    [GeneratedRegex(@"result\.png; consistency ratio ([0-9.]+), ([0-9.]+) dB\n")]
    private static partial Regex Figures();
}
