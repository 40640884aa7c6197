using System.Net;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using InverseSolver.Service.Audit;
using Microsoft.Extensions.DependencyInjection;

namespace InverseSolver.ServiceTests;

/// <summary>Browsers: their sessions, tickets for events, pages of other origins, and the rates and quotas of accounts.</summary>
[SupportedOSPlatform("linux")]
public sealed class SessionStories
{
    [Fact]
    public async Task A_key_is_exchanged_for_a_cookie_that_scripts_cannot_read_and_that_ends_with_the_key()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        string key = service.Key("alice", "east", "read");
        using var browser = new Browser(service.Client.BaseAddress!);
        Assert.Equal((200, null), await browser.WhoAsync());
        Assert.Equal((401, "unauthenticated"), await browser.AskAsync("GET", "/v1/jobs"));
        Assert.Equal((401, "unauthenticated"), await browser.AskAsync("POST", "/v1/session"));
        Assert.Equal((401, "unknownKey"), await browser.AskAsync("POST", "/v1/session", ("X-API-Key", "isk_a_b")));
        Assert.Empty(browser.Cookies);
        Assert.Equal((200, null), await browser.AskAsync("POST", "/v1/session", ("X-API-Key", key)));
        string cookie = browser.SetCookies.Single();
        Assert.Matches("^inverse-session=[^;]{100,}; path=/; samesite=strict; httponly$", cookie);
        Assert.DoesNotContain("secure", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal((200, "alice"), await browser.WhoAsync());
        Assert.Equal((200, null), await browser.AskAsync("GET", "/v1/jobs"));
        Assert.Equal((403, "missingScope"), await browser.AskAsync("GET", "/v1/keys"));

        // Pages of others that have the browser send it get nothing, whether they say so by the one header or the other.
        Assert.Equal((401, "unauthenticated"), await browser.AskAsync("GET", "/v1/jobs", ("Sec-Fetch-Site", "same-site")));
        Assert.Equal((401, "unauthenticated"), await browser.AskAsync("GET", "/v1/jobs", ("Origin", "http://other.example")));
        Assert.Equal((403, "crossSite"), await browser.AskAsync("DELETE", "/v1/session", ("Sec-Fetch-Site", "cross-site")));

        // Another's cookie, and one that was changed.
        string value = browser.Cookies.Single().Value;
        using (var forger = new Browser(service.Client.BaseAddress!))
        {
            forger.Give(value[..^3] + (value[^3] == 'A' ? 'B' : 'A') + value[^2..]);
            Assert.Equal((401, "sessionEnded"), await forger.AskAsync("GET", "/v1/jobs"));
            Assert.Equal((200, null), await forger.WhoAsync());
        }

        using (var thief = new Browser(service.Client.BaseAddress!))
        {
            thief.Give(value);
            Assert.Equal((200, "alice"), await thief.WhoAsync());
            Assert.Equal(204, (await browser.AskAsync("DELETE", "/v1/session")).Status);
            Assert.Equal((401, "unauthenticated"), await browser.AskAsync("GET", "/v1/jobs"));
            Assert.Equal((401, "sessionEnded"), await thief.AskAsync("GET", "/v1/jobs"));
            Assert.Equal((200, null), await thief.AskAsync("POST", "/v1/session", ("X-API-Key", key)));
            Assert.Equal((200, null), await thief.AskAsync("GET", "/v1/jobs"));
            using var root = new Browser(service.Client.BaseAddress!);
            Assert.Equal((200, null), await root.AskAsync("DELETE", $"/v1/keys/{key.Split('_')[1]}", ("X-API-Key", service.Key("root", "", "admin"))));
            Assert.Equal((401, "sessionEnded"), await thief.AskAsync("GET", "/v1/jobs"));
        }
    }

