using System.Diagnostics;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary><c>inverse submit</c> and <c>inverse simulate</c>, the built program, against a running service.</summary>
public sealed class CommandLineStories(Service service) : IClassFixture<Service>, IDisposable
{
    private const string Problem = """{"type":"inpainting","mask":{"type":"random","fraction":0.5,"seed":1}}""";

    private static readonly string Program = Path.Combine(
        Repository.Root, "src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");

    private static readonly string Picture = Path.Combine(Repository.Root, "docs", "images", "slice.png");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-submit-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_submitted_job_is_followed_and_all_of_its_files_are_those_of_the_service()
    {
        (int code, string output) = Inverse(
            "submit", "--problem", Problem, "--measurement", Picture, "--truth", Picture, "--sigma", "0.02", "--seed", "3", "--solver", "diffPir",
            "--preset", "fast", "--set", "steps=4", "samples=2", "--baselines", "adjoint,leastSquares", "--name", "of the command line", "--priority", "high",
            "--out", PathOf("out"), "--json", PathOf("job.json"));
        Assert.True(code == 0, output);
        JsonObject job = JsonNode.Parse(File.ReadAllText(PathOf("job.json")))!.AsObject(), request = job["request"]!.AsObject();
        string id = Service.Id(job);
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal("of the command line", (string?)request["name"]);
        Assert.Equal((3, "diffPir", "fast", 4), (
            (int)request["seed"]!, (string)request["solver"]!["type"]!, (string)request["solver"]!["preset"]!,
            (int)request["solver"]!["parameters"]!["steps"]!));
        JsonArray artefacts = job["result"]!["artefacts"]!.AsArray();
        Assert.Equal(
            artefacts.Select(file => (string)file!["name"]!).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(PathOf("out")).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        foreach (JsonNode? file in artefacts)
        {
            string name = (string)file!["name"]!;
            Assert.Equal(await service.Client.GetByteArrayAsync($"/v1/jobs/{id}/artefacts/{name}"), File.ReadAllBytes(Path.Combine(PathOf("out"), name)));
        }

        // As 'inverse solve' prints it, in its order.
        string[] heads =
        [
            $"job           {id}", "solver        diffPir, preset fast", "noise         sigma 0.02", "residual      ", "prior share   ", "deviation     ",
            "against truth PSNR ", "cost          ", "adjoint       PSNR ", "leastSquares  PSNR ", "Not for diagnosis.",
        ];
        string[] lines = [.. output.Split('\n').Where(line => !line.StartsWith("job: ", StringComparison.Ordinal) && line.Length > 0)];
        Assert.All(lines.Zip(heads), pair => Assert.StartsWith(pair.Second, pair.First, StringComparison.Ordinal));
        Assert.Matches(@"(?m)^job: \w+, residual [\d.E+-]+; \d+ of \d+ steps, \d+ s$", output);
    }

    [Fact]
    public async Task Without_a_folder_the_job_s_id_is_said_at_once()
    {
        (int code, string output) = Inverse("submit", "--problem", "denoising", "--measurement", Picture, "--sigma", "0.05", "--solver", "adjoint");
        Assert.True(code == 0, output);
        string id = output.Split('\n').Single(line => line.StartsWith("job ", StringComparison.Ordinal)).Split(' ')[^1];
        Assert.Equal("succeeded", Service.State(await service.UntilAsync(id)));
        (code, output) = Inverse("download", id, "--out", PathOf("later"));
        Assert.True(code == 0, output);
        Assert.Equal(
            await service.Client.GetByteArrayAsync($"/v1/jobs/{id}/artefacts/result.npy"), File.ReadAllBytes(Path.Combine(PathOf("later"), "result.npy")));
        Assert.Equal((2, "error: There is no such job.\n"), Inverse("download", "none", "--out", PathOf("none")));
    }

    [Fact]
    public void Every_fault_that_the_service_finds_names_the_option_that_was_typed()
    {
        (int code, string output) = Inverse(
            "submit", "--problem", "denoising", "--measurement", Picture, "--sigma", "-1", "--model", "other", "--set", "steps=0", "--solver", "ddnm",
            "--baselines", "adjoint,magic", "--out", PathOf("none"));
        Assert.Equal(2, code);
        string[] errors = [.. output.Split('\n').Where(line => line.StartsWith("error: ", StringComparison.Ordinal))];
        Assert.Equal(
            ["error: --sigma -1", "error: --model other", "error: --set steps=0", "error: --baselines adjoint,magic"],
            errors.Select(error => error[..error.IndexOf(':', 7)]));
        Assert.Equal(3, output.TrimEnd().Split('\n').SkipWhile(line => !line.StartsWith("usage: ", StringComparison.Ordinal)).Count());
        Assert.False(Directory.Exists(PathOf("none")));
        (code, output) = Inverse("submit", "--problem", "mri", "--measurement", Picture, "--mask", Picture);
        Assert.Equal(2, code);
        Assert.Contains("error: --measurement ", output, StringComparison.Ordinal);
        (code, output) = Inverse("models", "show", "other");
        Assert.Equal((2, "error: There is no such model.\n"), (code, output));
    }

    [Fact]
    public void A_service_that_is_not_there_is_one_sentence()
    {
        string[] arguments = ["submit", "--problem", "denoising", "--measurement", Picture, "--server", "http://127.0.0.1:9"];
        (int code, string output) = Inverse(arguments);
        Assert.Equal(1, code);
        Assert.Contains("error: The service does not answer: Connection refused (127.0.0.1:9)\n", output, StringComparison.Ordinal);

        // Another program's page is no answer.
        (code, output) = Inverse([.. arguments[..^1], $"{Address}/swagger"]);
        Assert.Equal(2, code);
        Assert.Contains("error: ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INT", 130), InlineData("TERM", 143)]
    public async Task A_signal_cancels_the_job_that_is_waited_for(string signal, int code)
    {
        var start = new ProcessStartInfo(
            "/usr/bin/env",
            ["--default-signal=INT", Program, "submit", "--server", Address, "--problem", "denoising", "--measurement", Picture, "--sigma", "0.05",
                "--solver", "reSample", "--preset", "paper", "--out", PathOf("out")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        string id = (await process.StandardOutput.ReadLineAsync())!.Split(' ')[^1];
        await service.UntilAsync(id, job => Service.State(job) == "running" && job["progress"] is not null);
        Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id}"]).WaitForExit();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(code, process.ExitCode);
        Assert.EndsWith($"note: job {id} was cancelled.\nerror: The command was cancelled.\n", errors, StringComparison.Ordinal);
        Assert.Equal("cancelled", Service.State(await service.UntilAsync(id)));
        Assert.False(Directory.Exists(PathOf("out")));
    }

    [Fact]
    public async Task A_simulated_measurement_is_that_of_the_service()
    {
        Assert.Equal(0, Inverse("simulate", "--problem", Problem, "--image", Picture, "--sigma", "0.05", "--seed", "4", "--out", PathOf("y.npy")).ExitCode);
        var request = new JsonObject { ["problem"] = JsonNode.Parse(Problem), ["sigma"] = 0.05, ["seed"] = 4 };
        using MultipartFormDataContent form = Requests.Form(request, ("image", await File.ReadAllBytesAsync(Picture)));
        using HttpResponseMessage answer = await service.Client.PostAsync("/v1/measurements/simulate", form);
        Assert.Equal(await answer.Content.ReadAsByteArrayAsync(), await File.ReadAllBytesAsync(PathOf("y.npy")));
    }

    private string Address => service.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private (int ExitCode, string Output) Inverse(params string[] arguments) =>
        Repository.Run(Program, arguments, [("INVERSESOLVER_URL", Address), ("OMP_NUM_THREADS", "1")]);
}
