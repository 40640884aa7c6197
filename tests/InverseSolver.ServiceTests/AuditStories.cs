extern alias cli;

using System.Net.Http.Json;
using System.Text.Json.Nodes;
using cli::InverseSolver.Cli;
using Dapper;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;
using InverseSolver.Service.Storage;
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
        string first = service.Services.GetRequiredService<ApiKeys>().List()[^1].Id;
        Assert.Equal(
        [
            $"1 [service] createKey {first} 200", $"2 [service] jobStarted {id} 200", $"3 [service] jobSucceeded {id} 200",
            $"4 east/doctor submitJob {id} 200", $"5 west/thief deleteJob {id} 404", $"6 east/doctor getArtefact {id}/result.png 200",
            $"7  getArtefactsZip {id} 401", "8 root loadModel brain-mri-128 200", "9 east/doctor deleteJob ? 404", $"10 east/doctor deleteJob {id} 204",
        ], records.Select(record => $"{record!["seq"]} {record["account"]} {record["action"]} {record["object"]} {record["outcome"]}"));
        Assert.Equal(trace, (string)records[4]!["trace"]!);
        Assert.All(records, record => Assert.InRange((long)record!["time"]!, DateTimeOffset.UtcNow.AddMinutes(-5).ToUnixTimeMilliseconds(), long.MaxValue));
        Assert.All(records.Skip(3), record => Assert.Contains("127.0.0.1", (string)record!["address"]!));
        Assert.Equal((10, (string)records[9]!["mac"]!), ((int)page["head"]!["seq"]!, (string)page["head"]!["mac"]!));
        Assert.Equal((10L, null), service.Services.GetRequiredService<AuditTrail>().Verify(null));
    }

    [Fact]
    public async Task Requests_of_unknown_senders_beyond_sixty_a_minute_are_counted_and_cannot_fill_the_disk()
    {
        using var service = new Service(_folder, ("Access:Keys", "true"));
        var trail = service.Services.GetRequiredService<AuditTrail>();
        for (int i = 0; i < 2000; i++) trail.AddOfNobody(new AuditRecord { Action = "submitJob", Outcome = 401, Time = i / 1500 * 60_000 });
        // The service has recorded its first key before.
        IReadOnlyList<AuditRecord> records = [.. trail.Read(0, 1000).Where(record => record.Action == "submitJob")];
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

        AuditHead old = trail.Head(), pruned = trail.Read(3, 1).Select(record => new AuditHead(record.Seq, record.Mac)).Single();
        trail.Prune();
        Assert.Equal(["5 a cancelJob ", "6 a cancelJob ", "7 [service] pruneAudit 4"], Lines(trail));
        Assert.Equal((3L, null), trail.Verify(old));
        await service.Client.PostAsync("/v1/jobs/none/cancel", null);
        Assert.Equal((4L, null), trail.Verify(old));
        Assert.Equal(8, trail.Head().Seq);

        // Nothing is over by now, and heads that were kept still count: those that went, by their last one too.
        trail.Prune();
        Assert.Equal(8, trail.Head().Seq);
        Assert.Equal((4L, null), trail.Verify(pruned));
        Assert.Contains("missing", trail.Verify(pruned with { Mac = old.Mac }).Fault, StringComparison.Ordinal);
        Assert.Contains("missing", trail.Verify(new AuditHead(9, old.Mac)).Fault, StringComparison.Ordinal);
    }

    // Whoever deletes records, and lets it look as if their time had been over, lacks the record of that.
    [Fact]
    public void Records_that_somebody_deleted_as_if_by_age_are_found()
    {
        foreach (long last in new[] { 2L, 5L })
        {
            string folder = Directory.CreateDirectory(Path.Combine(_folder, $"{last}")).FullName;
            using JobDatabase database = StoreOptions.Database(folder);
            AuditTrail trail = StoreOptions.Trail(database, folder);
            for (int i = 0; i < 5; i++) trail.Add("submitJob", $"{i}");
            AuditHead head = trail.Head();
            Assert.Equal((5L, null), trail.Verify(head));
            database.Write(connection => connection.Execute(
                "INSERT INTO audit_anchor (seq, mac) SELECT seq, mac FROM audit WHERE seq = @last; DELETE FROM audit WHERE seq <= @last", new { last }));
            Assert.Equal($"Records 1 to {last} are missing, and were not deleted by age.", trail.Verify(null).Fault);
        }
    }

    [Fact]
    public async Task Deleting_by_age_waits_for_no_turn_to_write_where_nothing_is_over()
    {
        using JobDatabase database = StoreOptions.Database(_folder);
        AuditTrail trail = StoreOptions.Trail(database, _folder);
        trail.Add("submitJob", "1");
        using var end = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        Task writing = Task.Run(() => database.Write(_ =>
        {
            begun.Set();
            return end.Wait(TimeSpan.FromSeconds(60));
        }));
        begun.Wait();
        await Task.Run(trail.Prune).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.False(writing.IsCompleted);
        end.Set();
        await writing;
    }

    [Fact]
    public void What_the_service_does_with_jobs_is_recorded_with_the_change_and_what_did_not_happen_is_not()
    {
        using JobDatabase database = StoreOptions.Database(_folder);
        JobStore store = StoreOptions.Store(database, _folder);
        AuditTrail trail = StoreOptions.Trail(database, _folder);
        TimeSpan minute = TimeSpan.FromMinutes(1);
        foreach (string id in new[] { "a", "b", "c", "d", "e" }) store.Add(new NewJob(id, "{}", null, "hash") { Caller = "x" }, 100);
        JobRow a = store.Claim("me", minute)!, b = store.Claim("me", minute)!, c = store.Claim("me", minute)!, d = store.Claim("lost", minute)!;
        Assert.False(store.Succeed("a", a.Epoch + 1, "{}"));
        Assert.True(store.Succeed("a", a.Epoch, "{}"));
        Assert.True(store.Fail("b", b.Epoch, """{"code":"timeLimit","field":null,"detail":"long","traceId":null}"""));
        store.Cancel("c");
        Assert.True(store.Cancelled("c", c.Epoch));
        Assert.Equal(1, store.ExpireOthers("me"));
        JobRow again = store.Claim("me", TimeSpan.FromSeconds(-1))!;
        Assert.Equal("d", again.Id);
        Assert.Equal(["d"], store.FinishLost(2, _ => """{"code":"quarantined","field":null,"detail":"lost","traceId":null}"""));
        JobRow e = store.Claim("me", minute)!;
        Assert.True(store.Release("e", e.Epoch));
        Assert.Null(store.Claim("me", minute, sharing: "none"));
        store.ForgetInputs("a", 1);
        Assert.True(store.Delete("a", byAge: true));
        Assert.True(store.Delete("b"));
        Assert.False(store.Delete("e", byAge: true));
        Assert.Equal(
        [
            "1 [service] jobStarted a", "2 [service] jobStarted b", "3 [service] jobStarted c", "4 [service] jobStarted d", "5 [service] jobSucceeded a",
            "6 [service] jobFailed b/timeLimit", "7 [service] jobCancelled c", "8 [service] jobRequeued d", "9 [service] jobStarted d",
            "10 [service] jobFailed d/quarantined", "11 [service] jobStarted e", "12 [service] jobRequeued e", "13 [service] inputsExpired a",
            "14 [service] jobExpired a",
        ], Lines(trail));
        Assert.Equal((14L, null), trail.Verify(null));
        Assert.All(trail.Read(0, 100), record => Assert.Equal((record.Action == "jobFailed" ? 500 : 200, ""), (record.Outcome, record.Address)));

        // What cannot be recorded does not happen.
        database.Write(connection => connection.Execute("ALTER TABLE audit RENAME TO gone"));
        Assert.Throws<SqliteException>(() => store.Claim("me", minute));
        Assert.Equal("queued", store.Get("e")!.State);
    }

    [Fact]
    public void Commands_on_a_folder_are_recorded_with_the_key_of_the_trail_or_not_done()
    {
        byte[] key = new byte[32];
        key[0] = 7;
        string file = Path.Combine(_folder, "kept-key"), made = Path.Combine(_folder, "made.json");
        File.WriteAllText(file, Convert.ToBase64String(key));
        using (var service = new Service(_folder, ("Audit:Key", Convert.ToBase64String(key))))
        {
            service.Services.GetRequiredService<AuditTrail>().Add("submitJob", "1");
        }

        Assert.Throws<CommandException>(() => Keys("create", "--account", "ward", "--json", made));
        Assert.Equal(0, Keys("create", "--account", "ward", "--json", made, "--key-file", file));
        string id = (string)JsonNode.Parse(File.ReadAllText(made))!["details"]!["id"]!;
        Assert.Equal(0, Keys("list"));
        Assert.Equal(0, Keys("revoke", id, "--key-file", file));
        Assert.Equal(0, Verify("--key-file", file));
        using JobDatabase database = StoreOptions.Database(_folder);
        Assert.Equal(
            ["1 [service] submitJob 1", $"2 [command line] createKey {id}", $"3 [command line] revokeKey {id}"], Lines(StoreOptions.Trail(database, _folder)));
        Assert.Single(new ApiKeys(database).List());

        int Keys(params string[] words) =>
            Commands.Create().Parse(["keys", .. words, "--data", _folder]).Invoke(new() { EnableDefaultExceptionHandler = false });
    }

    private static IEnumerable<string> Lines(AuditTrail trail) =>
        trail.Read(0, 100).Select(record => $"{record.Seq} {record.Account} {record.Action} {record.Object}");

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