    [Fact]
    public async Task A_session_goes_on_after_a_restart_and_its_cookie_is_secure_behind_a_proxy_with_TLS()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-session-");
        try
        {
            string value;
            using (var service = new Service(folder.FullName, ("Access:Keys", "true"), ("Access:Proxies", "127.0.0.0/8;::1")))
            using (var browser = new Browser(service.Client.BaseAddress!))
            {
                Assert.Equal(
                    (200, null), await browser.AskAsync("POST", "/v1/session", ("X-API-Key", service.Key("alice")), ("X-Forwarded-Proto", "https")));
                Assert.Contains("; secure; ", browser.SetCookies.Single(), StringComparison.Ordinal);
                value = browser.SetCookies.Single().Split(';')[0].Split('=', 2)[1];
            }

            using (var service = new Service(folder.FullName, ("Access:Keys", "true")))
            using (var browser = new Browser(service.Client.BaseAddress!))
            {
                browser.Give(value);
                Assert.Equal((200, "alice"), await browser.WhoAsync());
            }

            string keys = Directory.GetFiles(Path.Combine(folder.FullName, "session-keys")).Single();
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(keys));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task People_sign_in_at_their_issuer_and_come_back_with_their_scopes()
    {
        await using var issuer = await Issuer.StartAsync();
        using var service = new Service(
            folder: null, ("Oidc:Authority", issuer.Address), ("Oidc:RequireHttps", "false"), ("Oidc:TenantClaim", "tenant"), ("Oidc:ScopePrefix", "inverse."),
            ("Oidc:ClientId", "inverse-web"), ("Oidc:ClientSecret", "sesame"));
        using var browser = new Browser(service.Client.BaseAddress!);
        JsonObject nobody = await browser.SessionAsync();
        Assert.Equal("/v1/session/issuer", (string?)nobody["issuer"]);
        string at = await browser.FollowAsync("/v1/session/issuer?to=/swagger/index.html");
        Assert.EndsWith("/swagger/index.html", at, StringComparison.Ordinal);
        JsonObject session = await browser.SessionAsync();
        Assert.Equal(("alice", "east"), ((string?)session["account"], (string?)session["tenant"]));
        Assert.Equal(["read", "submit"], session["scopes"]!.AsArray().Select(scope => (string)scope!));
        Assert.InRange(DateTimeOffset.Parse((string)session["expires"]!), DateTimeOffset.UtcNow.AddHours(7.9), DateTimeOffset.UtcNow.AddHours(8.1));
        Assert.Equal((200, null), await browser.AskAsync("GET", "/v1/jobs"));

        var trail = service.Services.GetRequiredService<AuditTrail>();
        Assert.Equal("east/alice signIn 302", Last());

        // A code of another's sign-in, and one that is made up.
        using var other = new Browser(service.Client.BaseAddress!);
        Uri asked = await other.AskIssuerAsync();
        string state = System.Web.HttpUtility.ParseQueryString(asked.Query)["state"]!;
        Assert.Equal((401, "signInFailed"), await other.AskAsync("GET", $"/v1/session/callback?code=wrong&state={Uri.EscapeDataString(state)}"));
        Assert.Equal((401, "signInFailed"), await browser.AskAsync("GET", $"/v1/session/callback?code=wrong&state={Uri.EscapeDataString(state)}"));
        Assert.Equal((401, "signInFailed"), await other.AskAsync("GET", "/v1/session/callback?code=wrong&state=wrong"));
        Assert.Equal((401, "unauthenticated"), await other.AskAsync("GET", "/v1/jobs"));
        Assert.Equal(" signIn 401", Last());
        foreach (string away in (string[])["//evil.example", "https://evil.example", "/\\evil.example", ""])
        {
            Assert.Equal((400, "invalidValue"), await other.AskAsync("GET", $"/v1/session/issuer?to={Uri.EscapeDataString(away)}"));
        }

        string Last() => trail.Read(0, 1000)[^1] is var record ? $"{record.Account} {record.Action} {record.Outcome}" : "";

        using var without = new Service(folder: null, ("Oidc:Authority", issuer.Address), ("Oidc:RequireHttps", "false"));
        using var visitor = new Browser(without.Client.BaseAddress!);
        Assert.Equal((404, "notFound"), await visitor.AskAsync("GET", "/v1/session/issuer"));
        Assert.Null((await visitor.SessionAsync())["issuer"]);
    }

