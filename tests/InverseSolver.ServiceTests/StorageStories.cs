extern alias cli;

using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using cli::InverseSolver.Cli;
using cli::InverseSolver.Cli.Store;
using Dapper;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;

namespace InverseSolver.ServiceTests;

/// <summary>Stories of a database that is lost, locked, old or damaged, of files that change, and of a disk that fills.</summary>
public sealed class StorageStories : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-storage-").FullName;

    private string Database => Path.Combine(_folder, "jobs.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lost_or_emptied_database_loses_no_file_and_its_jobs_can_be_adopted(bool emptied)
    {
        string done, waiting;
        byte[] result;
        JsonObject before;
        using (var first = new Service(_folder))
        {
            done = Service.Id(await first.SubmitAsync(Requests.Job()));
            before = await first.UntilAsync(done);
            result = await first.Client.GetByteArrayAsync($"/v1/jobs/{done}/artefacts/result.npy");
            await first.UntilAsync(Service.Id(await first.SubmitAsync(Requests.LongJob())), job => job["progress"] is not null);
            waiting = Service.Id(await first.SubmitAsync(Requests.Job()));
        }

        foreach (string file in Directory.GetFiles(_folder, "jobs.db*")) File.Delete(file);
        if (emptied) File.WriteAllBytes(Database, []);
        using (var second = new Service(_folder))
        {
            Assert.Equal(3, (long)(await second.GetAsync("/health/ready"))["figures"]!["quarantine"]!);
            Assert.Contains(second.Log, line => line.Contains("3 jobs have no row", StringComparison.Ordinal));
            Assert.Empty((await second.GetAsync("/v1/jobs"))["items"]!.AsArray());
        }

        Assert.Equal(ExitCode.Failed, await Cli("store", "check", "--data", _folder));
        Assert.Equal(ExitCode.Done, await Cli("store", "adopt", done, waiting, "--data", _folder));
        using var third = new Service(_folder);
        JsonObject after = await third.GetAsync($"/v1/jobs/{done}");
        Assert.True(JsonNode.DeepEquals(before["result"], after["result"]), after.ToJsonString());
        Assert.True(JsonNode.DeepEquals(before["request"], after["request"]), after.ToJsonString());
        Assert.True(JsonNode.DeepEquals(before["warnings"], after["warnings"]), after.ToJsonString());
        // A moment earlier: the time of the id.
        Assert.InRange(Time(before, "created") - Time(after, "created"), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(result, await third.Client.GetByteArrayAsync($"/v1/jobs/{done}/artefacts/result.npy"));
        Assert.Equal("succeeded", Service.State(await third.UntilAsync(waiting)));
        Assert.Equal(result, await third.Client.GetByteArrayAsync($"/v1/jobs/{waiting}/artefacts/result.npy"));
        Assert.Equal(1, (long)(await third.GetAsync("/health/ready"))["figures"]!["quarantine"]!);
    }

    [Fact]
    public async Task A_changed_or_missing_artefact_is_an_error_and_is_found_by_a_check()
    {
        string id;
        using (var service = new Service(_folder))
        {
            id = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(id);
            string[] files = [.. new[] { "result.npy", "result.png" }.Select(name => Path.Combine(_folder, "artefacts", id, "1", name))];
            byte[] bytes = File.ReadAllBytes(files[0]);
            bytes[^1] ^= 1;
            File.WriteAllBytes(files[0], bytes);
            File.Delete(files[1]);
            foreach (string name in new[] { "result.npy", "result.png" })
            {
                using HttpResponseMessage response = await service.Client.GetAsync($"/v1/jobs/{id}/artefacts/{name}");
                Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
                Assert.Equal("artefactChanged", (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
            }

            Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync($"/v1/jobs/{id}/artefacts/report.json")).StatusCode);
        }

        using var database = StoreOptions.Database(_folder);
        StoreFinding[] findings = [.. StoreOptions.Inventory(database, _folder).Check()];
        Assert.Equal(
            [
                new StoreFinding(id, "The artefact result.npy changed since it was written."), new StoreFinding(id, "The artefact result.png is missing."),
            ],
            findings);
    }

    [Fact]
    public async Task A_database_that_another_program_holds_is_said_to_be_locked()
    {
        StoreOptions.Database(_folder).Dispose();
        using var connection = new SqliteConnection($"Data Source={Database}");
        connection.Open();
        connection.Execute("BEGIN EXCLUSIVE");
        using var refused = new ServiceProcess(_folder);
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(2, code);
        Assert.StartsWith("The database jobs.db in the data folder (Jobs:DataFolder) is locked by another program: ", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task A_database_of_an_older_schema_is_upgraded_with_its_jobs_and_a_copy_of_it_is_kept()
    {
        string waiting;
        using (var first = new Service(_folder))
        {
            string running = Service.Id(await first.SubmitAsync(Requests.LongJob()));
            await first.UntilAsync(running, job => job["progress"] is not null);
            waiting = Service.Id(await first.SubmitAsync(Requests.Job()));
            await first.Client.PostAsync($"/v1/jobs/{running}/cancel", null);
            await first.UntilAsync(running);
        }

        // The rows as the service wrote them before checkpoints: in a database of schema 3.
        string[] columns =
        [
            "id", "state", "version", "priority", "created", "started", "finished", "epoch", "attempts", "request", "result", "error", "idempotency_key",
            "body_hash", "sharing", "warnings",
        ];
        string old = Path.Combine(_folder, "old.db");
        using (var connection = new SqliteConnection($"Data Source={old};Pooling=False"))
        {
            connection.Open();
            connection.Execute(
                "CREATE TABLE migrations (version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
            foreach ((int version, string name) in new[] { (1, "0001-jobs.sql"), (2, "0002-sharing.sql"), (3, "0003-warnings.sql") })
            {
                using var script = new StreamReader(typeof(JobDatabase).Assembly.GetManifestResourceStream(name)!);
                connection.Execute(await script.ReadToEndAsync());
                connection.Execute("INSERT INTO migrations (version, name) VALUES (@version, @name)", new { version, name });
            }

            connection.Execute("ATTACH @Database AS now", new { Database });
            connection.Execute($"INSERT INTO jobs ({string.Join(", ", columns)}) SELECT {string.Join(", ", columns)} FROM now.jobs");
            connection.Execute(
                "UPDATE jobs SET state = 'queued', started = NULL, finished = NULL, result = NULL, epoch = 0, attempts = 0 WHERE id = @waiting",
                new { waiting });
        }

        foreach (string file in Directory.GetFiles(_folder, "jobs.db*")) File.Delete(file);
        File.Move(old, Database);

        // As an upgrade leaves them that was killed.
        foreach (string left in new[] { ".schema-3", ".schema-3.part", ".schema-2.part" }) File.WriteAllBytes(Database + left, []);
        using var second = new Service(_folder);
        Assert.Equal("succeeded", Service.State(await second.UntilAsync(waiting)));
        JsonArray jobs = (await second.GetAsync("/v1/jobs"))["items"]!.AsArray();
        Assert.Equal(2, jobs.Count);
        Assert.Equal([Database + ".schema-3"], Directory.GetFiles(_folder, "jobs.db.schema-*"));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Database + ".schema-3"));
        using (var copy = new SqliteConnection($"Data Source={Database}.schema-3;Mode=ReadOnly;Pooling=False"))
        {
            copy.Open();
            Assert.Equal((2, 3), (copy.ExecuteScalar<int>("SELECT COUNT(*) FROM jobs"), copy.ExecuteScalar<int>("SELECT MAX(version) FROM migrations")));
        }

        // It has the rows of jobs that are deleted since, so it is kept no longer than these.
        second.Dispose();
        File.SetLastWriteTimeUtc(Database + ".schema-3", DateTime.UtcNow - TimeSpan.FromDays(4.9));
        using (var third = new Service(_folder, ("Jobs:KeepResults", "5.00:00:00")))
        {
            await third.UntilAsync(Service.Id(await third.SubmitAsync(Requests.Job())));
            Assert.True(File.Exists(Database + ".schema-3"));
        }

        using var fourth = new Service(_folder, ("Jobs:KeepResults", "4.00:00:00"));
        while (File.Exists(Database + ".schema-3")) await Task.Delay(50);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nothing_of_a_deleted_job_can_be_read_within_seconds_though_a_reader_was_busy(bool byRetention)
    {
        // A process of its own: SQLite would lose its locks on a file that this process opens and closes.
        using var service = new ServiceProcess(_folder, settings: byRetention ? [("Jobs__KeepResults", "00:00:04")] : []);
        using HttpClient client = await service.ClientAsync();
        JsonObject job = Requests.Job();
        job["name"] = "Somebody's scan 4711";
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = JsonContent.Create(job), Headers = { { "Prefer", "wait=60" } } };
        using HttpResponseMessage response = await client.SendAsync(message);
        JsonObject done = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("succeeded", Service.State(done));
        Assert.NotEmpty(WithName());
        var watch = System.Diagnostics.Stopwatch.StartNew();
        using (var connection = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            connection.Open();
            using SqliteTransaction reading = connection.BeginTransaction(deferred: true);
            connection.Execute("SELECT COUNT(*) FROM jobs", transaction: reading);
            if (!byRetention) Assert.Equal(HttpStatusCode.NoContent, (await client.DeleteAsync($"/v1/jobs/{Service.Id(done)}")).StatusCode);
            while ((await client.GetAsync($"/v1/jobs/{Service.Id(done)}")).StatusCode == HttpStatusCode.OK) await Task.Delay(50);
            await Task.Delay(2500);
            Assert.NotEmpty(WithName());
        }

        while (WithName() is { Length: > 0 } files)
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), string.Join(", ", files));
            await Task.Delay(200);
        }

        string[] WithName() =>
        [
            .. Directory.GetFiles(_folder, "*", SearchOption.AllDirectories)
                .Where(file => Path.GetFileName(file) != "reserve" && Text(file).Contains("scan 4711", StringComparison.Ordinal)),
        ];

        static string Text(string file)
        {
            try
            {
                using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
                return reader.ReadToEnd();
            }
            catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException || Path.GetFileName(file) == "lock")
            {
                return "";
            }
        }
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Files_are_for_the_service_alone()
    {
        using var service = new Service(Path.Combine(_folder, "data"));
        await service.UntilAsync(Service.Id(await service.SubmitAsync(Requests.Job())));
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        foreach (string path in Directory.EnumerateFileSystemEntries(service.Folder, "*", SearchOption.AllDirectories).Append(service.Folder))
        {
            UnixFileMode expected = Directory.Exists(path) ? owner | UnixFileMode.UserExecute : owner, found = File.GetUnixFileMode(path);
            Assert.True(found == expected, $"{path}: {found}");
        }
    }

    [Fact]
    public async Task Jobs_go_when_their_time_is_over_and_their_inputs_before()
    {
        using var service = new Service(_folder, ("Jobs:KeepResults", "00:00:06"), ("Jobs:KeepInputs", "00:00:01"));
        JsonObject request = Requests.Job();
        string brief = Service.Id(await service.SubmitAsync(request));
        request["retain"] = 3;
        string retained = Service.Id(await service.SubmitAsync(request));
        Assert.Null((await service.GetAsync($"/v1/jobs/{retained}"))["expires"]);
        DateTimeOffset finished = Time(await service.UntilAsync(brief), "finished");
        JsonObject job = await service.UntilAsync(retained);
        Assert.Equal(Time(job, "finished") + TimeSpan.FromDays(3), Time(job, "expires"));
        Assert.Equal(finished + TimeSpan.FromSeconds(6), Time(await service.GetAsync($"/v1/jobs/{brief}"), "expires"));
        JsonObject longer = (await (await service.Client.PostAsync($"/v1/jobs/{retained}/retain?days=9", null)).Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.InRange(Time(longer, "expires") - DateTimeOffset.UtcNow, TimeSpan.FromDays(8.9), TimeSpan.FromDays(9.1));
        var events = new List<ServerEvent>();
        while (events.Count == 0 || events[^1].Type == "finished")
        {
            await foreach (ServerEvent happened in service.EventsAsync(brief, events is [.., { Id: { } last }] ? last : "0")) events.Add(happened);
        }

        Assert.Equal(["finished", "expiring"], events.Select(happened => happened.Type).Where(type => type != "progress"));

        while ((await service.Client.GetAsync($"/v1/jobs/{brief}")).StatusCode == HttpStatusCode.OK) await Task.Delay(50);
        Assert.True(DateTimeOffset.UtcNow - finished >= TimeSpan.FromSeconds(6));
        Assert.Equal([retained], Directory.GetDirectories(Path.Combine(_folder, "artefacts")).Select(Path.GetFileName));
        while (Directory.Exists(Path.Combine(_folder, "artefacts", retained, "input"))) await Task.Delay(50);
        Assert.Equal(HttpStatusCode.OK, (await service.Client.GetAsync($"/v1/jobs/{retained}/artefacts/result.npy")).StatusCode);
        foreach (string days in new[] { "0", "36501", "many" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.PostAsync($"/v1/jobs/{retained}/retain?days={days}", null)).StatusCode);
        }
    }

    [Fact]
    public async Task Beyond_the_bytes_that_may_be_kept_the_oldest_jobs_go()
    {
        using var service = new Service(_folder, ("Jobs:KeepBytes", "60000"), ("Jobs:KeepInputs", "00:00:02"));
        string[] ids = new string[4];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(ids[i]);
        }

        // Each has 21 to 25 kB.
        while ((await service.GetAsync("/v1/jobs"))["items"]!.AsArray().Count > 2) await Task.Delay(50);
        Assert.Equal([ids[3], ids[2]], (await service.GetAsync("/v1/jobs"))["items"]!.AsArray().Select(job => (string?)job!["id"]));
    }

    [Fact]
    public async Task A_damaged_row_hides_no_other_and_lists_leave_out_what_is_bulky()
    {
        using var service = new Service(_folder);
        string[] ids = [Service.Id(await service.SubmitAsync(Requests.Job())), Service.Id(await service.SubmitAsync(Requests.Job()))];
        foreach (string id in ids) await service.UntilAsync(id);
        using (var connection = new SqliteConnection($"Data Source={Database};Pooling=False"))
        {
            connection.Open();
            connection.Execute("UPDATE jobs SET request = '{', result = '[1' WHERE id = @id", new { id = ids[0] });
        }

        JsonArray brief = (await service.GetAsync("/v1/jobs"))["items"]!.AsArray();
        JsonArray whole = (await service.GetAsync("/v1/jobs?expand=result,request"))["items"]!.AsArray();
        Assert.Equal([ids[1], ids[0]], brief.Select(job => (string?)job!["id"]));
        Assert.All(brief, job => Assert.True(job!["request"] is null && job["result"] is null));
        Assert.NotNull(whole[0]!["request"]!["seed"]);
        Assert.NotNull(whole[0]!["result"]!["consistency"]);
        Assert.Contains("damaged", (string)whole[1]!["warnings"]!.AsArray().Last()!);
        Assert.Contains("damaged", (string)(await service.GetAsync($"/v1/jobs/{ids[0]}"))["warnings"]!.AsArray().Last()!);
        Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.GetAsync("/v1/jobs?expand=all")).StatusCode);
    }

    [Fact]
    public async Task A_job_has_a_tag_and_is_not_stored_by_caches()
    {
        using var service = new Service(_folder);
        string id = Service.Id(await service.SubmitAsync(Requests.Job()));
        await service.UntilAsync(id);
        using HttpResponseMessage first = await service.Client.GetAsync($"/v1/jobs/{id}");
        Assert.True(first.Headers.CacheControl!.NoStore);
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}") { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
        Assert.Equal(HttpStatusCode.NotModified, (await service.Client.SendAsync(again)).StatusCode);
        await service.Client.PostAsync($"/v1/jobs/{id}/retain?days=2", null);
        using var changed = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}") { Headers = { IfNoneMatch = { first.Headers.ETag! } } };
        Assert.Equal(HttpStatusCode.OK, (await service.Client.SendAsync(changed)).StatusCode);
    }

    [Fact]
    public async Task Callers_have_quotas_and_keys_tell_them_apart()
    {
        using var service = new Service(_folder, ("Callers:Waiting", "1"), ("Callers:Bytes", "100000"));
        string ward = service.Key("ward");
        string running = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        await service.UntilAsync(running, job => job["progress"] is not null);
        Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(null)).Status);
        (HttpStatusCode status, JsonObject body, HttpResponseMessage answer) = await SendAsync(null);
        Assert.Equal((HttpStatusCode.TooManyRequests, "quotaWaiting"), (status, (string?)body["code"]));
        Assert.Contains("number 1 in the queue", (string)body["detail"]!);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(HttpStatusCode.Accepted, (await SendAsync(ward)).Status);
        Assert.Equal("number 2 in the queue", ((string)(await SendAsync(ward)).Body["detail"]!).Split("is ")[^1].TrimEnd('.'));
        (status, body, _) = await SendAsync("a wrong key");
        Assert.Equal((HttpStatusCode.Unauthorized, "unknownKey"), (status, (string?)body["code"]));

        async Task<(HttpStatusCode Status, JsonObject Body, HttpResponseMessage Answer)> SendAsync(string? key)
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = JsonContent.Create(Requests.Job()) };
            if (key is not null) message.Headers.Add("X-API-Key", key);
            HttpResponseMessage response = await service.Client.SendAsync(message);
            return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonObject>())!, response);
        }
    }

    [Fact]
    public async Task A_disk_that_is_nearly_full_refuses_jobs_says_so_and_lets_delete()
    {
        string id;
        using (var service = new Service(_folder))
        {
            id = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(id);
        }

        using var full = new Service(_folder, ("Jobs:RefuseFreeBytes", $"{1L << 60}"));
        using HttpResponseMessage refused = await full.Client.PostAsJsonAsync("/v1/jobs", Requests.Job());
        Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal("insufficientStorage", (string?)(await refused.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
        using HttpResponseMessage health = await full.Client.GetAsync("/health/ready");
        Assert.Equal((503, "failed"), ((int)health.StatusCode, (string?)(await health.Content.ReadFromJsonAsync<JsonObject>())!["checks"]!["disk"]));
        Assert.Equal(HttpStatusCode.NoContent, (await full.Client.DeleteAsync($"/v1/jobs/{id}")).StatusCode);
        Assert.Empty(Directory.GetDirectories(Path.Combine(_folder, "artefacts")));

        using var low = new Service(Path.Combine(_folder, "low"), ("Jobs:WarnFreeBytes", $"{1L << 60}"));
        Assert.Equal("low", (string?)(await low.GetAsync("/health/ready"))["checks"]!["disk"]);
    }

    private static DateTimeOffset Time(JsonObject job, string name) => DateTimeOffset.Parse((string)job[name]!, CultureInfo.InvariantCulture);

    private static Task<int> Cli(params string[] arguments) => StoreCommand.Create().Parse(arguments[1..]).InvokeAsync();
}
