using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>
/// Marks in every field that a stranger can send. None may be found in the log at its finest level, in answers to others, in errors, in the audit trail or in
/// any file outside the job's own; and none anywhere once the jobs are deleted.
/// </summary>
public sealed class PrivacyStories : IDisposable
{
    // In pixels, names, identifiers. Words that a request misspells are told to their sender, and to nobody else; hence a mark of their own.
    private const string Mark = "ZQ7CANARY", Word = "ZQ7WORD", Uid = "1.2.826.0.1.77123454321", Born = "19130517", BornInXml = "1913-05-17";

    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    private readonly string _root = Directory.CreateTempSubdirectory("inverse-privacy-").FullName;
    private readonly List<string> _marks = [Mark, Word, "77123454321", Born, BornInXml, Secret["whsec_".Length..]];
    private readonly List<string> _jobs = [];
    private readonly List<string> _faults = [];
    private int _count;

    public PrivacyStories()
    {
        foreach (string folder in new[] { "data", "tmp", "home" }) Directory.CreateDirectory(PathOf(folder));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Nothing_that_is_sent_is_found_outside_its_job_and_nothing_of_a_deleted_job_is_found_at_all()
    {
        using ServiceProcess service = Start();
        using HttpClient admin = await AdminAsync(service);
        using HttpClient doctor = await ClientAsync(service, await KeyAsync(admin, "doctor", "east"));
        using HttpClient other = await ClientAsync(service, await KeyAsync(admin, "other", "west"));

        await SolveFilesAsync(doctor);
        await EndBadlyAsync(doctor);
        await SendWhatIsRefusedAsync(doctor);
        await ReadWhileReadersDieAsync(doctor, service.Id);
        await ReadAllAsync(other, "another account");
        using HttpClient nobody = await ClientAsync(service, null);
        await ReadAllAsync(nobody, "nobody");
        CheckText("the audit trail", await admin.GetStringAsync("/v1/audit?limit=1000"), _marks);
        CheckText("the models, to the administrator", await admin.GetStringAsync("/v1/models"), _marks);
        CheckFiles(path => !IsOfJobs(path));

        Assert.True(_jobs.Count >= 11, $"{_jobs.Count} jobs were accepted.");
        foreach (string id in _jobs)
        {
            await UntilFinalAsync(doctor, id);
            using HttpResponseMessage deleted = await doctor.DeleteAsync($"/v1/jobs/{id}");
            Assert.True(deleted.IsSuccessStatusCode);
        }

        await UntilCleanAsync();
        service.Kill();
        string log = service.Log;
        CheckText("the log", log, _marks);
        CheckText("the standard error", (await service.ExitAsync()).Error, _marks);

        // It was the finest log, of a service that said what it did.
        Assert.Contains("POST /v1/jobs was refused with 422", log, StringComparison.Ordinal);
        Assert.Contains("failed with invalidFile", log, StringComparison.Ordinal);
        Assert.Empty(_faults);
    }

    [Fact]
    public async Task A_process_that_is_killed_amid_uploads_and_readings_leaves_nothing_outside_jobs()
    {
        string key, half = Guid.CreateVersion7().ToString(), job;
        using (ServiceProcess service = Start())
        {
            using HttpClient admin = await AdminAsync(service);
            using HttpClient doctor = await ClientAsync(service, key = await KeyAsync(admin, "doctor", "east"));
            JsonObject name = Requests.LongJob();
            name["name"] = New();
            using HttpResponseMessage submitted = await doctor.PostAsJsonAsync("/v1/jobs", name);
            job = Service.Id((await submitted.Content.ReadFromJsonAsync<JsonObject>())!);
            byte[] scan = Scan();
            string head = $"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Type: multipart/form-data; boundary=b\r\n",
                part = $"--b\r\nContent-Disposition: form-data; name=\"measurement\"; filename=\"{New()}\"\r\n\r\n",
                body = string.Concat(Enumerable.Repeat(Mark, 200_000));
            using RawCall upload = await RawCall.ConnectAsync(doctor.BaseAddress!, $"{head}Content-Length: 9000000\r\n\r\n{part}{body}");
            Task[] reading =
                [.. Enumerable.Range(0, 8).Select(_ => TryAsync(doctor.PostAsync("/v1/jobs", Form(Job("parallelMri"), ("measurement", scan)))))];
            await Task.Delay(150);
            service.Kill();
            await Task.WhenAll(reading);

            // As a crash leaves a submission whose record was not written yet.
            Directory.CreateDirectory(PathOf("data", "artefacts", half, "input"));
            File.WriteAllBytes(PathOf("data", "artefacts", half, "input", $".measurement.{Guid.NewGuid():N}"), Dicom(1));
        }

        using ServiceProcess again = Start();
        using HttpClient client = await ClientAsync(again, key);
        Assert.False(Directory.Exists(PathOf("data", "artefacts", half)) || Directory.Exists(PathOf("data", "quarantine", half)));
        CheckFiles(path => !IsOfJobs(path));
        JsonArray jobs = (await client.GetFromJsonAsync<JsonObject>("/v1/jobs?limit=200"))!["items"]!.AsArray();
        Assert.Contains(job, jobs.Select(one => (string)one!["id"]!));
        foreach (JsonNode? one in jobs)
        {
            string id = (string)one!["id"]!;
            (await client.PostAsync($"/v1/jobs/{id}/cancel", null)).Dispose();
            await UntilFinalAsync(client, id);
            Assert.True((await client.DeleteAsync($"/v1/jobs/{id}")).IsSuccessStatusCode);
        }

        await UntilCleanAsync();
        again.Kill();
        CheckText("the log", again.Log, _marks);
        Assert.Empty(_faults);
    }

    [Fact]
    public async Task The_trace_id_of_every_refusal_is_in_the_log_with_method_template_status_code_and_account()
    {
        using var service = new Service(PathOf("data"), ("Access:Keys", "true"), ("Limits:JsonBytes", "20000"));
        string doctor = service.Key("doctor", "east");
        using (HttpResponseMessage first = await SendAsync("POST", "/v1/jobs", doctor, Requests.LongJob()))
        {
            Assert.True(first.IsSuccessStatusCode, await first.Content.ReadAsStringAsync());
        }

        JsonObject unknown = Requests.Job();
        unknown["model"] = Word;
        string id = $"{Guid.CreateVersion7()}";
        JsonObject large = new() { ["x"] = new string('x', 30_000) };
        await CheckAsync(401, "unauthenticated", "GET", "/v1/jobs", "/v1/jobs", null, null, "nobody");
        await CheckAsync(401, "unknownKey", "GET", $"/v1/jobs/{id}", "/v1/jobs/{id}", $"isk_{Mark}_x", null, "nobody");
        await CheckAsync(403, "missingScope", "GET", "/v1/audit", "/v1/audit", doctor);
        await CheckAsync(404, "notFound", "GET", $"/v1/jobs/{Mark}", "/v1/jobs/{id}", doctor);
        await CheckAsync(404, "notFound", "GET", $"/v1/jobs/{id}/artefacts/{Mark}", "/v1/jobs/{id}/artefacts/{name}", doctor);
        await CheckAsync(404, "notFound", "GET", $"/{Mark}", "no route", doctor);
        await CheckAsync(405, "methodNotAllowed", "PUT", "/v1/jobs", "/v1/jobs", doctor);
        await CheckAsync(400, "unknownParameter", "GET", $"/v1/jobs?{Word}=1", "/v1/jobs", doctor, null, "nobody");
        await CheckAsync(413, "tooLarge", "POST", "/v1/jobs", "/v1/jobs", doctor, JsonContent.Create(large));
        await CheckAsync(415, "unsupportedMediaType", "POST", "/v1/jobs", "/v1/jobs", doctor, new StringContent(Mark));
        await CheckAsync(422, "unknownModel", "POST", "/v1/jobs", "/v1/jobs", doctor, JsonContent.Create(unknown));
        JsonObject wide = Requests.Job();
        wide["sigma"] = -1;
        await CheckAsync(422, "outOfRange", "POST", "/v1/jobs", "/v1/jobs", doctor, JsonContent.Create(wide));
        string job = await QueuedAsync();
        await CheckAsync(409, "notFinal", "DELETE", $"/v1/jobs/{job}", "/v1/jobs/{id}", doctor);
        Assert.All(service.Log, line => Assert.DoesNotContain("ZQ7", line, StringComparison.OrdinalIgnoreCase));

        async Task CheckAsync(
            int status, string code, string method, string path, string template, string? key, HttpContent? content = null, string? account = "east/doctor")
        {
            using HttpResponseMessage answer = await SendAsync(method, path, key, content);
            JsonObject error = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
            Assert.Equal((status, code), ((int)answer.StatusCode, (string?)error["code"]));
            string line = Assert.Single(service.Log, line => line.Contains((string)error["traceId"]!, StringComparison.Ordinal));
            Assert.StartsWith($"{method} {template} was refused with {status} {code}; account {account}", line, StringComparison.Ordinal);
        }

        async Task<string> QueuedAsync() => Service.Id((await (await SendAsync("GET", "/v1/jobs", doctor)).Content.ReadFromJsonAsync<JsonObject>())!
            ["items"]![0]!.AsObject());

        Task<HttpResponseMessage> SendAsync(string method, string path, string? key, object? body = null)
        {
            var message = new HttpRequestMessage(new HttpMethod(method), path)
            {
                Content = body is JsonObject json ? JsonContent.Create(json) : (HttpContent?)body,
            };
            if (key is not null) message.Headers.Add("X-API-Key", key);
            return service.Client.SendAsync(message);
        }
    }

    // Each format with marks wherever it has room for text, and in its pixels.
    private async Task SolveFilesAsync(HttpClient client)
    {
        using var zip = new MemoryStream();
        using (var archive = new ZipArchive(zip, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.Comment = New();
            for (int i = 0; i < 2; i++)
            {
                using Stream entry = archive.CreateEntry($"{New()}/{New()}.dcm").Open();
                entry.Write(Dicom(i));
            }
        }

        using var gzip = new MemoryStream();
        using (var packed = new GZipStream(gzip, CompressionLevel.Fastest)) packed.Write(Nifti());
        (string What, string Problem, (string, byte[])[] Files)[] all =
        [
            ("DICOM", "denoising", [("measurement", Dicom(0))]),
            ("series", "denoising", [("measurement", Dicom(0)), ("measurement", Dicom(1))]),
            ("archive", "denoising", [("measurement", zip.ToArray())]),
            ("ISMRMRD", "parallelMri", [("measurement", Scan())]),
            ("NIfTI", "denoising", [("measurement", Nifti())]),
            ("NIfTI, gzip", "denoising", [("measurement", gzip.ToArray())]),
            ("PNG", "denoising", [("measurement", Png())]),
        ];
        foreach ((string what, string problem, (string, byte[])[] files) in all)
        {
            JsonObject job = Job(problem);
            job["webhook"] = new JsonObject { ["url"] = $"http://127.0.0.1:9/{New()}?token={New()}" };
            await SubmitAsync(client, what, Form(job, files), isAccepted: true);
        }

        JsonObject json = Job("denoising");
        json["files"] = new JsonObject { ["measurement"] = Requests.DataUri(Png()) };
        await SubmitAsync(client, "JSON", JsonContent.Create(json), isAccepted: true);
        foreach (string id in _jobs) Assert.Equal("succeeded", await UntilFinalAsync(client, id));
    }

    // A job whose stored file is damaged before it runs, one that is cancelled, one that is cancelled while it runs.
    private async Task EndBadlyAsync(HttpClient client)
    {
        JsonObject running = Requests.LongJob();
        running["name"] = New();
        await SubmitAsync(client, "to be cancelled as it runs", JsonContent.Create(running), isAccepted: true);
        await SubmitAsync(client, "to fail", Form(Job("denoising"), ("measurement", Dicom(0))), isAccepted: true);
        await SubmitAsync(client, "to be cancelled as it waits", Form(Job("denoising"), ("measurement", Dicom(1))), isAccepted: true);
        (string first, string second, string third) = (_jobs[^3], _jobs[^2], _jobs[^1]);
        File.WriteAllBytes(PathOf("data", "artefacts", second, "input", "measurement"), Dicom(0)[..700]);
        (await client.PostAsync($"/v1/jobs/{third}/cancel", null)).Dispose();
        (await client.PostAsync($"/v1/jobs/{first}/cancel", null)).Dispose();
        Assert.Equal(
            ["cancelled", "failed", "cancelled"],
            [await UntilFinalAsync(client, first), await UntilFinalAsync(client, second), await UntilFinalAsync(client, third)]);
    }

    private async Task SendWhatIsRefusedAsync(HttpClient client)
    {
        foreach (Action<JsonObject> spoil in new Action<JsonObject>[]
        {
            job => job["model"] = Word, job => job[Word] = 1, job => job["sigma"] = New(), job => job["sigma"] = new JsonObject { [Word] = New() },
            job => job["problem"]!["type"] = Word, job => job["problem"]![Word] = New(), job => job["solver"]!["type"] = Word,
            job => job["solver"]!["preset"] = Word, job => job["solver"]!["parameters"] = new JsonObject { [Word] = New() },
            job => job["name"] = New() + new string('x', 300),
            job => job["webhook"] = new JsonObject { ["url"] = $"ftp://{New()}/{New()}" }, job => job["webhook"] = new JsonObject { ["url"] = New() },
            job => job["webhook"] = new JsonObject { ["url"] = $"https://{New()}:{New()}@127.0.0.1/" }, job => job["priority"] = Word,
            job => job["baselines"] = new JsonArray(Word),
            job => job["files"] = New(), job => job["files"] = new JsonObject { ["measurement"] = New() }, job => job["reference"] = Word,
            job => job["files"] = new JsonObject { ["measurement"] = $"data:{New()};base64,AAAA" }, job => job["retain"] = New(), job => job["seed"] = New(),
        })
        {
            JsonObject job = Job("denoising");
            job["files"] = new JsonObject { ["measurement"] = Requests.DataUri(Png()) };
            spoil(job);
            await SubmitAsync(client, job.ToJsonString()[..Math.Min(200, job.ToJsonString().Length)], JsonContent.Create(job), isAccepted: false);
        }

        // Files that are damaged, of the wrong kind, of somebody else.
        byte[] dicom = Dicom(0);
        JsonObject masked = Job("inpainting");
        masked["problem"]!["mask"] = new JsonObject { ["type"] = "file" };
        foreach ((string what, JsonObject job, (string, byte[])[] files) in new (string, JsonObject, (string, byte[])[])[]
        {
            ("a DICOM file that ends early", Job("denoising"), [("measurement", dicom[..^300])]), ("a DICOM file of k-space", Job("parallelMri"),
            [("measurement", dicom)]),
            ("a text", Job("denoising"), [("measurement", Encoding.ASCII.GetBytes(New()))]), ("a scan that ends early", Job("parallelMri"), [("measurement",
            Scan()[..4000])]),
            ("a member of another name", Job("parallelMri"), [("measurement", Npz.Write(new Dictionary<string, ArrayData> { [New()] = new([2], [1, 2]) }))]),
            ("another patient's reference", Job("parallelMri"), [("measurement", Scan()), ("reference", dicom)]), ("a part of another name",
            Job("denoising"), [(Word, dicom)]),
            ("a mask that is DICOM", masked, [("measurement", Png()), ("mask", dicom)]), ("a header that is a text", Job("parallelMri"), [("measurement",
            new byte[64]), ("header", Encoding.ASCII.GetBytes(New()))]),
            ("two files that are no series", Job("denoising"), [("measurement", Png()), ("measurement", Png())]), ("NIfTI that ends early",
            Job("denoising"), [("measurement", Nifti()[..400])]),
        })
        {
            await SubmitAsync(client, what, Form(job, files), isAccepted: false);
        }

        foreach ((string method, string path, HttpContent? content) in new (string, string, HttpContent?)[]
        {
            ("POST", "/v1/jobs", new StringContent($"{{\"{Word}\": {New()}")), ("POST", "/v1/jobs", new StringContent("{\"model\": " + New(), Encoding.UTF8,
            "application/json")),
            ("POST", "/v1/jobs", new StringContent($"--{New()}\r\n{New()}", Encoding.UTF8,
            new MediaTypeHeaderValue("multipart/form-data") { Parameters = { new("boundary", Mark) } })),
            ("POST", "/v1/jobs/estimate", Form(Job("denoising"), ("measurement", dicom[..500]))), ("POST", "/v1/problems/simulate", Form(Job("denoising"),
            ("image", dicom[..500]))),
            ("GET", $"/v1/jobs/{New()}", null), ("DELETE", $"/v1/jobs/{New()}", null), ("POST", $"/v1/jobs/{New()}/cancel", null), ("GET",
            $"/v1/jobs/{New()}/events", null),
            ("GET", $"/v1/jobs/{_jobs[0]}/artefacts/{New()}", null), ("GET", $"/v1/jobs/{_jobs[0]}/artefacts/..%2F{New()}", null), ("GET", $"/{New()}",
            null), (Word, "/v1/jobs", null),
            ("GET", $"/v1/jobs?state={Word}", null), ("GET", $"/v1/jobs?{Word}={New()}", null), ("GET", $"/v1/jobs?cursor={New()}", null), ("GET",
            $"/v1/jobs?limit={New()}", null),
            ("GET", $"/v1/jobs?model={New()}&problem={Word}", null), ("GET", $"/v1/jobs?createdFrom={New()}", null), ("POST", $"/v1/models/{New()}/load", null),
            ("POST", "/v1/keys", JsonContent.Create(new { account = New(), scopes = new[] { Word } })), ("DELETE", $"/v1/keys/{New()}", null), ("GET",
            $"/swagger/{New()}", null),
            ("POST", $"/v1/jobs/{_jobs[0]}/retain?days={New()}", null), ("GET", $"/v1/models/{New()}", null), ("GET", $"/v1/audit?after={New()}", null),
        })
        {
            await SendAsync(client, method, path, content);
        }

        foreach ((string header, string value) in new[]
        {
            ("X-API-Key", $"isk_{New()}_{New()}"), ("X-API-Key", New()), ("Authorization", $"Bearer {New()}"), ("Authorization", $"Basic {New()}"), ("Host",
            $"{New()}.example"),
            ("Origin", $"https://{New()}.example"), ("Content-Type", New()), ("If-None-Match", New()), ("Range", $"bytes={New()}"), ("Prefer", $"wait={New()}"),
            ("Idempotency-Key", New() + new string('x', 300)), ("Expect", New()), ("Accept", New()), ("Accept-Encoding", New()), ("X-Forwarded-For", New()),
        })
        {
            foreach (string path in new[] { "/v1/jobs", $"/v1/jobs/{_jobs[0]}", $"/v1/jobs/{_jobs[0]}/artefacts/{New()}", $"/v1/jobs/{_jobs[0]}/events" })
            {
                await SendAsync(client, path == "/v1/jobs" ? "POST" : "GET", path, new StringContent(New()), (header, value));
            }
        }
    }

    private async Task ReadWhileReadersDieAsync(HttpClient client, int service)
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(4));
        Task killing = Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    foreach (Process reader in Process.GetProcessesByName("inverse_reader"))
                    {
                        if (File.ReadAllText($"/proc/{reader.Id}/stat").Split(") ")[^1].Split(' ')[1] == $"{service}") reader.Kill();
                        reader.Dispose();
                    }

                    await Task.Delay(5, CancellationToken.None);
                }
            });
        for (int i = 0; i < 4; i++) await SubmitAsync(client, "a reader that dies", Form(Job("parallelMri"), ("measurement", Scan())), isAccepted: null);
        await stop.CancelAsync();
        await TryAsync(killing);
    }

    private async Task ReadAllAsync(HttpClient client, string who)
    {
        List<string> paths = ["/health/live", "/health/ready", "/v1/jobs?expand=request,result", "/v1/models", "/v1/problems", "/v1/solvers", "/metrics",
            "/swagger/v1/swagger.json", "/v1/audit", "/v1/keys"];
        foreach (string id in _jobs) paths.AddRange([$"/v1/jobs/{id}", $"/v1/jobs/{id}/events", $"/v1/jobs/{id}/artefacts", $"/v1/jobs/{id}/artefacts.zip",
            $"/v1/jobs/{id}/artefacts/report.json"]);
        foreach (string path in paths)
        {
            using HttpResponseMessage answer = await client.GetAsync(path);
            CheckText($"{path} to {who}", $"{answer.Headers}{await answer.Content.ReadAsStringAsync()}", _marks);
        }
    }

    private async Task SubmitAsync(HttpClient client, string what, HttpContent content, bool? isAccepted)
    {
        (int status, string body) = await SendAsync(client, "POST", "/v1/jobs", content, ("Idempotency-Key", New()));
        if (isAccepted is { } expected && status is 202 or 200 != expected) _faults.Add($"{what}: {status} {body}");
        if (status is 200 or 202) _jobs.Add(Service.Id(JsonNode.Parse(body)!.AsObject()));
    }

    // A request with marks in all headers that mean nothing here. An error tells nothing of what was sent but words.
    private async Task<(int Status, string Body)> SendAsync(HttpClient client, string method, string path, HttpContent? content, params (string Name,
        string Value)[] headers)
    {
        using var message = new HttpRequestMessage(new HttpMethod(method), path) { Content = content };
        foreach ((string name, string value) in new[]
        {
            ("User-Agent", New()), ("Accept", $"*/*;x={New()}"), ("Cookie", $"{New()}={New()}"), ("Last-Event-ID", New()), ("Referer",
            $"http://{New()}/{New()}"), ("tracestate", $"a={New()}"),
            ("baggage", $"{New()}={New()}"), ("X-Request-Id", New()), (New(), New()), ("Prefer", $"wait={New()}"),
        }.Where(header => !headers.Any(own => own.Name == header.Item1)).Concat(headers))
        {
            if (name == "X-API-Key") message.Headers.Remove(name);
            if (name == "Content-Type") message.Content!.Headers.Remove(name);
            if (!message.Headers.TryAddWithoutValidation(name, value)) message.Content!.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage answer = await client.SendAsync(message);
        string body = await answer.Content.ReadAsStringAsync();
        if (!answer.IsSuccessStatusCode) CheckText($"the answer {(int)answer.StatusCode} to {method} {path}", $"{answer.Headers}{body}", _marks.Except([Word]));
        return ((int)answer.StatusCode, body);
    }

    private async Task<string> UntilFinalAsync(HttpClient client, string id)
    {
        for (int i = 0; i < 600; i++)
        {
            JsonObject job = (await client.GetFromJsonAsync<JsonObject>($"/v1/jobs/{id}"))!;
            if (Service.IsFinal(job)) return Service.State(job);
            await Task.Delay(100);
        }

        throw new TimeoutException(id);
    }

    // The write-ahead log is truncated within seconds.
    private async Task UntilCleanAsync()
    {
        for (int i = 0; i < 75 && Found(_ => true) is not []; i++) await Task.Delay(200);
        CheckFiles(_ => true);
    }

    private void CheckFiles(Func<string, bool> isChecked) => _faults.AddRange(Found(isChecked));

    private List<string> Found(Func<string, bool> isChecked)
    {
        string[] files = Directory.GetFiles(_root, "*", SearchOption.AllDirectories);
        return [.. files.Where(path => isChecked(path)
            && Path.GetFileName(path) is not ("first-key" or "lock")).SelectMany(path => Found(path[_root.Length..], Read(path), _marks))];

        static byte[] Read(string path)
        {
            try
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                using var copy = new MemoryStream();
                file.CopyTo(copy);
                return copy.ToArray();
            }
            catch (FileNotFoundException)
            {
                return [];
            }
        }
    }

    private void CheckText(string where, string text, IEnumerable<string> marks) => _faults.AddRange(Found(where, Encoding.UTF8.GetBytes(text), marks));

    // As text in one byte or two, in hexadecimals, in Base64 at each of its three places, and inside gzip.
    private static IEnumerable<string> Found(string where, byte[] bytes, IEnumerable<string> marks)
    {
        string text = Encoding.Latin1.GetString(bytes), upper = text.ToUpperInvariant();
        if (where.Contains(Mark, StringComparison.OrdinalIgnoreCase) && !where.StartsWith("the ", StringComparison.Ordinal)) yield return $"the name {where}";
        foreach (string mark in marks)
        {
            string known = mark.ToUpperInvariant();
            string[] forms = [known, string.Join('\0', known.ToCharArray()), Convert.ToHexString(Encoding.ASCII.GetBytes(mark))];
            int at = forms.Select(form => upper.IndexOf(form, StringComparison.Ordinal)).Concat(Base64(mark).Select(form => text.IndexOf(form,
                StringComparison.Ordinal))).Max();
            if (at >= 0) yield return $"{mark} in {where}: {text[Math.Max(0, at - 120)..Math.Min(text.Length, at + 60)].ReplaceLineEndings(" ")}";
        }

        if (bytes is [0x1F, 0x8B, ..])
        {
            using var unpacked = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress)) gzip.CopyTo(unpacked);
            foreach (string fault in Found(where + ", unpacked", unpacked.ToArray(), marks)) yield return fault;
        }
    }

    private static IEnumerable<string> Base64(string mark) => Enumerable.Range(0, 3).Select(before =>
    {
        string text = Convert.ToBase64String([.. new byte[before], .. Encoding.ASCII.GetBytes(mark)]).TrimEnd('=');
        return text[((before * 8 + 5) / 6)..((before + mark.Length) * 8 / 6)];
    });

    private bool IsOfJobs(string path) => path.StartsWith(PathOf("data", "artefacts"),
        StringComparison.Ordinal) || Path.GetFileName(path).StartsWith("jobs.db", StringComparison.Ordinal);

    private ServiceProcess Start() => new(
        PathOf("data"), "http://127.0.0.1:0", ("TMPDIR", PathOf("tmp")), ("DOTNET_EnableDiagnostics", "0"), ("HOME", PathOf("home")), ("XDG_CACHE_HOME",
            PathOf("home")), ("XDG_CONFIG_HOME", PathOf("home")),
        ("XDG_DATA_HOME", PathOf("home")), ("XDG_RUNTIME_DIR", PathOf("home")), ("Access__Keys", "true"), ("Models__Device", "cpu"),
        ("Logging__LogLevel__Default", "Trace"),
        ("Logging__LogLevel__Microsoft.AspNetCore", "Trace"), ("Logging__Console__LogLevel__Default", "Trace"),
        ("Logging__Console__LogLevel__Microsoft.AspNetCore.Hosting.Diagnostics", "Trace"),
        ("Logging__Console__FormatterOptions__IncludeScopes", "true"), ("Webhooks__Secrets__0", Secret), ("Webhooks__AllowedHosts__0", "127.0.0.1"),
        ("Webhooks__Attempts", "1"));

    private async Task<HttpClient> ClientAsync(ServiceProcess service, string? key)
    {
        HttpClient client = await service.ClientAsync();
        client.Timeout = TimeSpan.FromSeconds(20);
        if (key is null) return client;
        client.DefaultRequestHeaders.Add("X-API-Key", key);
        if (!_marks.Contains(key.Split('_')[^1])) _marks.Add(key.Split('_')[^1]);
        return client;
    }

    private async Task<HttpClient> AdminAsync(ServiceProcess service)
    {
        // It was written before the service listens.
        using HttpClient nobody = await ClientAsync(service, null);
        return await ClientAsync(service, File.ReadAllText(PathOf("data", "first-key")).Trim());
    }

    private static async Task<string> KeyAsync(HttpClient admin, string account, string tenant)
    {
        using HttpResponseMessage made = await admin.PostAsJsonAsync("/v1/keys", new { account, tenant, scopes = new[] { "read", "submit" } });
        return (string)(await made.Content.ReadFromJsonAsync<JsonObject>())!["key"]!;
    }

    private static async Task TryAsync(Task task) => await task.ContinueWith(_ => { }, TaskScheduler.Default);

    private string PathOf(params string[] names) => Path.Combine([_root, .. names]);

    // Sixteen letters at most, for the shortest fields of DICOM.
    private string New() => $"{Mark}{++_count:D4}";

    private JsonObject Job(string problem) => new()
    {
        ["model"] = "brain-mri-128",
        ["problem"] = new JsonObject { ["type"] = problem },
        ["sigma"] = 0.01,
        ["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" },
        ["seed"] = 1,
        ["name"] = New(),
    };

    private MultipartFormDataContent Form(JsonObject job, params (string Name, byte[] Bytes)[] files)
    {
        var form = new MultipartFormDataContent { { new StringContent(job.ToJsonString(), Encoding.UTF8, "application/json"), "request" } };
        foreach ((string name, byte[] bytes) in files)
        {
            var part = new ByteArrayContent(bytes);
            part.Headers.TryAddWithoutValidation("Content-Type", $"application/octet-stream; name={New()}");
            part.Headers.TryAddWithoutValidation("X-Part", New());
            form.Add(part, name, $"{New()}.dcm");
        }

        return form;
    }

    private byte[] Nifti()
    {
        byte[] file = NiftiWriter.Write([.. Enumerable.Range(0, 32 * 32).Select(i => 500f + (400f * MathF.Sin(i / 32 * 0.2f)))], 1, 32, 32, null);
        foreach (int at in new[] { 14, 148, 168, 228, 328 }) Encoding.ASCII.GetBytes(New()).CopyTo(file, at);
        return file;
    }

    // With a text behind the header, and one behind the end.
    private byte[] Png()
    {
        byte[] file = Requests.Png(), text = Encoding.ASCII.GetBytes($"tEXt{New()}\0{New()}");
        byte[] chunk = new byte[text.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, text.Length - 4);
        text.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(text.Length + 4), Crc(text));
        return [.. file[..33], .. chunk, .. file[33..], .. Encoding.ASCII.GetBytes(New())];
    }

    private static uint Crc(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte one in bytes)
        {
            crc ^= one;
            for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }

    // The scan 'study' of ismrmrd_write.py with a mark in every text of its header.
    private byte[] Scan()
    {
        const string fill = """
            import h5py, re, sys
            file = h5py.File(sys.argv[1], "r+")
            xml = file["dataset/xml"][0].decode()
            marks = iter(sys.argv[2:])
            for tag in ("patientName", "patientID", "studyID", "accessionNumber", "referringPhysicianName", "studyDescription", "protocolName",
                "seriesDescription",
                        "systemVendor", "systemModel", "institutionName"):
                xml = re.sub(f"<{tag}>[^<]*<", f"<{tag}>{next(marks)}<", xml)
            xml = re.sub("<patientBirthdate>[^<]*<", "<patientBirthdate>1913-05-17<", xml)
            for tag in ("studyInstanceUID", "frameOfReferenceUID"):
                xml = re.sub(f"<{tag}>[^<]*<", f"<{tag}>1.2.826.0.1.77123454321.{len(tag)}<", xml)
            more = f"<userParameters><userParameterString><name>{next(marks)}</name><value>{next(marks)}</value></userParameterString></userParameters>"
            file["dataset/xml"][0] = xml.replace("</ismrmrdHeader>", more + "</ismrmrdHeader>")
            file["dataset"].attrs[next(marks)] = next(marks)
            """;
        string file = PathOf("scan.h5");
        try
        {
            Run([Path.Combine(Repository.Root, "tests", "InverseSolver.ImagingTests", "ismrmrd_write.py"), "study", file]);
            Run(["-c", fill, file, .. Enumerable.Range(0, 15).Select(_ => New())]);
            return File.ReadAllBytes(file);
        }
        finally
        {
            File.Delete(file);
        }

        static void Run(string[] arguments)
        {
            using Process python = Process.Start("/usr/bin/python3", arguments);
            python.WaitForExit();
            Assert.Equal(0, python.ExitCode);
        }
    }

    // Slice i of somebody, explicit VR little endian. Preamble, meta data, texts, private elements and pixels are marks.
    private byte[] Dicom(int i)
    {
        var meta = new MemoryStream();
        var data = new MemoryStream();
        Put(meta, 0x0002, 0x0002, "UI", "1.2.840.10008.5.1.4.1.1.4");
        Put(meta, 0x0002, 0x0003, "UI", $"{Uid}.3.{i + 1}");
        Put(meta, 0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1");
        Put(meta, 0x0002, 0x0012, "UI", $"{Uid}.9");
        Put(meta, 0x0002, 0x0016, "AE", New());
        Put(data, 0x0008, 0x0005, "CS", "ISO_IR 100");
        Put(data, 0x0008, 0x0008, "CS", @"ORIGINAL\PRIMARY");
        Put(data, 0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.4");
        Put(data, 0x0008, 0x0018, "UI", $"{Uid}.3.{i + 1}");
        Put(data, 0x0008, 0x0020, "DA", Born);
        Put(data, 0x0008, 0x0050, "SH", New());
        Put(data, 0x0008, 0x0060, "CS", "MR");
        foreach ((int group, int element, string kind) in new[]
        {
            (0x0008, 0x0070, "LO"), (0x0008, 0x0080, "LO"), (0x0008, 0x0081, "ST"), (0x0008, 0x0090, "PN"), (0x0008, 0x1010, "SH"), (0x0008, 0x1030, "LO"),
            (0x0008, 0x103E, "LO"),
            (0x0008, 0x1050, "PN"), (0x0008, 0x1070, "PN"), (0x0008, 0x1090, "LO"), (0x0009, 0x0010, "LO"), (0x0009, 0x1001, "LO"),
        })
        {
            Put(data, group, element, kind, New());
        }

        // All files of a series are of one patient and one study.
        Put(data, 0x0010, 0x0010, "PN", $"{Mark}^PATIENT");
        Put(data, 0x0010, 0x0020, "LO", $"{Mark}-ID");
        Put(data, 0x0010, 0x0030, "DA", Born);
        Put(data, 0x0010, 0x0040, "CS", "F");
        foreach ((int group, int element, string kind) in new[]
        {
            (0x0010, 0x1000, "LO"), (0x0010, 0x1040, "LO"), (0x0010, 0x2154, "SH"), (0x0010, 0x21B0, "LT"), (0x0010, 0x4000, "LT"), (0x0018, 0x0015, "CS"),
            (0x0018, 0x1000, "LO"),
            (0x0018, 0x1030, "LO"),
        })
        {
            Put(data, group, element, kind, New());
        }

        Put(data, 0x0020, 0x000D, "UI", $"{Uid}.1");
        Put(data, 0x0020, 0x000E, "UI", $"{Uid}.2");
        Put(data, 0x0020, 0x0010, "SH", $"{Mark}-S");
        Put(data, 0x0020, 0x0011, "IS", "1");
        Put(data, 0x0020, 0x0013, "IS", $"{i + 1}");
        Put(data, 0x0020, 0x0032, "DS", $@"0\0\{5 * i}");
        Put(data, 0x0020, 0x0037, "DS", @"1\0\0\0\1\0");
        Put(data, 0x0020, 0x0052, "UI", $"{Uid}.4");
        Put(data, 0x0020, 0x4000, "LT", New());
        foreach ((int element, ushort value) in new (int, ushort)[] { (0x0002, 1), (0x0010, 32), (0x0011, 32), (0x0100, 16), (0x0101, 16), (0x0102, 15),
            (0x0103, 0) })
        {
            if (element == 0x0010) Put(data, 0x0028, 0x0004, "CS", "MONOCHROME2");
            if (element == 0x0100) Put(data, 0x0028, 0x0030, "DS", @"1\1");
            Put(data, 0x0028, element, "US", BitConverter.GetBytes(value));
        }

        Put(data, 0x0032, 0x1032, "PN", New());
        Put(data, 0x7FE0, 0x0010, "OW", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(Mark, 228))[..2048]));
        var file = new MemoryStream();
        file.Write(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(Mark, 15))[..128]));
        file.Write("DICM"u8);
        Put(file, 0x0002, 0x0000, "UL", BitConverter.GetBytes((int)meta.Length));
        file.Write(meta.ToArray());
        file.Write(data.ToArray());
        return file.ToArray();

        static void Put(MemoryStream stream, int group, int element, string kind, object value)
        {
            byte[] bytes = value as byte[] ?? Encoding.ASCII.GetBytes((string)value);
            if (bytes.Length % 2 == 1) bytes = [.. bytes, (byte)(kind == "UI" ? 0 : ' ')];
            stream.Write(BitConverter.GetBytes((ushort)group));
            stream.Write(BitConverter.GetBytes((ushort)element));
            stream.Write(Encoding.ASCII.GetBytes(kind));
            stream.Write(kind == "OW" ? [0, 0, .. BitConverter.GetBytes(bytes.Length)] : BitConverter.GetBytes((ushort)bytes.Length));
            stream.Write(bytes);
        }
    }
}