    [Fact]
    public async Task A_ticket_opens_the_events_of_its_job_and_nothing_else()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"));
        string key = service.Key("alice", "east");
        using var browser = new Browser(service.Client.BaseAddress!);
        string one = await SubmitAsync(browser, key), two = await SubmitAsync(browser, key);
        foreach (string other in (string[])[service.Key("bob", "east"), service.Key("root", "", "read", "admin")])
            Assert.Equal((404, "notFound"), await browser.AskAsync("POST", $"/v1/jobs/{one}/events/ticket", ("X-API-Key", other)));
        JsonObject made = await browser.JsonAsync("POST", $"/v1/jobs/{one}/events/ticket", ("X-API-Key", key));
        Assert.InRange(DateTimeOffset.Parse((string)made["expires"]!), DateTimeOffset.UtcNow.AddSeconds(50), DateTimeOffset.UtcNow.AddSeconds(61));
        string ticket = Uri.EscapeDataString((string)made["ticket"]!);
        using (HttpResponseMessage events = await browser.SendAsync("GET", $"/v1/jobs/{one}/events?ticket={ticket}", headersOnly: true))
        {
            Assert.Equal(HttpStatusCode.OK, events.StatusCode);
            using var reader = new StreamReader(await events.Content.ReadAsStreamAsync());
            Assert.StartsWith("id:", await reader.ReadLineAsync(), StringComparison.Ordinal);
        }

        Assert.Equal((401, "invalidTicket"), await browser.AskAsync("GET", $"/v1/jobs/{two}/events?ticket={ticket}"));
        Assert.Equal((401, "invalidTicket"), await browser.AskAsync("GET", $"/v1/jobs/{one}/events?ticket={ticket[..^2]}AA"));
        Assert.Equal((401, "invalidTicket"), await browser.AskAsync("GET", $"/v1/jobs/{one}/events?ticket="));
        Assert.Equal((400, "unknownParameter"), await browser.AskAsync("GET", $"/v1/jobs/{one}?ticket={ticket}"));
        Assert.Equal((401, "unauthenticated"), await browser.AskAsync("GET", $"/v1/jobs/{one}"));

