using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>Who may do what: every operation against nobody, a wrong scope, another tenant, the owner and an administrator.</summary>
public sealed class AccessStories : IDisposable
{
    // A row for each operation: what it needs, and whose object it is about. JOB is a job of the owner that is final, RUNNING one that is not.
    private static readonly (string Operation, string Method, string Path, string Scope, Rule Rule)[] Operations =
    [
        ("submitJob", "POST", "/v1/jobs", "submit", Rule.Scope),
        ("estimateJob", "POST", "/v1/jobs/estimate", "submit", Rule.Scope),
        ("simulateMeasurement", "POST", "/v1/measurements/simulate", "submit", Rule.Scope),
        ("listJobs", "GET", "/v1/jobs", "read", Rule.Scope),
        ("getJob", "GET", "/v1/jobs/JOB", "read", Rule.Managed),
        ("listenToJob", "GET", "/v1/jobs/JOB/events", "read", Rule.Owned),
        ("listArtefacts", "GET", "/v1/jobs/JOB/artefacts", "read", Rule.Owned),
        ("getArtefactsZip", "GET", "/v1/jobs/JOB/artefacts.zip", "read", Rule.Owned),
        ("getArtefact", "GET", "/v1/jobs/JOB/artefacts/result.png", "read", Rule.Owned),
        ("retainJob", "POST", "/v1/jobs/JOB/retain?days=3", "submit", Rule.Managed),
        ("cancelJob", "POST", "/v1/jobs/RUNNING/cancel", "submit", Rule.Managed),
        ("deleteJob", "DELETE", "/v1/jobs/FINAL", "submit", Rule.Managed),
        ("listModels", "GET", "/v1/models", "read", Rule.Scope),
        ("getModel", "GET", "/v1/models/brain-mri-128", "read", Rule.Scope),
        ("loadModel", "POST", "/v1/models/brain-mri-128/load", "admin", Rule.Scope),
        ("warmModel", "POST", "/v1/models/brain-mri-128/warm", "admin", Rule.Scope),
        ("unloadModel", "POST", "/v1/models/brain-mri-128/unload", "admin", Rule.Scope),
        ("listProblems", "GET", "/v1/problems", "read", Rule.Scope),
        ("listSolvers", "GET", "/v1/solvers", "read", Rule.Scope),
        ("createKey", "POST", "/v1/keys", "admin", Rule.Scope),
        ("listKeys", "GET", "/v1/keys", "admin", Rule.Scope),
        ("revokeKey", "DELETE", "/v1/keys/KEY", "admin", Rule.Scope),
        ("listQuotas", "GET", "/v1/quotas", "admin", Rule.Scope),
        ("setQuota", "PUT", "/v1/quotas", "admin", Rule.Scope),
        ("createEventTicket", "POST", "/v1/jobs/JOB/events/ticket", "read", Rule.Owned),
        ("signIn", "POST", "/v1/session", "", Rule.Account),
        ("getSession", "GET", "/v1/session", "", Rule.Anybody),
        ("signOut", "DELETE", "/v1/session", "", Rule.Anybody),
        ("readAudit", "GET", "/v1/audit", "admin", Rule.Scope),
        ("live", "GET", "/health/live", "", Rule.Anybody),
        ("ready", "GET", "/health/ready", "", Rule.Anybody),
    ];

    private readonly Service _service = new(folder: null, ("Access:Keys", "true"));

    private enum Rule
    {
        Anybody,
        Account,
        Scope,
        Managed,
        Owned,
    }

    public void Dispose() => _service.Dispose();

