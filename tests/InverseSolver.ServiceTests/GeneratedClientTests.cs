using System.Diagnostics;

namespace InverseSolver.ServiceTests;

/// <summary>The OpenAPI document says what the service does, to linters, to a validator of live answers and to clients that are generated from it.</summary>
public sealed class GeneratedClientTests(ITestOutputHelper output) : IAsyncLifetime
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "clients");
    private static readonly string Document = Path.Combine(Repository.Root, "docs", "openapi.json");
    private static readonly string Picture = Path.Combine(Repository.Root, "docs", "images", "slice.png");

    public async ValueTask InitializeAsync()
    {
        if (!Directory.Exists(Path.Combine(Folder, "node_modules"))) await RunAsync("npm", "ci", "--no-progress");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Linters_find_no_error_in_the_document()
    {
        string spectral = await RunAsync("npx", "spectral", "lint", Document, "--fail-severity", "error");
        Assert.Contains("(0 errors", spectral);
        Assert.Contains("Your API description is valid", await RunAsync("npx", "redocly", "lint", Document));
    }

    [Fact]
    public async Task Every_live_answer_is_as_documented()
    {
        using var service = new Service();
        string said = await RunAsync("node", "contract.mjs", Address(service));
        Assert.Matches(@"\n?8\d answers of 21 operations, 0 faults\n$", said);
    }

    [Fact]
    public async Task A_TypeScript_client_of_openapi_typescript_works()
    {
        await RunAsync("npx", "openapi-typescript", Document, "--default-non-nullable=false", "-o", Path.Combine("generated", "api.d.ts"));
        await RunAsync("npx", "tsc", "-p", ".");
        using var service = new Service();
        string said = await RunAsync("node", Path.Combine("generated", "typescript.js"), Address(service), Picture);
        Assert.StartsWith(
            """
            submitted queued without progress
            events end with succeeded
            done succeeded inpainting {"type":"random","fraction":0.5,"seed":1}
            listed true
            bytes true
            refused unknownModel model solver.type files.measurement
            result 
            """.ReplaceLineEndings("\n"), said, StringComparison.Ordinal);
    }

    private static string Address(Service service) => service.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    private async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        output.WriteLine(said + await errors);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {said}{await errors}");
        return said + await errors;
    }
}
