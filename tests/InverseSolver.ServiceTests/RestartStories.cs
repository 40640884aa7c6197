using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.ServiceTests;

/// <summary>Stories of stopping and starting.</summary>
public sealed class RestartStories : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("inverse-restart-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_running_and_a_waiting_job_survive_an_orderly_restart()
    {
        string running, waiting;
        using (var first = new Service(_folder))
        {
            running = Service.Id(await first.SubmitAsync(Requests.Job(Requests.Png(64), steps: 60)));
            waiting = Service.Id(await first.SubmitAsync(Requests.Job()));
            await first.UntilAsync(running, job => job["progress"] is not null);
        }

        using var second = new Service(_folder);
        JsonObject job = await second.UntilAsync(running);
        Assert.Equal(("succeeded", 1), (Service.State(job), (int)job["attempts"]!));
        Assert.True((int)(await second.GetAsync($"/v1/jobs/{running}/artefacts/report.json"))["resumptions"]![0]!["step"]! > 0);
        Assert.Equal("succeeded", Service.State(await second.UntilAsync(waiting)));
        Assert.Equal(["2", "input"], Directory.GetDirectories(Path.Combine(_folder, "artefacts", running)).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_job_whose_process_is_killed_ten_times_ends_with_the_bits_of_one_that_is_not()
    {
        JsonObject request = Requests.Job(Requests.Png(64), steps: 60);
        byte[] expected;
        using (var undisturbed = new Service(Path.Combine(_folder, "undisturbed")))
        {
            string id = Service.Id(await undisturbed.SubmitAsync(request));
            Assert.Equal("succeeded", Service.State(await undisturbed.UntilAsync(id)));
            expected = await undisturbed.Client.GetByteArrayAsync($"/v1/jobs/{id}/artefacts/result.npy");
        }

        string? killed = null;
        // A checkpoint of the step before lies there once a step is reported.
        int step = 1;
        for (int kill = 0; kill < 10; kill++)
        {
            using var process = new ServiceProcess(_folder, settings: ("Jobs__CheckpointInterval", "00:00:00"));
            using HttpClient client = await process.ClientAsync();
            if (killed is null)
            {
                using HttpResponseMessage accepted = await client.PostAsJsonAsync("/v1/jobs", request);
                killed = Service.Id((await accepted.Content.ReadFromJsonAsync<JsonObject>())!);
            }

            JsonObject job;
            do
            {
                await Task.Delay(10);
                job = (await client.GetFromJsonAsync<JsonObject>($"/v1/jobs/{killed}"))!;
                Assert.Contains(Service.State(job), new[] { "queued", "running" });
            }
            while (((int?)job["progress"]?["step"] ?? -1) <= step + 1);
            step = (int)job["progress"]!["step"]!;
            process.Kill();
        }

        using var last = new Service(_folder);
        JsonObject done = await last.UntilAsync(killed!);
        Assert.Equal(("succeeded", 11), (Service.State(done), (int)done["attempts"]!));
        Assert.Equal(expected, await last.Client.GetByteArrayAsync($"/v1/jobs/{killed}/artefacts/result.npy"));
        JsonObject report = await last.GetAsync($"/v1/jobs/{killed}/artefacts/report.json");
        Assert.Equal(10, report["resumptions"]!.AsArray().Count);
        Assert.All(report["resumptions"]!.AsArray(), one => Assert.True((bool)one!["sameFingerprint"]!));
        Assert.Equal(60 + 1, report["residuals"]!.AsArray().Count);
        Assert.Equal(["11", "input"], Directory.GetDirectories(Path.Combine(_folder, "artefacts", killed!)).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_job_that_goes_on_with_another_number_of_threads_says_so()
    {
        string id;
        using (var first = new ServiceProcess(_folder, settings: [("Jobs__CheckpointInterval", "00:00:00"), ("Models__Threads", "1")]))
        {
            using HttpClient client = await first.ClientAsync();
            using HttpResponseMessage accepted = await client.PostAsJsonAsync("/v1/jobs", Requests.Job(Requests.Png(64), steps: 60));
            id = Service.Id((await accepted.Content.ReadFromJsonAsync<JsonObject>())!);
            while ((int?)(await client.GetFromJsonAsync<JsonObject>($"/v1/jobs/{id}"))!["progress"]?["step"] is not > 2) await Task.Delay(10);

            first.Kill();
        }

        using var second = new ServiceProcess(_folder, settings: ("Models__Threads", "2"));
        using HttpClient other = await second.ClientAsync();
        JsonObject job;
        while (!Service.IsFinal(job = (await other.GetFromJsonAsync<JsonObject>($"/v1/jobs/{id}"))!)) await Task.Delay(50);
        Assert.Equal("succeeded", Service.State(job));
        Assert.Contains(job["warnings"]!.AsArray(), warning => ((string)warning!).Contains("went on with another device", StringComparison.Ordinal));
        JsonObject report = (await other.GetFromJsonAsync<JsonObject>($"/v1/jobs/{id}/artefacts/report.json"))!;
        JsonNode resumption = report["resumptions"]!.AsArray().Single()!;
        Assert.False((bool)resumption["sameFingerprint"]!);
        Assert.Equal((1, 2), ((int)resumption["fingerprint"]!["threads"]!, (int)report["fingerprint"]!["threads"]!));
    }

    [Fact]
    public async Task A_job_that_runs_too_long_fails_and_makes_way_for_the_next()
    {
        using var service = new Service(_folder, ("Jobs:TimeLimit", "00:00:02"));
        string endless = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        string next = Service.Id(await service.SubmitAsync(Requests.Job()));
        JsonObject failed = await service.UntilAsync(endless);
        Assert.Equal(("failed", "timeLimit"), (Service.State(failed), (string?)failed["error"]!["code"]));
        // On a busy machine the limit may be too short for it, too; but its turn comes.
        Assert.Equal(1, (int)(await service.UntilAsync(next))["attempts"]!);
    }

    [Fact]
    public async Task Without_a_model_the_service_is_not_ready()
    {
        string empty = Directory.CreateDirectory(Path.Combine(_folder, "none")).FullName;
        using var service = new Service(Path.Combine(_folder, "data"), ("Models:Folders:0", empty));
        using HttpResponseMessage response = await service.Client.GetAsync("/health/ready");
        JsonObject report = (await response.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((503, "failed", "ok"), ((int)response.StatusCode, (string?)report["checks"]!["models"], (string?)report["checks"]!["store"]));
    }

    [Fact]
    public async Task Where_senders_prove_themselves_requests_may_name_any_host_and_else_none_but_those_that_are_named()
    {
        foreach ((string option, string value, int status) in new[]
        {
            ("Access:Keys", "true", 200), ("Access:AllowAnonymous", "true", 400), ("Access:Keys", "false", 400), ("AllowedHosts", "*.hospital.example", 200),
        })
        {
            using var service = new Service(Path.Combine(_folder, $"{status}{option.Length}"), (option, value));
            using var message = new HttpRequestMessage(HttpMethod.Get, "/health/live") { Headers = { Host = "solver.hospital.example" } };
            using HttpResponseMessage response = await service.Client.SendAsync(message);
            Assert.Equal(status, (int)response.StatusCode);
        }
    }

    [Theory]
    [InlineData("http://0.0.0.0:0")]
    [InlineData("http://*:0")]
    [InlineData("http://localhost:0;http://[::]:0")]
    [InlineData("http://192.0.2.1:0")]
    public async Task The_service_does_not_start_beyond_loopback_unless_told_to(string url)
    {
        using var refused = new ServiceProcess(_folder, url);
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(1, code);
        Assert.Contains("Access:AllowAnonymous=true", error);
        Assert.Contains("Access:Keys=true", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("http//localhost")]
    public async Task An_address_that_is_none_is_named(string url)
    {
        using var refused = new ServiceProcess(_folder, url);
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(2, code);
        Assert.Contains($"{url} is not an address", error);
    }

    [Fact]
    public async Task Endpoints_and_ports_in_the_configuration_are_checked_too()
    {
        foreach ((string name, string value) in new[] { ("Kestrel__Endpoints__Web__Url", "http://0.0.0.0:0"), ("ASPNETCORE_HTTP_PORTS", "0") })
        {
            using var refused = new ServiceProcess(_folder, name.StartsWith('K') ? "http://localhost:0" : "", (name, value));
            Assert.Equal(1, (await refused.ExitAsync()).Code);
        }

        using (var open = new ServiceProcess(_folder, "http://0.0.0.0:0", ("Access__AllowAnonymous", "true")))
        {
            (int code, string error) = await open.ExitAsync();
            Assert.Equal((2, true), (code, error.Contains("AllowedHosts must list the names", StringComparison.Ordinal)));
        }

        using (var both = new ServiceProcess(_folder, "http://0.0.0.0:0", ("Access__AllowAnonymous", "true"), ("Access__Keys", "true")))
        {
            (int code, string error) = await both.ExitAsync();
            Assert.Equal((2, true), (code, error.Contains("contradicts", StringComparison.Ordinal)));
        }

        foreach ((string name, string value)[] settings in new (string, string)[][]
        {
            [("Access__AllowAnonymous", "true"), ("AllowedHosts", "localhost;127.0.0.1")], [("Access__Keys", "true")],
        })
        {
            using var allowed = new ServiceProcess(_folder, "http://0.0.0.0:0", settings);
            using HttpClient client = await allowed.ClientAsync();
            Assert.NotNull(client.BaseAddress);
        }

        // Keys are asked for, and there was none: the first one lies in the data folder, for its owner only.
        string first = Path.Combine(_folder, "first-key");
        Assert.Matches("^isk_[0-9a-f]{12}_[0-9a-f]{64}\n$", await File.ReadAllTextAsync(first));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(first));
    }

    [Theory]
    [InlineData("Jobs__QueueCapacity", "0", 2)]
    [InlineData("Jobs__QueueCapacity", "many", 2)]
    [InlineData("Models__Device", "tpu", 2)]
    [InlineData("Models__Device", "cuda:99", 2)]
    [InlineData("Models__Folders__0", "/nowhere", 2)]
    [InlineData("Limits__Uploads", "0", 2)]
    [InlineData("Jobs__DataFolder", "/proc/nowhere", 2)]
    [InlineData("Jobs__QueueCapcity", "10", 2)]
    [InlineData("Access__AllowAnonymous", "yes", 2)]
    [InlineData("Limits__Uploads", "1,5", 2)]
    [InlineData("Jobs__TimeLimit", "00:00:02,5", 2)]
    public async Task A_wrong_option_keeps_the_service_from_starting_with_one_sentence(string name, string value, int expected)
    {
        using var refused = new ServiceProcess(_folder, settings: (name, value));
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(expected, code);
        Assert.Contains(name.Split("__")[1], error);
        Assert.Single(error.Trim().Split('\n'));
    }

    // Where nothing can be written: a folder of the system that even root cannot write, and one below a file.
    [Theory]
    [InlineData("/sys")]
    [InlineData("file/data")]
    public async Task A_data_folder_that_cannot_be_written_is_named_and_nobody_is_blamed(string data)
    {
        File.WriteAllText(Path.Combine(_folder, "file"), "");
        using var refused = new ServiceProcess(_folder, settings: ("Jobs__DataFolder", data));
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(2, code);
        Assert.StartsWith("The data folder (Jobs:DataFolder) cannot be used: ", error);
        Assert.DoesNotContain("Another process", error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task A_database_that_is_damaged_or_none_is_named()
    {
        File.WriteAllText(Path.Combine(_folder, "jobs.db"), new string('x', 5000));
        using var refused = new ServiceProcess(_folder);
        (int code, string error) = await refused.ExitAsync();
        Assert.Equal(2, code);
        Assert.StartsWith(
            "The database jobs.db in the data folder (Jobs:DataFolder) cannot be used (SQLite Error 26: 'file is not a database'): restore it, or move it away",
            error);
        Assert.Single(error.Trim().Split('\n'));
    }

    [Fact]
    public async Task An_address_that_encrypts_needs_a_certificate_that_can_be_used()
    {
        foreach (((string, string)[] settings, string said) in new ((string, string)[], string)[]
        {
            ([], "https://127.0.0.1:0 needs a certificate, and none is configured: name one by Kestrel:Certificates:Default:Path"),
            ([("Kestrel__Certificates__Default__Path", "/nowhere/a.pfx")],
                "The certificate for https://127.0.0.1:0 (Kestrel:Certificates, Kestrel:Endpoints) cannot be used: "),
        })
        {
            using var refused = new ServiceProcess(_folder, "https://127.0.0.1:0", [.. settings, ("HOME", _folder)]);
            (int code, string error) = await refused.ExitAsync();
            Assert.Equal(2, code);
            Assert.StartsWith(said, error);
            Assert.Single(error.Trim().Split('\n'));
        }
    }
}