    [Fact]
    public async Task Each_operation_answers_those_and_only_those_who_may()
    {
        JsonObject document = (await _service.GetAsync("/swagger/v1/swagger.json"))["paths"]!.AsObject();
        Assert.Equal(
            document.SelectMany(path => path.Value!.AsObject().Select(operation => (string)operation.Value!["operationId"]!)).Order(),
            Operations.Select(row => row.Operation).Order());
        (string Who, string? Key)[] senders =
        [
            ("nobody", null), ("wrong scope", null), ("other tenant", _service.Key("doctor", "west", "read", "submit", "tenant")),
            ("other account", _service.Key("nurse", "east")), ("owner", _service.Key("doctor", "east")),
            ("same account", _service.Key("doctor", "east")), ("tenant", _service.Key("head", "east", "read", "submit", "tenant")),
            ("admin", _service.Key("root", "", "admin", "read", "submit")),
        ];
        string owner = senders.Single(sender => sender.Who == "owner").Key!;
        var faults = new List<string>();
        foreach ((string operation, string method, string path, string scope, Rule rule) in Operations)
        {
            foreach ((string who, string? key) in senders)
            {
                string another = scope switch { "read" => "submit", "submit" => "read", _ => "tenant" };
                string? sent = who == "wrong scope" ? _service.Key("doctor", "east", another) : key;
                int expected = (rule, who) switch
                {
                    (Rule.Anybody, _) => 200,
                    (_, "nobody") => 401,
                    (Rule.Account, _) => 200,
                    (_, "wrong scope") => 403,
                    _ when scope == "admin" && who != "admin" => 403,
                    (Rule.Scope, _) => 200,
                    (Rule.Managed, "owner" or "same account" or "tenant" or "admin") => 200,
                    (Rule.Owned, "owner" or "same account" or "tenant") => 200,
                    _ => 404,
                };
                using HttpResponseMessage answer = await SendAsync(method, await PathAsync(path, owner), sent, operation);
                if (operation == "cancelJob") (await SendAsync(method, answer.RequestMessage!.RequestUri!.AbsolutePath, owner)).Dispose();
                int status = (int)answer.StatusCode is >= 200 and < 300 ? 200 : (int)answer.StatusCode;
                if (status != expected) faults.Add($"{operation} by {who}: {(int)answer.StatusCode}, not {expected}");
                string? type = answer.Content.Headers.ContentType?.MediaType;
                if (status >= 400 && type != "application/problem+json") faults.Add($"{operation} by {who}: no problem");
                if (status == 401 && answer.Headers.WwwAuthenticate.Count == 0) faults.Add($"{operation} by {who}: no WWW-Authenticate");
            }
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults));
    }

    [Fact]
    public async Task Lists_show_one_s_own_jobs_the_tenant_s_with_its_scope_and_all_to_an_administrator()
    {
        string east = _service.Key("a", "east"), eastToo = _service.Key("b", "east"), west = _service.Key("a", "west"), none = _service.Key("a");
        string[] ids = [await JobAsync(east), await JobAsync(eastToo), await JobAsync(west), await JobAsync(none)];
        Assert.Equal([ids[0]], await ListAsync(east));
        Assert.Equal([ids[2]], await ListAsync(west));
        Assert.Equal([ids[3]], await ListAsync(none));
        Assert.Equal([ids[1], ids[0]], await ListAsync(_service.Key("c", "east", "read", "tenant")));
        Assert.Equal([ids[3]], await ListAsync(_service.Key("c", "", "read", "tenant")));
        Assert.Equal(ids.Reverse(), await ListAsync(_service.Key("root", "", "read", "admin")));

        // The same key of an Idempotency-Key is another one's.
        Assert.NotEqual(await JobAsync(east, "one"), await JobAsync(west, "one"));
    }

    [Fact]
    public async Task Keys_are_made_listed_and_revoked_over_HTTP_and_their_secrets_are_nowhere()
    {
        string admin = _service.Key("root", "", "admin");
        using HttpResponseMessage made = await SendAsync("POST", "/v1/keys", admin, "createKey");
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        JsonObject body = (await made.Content.ReadFromJsonAsync<JsonObject>())!;
        string key = (string)body["key"]!, id = (string)body["details"]!["id"]!, secret = key.Split('_')[2];
        Assert.Matches("^isk_[0-9a-f]{12}_[0-9a-f]{64}$", key);
        using (HttpResponseMessage works = await SendAsync("GET", "/v1/jobs", key)) Assert.Equal(HttpStatusCode.OK, works.StatusCode);
        using (var bearer = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", key) } })
        using (HttpResponseMessage works = await _service.Client.SendAsync(bearer)) Assert.Equal(HttpStatusCode.OK, works.StatusCode);
        string list = await TextAsync("GET", "/v1/keys", admin);
        Assert.Contains(id, list, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, list, StringComparison.Ordinal);
        Assert.Contains("\"revoked\":\"20", await TextAsync("DELETE", $"/v1/keys/{id}", admin), StringComparison.Ordinal);
        Assert.Equal((401, "revokedKey"), await FaultAsync(key));
        Assert.Equal((401, "unknownKey"), await FaultAsync(key[..^1] + (key[^1] == '0' ? '1' : '0')));
        Assert.Equal((401, "unknownKey"), await FaultAsync("isk_nonsense"));
        Assert.Equal((401, "unknownKey"), await FaultAsync(new string('x', 5000)));
        foreach (string file in Directory.EnumerateFiles(_service.Folder, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith("/lock")))
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            Assert.DoesNotContain(secret, await reader.ReadToEndAsync(), StringComparison.Ordinal);
        }

        Assert.All(_service.Log, line => Assert.DoesNotContain(secret, line, StringComparison.Ordinal));

        foreach ((string account, string?[] scopes) in ((string, string?[])[])[("", ["read"]), ("a", [null]), ("a", [])])
        {
            using HttpResponseMessage empty = await SendAsync("POST", "/v1/keys", admin, content: JsonContent.Create(new { account, scopes }));
            Assert.Equal(HttpStatusCode.UnprocessableEntity, empty.StatusCode);
        }

        using HttpResponseMessage refused = await SendAsync("POST", "/v1/keys", admin, content: JsonContent.Create(new
        {
            account = "a/b",
            scopes = new[] { "read", "root" },
            days = 0,
        }));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        JsonObject fault = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal(["account", "days", "scopes"], fault["errors"]!.AsArray().Select(error => (string)error!["field"]!).Order());
    }

    [Fact]
    public async Task Every_answer_keeps_pages_of_others_away_and_nothing_of_a_job_is_cached()
    {
        string key = _service.Key("a"), id = await JobAsync(key);
        string[] paths = [$"/v1/jobs/{id}/artefacts/result.png", $"/v1/jobs/{id}", "/v1/jobs", "/v1/none", "/health/live", "/swagger/index.html"];
        foreach (string path in paths)
        {
            using HttpResponseMessage answer = await SendAsync("GET", path, path.Contains("none", StringComparison.Ordinal) ? null : key);
            string Header(string name) => string.Join(',', answer.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values : []);
            Assert.Equal(("nosniff", "DENY", "no-referrer"), (Header("X-Content-Type-Options"), Header("X-Frame-Options"), Header("Referrer-Policy")));
            Assert.Contains("frame-ancestors 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
            Assert.Equal(!path.StartsWith("/swagger", StringComparison.Ordinal), Header("Content-Security-Policy").StartsWith("default-src 'none'; frame"));
            if (path.StartsWith("/v1", StringComparison.Ordinal)) Assert.True(answer.Headers.CacheControl!.NoStore, path);
        }
    }

    [Fact]
    public async Task A_key_that_has_expired_says_so()
    {
        string key = _service.Key("a");
        await using (var database = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_service.Folder, "jobs.db")}"))
        {
            database.Open();
            using Microsoft.Data.Sqlite.SqliteCommand change = database.CreateCommand();
            change.CommandText = "UPDATE api_keys SET expires = 1000";
            change.ExecuteNonQuery();
        }

        Assert.Equal((401, "expiredKey"), await FaultAsync(key));
    }

    private async Task<string> PathAsync(string path, string owner)
    {
        if (path.Contains("JOB", StringComparison.Ordinal)) path = path.Replace("JOB", _job ??= await JobAsync(owner), StringComparison.Ordinal);
        if (path.Contains("FINAL", StringComparison.Ordinal)) path = path.Replace("FINAL", await JobAsync(owner), StringComparison.Ordinal);
        if (path.Contains("KEY", StringComparison.Ordinal)) path = path.Replace("KEY", _service.Key("gone").Split('_')[1], StringComparison.Ordinal);
        if (!path.Contains("RUNNING", StringComparison.Ordinal)) return path;
        using HttpResponseMessage answer = await SendAsync("POST", "/v1/jobs", owner, content: JsonContent.Create(Requests.LongJob()));
        return path.Replace("RUNNING", Service.Id((await answer.Content.ReadFromJsonAsync<JsonObject>())!), StringComparison.Ordinal);
    }

    private string? _job;

    // A job of an account, at its end.
    private async Task<string> JobAsync(string key, string? idempotencyKey = null)
    {
        JsonObject job = Requests.Job();
        job["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" };
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = JsonContent.Create(job) };
        message.Headers.Add("X-API-Key", key);
        message.Headers.Add("Prefer", "wait=30");
        if (idempotencyKey is not null) message.Headers.Add("Idempotency-Key", idempotencyKey);
        using HttpResponseMessage answer = await _service.Client.SendAsync(message);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return Service.Id((await answer.Content.ReadFromJsonAsync<JsonObject>())!);
    }

    private async Task<IEnumerable<string>> ListAsync(string key) =>
        JsonNode.Parse(await TextAsync("GET", "/v1/jobs", key))!["items"]!.AsArray().Select(job => (string)job!["id"]!);

    private async Task<string> TextAsync(string method, string path, string key)
    {
        using HttpResponseMessage answer = await SendAsync(method, path, key);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task<(int Status, string? Code)> FaultAsync(string key)
    {
        using HttpResponseMessage answer = await SendAsync("GET", "/v1/jobs", key);
        return ((int)answer.StatusCode, (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["code"]);
    }

    private Task<HttpResponseMessage> SendAsync(string method, string path, string? key, string? operation = null, HttpContent? content = null)
    {
        JsonObject? body = operation switch
        {
            "submitJob" or "estimateJob" => Requests.Job(steps: 2),
            "simulateMeasurement" => new JsonObject
            {
                ["problem"] = new JsonObject { ["type"] = "denoising" },
                ["sigma"] = 0.1,
                ["files"] = new JsonObject { ["image"] = Requests.DataUri(Requests.Png()) },
            },
            "setQuota" => new JsonObject { ["account"] = "made", ["waiting"] = 5 },
            "createKey" => new JsonObject { ["account"] = "made", ["scopes"] = new JsonArray("read") },
            _ => null,
        };
        var message = new HttpRequestMessage(new HttpMethod(method), path) { Content = content ?? (body is null ? null : JsonContent.Create(body)) };
        if (key is not null) message.Headers.Add("X-API-Key", key);
        return _service.Client.SendAsync(message, path.EndsWith("/events", StringComparison.Ordinal)
            ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead);
    }
}
