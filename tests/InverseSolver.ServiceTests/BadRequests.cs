using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>Whatever is wrong with a request, the answer names the field and has a stable code.</summary>
public sealed class BadRequests(Service service) : IClassFixture<Service>
{
    /// <summary>Spoiled JSON, status, code, field.</summary>
    public static TheoryData<string, int, string, string?> Bodies
    {
        get
        {
            var data = new TheoryData<string, int, string, string?>();
            void Add(Action<JsonObject> spoil, int status, string code, string? named)
            {
                JsonObject job = Requests.Job();
                spoil(job);
                data.Add(job.ToJsonString(), status, code, named);
            }

            void Text(string from, string to, int status, string code, string? named) =>
                data.Add(Requests.Job().ToJsonString().Replace(from, to, StringComparison.Ordinal), status, code, named);

            data.Add("", 400, "malformedJson", null);
            data.Add("{", 400, "malformedJson", null);
            data.Add("{\"model\":\"a\",}", 400, "malformedJson", null);
            data.Add("null", 400, "invalidValue", null);
            data.Add("[]", 400, "invalidValue", null);
            data.Add("{}", 400, "missingMember", "model");
            Add(job => job.Remove("problem"), 400, "missingMember", "problem");
            Add(job => job["sgima"] = 1, 400, "unknownMember", "sgima");
            Add(job => job["problem"]!["mask"]!["heigth"] = 1, 400, "unknownMember", "problem.mask.heigth");
            Add(job => job["files"]!["scan"] = "", 400, "unknownMember", "files.scan");
            Add(job => job["problem"] = null, 400, "invalidValue", "problem");
            Add(job => job["problem"]!["mask"] = null, 400, "invalidValue", "problem.mask");
            Add(job => job["problem"]!.AsObject().Remove("mask"), 400, "missingMember", "problem.mask");
            Add(job => job["problem"]!.AsObject().Remove("type"), 400, "missingType", "problem.type");
            Add(job => job["problem"]!["mask"]!.AsObject().Remove("type"), 400, "missingType", "problem.mask.type");
            Add(job => job["problem"]!["type"] = "unheardOf", 400, "unknownType", "problem.type");
            Add(job => job["problem"]!["mask"]!["type"] = "disc", 400, "unknownType", "problem.mask.type");
            Add(job => job["sigma"] = "0.1", 400, "invalidValue", "sigma");
            Add(job => job["seed"] = 1.5, 400, "invalidValue", "seed");
            Add(job => job["model"] = 1, 400, "invalidValue", "model");
            Add(job => job["previews"] = "yes", 400, "invalidValue", "previews");
            Text("\"sigma\":0.01", "\"sigma\":NaN", 400, "malformedJson", "sigma");
            Text("\"sigma\":0.01", "\"sigma\":1e999", 422, "outOfRange", "sigma");
            Text("\"seed\":1", "\"seed\":1,\"seed\":2", 400, "duplicateMember", "seed");
            data.Add(new string('[', 5000), 400, "invalidValue", null);
            data.Add($"{{\"files\":{new string('[', 5000)}", 400, "invalidValue", "files");
            Text("\"mask\":{", $"\"mask\":{new string('[', 200)}{new string(']', 200)},\"other\":{{", 400, "tooDeep", "problem");
            Add(job => job["sigma"] = -1, 422, "outOfRange", "sigma");
            Add(job => job["photons"] = 0, 422, "outOfRange", "photons");
            Add(job => job["photons"] = -5, 422, "outOfRange", "photons");
            Add(job => job["photons"] = "many", 400, "invalidValue", "photons");
            Text("\"sigma\":0.01", "\"sigma\":0.01,\"photons\":NaN", 400, "malformedJson", "photons");
            Text("\"sigma\":0.01", "\"sigma\":0.01,\"photons\":1e999", 422, "outOfRange", "photons");
            Text("\"sigma\":0.01", "\"sigma\":null,\"photons\":100", 422, "invalidInput", "sigma");
            Add(job => (job["problem"], job["photons"]) = (new JsonObject { ["type"] = "quantisation" }, 100), 422, "invalidInput", "photons");
            Add(job => (job["problem"], job["files"]!["measurement"], job["photons"]) = (KSpace(), KSpaceFile(), 100), 422, "invalidInput", "photons");
            Add(job => (job["problem"], job["sigma"]) = (new JsonObject { ["type"] = "compressedSensing" }, null), 422, "invalidInput", "sigma");
            Add(job => (job["files"]!["measurement"], job["sigma"]) = (Requests.DataUri(Requests.Png(12)), null), 422, "invalidInput", "sigma");
            Add(job => job["seed"] = -1, 422, "outOfRange", "seed");
            Add(job => job["name"] = new string('x', 201), 422, "outOfRange", "name");
            Add(job => job["model"] = "no-such-model", 422, "unknownModel", "model");
            Add(job => job["model"] = "../brain-mri-128", 422, "unknownModel", "model");
            Add(job => job["problem"]!["mask"]!["height"] = 0, 422, "invalidInput", "problem.mask.height");
            Add(job => job["solver"]!["type"] = "magic", 422, "invalidInput", "solver.type");
            Add(job => job["solver"]!["preset"] = "slow", 422, "invalidInput", "solver.preset");
            Add(job => job["solver"]!["parameters"]!["stpes"] = 1, 422, "invalidInput", "solver.parameters.stpes");
            Add(job => job["solver"]!["parameters"]!["steps"] = 0, 422, "invalidInput", "solver.parameters.steps");
            Add(job => job["solver"]!["parameters"]!["steps"] = "ten", 422, "invalidInput", "solver.parameters.steps");
            Add(job => job["baselines"] = new JsonArray("adjoint", "magic"), 422, "invalidInput", "baselines[1]");
            Add(job => job["baselines"] = new JsonArray("reSample"), 422, "invalidInput", "baselines[0]");
            Add(job => job["baselines"] = new JsonArray("wavelet", "adjoint", "wavelet"), 422, "invalidInput", "baselines[2]");
            Add(job => job["baselines"] = new JsonArray((JsonNode?)null), 422, "invalidInput", "baselines[0]");
            Add(job => job["baselines"] = new JsonArray("adjoint", "leastSquares", "totalVariation", "wavelet", "adjoint"), 422, "invalidInput", "baselines");
            Add(job => job["baselines"] = new JsonArray(1), 400, "invalidValue", "baselines[0]");
            Add(job => job["baselines"] = "adjoint", 400, "invalidValue", "baselines");
            Add(
                job =>
                    (job["problem"], job["baselines"]) = (new JsonObject { ["type"] = "hdr" }, new JsonArray("wavelet", "totalVariation")), 422, "invalidInput",
                    "baselines[1]");
            Add(job => job.Remove("files"), 422, "missingFile", "files.measurement");
            Add(job => job["problem"] = new JsonObject { ["type"] = "pointSpread" }, 422, "invalidInput", "files.psf");
            Add(job => job["files"]!["mask"] = Requests.DataUri(Requests.Png()), 422, "invalidInput", "files.mask");
            Add(
                job => job["problem"] = new JsonObject { ["type"] = "mri", ["mask"] = new JsonObject { ["type"] = "equispaced" } },
                422, "invalidInput", "files.measurement");
            string[] uris =
            [
                "", "x", "data:", "data:image/png;base64,", "data:image/png,abc", "data:text/html;base64,AAAA", "data:image/png;base64,AAA",
                "data:image/png;base64,AA A", "data:image/png;base64,A===", "data:image/png;base64,AAAA\n", "https://example.org/x.png", "file:///etc/passwd",
            ];
            foreach (string uri in uris)
            {
                Add(job => job["files"]!["measurement"] = uri, 422, "invalidDataUri", "files.measurement");
            }

            foreach (byte[] file in new[] { "no image"u8.ToArray(), Requests.Png()[..60], Bomb(), Svg(), NpyBomb(), [0x93, .. "NUMPY"u8] })
            {
                Add(job => job["files"]!["measurement"] = Requests.DataUri(file), 422, "invalidFile", "files.measurement");
            }

            foreach (float far in new[] { 1e30f, 128f, -17f })
            {
                Add(
                    job =>
                        job["files"]!["measurement"] = Requests.DataUri(Npy.Write(new ArrayData([16, 16], [.. Enumerable.Repeat(far, 256)]))), 422,
                        "invalidInput", "files.measurement");
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Bodies))]
    public async Task A_spoiled_job_is_refused_with_its_code_and_field(string body, int status, string code, string? field)
    {
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", new StringContent(body, Encoding.UTF8, "application/json"));
        await ProblemAsync(response, status, code, field);
    }

