using System.Diagnostics;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>scripts/demo.sh with the built programs, on a real scan, with few steps.</summary>
public sealed class DemoTests : IDisposable
{
    private const string Volume = "/usr/share/mricron/templates/ch2.nii.gz";

    // .../bin/<configuration>/net10.0/
    private static readonly string Configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-demo-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task The_demonstration_solves_slices_through_the_service_and_writes_pictures_and_figures()
    {
        string output = Path.Combine(_folder.FullName, "out"), json = Path.Combine(_folder.FullName, "rows.json");
        (int exitCode, string text) = await RunAsync(
            output, "--preset", "fast", "--set", "steps=10", "--slices", "axial:90", "--problems", "gaussianDeblurring,mri4", "--json", json);
        Assert.True(exitCode == 0, text);
        Assert.Contains("mri4-axial90: succeeded", text, StringComparison.Ordinal);

        string report = await File.ReadAllTextAsync(Path.Combine(output, "report.md"));
        Assert.True(IsPicture(Path.Combine(output, "sheet.png"), 50_000));
        JsonArray rows = JsonNode.Parse(await File.ReadAllTextAsync(json))!.AsArray();
        // Measured: 25.9 and 19.4 dB.
        foreach ((JsonNode? row, string problem, double floor) in rows.Zip(["gaussianDeblurring", "mri4"], [22.0, 17.0]))
        {
            Assert.Equal(problem, (string)row!["problem"]!);
            Assert.Contains($"| {problem} | axial90 |", report, StringComparison.Ordinal);
            Assert.InRange((double)row["psnrDb"]!, floor, 60);
            Assert.InRange((double)row["ssim"]!, 0.3, 1);
            Assert.InRange((double)row["nmse"]!, 1e-6, 0.2);
            Assert.InRange((double)row["ratio"]!, 1e-6, 100);
            Assert.InRange((double)row["priorShare"]!, 0, 1);
            Assert.InRange((double)row["leastSquares"]!["psnrDb"]!, 18, 60);
            string job = Path.Combine(output, $"{problem}-axial90");
            Assert.All(["truth.png", "measurement.png", "leastSquares.png", "result.png"], name => Assert.True(IsPicture(Path.Combine(job, name), 1000), name));
            Assert.Equal(128 * 128 * sizeof(float), new FileInfo(Path.Combine(job, "result.npy")).Length - 128);
            Assert.Equal(problem + "-axial90", (string)JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(job, "report.json")))!["name"]!);
        }

        Assert.Equal(2, rows.Count);
    }

    [Fact]
    public async Task The_demonstration_tells_what_the_service_refused()
    {
        (int exitCode, string text) = await RunAsync(Path.Combine(_folder.FullName, "out"), "--preset", "best");
        Assert.Equal(2, exitCode);
        Assert.Contains("error: --preset best: ", text, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string Text)> RunAsync(params string[] arguments)
    {
        string service = Program("Service", "InverseSolver.Service"), inverse = Program("Cli", "inverse");
        Assert.SkipUnless(File.Exists(Volume), "The Debian package mricron-data is not installed.");
        Assert.SkipUnless(File.Exists(inverse), $"{inverse} is not built.");
        string temporary = _folder.CreateSubdirectory("tmp").FullName;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root, "scripts/demo.sh"), service, inverse, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder.FullName,
            Environment = { ["TMPDIR"] = temporary },
        };
        using Process script = Process.Start(start)!;
        try
        {
            Task<string> output = script.StandardOutput.ReadToEndAsync(limit.Token), errors = script.StandardError.ReadToEndAsync(limit.Token);
            await script.WaitForExitAsync(limit.Token);
            Assert.Empty(Directory.GetFileSystemEntries(temporary, "tmp.*"));
            return (script.ExitCode, await output + await errors);
        }
        finally
        {
            if (!script.HasExited)
            {
                script.Kill(entireProcessTree: true);
            }
        }
    }

    private static string Program(string project, string name) =>
        Path.Combine(Repository.Root, $"src/InverseSolver.{project}/bin/{Configuration}/net10.0", name);

    private static bool IsPicture(string path, int bytes) =>
        File.ReadAllBytes(path) is var file && file.Length > bytes && file.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]);
}
