extern alias client;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using client::InverseSolver.Client;
using InverseSolver.Service.Documentation;

namespace InverseSolver.ServiceTests;

/// <summary>
/// The OpenAPI document says what the service does: to linters, to a validator of live answers, to people in Swagger UI and to clients that are generated from
/// it.
/// </summary>
public sealed class GeneratedClientTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "clients");
    private static readonly string Document = Path.Combine(Repository.Root, "docs", "openapi.json");
    private static readonly string Picture = Path.Combine(Repository.Root, "docs", "images", "slice.png");

    private string? _key;

    public async ValueTask InitializeAsync()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules"))) await RunAsync("npm", "ci", "--no-progress");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Linters_find_neither_error_nor_warning_in_the_document()
    {
        string spectral = await RunAsync("npx", "spectral", "lint", Document, "--fail-severity", "hint");
        Assert.Contains("No results with a severity of 'hint' or higher found!", spectral);
        string redocly = await RunAsync("npx", "redocly", "lint", Document);
        Assert.Contains("Your API description is valid", redocly);
        Assert.DoesNotContain("Warning was generated", redocly);
    }

    [Fact]
    public async Task Every_live_answer_is_as_documented()
    {
        using Service service = WithKeys();
        string said = await RunAsync("node", "contract.mjs", Address(service));
        Assert.Matches(@"\n?1[123]\d answers of 31 operations, 0 faults\n$", said);
    }

    [Fact]
    public async Task With_a_key_each_example_runs_unmodified_in_Swagger_UI_and_the_ids_that_it_shows_exist()
    {
        using Service service = WithKeys(("Jobs:Examples", "true"));
        string pictures = Path.Combine(Folder, "generated");
        Directory.CreateDirectory(pictures);
        string said = await RunAsync("node", "swagger.mjs", Address(service), pictures);
        Assert.Equal(
            [
                "without a key 401 unauthenticated",
                "Authorize: bearerToken (http, Bearer), callerKey (apiKey)",
                .. Examples.Jobs.Select(example => $"{example.Name} 202 succeeded {example.Summary}"),
                $"getJob {Examples.Jobs[0].Id} 200 succeeded",
                "getArtefact 200 picture 128x128",
                "Accept of getArtefact: application/octet-stream of application/octet-stream, image/png, application/json, application/dicom",
                "Accept of simulateMeasurement: application/octet-stream of application/octet-stream, image/png, application/zip",
            ],
            said.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task All_clients_submit_the_same_job_and_get_the_same_bytes()
    {
        await RunAsync("npx", "openapi-typescript", Document, "--default-non-nullable=false", "-o", Path.Combine("generated", "api.d.ts"));
        await RunAsync("npx", "tsc", "-p", ".");
        await RunAsync("dotnet", "tool", "restore");
        await RunAsync(
            "dotnet", "kiota", "generate", "-l", "CSharp", "-d", Document, "-o", Path.Combine("generated", "kiota"), "-c", "ApiClient", "-n", "Inverse.Kiota",
            "--clean-output", "--exclude-backward-compatible");
        await RunAsync("dotnet", "build", "kiota", "-c", "Release", "-v", "quiet", "-nologo");
        using Service service = WithKeys();
        string url = Address(service);
        string typescript = await RunAsync("node", Path.Combine("generated", "typescript.js"), url, Picture);
        Assert.StartsWith(
            """
            submitted queued without progress
            events end with succeeded
            done succeeded inpainting {"type":"random","fraction":0.5,"seed":1}
            listed true
            bytes true
            refused unknownModel model solver.type files.measurement
            result 
            """.ReplaceLineEndings("\n"), typescript, StringComparison.Ordinal);
        string kiota = await RunAsync("dotnet", Path.Combine("kiota", "bin", "Release", "net10.0", "kiota.dll"), url, Picture);
        Assert.StartsWith(
            """
            submitted Queued without progress
            events end with event: finished
            done Succeeded Inpainting 0.5
            listed True
            bytes True
            refused unknownModel model files.measurement
            result 
            """.ReplaceLineEndings("\n"), kiota, StringComparison.Ordinal);
        string csharp = await SolveAsync(url);
        string python = await RunAsync(
            "/usr/bin/python3", "-c",
            "import os, sys, hashlib; sys.path.insert(0, sys.argv[3]); from inversesolver import Client\n"
                + "with Client(sys.argv[1], os.environ['INVERSESOLVER_KEY']) as client:\n"
                + "    problem = {'type': 'inpainting', 'mask': {'type': 'random', 'fraction': 0.5, 'seed': 1}}\n"
                + "    solver = {'type': 'dcdp', 'preset': 'fast', 'parameters': {'samples': 1}}\n"
                + "    job = client.wait(client.submit('brain-mri-128', problem, sys.argv[2], 0.02, solver, seed=3))\n"
                + "    print('result ' + hashlib.sha256(client.download(job, 'result.npy')).hexdigest())",
            url, Picture, Path.Combine(Repository.Root, "src", "clients", "python"));
        string folder = Path.Combine(Folder, "generated", "inverse");
        string inverse = Path.Combine(Repository.Root, "src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");
        await RunAsync(
            inverse, "submit", "--server", url, "--problem", """{"type":"inpainting","mask":{"type":"random","fraction":0.5,"seed":1}}""",
            "--measurement", Picture, "--sigma", "0.02", "--solver", "dcdp", "--preset", "fast", "--set", "samples=1", "--seed", "3", "--out", folder);
        string command = $"result {Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(folder, "result.npy"))))}";
        string[] results = [.. new[] { typescript, kiota, csharp, python, command }.Select(said => said.Trim().Split('\n')[^1])];
        Assert.Single(results.Distinct());
        JsonArray jobs = (await service.GetAsync("/v1/jobs?expand=request"))["items"]!.AsArray();
        Assert.Equal(5, jobs.Count);
        Assert.Single(jobs.Select(job => job!["request"]!.ToJsonString()).Distinct());
    }

    private async Task<string> SolveAsync(string url)
    {
        using var client = new InverseClient(new Uri(url), _key);
        byte[] picture = await File.ReadAllBytesAsync(Picture);
        var request = new JobRequest
        {
            Model = "brain-mri-128",
            Problem = new Inpainting { Mask = new RandomMask { Fraction = 0.5, Seed = 1 } },
            Sigma = 0.02,
            Seed = 3,
            Solver = new DcdpSolver { Preset = SolverChoicePreset.Fast, Parameters = new DcdpParameters { Samples = 1 } },
        };
        var files = new Dictionary<string, byte[]> { ["measurement"] = picture };
        Job job = await client.SubmitAsync(request, files, "the-same");
        Assert.Equal((JobState.Queued, null), (job.State, job.Progress));
        Assert.Equal(job.Id, (await client.SubmitAsync(request, files, "the-same")).Id);
        var seen = new List<Job>();
        Job done = await client.WaitAsync(job.Id, new Listener(seen));
        Assert.Equal(JobState.Succeeded, done.State);
        Assert.Equal(JobState.Succeeded, seen[^1].State);
        Assert.Equal(0.5, Assert.IsType<RandomMask>(Assert.IsType<Inpainting>(done.Request!.Problem).Mask).Fraction);
        JobPage page = await client.Api.ListJobsAsync(limit: 1, problem: ProblemType.Inpainting, expand: [JobPart.Request, JobPart.Result]);
        Job listed = Assert.Single(page.Items);
        Assert.Equal((done.Id, 3, done.Result!.Cost.NetworkCalls), (listed.Id, listed.Request!.Seed, listed.Result!.Cost.NetworkCalls));
        byte[] bytes = await client.DownloadAsync(done, "result.npy");
        var refused = await Assert.ThrowsAsync<ApiException<ApiError>>(() => client.SubmitAsync(
            new JobRequest { Model = "none", Problem = new Denoising(), Priority = JobPriority.High }, new Dictionary<string, byte[]>()));
        Assert.Equal((422, "unknownModel"), (refused.StatusCode, refused.Result.Code));
        Assert.Equal(["model", "files.measurement"], refused.Result.Errors.Select(fault => fault.Field));
        return $"result {Convert.ToHexStringLower(SHA256.HashData(bytes))}";
    }

    private sealed class Listener(List<Job> seen) : IProgress<Job>
    {
        public void Report(Job value) => seen.Add(value);
    }

    /// <summary>A service that asks for a key, which the clients have in INVERSESOLVER_KEY.</summary>
    private Service WithKeys(params (string Name, string Value)[] settings)
    {
        var service = new Service(null, [("Access:Keys", "true"), .. settings]);
        _key = service.Key("client", "", "read", "submit", "tenant", "admin");
        service.Client.DefaultRequestHeaders.Add("X-API-Key", _key);
        return service;
    }

    private static string Address(Service service) => service.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["INVERSESOLVER_KEY"] = _key;
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        output.WriteLine(said + await errors);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {said}{await errors}");
        return said + await errors;
    }
}