        // With the key end its tickets, and the streams that it or they opened.
        using HttpResponseMessage open = await browser.SendAsync("GET", $"/v1/jobs/{one}/events?ticket={ticket}", headersOnly: true);
        using HttpResponseMessage own = await browser.SendAsync("GET", $"/v1/jobs/{one}/events", headersOnly: true, ("X-API-Key", key));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (open.StatusCode, own.StatusCode));
        string root = service.Key("root", "", "read", "submit", "admin");
        Assert.Equal((200, null), await browser.AskAsync("DELETE", $"/v1/keys/{key.Split('_')[1]}", ("X-API-Key", root)));
        Assert.Equal((401, "invalidTicket"), await browser.AskAsync("GET", $"/v1/jobs/{one}/events?ticket={ticket}"));
        foreach (HttpResponseMessage stream in (HttpResponseMessage[])[open, own])
        {
            string rest = await stream.Content.ReadAsStringAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.DoesNotContain("event: finished", rest, StringComparison.Ordinal);
        }

        foreach (string id in (string[])[one, two]) await browser.AskAsync("POST", $"/v1/jobs/{id}/cancel", ("X-API-Key", root));
    }

    [Fact]
    public async Task Pages_of_the_origins_that_are_listed_send_requests_and_read_answers_errors_too_and_no_others_do()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Access:Origins", "https://viewer.example;http://localhost:3000"));
        using var browser = new Browser(service.Client.BaseAddress!);
        string key = service.Key("alice");
        (string, string?)[] origins = [("https://viewer.example", "https://viewer.example"), ("https://viewer.example.org", null), ("null", null)];
        foreach ((string origin, string? allowed) in origins)
        {
            (string, string)[] preflight = [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "x-api-key")];
            using HttpResponseMessage asked = await browser.SendAsync("OPTIONS", "/v1/jobs", headersOnly: false, preflight);
            Assert.Equal(allowed, Header(asked, "Access-Control-Allow-Origin"));
            foreach (string? sent in (string?[])[key, null])
            {
                (string, string)[] page = [("Origin", origin), ("Sec-Fetch-Site", "cross-site")];
                (string, string)[] headers = sent is null ? page : [.. page, ("X-API-Key", sent)];
                using HttpResponseMessage read = await browser.SendAsync("GET", "/v1/jobs", headersOnly: false, headers);
                Assert.Equal((sent is null ? 401 : 200, allowed), ((int)read.StatusCode, Header(read, "Access-Control-Allow-Origin")));
                Assert.Null(Header(read, "Access-Control-Allow-Credentials"));
                using HttpResponseMessage changed = await browser.SendAsync("POST", "/v1/models/none/load", headersOnly: false, headers);
                Assert.Equal(
                    (allowed is null || sent is not null ? 403 : 401, allowed), ((int)changed.StatusCode, Header(changed, "Access-Control-Allow-Origin")));
            }
        }

        string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.Single() : null;
    }

    [Fact]
    public async Task Swagger_can_be_left_out()
    {
        using var service = new Service(folder: null, ("Access:Swagger", "false"));
        using var browser = new Browser(service.Client.BaseAddress!);
        foreach (string path in (string[])["/", "/swagger", "/swagger/index.html", "/swagger/v1/swagger.json"])
            Assert.Equal((404, "notFound"), await browser.AskAsync("GET", path));
        Assert.Equal((200, null), await browser.AskAsync("GET", "/v1/problems"));
    }

    [Fact]
    public async Task Each_account_has_its_own_rate_and_health_has_none()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Limits:RequestsPerSecond", "1"));
        using var browser = new Browser(service.Client.BaseAddress!);
        string alice = service.Key("alice", "east"), again = service.Key("alice", "east"), bob = service.Key("bob", "east");
        int taken = 0;
        for (int i = 0; i < 30; i++) taken += (await browser.AskAsync("GET", "/v1/solvers", ("X-API-Key", i % 2 == 0 ? alice : again))).Status == 200 ? 1 : 0;
        Assert.InRange(taken, 10, 20);
        using HttpResponseMessage refused = await browser.SendAsync("GET", "/v1/solvers", headersOnly: false, ("X-API-Key", alice));
        Assert.Equal(((HttpStatusCode)429, TimeSpan.FromSeconds(1)), (refused.StatusCode, refused.Headers.RetryAfter?.Delta));
        Assert.Equal("tooManyRequests", (string?)(await refused.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
        Assert.Equal((200, null), await browser.AskAsync("GET", "/v1/solvers", ("X-API-Key", bob)));

        // Those who prove nothing share the rate of their address, and take nothing from the accounts there.
        for (int i = 0; i < 30; i++) await browser.AskAsync("GET", "/v1/solvers", ("X-API-Key", $"isk_{i}_x"));
        Assert.Equal((429, "tooManyRequests"), await browser.AskAsync("GET", "/v1/solvers"));
        Assert.Equal((200, null), await browser.AskAsync("GET", "/v1/solvers", ("X-API-Key", bob)));
        for (int i = 0; i < 30; i++) Assert.Equal((200, null), await browser.AskAsync("GET", "/health/live"));
    }

    [Fact]
    public async Task A_proxy_that_is_listed_says_who_asks_and_no_other_does()
    {
        foreach ((string proxies, string expected) in ((string, string)[])[("127.0.0.0/8;::1", "203.0.113.9"), ("10.0.0.0/8", "loopback"), ("", "loopback")])
        {
            using var service = new Service(folder: null, ("Access:Proxies", proxies));
            using var browser = new Browser(service.Client.BaseAddress!);
            JsonObject job = Requests.LongJob();
            using HttpResponseMessage answer = await browser.SendAsync(
                "POST", "/v1/jobs", headersOnly: false, JsonContent.Create(job), ("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "evil.example"));
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            JsonNode audit = (await service.GetAsync("/v1/audit"))["items"]!.AsArray().Single(record => (string?)record!["action"] == "submitJob")!;
            string address = (string)audit["address"]!;
            Assert.Equal(expected, IPAddress.IsLoopback(IPAddress.Parse(address)) ? "loopback" : address);
            await browser.AskAsync("POST", $"/v1/jobs/{Service.Id((await answer.Content.ReadFromJsonAsync<JsonObject>())!)}/cancel");
        }
    }

    [Fact]
    public async Task Quotas_of_an_account_hold_in_place_of_the_configuration_s()
    {
        using var service = new Service(folder: null, ("Access:Keys", "true"), ("Callers:Waiting", "1"), ("Callers:Bytes", "1000000"));
        using var browser = new Browser(service.Client.BaseAddress!);
        string root = service.Key("root", "", "admin"), alice = service.Key("alice", "east"), bob = service.Key("bob", "east");
        Assert.Equal((403, "missingScope"), await browser.AskAsync("GET", "/v1/quotas", ("X-API-Key", alice)));
        JsonObject set = await PutAsync(new { account = "alice", tenant = "east", waiting = 3, running = 1, weight = 2.5, solverSecondsPerDay = 0 });
        Assert.Equal((3, 1, 2.5), ((int)set["waiting"]!, (int)set["running"]!, (double)set["weight"]!));
        Assert.Equal((0, 1_000_000), ((int)set["solverSecondsPerDay"]!, (int)set["bytes"]!));
        JsonNode audited = (await browser.JsonAsync("GET", "/v1/audit", ("X-API-Key", root)))["items"]!.AsArray()[^1]!;
        Assert.Equal("root setQuota east/alice 200", $"{audited["account"]} {audited["action"]} {audited["object"]} {audited["outcome"]}");
        for (int i = 0; i < 3; i++) await SubmitAsync(browser, alice);
        await SubmitAsync(browser, bob);

        // Two of alice's wait at least: one may have been started.
        JsonObject[] items = [.. (await browser.JsonAsync("GET", "/v1/quotas", ("X-API-Key", root)))["items"]!.AsArray().Select(item => item!.AsObject())];
        Assert.Equal(["alice east 3", "bob east 1"], items.Select(item => $"{item["account"]} {item["tenant"]} {item["waiting"]}"));
        Assert.Equal(3, (int)items[0]["used"]!["waiting"]! + (int)items[0]["used"]!["running"]!);
        Assert.InRange((long)items[0]["used"]!["bytes"]!, 1, 999_999);
        await PutAsync(new { account = "alice", tenant = "east", bytes = 1 });
        using HttpResponseMessage over = await browser.SendAsync(
            "POST", "/v1/jobs", headersOnly: false, JsonContent.Create(Requests.LongJob()), ("X-API-Key", alice));
        string code = (string)(await over.Content.ReadFromJsonAsync<JsonObject>())!["code"]!;
        Assert.Equal(429, (int)over.StatusCode);
        Assert.Contains(code, (string[])["quotaBytes", "quotaWaiting"]);
        using HttpResponseMessage wrong = await SendAsync(new { account = "a/b", waiting = -1, weight = 0 });
        Assert.Equal(422, (int)wrong.StatusCode);
        Assert.Equal(
            ["account", "waiting", "weight"],
            (await wrong.Content.ReadFromJsonAsync<JsonObject>())!["errors"]!.AsArray().Select(error => (string)error!["field"]!).Order());

        Task<HttpResponseMessage> SendAsync(object quota) =>
            browser.SendAsync("PUT", "/v1/quotas", headersOnly: false, JsonContent.Create(quota), ("X-API-Key", root));

        async Task<JsonObject> PutAsync(object quota)
        {
            using HttpResponseMessage answer = await SendAsync(quota);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            return (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        }
    }

    private static async Task<string> SubmitAsync(Browser browser, string key)
    {
        using HttpResponseMessage answer = await browser.SendAsync(
            "POST", "/v1/jobs", headersOnly: false, JsonContent.Create(Requests.LongJob()), ("X-API-Key", key));
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return Service.Id((await answer.Content.ReadFromJsonAsync<JsonObject>())!);
    }
}
