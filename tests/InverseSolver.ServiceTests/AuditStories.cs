extern alias cli;

using System.Net.Http.Json;
using System.Text.Json.Nodes;
using cli::InverseSolver.Cli;
using InverseSolver.Service.Audit;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;

namespace InverseSolver.ServiceTests;

/// <summary>The audit trail: what it records, and how a change to it is found.</summary>
public sealed class AuditStories : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-audit-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Changes_and_downloads_are_recorded_with_account_object_outcome_and_trace_and_reading_is_not()
    {
        using var service = new Service(_folder, ("Access:Keys", "true"));
        string doctor = service.Key("doctor", "east"), admin = service.Key("root", "", "admin");
        JsonObject job = Requests.Job();
        job["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" };
        string id;
        using (HttpResponseMessage submitted = await SendAsync(service, "POST", "/v1/jobs", doctor, job))
        {
            id = Service.Id((await submitted.Content.ReadFromJsonAsync<JsonObject>())!);
        }

        string trace;
        using (HttpResponseMessage refused = await SendAsync(service, "DELETE", $"/v1/jobs/{id}", service.Key("thief", "west")))
        {
            trace = (string)(await refused.Content.ReadFromJsonAsync<JsonObject>())!["traceId"]!;
        }

        foreach ((string method, string path, string? key) in new[]
        {
            ("GET", "/v1/jobs", doctor), ("GET", $"/v1/jobs/{id}", doctor), ("GET", "/health/ready", null),
            ("GET", $"/v1/jobs/{id}/artefacts/result.png", doctor), ("GET", $"/v1/jobs/{id}/artefacts.zip", null),
            ("POST", "/v1/models/brain-mri-128/load", admin), ("DELETE", "/v1/jobs/Smith%20John%0A", doctor), ("DELETE", $"/v1/jobs/{id}", doctor),
        })
        {
            (await SendAsync(service, method, path, key)).Dispose();
        }

        using HttpResponseMessage answer = await SendAsync(service, "GET", "/v1/audit", admin);
        JsonObject page = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        JsonArray records = page["items"]!.AsArray();
        Assert.Equal(
        [
            $"1 east/doctor submitJob {id} 200", $"2 west/thief deleteJob {id} 404", $"3 east/doctor getArtefact {id}/result.png 200",
            $"4  getArtefactsZip {id} 401", "5 root loadModel brain-mri-128 200", "6 east/doctor deleteJob ? 404", $"7 east/doctor deleteJob {id} 204",
        ], records.Select(record => $"{record!["seq"]} {record["account"]} {record["action"]} {record["object"]} {record["outcome"]}"));
        Assert.Equal(trace, (string)records[1]!["trace"]!);
        Assert.All(records, record => Assert.InRange((long)record!["time"]!, DateTimeOffset.UtcNow.AddMinutes(-5).ToUnixTimeMilliseconds(), long.MaxValue));
        Assert.All(records, record => Assert.Contains("127.0.0.1", (string)record!["address"]!));
        Assert.Equal((7, (string)records[6]!["mac"]!), ((int)page["head"]!["seq"]!, (string)page["head"]!["mac"]!));
        Assert.Equal((7L, null), service.Services.GetRequiredService<AuditTrail>().Verify(null));
    }

    [Fact]
    public async Task Requests_of_unknown_senders_beyond_sixty_a_minute_are_counted_and_cannot_fill_the_disk()
    {
        using var service = new Service(_folder, ("Access:Keys", "true"));
        var trail = service.Services.GetRequiredService<AuditTrail>();
        for (int i = 0; i < 2000; i++) trail.AddOfNobody(new AuditRecord { Action = "submitJob", Outcome = 401, Time = i / 1500 * 60_000 });
        IReadOnlyList<AuditRecord> records = trail.Read(0, 1000);
        Assert.Equal((62, 61), (records.Count(record => record.Time == 0), records.Count(record => record.Time == 60_000)));
        Assert.Equal(
            ["100-within-a-minute", "1000-within-a-minute", "100-within-a-minute"], records.Select(record => record.Object).Where(name => name is not null));

        // The minute may change once meanwhile. An account's are recorded all.
        for (int i = 0; i < 200; i++) (await SendAsync(service, "POST", "/v1/jobs/none/cancel", null)).Dispose();
        string key = service.Key("doctor");
        for (int i = 0; i < 70; i++) (await SendAsync(service, "POST", "/v1/jobs/none/cancel", key)).Dispose();
        ILookup<string, AuditRecord> sent = trail.Read(123, 1000).ToLookup(record => record.Account);
        Assert.InRange(sent[""].Count(), 61, 122);
        Assert.Equal(70, sent["doctor"].Count());
        Assert.Equal((records.Count + sent[""].Count() + 70, null), trail.Verify(null));
    }

    [Fact]
    public async Task A_record_that_was_changed_inserted_or_taken_away_is_found_and_so_is_a_cut_end()
    {
        using (var service = new Service(_folder))
        {
            for (int i = 0; i < 5; i++) await service.Client.PostAsync($"/v1/jobs/none-{i}/cancel", null);
        }

        Assert.Equal(0, Verify());
        string file = Path.Combine(_folder, "jobs.db"), good = Path.Combine(_folder, "good.db");
        JsonObject head = Export(5);
        string kept = $"{head["seq"]}:{head["mac"]}";
        Assert.Equal(0, Verify("--head", kept));
        File.Copy(file, good);
        foreach (string damage in (string[])
            [
                "UPDATE audit SET outcome = 200 WHERE seq = 3",
                "UPDATE audit SET account = 'somebody' WHERE seq = 5",
                "DELETE FROM audit WHERE seq = 2",
                "DELETE FROM audit WHERE seq = 1",
                "INSERT INTO audit SELECT 6, time, account, action, object, outcome, address, trace, mac FROM audit WHERE seq = 5",
                "UPDATE audit SET seq = 9 WHERE seq = 5",
            ])
        {
            // As it stands, the database refuses it, but for an insertion, which the chain shows.
            if (!damage.StartsWith("INSERT", StringComparison.Ordinal)) Assert.Throws<SqliteException>(() => Change(damage, allowed: false));
            Change(damage, allowed: true);
            Assert.Equal(1, Verify());
            SqliteConnection.ClearAllPools();
            File.Copy(good, file, overwrite: true);
        }

        Change("DELETE FROM audit WHERE seq > 3", allowed: true);
        Assert.Equal(0, Verify());
        Assert.Equal(1, Verify("--head", kept));
        File.Copy(good, file, overwrite: true);
        File.WriteAllText(Path.Combine(_folder, "other"), Convert.ToBase64String(new byte[32]));
        Assert.Equal(1, Verify("--key-file", Path.Combine(_folder, "other")));
        Assert.Equal(0, Verify("--head", kept));

        void Change(string sql, bool allowed)
        {
            using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = (allowed ? "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_deleted_by_age_only; " : "") + sql;
            command.ExecuteNonQuery();
        }

        JsonObject Export(int records)
        {
            string lines = Path.Combine(_folder, "audit.jsonl"), json = Path.Combine(_folder, "head.json");
            Assert.Equal(0, Run("export", "--out", lines, "--json", json));
            JsonNode[] written = [.. File.ReadAllLines(lines).Select(line => JsonNode.Parse(line)!)];
            Assert.Equal(Enumerable.Range(1, records), written[..^1].Select(record => (int)record["seq"]!));
            JsonObject head = JsonNode.Parse(File.ReadAllText(json))!["head"]!.AsObject();
            Assert.True(JsonNode.DeepEquals(head, written[^1]["head"]));
            return head;
        }
    }

    [Fact]
    public async Task Records_go_when_their_time_is_over_and_the_chain_goes_on()
    {
        using var service = new Service(_folder, ("Audit:Keep", "1.00:00:00"));
        var trail = service.Services.GetRequiredService<AuditTrail>();
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), day = (long)TimeSpan.FromDays(1).TotalMilliseconds;
        for (int i = 0; i < 6; i++)
        {
            trail.Add(new AuditRecord { Time = i < 4 ? now - (2 * day) : now, Account = "a", Action = "cancelJob", Outcome = 200, Address = "x" });
        }

        AuditHead old = trail.Head();
        trail.Prune();
        Assert.Equal([5L, 6L], trail.Read(0, 10).Select(record => record.Seq));
        Assert.Equal((2L, null), trail.Verify(old));
        await service.Client.PostAsync("/v1/jobs/none/cancel", null);
        Assert.Equal((3L, null), trail.Verify(old));
        Assert.Equal(7, trail.Head().Seq);
    }

    private int Verify(params string[] more) => Run("verify", more);

    private int Run(string name, params string[] more) =>
        Commands.Create().Parse(["audit", name, "--data", _folder, .. more]).Invoke(new() { EnableDefaultExceptionHandler = false });

    private static Task<HttpResponseMessage> SendAsync(Service service, string method, string path, string? key, JsonObject? body = null)
    {
        var message = new HttpRequestMessage(new HttpMethod(method), path) { Content = body is null ? null : JsonContent.Create(body) };
        if (key is not null) message.Headers.Add("X-API-Key", key);
        if (body is not null) message.Headers.Add("Prefer", "wait=30");
        return service.Client.SendAsync(message);
    }
}
