namespace InverseSolver.ServiceTests.Owasp;

/// <summary>
/// API8:2023: settings. Headers are in <see cref="AccessStories"/>, origins and Swagger's switch in <see cref="SessionStories"/>, addresses beyond loopback and
/// misspelt options in the tests of the configuration.
/// </summary>
public sealed class Api08SecurityMisconfiguration
{
    [Fact]
    public async Task Errors_have_no_stack_and_no_path_methods_that_nobody_needs_are_off_and_origins_are_closed()
    {
        using var service = new Service();
        using var sender = new Browser(service.Client.BaseAddress!);
        foreach ((string method, string path) in ((string, string)[])
        [
            ("TRACE", "/v1/jobs"), ("PATCH", "/v1/jobs"), ("PUT", "/v1/jobs/x"), ("PROPFIND", "/"), ("GET", "/v1/jobs/%00"),
            ("GET", "/.git/config"), ("GET", "/appsettings.json"), ("GET", "/jobs.db"), ("GET", "/v1/jobs/..%2f..%2fjobs.db"),
            ("GET", "/swagger/../appsettings.json"),
            ("GET", "/metrics"), ("GET", "/actuator/env"), ("GET", "/v1/jobs/x/artefacts/..%2f..%2f..%2fetc%2fpasswd"), ("GET", "/v1/jobs?limit=a"),
        ])
        {
            using HttpResponseMessage answer = await sender.SendAsync(method, path, headersOnly: false);
            string text = await answer.Content.ReadAsStringAsync();
            Assert.InRange((int)answer.StatusCode, 400, 499);
            Assert.False(answer.Headers.Contains("Server") || answer.Headers.Contains("X-Powered-By"));
            foreach (string leak in (string[])["   at ", "System.", "Microsoft.", ".cs:", "Exception", Repository.Root, service.Folder])
                Assert.DoesNotContain(leak, text, StringComparison.Ordinal);
        }

        (string, string)[] preflight = [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")];
        using HttpResponseMessage asked = await sender.SendAsync("OPTIONS", "/v1/jobs", headersOnly: false, preflight);
        Assert.DoesNotContain(asked.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.Ordinal));
    }
}