    [Theory]
    [InlineData("text/plain", "x", 415, "unsupportedMediaType")]
    [InlineData("multipart/form-data", "x", 400, "malformedMultipart")]
    [InlineData("multipart/form-data; boundary=b", "", 400, "malformedMultipart")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=request\r\n\r\n{", 400, "malformedMultipart")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\n\r\nx\r\n--b--\r\n", 400, "malformedMultipart")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=other\r\n\r\nx\r\n--b--\r\n", 400, "unknownPart", "other")]
    [InlineData("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=mask\r\n\r\nx\r\n--b--\r\n", 400, "missingPart", "request")]
    [InlineData(
        "multipart/form-data; boundary=b",
        "--b\r\nContent-Disposition: form-data; name=mask\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=mask\r\n\r\nx\r\n--b--\r\n", 400,
        "duplicateFile", "files.mask")]
    public async Task A_spoiled_body_is_refused_with_its_code(string type, string body, int status, string code, string? field = null)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", content);
        await ProblemAsync(response, status, code, field);
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", 404, "notFound")]
    [InlineData("GET", "/v1/jobs/nothing", 404, "notFound")]
    [InlineData("GET", "/v1/jobs/nothing/events", 404, "notFound")]
    [InlineData("GET", "/v1/jobs/nothing/artefacts", 404, "notFound")]
    [InlineData("GET", "/v1/jobs/nothing/artefacts/result.npy", 404, "notFound")]
    [InlineData("POST", "/v1/jobs/nothing/cancel", 404, "notFound")]
    [InlineData("DELETE", "/v1/jobs/nothing", 404, "notFound")]
    [InlineData("GET", "/v1/models/nothing", 404, "notFound")]
    [InlineData("PUT", "/v1/jobs", 405, "methodNotAllowed")]
    [InlineData("GET", "/v1/jobs?limit=0", 400, "outOfRange", "limit")]
    [InlineData("GET", "/v1/jobs?limit=many", 400, "invalidValue", "limit")]
    [InlineData("GET", "/v1/jobs?state=odd", 400, "invalidValue", "state")]
    [InlineData("GET", "/v1/jobs?state=1", 400, "invalidValue", "state")]
    [InlineData("GET", "/v1/jobs?cursor=x%27--", 400, "invalidValue", "cursor")]
    public async Task A_wrong_address_is_refused_as_a_problem(string method, string path, int status, string code, string? field = null)
    {
        using HttpResponseMessage response = await service.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        await ProblemAsync(response, status, code, field);
    }

    [Theory]
    [InlineData("Idempotency-Key", "two words", 400, "invalidValue", "Idempotency-Key")]
    [InlineData("Origin", "https://evil.example", 403, "crossSite", "Origin")]
    [InlineData("Sec-Fetch-Site", "cross-site", 403, "crossSite", "Origin")]
    public async Task A_bad_header_is_refused(string header, string value, int status, string code, string field)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = Requests.Form(Requests.Job()) };
        message.Headers.Add(header, value);
        using HttpResponseMessage response = await service.Client.SendAsync(message);
        await ProblemAsync(response, status, code, field);
    }

    [Theory]
    [InlineData("/health/ready", 200)]
    [InlineData("/v1/jobs", 200)]
    [InlineData("/v1/models", 200)]
    [InlineData("/v1/nothing", 404)]
    [InlineData("/v1/jobs/nothing/events", 405)]
    public async Task Head_is_answered_as_get_is_without_a_body(string path, int status)
    {
        using HttpResponseMessage response = await service.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
        using HttpResponseMessage after = await service.Client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task A_factor_that_is_none_is_told_which_there_are()
    {
        JsonObject job = Requests.Job();
        job["problem"] = new JsonObject { ["type"] = "superResolution", ["factor"] = 5 };
        using HttpResponseMessage response = await service.Client.PostAsync(
            "/v1/jobs", new StringContent(job.ToJsonString(), Encoding.UTF8, "application/json"));
        Assert.Contains("2, 3, 4 or 8", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    /// <summary>Member and its value, field and the whole sentence.</summary>
    public static TheoryData<string, string, string> WrongWords => new()
    {
        { """{"priority":"urgent"}""", "priority", "'urgent' is none of: low, normal, high." },
        { """{"priority":1}""", "priority", "'1' is none of: low, normal, high." },
        { """{"priority":["low"]}""", "priority", "The value is none of: low, normal, high." },
        { """{"vendorConvention":"ge"}""", "vendorConvention", "'ge' is none of: auto, none, siemens." },
        { """{"reference":"<b>\u001b[31m'\""}""", "reference", "'?b???31m??' is none of: check, force." },
        { $$"""{"reference":"{{new string('x', 300)}}"}""", "reference", $"'{new string('x', 40)}...' is none of: check, force." },
        { """{"problem":{"type":"gaussianBlur","boundary":"mirror"}}""", "problem.boundary", "'mirror' is none of: reflect, circular." },
        { """{"problem":{"boundary":"mirror","type":"gaussianBlur"}}""", "problem.boundary", "'mirror' is none of: reflect, circular." },
        { """{"problem":{"type":"gaussianBlur","boundary":null}}""", "problem.boundary", "'null' is none of: reflect, circular." },
        {
            """{"problem":{"type":"composition","parts":[{"type":"denoising"},{"type":"motionBlur","boundary":"zero"}]}}""", "problem.parts[1].boundary",
            "'zero' is none of: reflect, circular."
        },
        {
            """{"problem":{"type":"parallelMri","trajectoryUnit":"metres"}}""", "problem.trajectoryUnit",
            "'metres' is none of: cyclesPerPixel, cyclesPerFieldOfView, cyclesPerEncodedFieldOfView."
        },
        { """{"problem":{"type":"Inpainting"}}""", "problem.type", $"'Inpainting' is none of: {Kinds}." },
        { """{"problem":{"type":7}}""", "problem.type", $"'7' is none of: {Kinds}." },
        { """{"problem":{}}""", "problem.type", $"The member 'type', which names the kind of the object, is required: one of {Kinds}." },
        { """{"problem":{"type":"inpainting","mask":{"type":"disc"}}}""", "problem.mask.type", "'disc' is none of: file, box, random." },
        { """{"problem":{"mask":{"radius":3,"type":"disc"},"type":"inpainting"}}""", "problem.mask.type", "'disc' is none of: file, box, random." },
        { """{"problem":{"type":"mri","mask":{"type":"box"}}}""", "problem.mask.type", "'box' is none of: file, random, equispaced, poissonDisc." },
        {
            """{"problem":{"type":"mri","mask":{}}}""", "problem.mask.type",
            "The member 'type', which names the kind of the object, is required: one of file, random, equispaced, poissonDisc."
        },
        {
            """{"problem":{"type":"composition","parts":[{"type":"denoising"},{"type":"fog"}]}}""", "problem.parts[1].type", $"'fog' is none of: {Kinds}."
        },
        {
            """{"solver":{"type":"magic"}}""", "solver.type",
            $"'magic' is none of: {string.Join(", ", InverseSolver.Reconstruction.Solvers.SolverCatalog.All.Select(solver => solver.Type))}."
        },
        { """{"solver":{"type":"wavelet","preset":"slow"}}""", "solver.preset", "Wavelet thresholding: 'slow' is none of: paper, balanced, fast." },
        {
            """{"solver":{"type":"diffPir","parameters":{"dataStep":"quick"}}}""", "solver.parameters.dataStep", "'quick' is none of: paper, proximal."
        },
        { """{"baselines":["magic"]}""", "baselines[0]", "'magic' is none of: adjoint, leastSquares, totalVariation, wavelet, tspr." },
    };

    private static string Kinds => string.Join(", ", InverseSolver.Reconstruction.Problems.Problem.Kinds.Select(kind => kind.Name));

    [Fact]
    public async Task All_faults_of_a_request_are_told_at_once_those_inside_the_problem_and_the_solver_too()
    {
        JsonObject job = Requests.Job();
        job["problem"] = JsonNode.Parse("""{"type":"gaussianBlur","sigma":-1}""");
        job["sigma"] = -2;
        job["model"] = "none";
        job["solver"] = JsonNode.Parse("""{"type":"dcdp","parameters":{"foo":1,"bar":2,"rounds":0}}""");
        Assert.Equal(
            ["model", "problem.sigma", "sigma", "solver.parameters.bar", "solver.parameters.foo", "solver.parameters.rounds"],
            await FieldsAsync("/v1/jobs", job));
        job["problem"] = JsonNode.Parse("""{"type":"composition","parts":[{"type":"gaussianBlur","sigma":-1},{"type":"gaussianBlur","sigma":-2}]}""");
        Assert.Equal(
            ["problem.parts[0].sigma", "problem.parts[1].sigma"],
            (await FieldsAsync("/v1/jobs", job)).Where(field => field.StartsWith("problem", StringComparison.Ordinal)));
        Assert.Equal(["model", "problem"], await FieldsAsync("/v1/jobs", []));
        Assert.Equal(
            ["createdFrom", "cursor", "limit", "problem", "state"],
            await FieldsAsync("/v1/jobs?state=x&problem=x&createdFrom=yesterday&limit=0&cursor=x", null));

        async Task<IEnumerable<string>> FieldsAsync(string path, JsonObject? body)
        {
            using HttpResponseMessage answer = body is null ? await service.Client.GetAsync(path) : await service.Client.PostAsync(path, Json(body));
            JsonNode error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
            Assert.Equal((string?)error["field"], (string?)error["errors"]![0]!["field"]);
            return error["errors"]!.AsArray().Select(fault => (string)fault!["field"]!).Order(StringComparer.Ordinal);
        }
    }

    [Theory]
    [InlineData("01.12.2026"), InlineData("12/01/2026"), InlineData("01:00"), InlineData("2026-12-01"), InlineData("2026-12-01T08:00:00")]
    [InlineData("Tue, 01 Dec 2026 08:00:00 GMT"), InlineData("2026-13-01T08:00:00Z"), InlineData("")]
    public async Task A_time_that_has_more_than_one_reading_is_refused(string time)
    {
        using HttpResponseMessage answer = await service.Client.GetAsync($"/v1/jobs?createdTo={Uri.EscapeDataString(time)}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("createdTo", (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["field"]);
    }

    [Theory, MemberData(nameof(WrongWords))]
    public async Task A_word_that_is_none_is_told_which_there_are(string members, string field, string text)
    {
        JsonObject job = Requests.Job();
        foreach ((string name, JsonNode? value) in JsonNode.Parse(members)!.AsObject()) job[name] = value?.DeepClone();
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", Json(job));
        JsonNode problem = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal((field, text), ((string?)problem["field"], (string?)problem["detail"]));
        Assert.Contains((string?)problem["code"], (string[])["invalidValue", "unknownType", "missingType", "invalidInput"]);
    }

    [Theory]
    [InlineData("state=odd", "'odd' is none of: queued, running, succeeded, failed, cancelled.")]
    [InlineData("expand=result,files", "'files' is none of: request, result.")]
    public async Task A_word_of_the_address_that_is_none_is_told_which_there_are(string query, string text)
    {
        using HttpResponseMessage response = await service.Client.GetAsync($"/v1/jobs?{query}");
        Assert.Equal(text, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["detail"]);
    }

    [Fact]
    public async Task A_foreign_host_name_is_refused()
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, "/v1/jobs") { Headers = { Host = "rebound.example" } };
        using HttpResponseMessage response = await service.Client.SendAsync(message);
        await ProblemAsync(response, 400, "unknownHost", "Host");
        Assert.Contains("'rebound.example'", (string)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["detail"]!, StringComparison.Ordinal);
        Assert.Contains(
            service.Log,
            line => line.Contains("rebound.example", StringComparison.Ordinal) && line.Contains("localhost;127.0.0.1;[::1]", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("solver.hospital.example", 200), InlineData("SOLVER.hospital.example:8443", 200), InlineData("mr1.ward.example", 200),
        InlineData("localhost", 400), InlineData("ward.example", 400)]
    public async Task Hosts_are_those_that_the_configuration_lists(string host, int status)
    {
        using var named = new Service(null, ("AllowedHosts", "solver.hospital.example; *.ward.example"));
        using var message = new HttpRequestMessage(HttpMethod.Get, "/health/live") { Headers = { Host = host } };
        using HttpResponseMessage response = await named.Client.SendAsync(message);
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task Limits_hold_and_a_full_queue_says_when_to_come_back()
    {
        using var small = new Service(
            null, ("Limits:JsonBytes", "20000"), ("Limits:FileBytes", "5000"), ("Limits:RequestBytes", "8000"), ("Limits:Pixels", "1024"),
            ("Limits:ImagePixels", "4096"), ("Limits:SolverSteps", "600"), ("Limits:Frames", "2"), ("Jobs:QueueCapacity", "1"));
        JsonObject big = Requests.Job();
        big["name"] = new string('x', 30000);
        await ProblemAsync(await small.Client.PostAsync("/v1/jobs", Json(big)), 413, "tooLarge", null);
        await ProblemAsync(
            await small.Client.PostAsync("/v1/jobs", Requests.Form(Requests.Job().Without("files"), ("measurement", new byte[6000]))), 413, "tooLarge",
            "files.measurement");
        await ProblemAsync(
            await small.Client.PostAsync("/v1/jobs", Requests.Form(Requests.Job().Without("files"), ("measurement", new byte[4500]), ("mask", new byte[4500]))),
            413, "tooLarge", null);
        await ProblemAsync(
            await small.Client.PostAsync("/v1/jobs", Requests.Form(Requests.Job().Without("files"), ("measurement", new byte[100_000]))), 413, "tooLarge", null,
            "files.measurement");
        await ProblemAsync(await small.Client.PostAsync("/v1/jobs", Json(Requests.Job(new byte[5001]))), 413, "tooLarge", "files.measurement");
        await ProblemAsync(await small.Client.PostAsync("/v1/jobs", Json(Requests.Job(Requests.Png(33)))), 422, "invalidFile", "files.measurement");

        JsonObject enlarged = Requests.Job();
        enlarged["problem"] = new JsonObject { ["type"] = "superResolution", ["factor"] = 3 };
        await ProblemAsync(await small.Client.PostAsync("/v1/jobs", Json(enlarged)), 422, "limitExceeded", "files.measurement");
        await ProblemAsync(
            await small.Client.PostAsync("/v1/jobs", Json(Requests.Job(InverseSolver.Imaging.Npy.Write(new ArrayData([3, 1, 16, 16], new float[768]))))), 422,
            "limitExceeded", "files.measurement");
        await ProblemAsync(await small.Client.PostAsync("/v1/jobs", Json(Requests.Job(steps: 700))), 422, "limitExceeded", "solver.parameters.steps");

        string running = Service.Id(await small.SubmitAsync(Requests.Job(steps: 500)));
        await small.UntilAsync(running, job => Service.State(job) == "running");
        await small.SubmitAsync(Requests.Job());
        using HttpResponseMessage full = await small.Client.PostAsync("/v1/jobs", Json(Requests.Job()));
        Assert.True(full.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        await ProblemAsync(full, 429, "queueFull", null);
    }

    private static JsonObject KSpace() => new() { ["type"] = "mri", ["mask"] = new JsonObject { ["type"] = "equispaced" } };

    private static string KSpaceFile() => Requests.DataUri(Npy.Write(new ArrayData([16, 16], new float[512], true)), "application/octet-stream");

    private static StringContent Json(JsonObject request) => new(request.ToJsonString(), Encoding.UTF8, "application/json");

    private static async Task ProblemAsync(HttpResponseMessage response, int status, string code, string? field, string? orField = null)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode} {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonNode problem = JsonNode.Parse(body)!;
        Assert.True(code == (string?)problem["code"] && ((string?)problem["field"] == field || (string?)problem["field"] == orField), body);
        Assert.Equal((status, $"urn:inverse-solver:{code}"), ((int)problem["status"]!, (string)problem["type"]!));
        Assert.NotEmpty((string)problem["detail"]!);
        Assert.DoesNotContain("   at ", body);
        Assert.DoesNotContain("InverseSolver.", body);
        Assert.DoesNotContain("System.", body);
    }

    /// <summary>A PNG of 20000 x 20000 pixels in a few bytes.</summary>
    private static byte[] Bomb()
    {
        byte[] png = Requests.Png();
        byte[] bomb = [.. png[..16], 0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20, .. png[24..29], .. Crc(png), .. png[33..]];
        return bomb;

        static byte[] Crc(byte[] png)
        {
            byte[] header = [.. png[12..16], 0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20, .. png[24..29]];
            uint crc = 0xFFFFFFFF;
            foreach (byte value in header)
            {
                crc ^= value;
                for (int bit = 0; bit < 8; bit++)
                {
                    crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
                }
            }

            crc = ~crc;
            return [(byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc];
        }
    }

    private static byte[] Svg() => "<svg xmlns='http://www.w3.org/2000/svg' width='32' height='32'><image href='file:///etc/passwd'/></svg>"u8.ToArray();

    private static byte[] NpyBomb()
    {
        byte[] npy = Npy.Write(new ArrayData([1, 8, 8], new float[64]));
        return Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(npy).Replace("(1, 8, 8)", "(9, 999999, 99999)", StringComparison.Ordinal));
    }
}
