extern alias cli;

using System.Diagnostics;
using System.Text.Json.Nodes;
using cli::InverseSolver.Cli;
using cli::InverseSolver.Cli.Store;
using Dapper;
using InverseSolver.Service.Storage;
using Microsoft.Data.Sqlite;

namespace InverseSolver.ServiceTests;

/// <summary>Stories of <c>inverse store</c>: jobs whose rows were lost, and rows that are damaged.</summary>
public sealed class AdoptionStories : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-adoption-").FullName;

    private string Artefacts => Path.Combine(_folder, "artefacts");

    private string Quarantine => Path.Combine(_folder, "quarantine");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task What_became_of_a_job_its_caller_and_its_priority_are_adopted_with_it()
    {
        string done, going;
        using (var service = new Service(_folder, ("Jobs:TimeLimit", "00:00:03")))
        {
            service.Client.DefaultRequestHeaders.Add("X-API-Key", service.Key("ward"));
            done = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(done);
            Assert.Equal("failed", Service.State(await service.UntilAsync(Service.Id(await service.SubmitAsync(Requests.LongJob())))));
            string running = Service.Id(await service.SubmitAsync(Requests.LongJob()));
            await service.UntilAsync(running, job => job["progress"] is not null);
            string waiting = Service.Id(await service.SubmitAsync(Requests.LongJob()));
            await service.Client.PostAsync($"/v1/jobs/{waiting}/cancel", null);
            await service.Client.PostAsync($"/v1/jobs/{running}/cancel", null);
            Assert.Equal("cancelled", Service.State(await service.UntilAsync(running)));
            JsonObject high = Requests.LongJob();
            high["priority"] = "high";
            going = Service.Id(await service.SubmitAsync(high));
        }

        // As when retention deleted them.
        string[] before = Rows();
        Directory.Delete(Path.Combine(Artefacts, done, "input"), recursive: true);
        foreach (string file in Directory.GetFiles(_folder, "jobs.db*")) File.Delete(file);
        File.WriteAllBytes(Path.Combine(_folder, "jobs.db"), []);

        (int code, string output, string error) = await CliAsync("adopt");
        Assert.Equal((ExitCode.Done, ""), (code, error));
        Assert.Equal(5, output.Split("The files had no row, and were moved to the quarantine").Length - 1);
        Assert.Contains($"{going}  Adopted into the queue.", output);
        Assert.Equal(2, output.Split("Adopted as cancelled, as it ended.").Length - 1);
        Assert.Equal(before, Rows());
        Assert.Equal(["failed", "cancelled", "cancelled", "queued"], before[1..].Select(row => row.Split('|')[1]));
        Assert.Contains("timeLimit", before[1]);
        Assert.Equal("ward|1", before[4][^6..]);
        (code, output, _) = await CliAsync("check");
        Assert.Equal((ExitCode.Done, "Every row has its files, and every file its row.\n"), (code, output));

        string[] Rows() => Sql(connection => connection.Query<string>(
            """
            SELECT concat_ws('|', id, state, error, cancel_requested, sharing, warnings, retain, body_hash, bytes, request, caller, priority)
            FROM jobs ORDER BY id
            """).ToArray());
    }

    [Fact]
    public async Task Damaged_folders_are_refused_one_by_one_and_stay_in_the_quarantine()
    {
        string done;
        using (var service = new Service(_folder))
        {
            done = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(done);
        }

        string record = File.ReadAllText(Path.Combine(Artefacts, done, "job.json"));
        var damaged = new List<string>();
        foreach (string text in new[] { "", "[]", "null", "{", record })
        {
            Add(_ => text, keepsResult: true);
        }

        Add(id => $$"""{"Id":"{{id}}"}""", keepsResult: true);
        foreach ((string member, JsonNode? value) in new (string, JsonNode?)[]
        {
            ("Request", "null"), ("Request", "{}"), ("Request", "{x"), ("Request", null),
            ("Request", Request("files", null)), ("Request", Request("files", new JsonObject { ["../job.json"] = "" })),
            ("Request", Request("solver", null)), ("Request", Request("seed", "many")),
            ("Webhook", "{garbage"), ("Webhook", "null"), ("Webhook", """{"url":"x","host":"y"}"""),
            ("Warnings", "{x"), ("Warnings", "[null]"), ("Warnings", "{}"), ("Bytes", -1), ("Bytes", long.MaxValue), ("Bytes", 1e300),
            ("Retain", 0), ("Retain", 36_501), ("Priority", 7), ("Caller", null), ("BodyHash", null),
        })
        {
            Add(id => Record(id, member, value), keepsResult: true);
        }

        foreach (string end in new[] { "", "null", "{}", """{"Id":"ID","State":"succeeded"}""", """{"Id":"ID","State":"failed","Error":"{"}""" })
        {
            string id = Add(id => Record(id, "Priority", 0), keepsResult: false);
            File.WriteAllText(Path.Combine(Artefacts, id, "end.json"), end.Replace("ID", id, StringComparison.Ordinal));
        }

        string folderForRecord = Add(_ => "", keepsResult: true);
        File.Delete(Path.Combine(Artefacts, folderForRecord, "job.json"));
        Directory.CreateDirectory(Path.Combine(Artefacts, folderForRecord, "job.json"));
        string withoutInputs = Add(id => Record(id, "Priority", 0), keepsResult: false);
        Directory.Delete(Path.Combine(Artefacts, withoutInputs, "input"), recursive: true);

        (int code, string output, string error) = await CliAsync("adopt");
        Assert.Equal((ExitCode.Failed, ""), (code, error));
        string[] lines = output.Trim().Split('\n');
        Assert.All(damaged, id => Assert.Single(lines, line => line.StartsWith($"{id}  It stays in the quarantine: ", StringComparison.Ordinal)));
        Assert.Equal(damaged.Order(), Directory.GetDirectories(Quarantine).Select(Path.GetFileName).Order());
        Assert.Equal([done], Directory.GetDirectories(Artefacts).Select(Path.GetFileName));
        Assert.Equal([done], Sql(connection => connection.Query<string>("SELECT id FROM jobs").ToArray()));
        (code, output, _) = await CliAsync("check");
        Assert.Equal((ExitCode.Failed, damaged.Count), (code, output.Split("It is in the quarantine").Length - 1));

        string Add(Func<string, string> text, bool keepsResult)
        {
            string id = Guid.CreateVersion7().ToString(), target = Path.Combine(Artefacts, id);
            Copy(Path.Combine(Artefacts, done), target);
            if (!keepsResult) Directory.Delete(Path.Combine(target, "1"), recursive: true);
            File.WriteAllText(Path.Combine(target, "job.json"), text(id));
            damaged.Add(id);
            return id;
        }

        string Record(string id, string member, JsonNode? value)
        {
            JsonObject job = JsonNode.Parse(record)!.AsObject();
            (job["Id"], job[member]) = (id, value?.DeepClone());
            return job.ToJsonString();
        }

        string Request(string member, JsonNode? value)
        {
            JsonObject request = JsonNode.Parse((string)JsonNode.Parse(record)!["Request"]!)!.AsObject();
            Assert.True(request.ContainsKey(member));
            request[member] = value;
            return request.ToJsonString();
        }
    }

    [Fact]
    public async Task A_job_that_is_in_the_quarantine_twice_is_counted_twice_and_adopted_once()
    {
        string id;
        using (var service = new Service(_folder))
        {
            id = Service.Id(await service.SubmitAsync(Requests.Job()));
            await service.UntilAsync(id);
        }

        string backup = Path.Combine(_folder, "backup");
        Copy(Path.Combine(Artefacts, id), backup);
        foreach (bool again in new[] { false, true })
        {
            foreach (string file in Directory.GetFiles(_folder, "jobs.db*")) File.Delete(file);
            if (again) Copy(backup, Path.Combine(Artefacts, id));
            using var service = new Service(_folder);
            Assert.Equal(again ? 2 : 1, (long)(await service.GetAsync("/health/ready"))["figures"]!["quarantine"]!);
        }

        string second = Directory.GetDirectories(Quarantine).Select(path => Path.GetFileName(path)).Single(name => name != id);
        (int code, string output, _) = await CliAsync("check");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"{second}  It is in the quarantine", output);

        // The first is damaged, so the second is taken; a third time its id is not free.
        File.Delete(Path.Combine(Quarantine, id, "job.json"));
        (code, output, _) = await CliAsync("adopt");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"{id}  It stays in the quarantine: its record job.json is missing", output);
        Assert.Contains($"{second}  Adopted with its result.", output);
        Directory.Delete(Path.Combine(Quarantine, id), recursive: true);
        Copy(backup, Path.Combine(Quarantine, id));
        (code, output, string error) = await CliAsync("adopt", id);
        Assert.Equal((ExitCode.Failed, ""), (code, error));
        Assert.Contains($"{id}  It stays in the quarantine: a job of this id exists.", output);
        Assert.True(Directory.Exists(Path.Combine(Quarantine, id)));
        Assert.Contains("while a job of this id exists", (await CliAsync("check")).Output);
    }

    [Fact]
    public async Task Every_damaged_row_is_a_finding()
    {
        var folder = new JobFolder(StoreOptions.Of(_folder));
        var findings = new Dictionary<string, string>();
        using (JobDatabase database = StoreOptions.Database(_folder))
        {
            JobStore store = StoreOptions.Store(database, _folder);
            using SqliteConnection connection = database.Open();
            foreach ((string change, string text) in new[]
            {
                ("webhook = '{x'", "webhook has no valid value"), ("webhook = 'null'", "webhook has no valid value"),
                ("webhook = '{\"url\":\"x\",\"host\":\"y\"}'", "webhook has no valid value"),
                ("webhook_delivery = '{x'", "webhook_delivery has no valid value"),
                ("warnings = '{x'", "warnings has no valid value"), ("warnings = '[null]'", "warnings has no valid value"),
                ("error = '{x'", "error has no valid value"), ("progress = '[1'", "progress has no valid value"),
                ("result = '{'", "result has no valid value"), ("result = '{}'", "result has no valid value"),
                ("result = 'null'", "result has no valid value"),
                ("request = '{}'", "request has no valid value"), ("created = 9e17", "created has no valid value"),
                ("started = -1", "started has no valid value"),
                ("expires = 9000000000000000000", "expires has no valid value"), ("attempts = 9000000000000000000", "attempts has no valid value"),
                ("created = 'abc'", "of another type"), ("request = x'ff00ff'", "of another type"), ("progress = x'ff00ff'", "of another type"),
                ("epoch = 'x'", "of another type"),
                ("id = CAST(id AS BLOB)", "id is none of this service"), ("id = '../../etc'", "id is none of this service"),
            })
            {
                string id = Guid.CreateVersion7().ToString();
                store.Add(new NewJob(id, Stored, null, "hash"), 100);
                connection.Execute($"UPDATE jobs SET {change} WHERE id = @id", new { id });
                findings[id] = text;
            }
        }

        (int code, string output, string error) = await CliAsync("check");
        Assert.Equal((ExitCode.Failed, ""), (code, error));
        string[] lines = output.Trim().Split('\n');
        foreach ((string id, string text) in findings.Where(finding => finding.Value != "id is none of this service"))
        {
            string line = Assert.Single(lines, line => line.StartsWith(id, StringComparison.Ordinal));
            Assert.Contains(text, line);
        }

        Assert.Equal(2, lines.Count(line => line.Contains("id is none of this service", StringComparison.Ordinal)));
        Assert.Equal($"{findings.Count} findings.", lines[^1]);

        // And no row keeps the service from starting.
        using var service = new Service(_folder);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await service.Client.GetAsync("/health/live")).StatusCode);
    }

    [Theory]
    [InlineData("lock that cannot be opened", "The data folder (Jobs:DataFolder) cannot be used: ")]
    [InlineData("newer schema", "The database was written by a newer version of this service (schema 99; ")]
    [InlineData("foreign migrations", "The database jobs.db in the data folder (Jobs:DataFolder) cannot be used (")]
    [InlineData("database is a folder", "is a folder, and must be the database: ")]
    [InlineData("artefacts is a file", "is a file, and must be a folder for the files of jobs: ")]
    [InlineData("quarantine is a file", "is a file, and must be a folder for the files of jobs: ")]
    public async Task A_folder_that_cannot_be_used_is_refused_with_code_2_by_the_service_and_by_a_check(string fault, string sentence)
    {
        StoreOptions.Database(_folder).Dispose();
        string database = Path.Combine(_folder, "jobs.db"), held = Path.Combine(_folder, "lock");
        switch (fault)
        {
            case "lock that cannot be opened":
                File.Delete(held);
                File.CreateSymbolicLink(held, held);
                break;
            case "newer schema":
                Sql(connection => connection.Execute("INSERT INTO migrations (version, name) VALUES (99, '0099')"));
                break;
            case "foreign migrations":
                Sql(connection => connection.Execute("DROP TABLE migrations; CREATE TABLE migrations (foo)"));
                break;
            case "database is a folder":
                File.Delete(database);
                Directory.CreateDirectory(database);
                break;
            default:
                File.WriteAllBytes(Path.Combine(_folder, fault.Split(' ')[0]), []);
                break;
        }

        using var refused = new ServiceProcess(_folder);
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal((2, 1), (code, error.Trim().Split('\n').Length));
        Assert.Contains(sentence, error);
        (code, _, error) = await CliAsync("check");
        Assert.Equal((2, 1), (code, error.Trim().Split('\n').Length));
        Assert.Contains(sentence, error);
    }

    private const string Stored =
        """
        {"model":"m","problem":{"type":"denoising"},"solver":{"type":"adjoint","preset":"fast","parameters":{}},"seed":1,"previews":false,"files":{}}
        """;

    private T Sql<T>(Func<SqliteConnection, T> act)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "jobs.db")};Pooling=False");
        connection.Open();
        return act(connection);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (string folder in Directory.GetDirectories(from)) Copy(folder, Path.Combine(to, Path.GetFileName(folder)));
    }

    // As a process: an exception that nobody catches ends it with another code and a stack trace.
    private async Task<(int Code, string Output, string Error)> CliAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(StoreCommand).Assembly.Location, "store", .. arguments, "--data", _folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }
}
