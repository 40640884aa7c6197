using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>Jobs from submission to deletion, over HTTP, with the real solver.</summary>
public sealed class JobStories(Service service) : IClassFixture<Service>
{
    [Fact]
    public async Task A_job_sent_as_multipart_is_solved_and_its_artefacts_can_be_had()
    {
        JsonObject request = Requests.Job().Without("files");
        using MultipartFormDataContent form = Requests.Form(request, ("measurement", Requests.Png()), ("truth", Requests.Png(bitDepth: 16)));
        using HttpResponseMessage accepted = await service.Client.PostAsync("/v1/jobs", form);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.NotNull(accepted.Headers.RetryAfter);

        JsonObject job = await service.UntilAsync(accepted.Headers.Location!.ToString().Split('/')[^1]);
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal(1, (int)job["attempts"]!);
        double effective = (double)job["result"]!["effectiveSigma"]!;
        Assert.Equal(Math.Sqrt(0.01 * 0.01 + 1.0 / (255 * 255 * 12)), effective, 1e-12);
        Assert.NotNull(job["result"]!["quality"]);

        string[] names = [.. job["result"]!["artefacts"]!.AsArray().Select(file => (string)file!["name"]!)];
        Assert.Equal(
            ["result.npy", "result.png", "result16.png", "deviation.npy", "deviation.png", "mask.png", "measurement.npy", "measurement.png", "report.json"],
            names);
        string artefacts = (string)job["links"]!["artefacts"]!;
        ArrayData result = Npy.Read(await service.Client.GetByteArrayAsync($"{artefacts}/result.npy"), 1 << 20);
        Assert.Equal([1, 32, 32], result.Shape);
        foreach ((string name, int bits) in new[] { ("result.png", 8), ("result16.png", 16) })
        {
            ImageHeader png = ImageFile.ReadHeader(await service.Client.GetByteArrayAsync($"{artefacts}/{name}"));
            Assert.Equal((32, 32, bits), (png.Width, png.Height, png.BitDepth));
        }

        JsonObject report = await service.GetAsync($"{artefacts}/report.json");
        Assert.Equal("Not for diagnosis.", (string?)report["notice"]);
        Assert.Equal("brain-mri-128", (string?)report["model"]!["id"]);
        Assert.Equal(64, ((string)report["model"]!["hash"]!).Length);
        Assert.Equal(4, (int)report["solver"]!["parameters"]!["steps"]!);
        Assert.NotNull(report["consistency"]!["ratio"]);
        Assert.NotNull(report["fingerprint"]!["libtorch"]);
        Assert.NotNull(report["times"]!["finished"]);
        Assert.DoesNotContain("somebody", report.ToJsonString());
    }

    [Fact]
    public async Task Several_samples_leave_their_deviation_and_one_leaves_none()
    {
        JsonObject request = Requests.Job();
        request["solver"]!["parameters"]!["samples"] = 1;
        JsonObject one = await service.SubmitAsync(request, "wait=60");
        Assert.DoesNotContain("deviation", one["result"]!.ToJsonString());
        Assert.Null((await service.GetAsync($"{(string)one["links"]!["artefacts"]!}/report.json"))["deviationWhite"]);

        request["solver"]!["parameters"]!["samples"] = 2;
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        string artefacts = (string)job["links"]!["artefacts"]!;
        ArrayData deviation = Npy.Read(await service.Client.GetByteArrayAsync($"{artefacts}/deviation.npy"), 1 << 20);
        Assert.Equal([1, 32, 32], deviation.Shape);
        Assert.Contains(deviation.Values, value => value > 0);
        Assert.Equal(32, ImageFile.ReadHeader(await service.Client.GetByteArrayAsync($"{artefacts}/deviation.png")).Width);
        JsonObject report = await service.GetAsync($"{artefacts}/report.json");
        Assert.Equal(Math.Max(0.05f, deviation.Values.Max()), (float)report["deviationWhite"]!);
        Assert.Equal(2, (int)report["fingerprint"]!["batch"]!);
    }

    [Fact]
    public async Task A_stack_of_frames_is_one_job_with_a_result_for_each_frame()
    {
        float[] frames = [.. Enumerable.Range(0, 3 * 32 * 32).Select(i => 0.3f + i / 1024 * 0.2f)];
        JsonObject request = Requests.Job();
        request["files"]!["measurement"] = Requests.DataUri(Npy.Write(new ArrayData([3, 1, 32, 32], frames)), "application/octet-stream");
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal(3, job["result"]!["frames"]!.AsArray().Count);

        string artefacts = (string)job["links"]!["artefacts"]!;
        ArrayData result = Npy.Read(await service.Client.GetByteArrayAsync($"{artefacts}/result.npy"), 1 << 20);
        ArrayData deviation = Npy.Read(await service.Client.GetByteArrayAsync($"{artefacts}/deviation.npy"), 1 << 20);
        Assert.Equal([3, 1, 32, 32], result.Shape);
        Assert.Equal([3, 1, 32, 32], deviation.Shape);
        for (int i = 0; i < 3; i++)
        {
            // The corner was measured, and next to it nothing says otherwise.
            Assert.Equal(0.3 + 0.2 * i, result.Values[i * 1024], 0.05);
            Image frame = ImageFile.Read(await service.Client.GetByteArrayAsync($"{artefacts}/frame-{i:0000}.png"), new ImageLimits(1 << 20));
            Assert.Equal((32, 32, 16), (frame.Width, frame.Height, frame.BitDepth));
            Assert.Equal(result.Values[i * 1024], frame.Values[0], 1e-4);
        }

        // Side by side: 2 x 2 places.
        Assert.Equal(64, ImageFile.ReadHeader(await service.Client.GetByteArrayAsync($"{artefacts}/result.png")).Width);
        JsonObject report = await service.GetAsync($"{artefacts}/report.json");
        Assert.Equal(1, (long)report["frames"]![0]!["seed"]!);
        Assert.Equal(
            report["frames"]!.AsArray().Sum(frame => (double)frame!["consistency"]!["residual"]!), (double)report["consistency"]!["residual"]!, 1e-9);
    }

    [Fact]
    public async Task A_job_without_a_solver_runs_the_one_that_is_recommended_for_its_problem()
    {
        JsonObject kinds = await service.GetAsync("/v1/problems");
        JsonNode inpainting = kinds["items"]!.AsArray().First(kind => (string)kind!["type"]! == "inpainting")!;
        string best = (string)inpainting["recommended"]!["best"]!;
        Assert.Contains("box", (string)inpainting["recommended"]!["note"]!);
        JsonObject solvers = await service.GetAsync("/v1/solvers");
        JsonNode solver = solvers["items"]!.AsArray().First(kind => (string)kind!["type"]! == best)!;
        Assert.Contains("inpainting", solver["recommendedFor"]!.AsArray().Select(type => (string)type!));

        JsonObject request = Requests.Job();
        request["problem"]!["mask"] = new JsonObject { ["type"] = "random", ["fraction"] = 0.5, ["seed"] = 1 };
        request["solver"] = new JsonObject { ["preset"] = "fast", ["parameters"] = new JsonObject { ["steps"] = 3 } };
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        Assert.Equal((best, "fast"), ((string)job["request"]!["solver"]!["type"]!, (string)job["request"]!["solver"]!["preset"]!));
        request.Remove("solver");
        job = await service.SubmitAsync(request);
        Assert.Equal((best, "balanced"), ((string)job["request"]!["solver"]!["type"]!, (string)job["request"]!["solver"]!["preset"]!));
        using HttpResponseMessage cancelled = await service.Client.PostAsync((string)job["links"]!["cancel"]!, null);
        Assert.True(cancelled.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Baselines_are_solved_beside_the_result()
    {
        JsonObject request = Requests.Job();
        request["baselines"] = new JsonArray("totalVariation", "adjoint");
        request["files"]!["truth"] = Requests.DataUri(Requests.Png());
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal(["totalVariation", "adjoint"], job["request"]!["baselines"]!.AsArray().Select(one => (string?)one!["type"]));
        JsonArray baselines = job["result"]!["baselines"]!.AsArray();
        Assert.Equal(["totalVariation", "adjoint"], baselines.Select(one => (string?)one!["solver"]));
        Assert.Equal(80, (int)baselines[0]!["parameters"]!["steps"]!);
        Assert.All(baselines, one => Assert.Equal(0, (int)one!["cost"]!["networkCalls"]!));
        Assert.True((double)baselines[0]!["quality"]!["psnrDb"]! > (double)baselines[1]!["quality"]!["psnrDb"]!);

        string artefacts = (string)job["links"]!["artefacts"]!;
        ArrayData image = Npy.Read(await service.Client.GetByteArrayAsync($"{artefacts}/baseline-totalVariation.npy"), 1 << 20);
        Assert.Equal([1, 32, 32], image.Shape);
        Assert.Equal(32, ImageFile.ReadHeader(await service.Client.GetByteArrayAsync($"{artefacts}/baseline-adjoint.png")).Width);
        JsonObject report = await service.GetAsync($"{artefacts}/report.json");
        Assert.True(JsonNode.DeepEquals(baselines, report["baselines"]));

        // The result is the one that is found without them.
        JsonObject alone = await service.SubmitAsync(Requests.Job(), "wait=60");
        Assert.Null(alone["result"]!["baselines"]);
        Assert.Equal(Hash(alone), Hash(job));

        static string Hash(JsonObject job) => (string)job["result"]!["artefacts"]!.AsArray().First(file => (string?)file!["name"] == "result.npy")!["sha256"]!;
    }

    [Fact]
    public async Task A_job_can_be_cancelled_while_its_baselines_are_solved()
    {
        JsonObject request = Requests.Job(Requests.Png(256));
        request["solver"] = new JsonObject { ["type"] = "adjoint" };
        request["baselines"] = new JsonArray("totalVariation", "wavelet", "leastSquares");
        string id = Service.Id(await service.SubmitAsync(request));
        JsonObject seen = await service.UntilAsync(id, job => ((string?)job["progress"]?["stage"])?.StartsWith("baseline", StringComparison.Ordinal) == true);
        Assert.Equal("baseline totalVariation", (string?)seen["progress"]!["stage"]);
        using HttpResponseMessage stopping = await service.Client.PostAsync($"/v1/jobs/{id}/cancel", null);
        Assert.Equal("cancelled", Service.State(await service.UntilAsync(id)));
        Assert.Empty((await service.GetAsync($"/v1/jobs/{id}/artefacts"))["items"]!.AsArray());
    }

    [Fact]
    public async Task An_artefact_has_a_strong_tag_and_is_not_sent_twice()
    {
        string id = Service.Id(await service.SubmitAsync(Requests.Job(), "wait=60"));
        using HttpResponseMessage first = await service.Client.GetAsync($"/v1/jobs/{id}/artefacts/result.npy");
        Assert.True(first.Headers.CacheControl!.NoStore);
        Assert.Equal("attachment", first.Content.Headers.ContentDisposition!.DispositionType);
        using var again = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/artefacts/result.npy");
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using HttpResponseMessage second = await service.Client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
        using var ranged = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/artefacts/result.npy") { Headers = { Range = new RangeHeaderValue(0, 5) } };
        using HttpResponseMessage part = await service.Client.SendAsync(ranged);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        foreach (string name in new[] { "nothing.png", "..%2Finput%2Fmeasurement", "%2Fetc%2Fpasswd" })
        {
            using HttpResponseMessage none = await service.Client.GetAsync($"/v1/jobs/{id}/artefacts/{name}");
            Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
        }
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_image()
    {
        JsonObject one = await service.SubmitAsync(Requests.Job(), "wait=60"), two = await service.SubmitAsync(Requests.Job(), "respond-async, wait=60");
        Assert.Equal(Hash(one), Hash(two));

        static string Hash(JsonObject job) => (string)job["result"]!["artefacts"]!.AsArray().First(file => (string?)file!["name"] == "result.npy")!["sha256"]!;
    }

    [Fact]
    public async Task Events_tell_of_progress_and_can_be_taken_up_again()
    {
        string id = Service.Id(await service.SubmitAsync(Requests.Job(steps: 30)));
        var first = new List<ServerEvent>();
        await foreach (ServerEvent happened in service.EventsAsync(id))
        {
            first.Add(happened);
            if (happened.Job!["progress"] is JsonObject { } progress && (int)progress["step"]! >= 2)
            {
                break;
            }
        }

        Assert.All(first, happened => Assert.Equal("progress", happened.Type));
        var rest = new List<ServerEvent>();
        await foreach (ServerEvent happened in service.EventsAsync(id, first[^1].Id))
        {
            rest.Add(happened);
        }

        long[] ids = [.. first.Concat(rest).Where(happened => happened.Id is not null).Select(happened => long.Parse(happened.Id!))];
        Assert.Equal(ids.Order().Distinct(), ids);
        Assert.Equal("finished", rest[^1].Type);
        Assert.Equal("succeeded", Service.State(rest[^1].Job!));
        Assert.Contains(first.Concat(rest), happened => happened.Preview?.StartsWith("data:image/png;base64,", StringComparison.Ordinal) == true);

        using var over = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/events");
        over.Headers.Add("Last-Event-ID", rest[^1].Id);
        using HttpResponseMessage nothing = await service.Client.SendAsync(over);
        Assert.Equal(HttpStatusCode.NoContent, nothing.StatusCode);
    }

    [Fact]
    public async Task Waiting_and_running_jobs_can_be_cancelled_and_only_final_ones_deleted()
    {
        string running = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        string waiting = Service.Id(await service.SubmitAsync(Requests.Job()));
        await service.UntilAsync(running, job => job["progress"] is not null);
        await ProblemAsync(await service.Client.DeleteAsync($"/v1/jobs/{running}"), HttpStatusCode.Conflict, "notFinal");

        using HttpResponseMessage stopped = await service.Client.PostAsync($"/v1/jobs/{waiting}/cancel", null);
        Assert.Equal(HttpStatusCode.OK, stopped.StatusCode);
        await ProblemAsync(await service.Client.PostAsync($"/v1/jobs/{waiting}/cancel", null), HttpStatusCode.Conflict, "alreadyFinal");

        using HttpResponseMessage stopping = await service.Client.PostAsync($"/v1/jobs/{running}/cancel", null);
        Assert.Equal(HttpStatusCode.Accepted, stopping.StatusCode);
        Assert.Equal("cancelled", Service.State(await service.UntilAsync(running)));

        foreach (string id in new[] { running, waiting })
        {
            using HttpResponseMessage deleted = await service.Client.DeleteAsync($"/v1/jobs/{id}");
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
            Assert.False(Directory.Exists(Path.Combine(service.Folder, "artefacts", id)));
            await ProblemAsync(await service.Client.GetAsync($"/v1/jobs/{id}"), HttpStatusCode.NotFound, "notFound");
        }
    }

    [Fact]
    public async Task A_key_gives_the_same_job_for_the_same_content_and_a_conflict_for_other_content()
    {
        string key = Guid.NewGuid().ToString();
        JsonObject request = Requests.Job();
        using HttpResponseMessage first = await SendAsync(JsonContent(request)), second = await SendAsync(JsonContent(request));
        using HttpResponseMessage form = await SendAsync(Requests.Form(Requests.Job().Without("files"), ("measurement", Requests.Png())));
        string id = await IdAsync(first);
        Assert.Equal(id, await IdAsync(second));
        Assert.Equal(id, await IdAsync(form));
        request["seed"] = 2;
        await ProblemAsync(await SendAsync(JsonContent(request)), HttpStatusCode.UnprocessableEntity, "idempotencyConflict", "Idempotency-Key");

        Task<HttpResponseMessage> SendAsync(HttpContent content) => service.Client.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = content, Headers = { { "Idempotency-Key", key } } });

        static async Task<string> IdAsync(HttpResponseMessage response) =>
            Service.Id(JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject());
    }

    [Fact]
    public async Task Jobs_are_listed_newest_first_page_by_page()
    {
        for (int i = 0; i < 3; i++)
        {
            await service.SubmitAsync(Requests.Job(steps: 1), "wait=60");
        }

        var ids = new List<string>();
        string? cursor = null;
        do
        {
            JsonObject page = await service.GetAsync($"/v1/jobs?limit=2{(cursor is null ? "" : $"&cursor={cursor}")}");
            ids.AddRange(page["items"]!.AsArray().Select(job => Service.Id(job!.AsObject())));
            cursor = (string?)page["next"];
        }
        while (cursor is not null);

        Assert.True(ids.Count >= 3);
        Assert.Equal(ids.OrderDescending(StringComparer.Ordinal), ids);
        JsonObject failed = await service.GetAsync("/v1/jobs?state=succeeded&limit=200");
        Assert.All(failed["items"]!.AsArray(), job => Assert.Equal("succeeded", Service.State(job!.AsObject())));
    }

    [Fact]
    public async Task A_simulated_measurement_can_be_submitted()
    {
        var request = new JsonObject
        {
            ["problem"] = new JsonObject { ["type"] = "mri", ["mask"] = new JsonObject { ["type"] = "equispaced" } },
            ["sigma"] = 0.02,
            ["seed"] = 3,
        };
        using HttpResponseMessage made = await service.Client.PostAsync("/v1/measurements/simulate", Requests.Form(request, ("image", Requests.Png())));
        byte[] npy = await made.Content.ReadAsByteArrayAsync();
        ArrayData measurement = Npy.Read(npy, 1 << 20);
        Assert.True(measurement.IsComplex);
        Assert.Equal("0.02", made.Headers.GetValues("Measurement-Sigma").Single());
        Assert.True(double.Parse(made.Headers.GetValues("Measurement-Effective-Sigma").Single()) > 0.02);

        using var looked = new HttpRequestMessage(HttpMethod.Post, "/v1/measurements/simulate") { Content = Requests.Form(request, ("image", Requests.Png())) };
        looked.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("image/png"));
        using HttpResponseMessage picture = await service.Client.SendAsync(looked);
        Assert.Equal(ImageFormat.Png, ImageFile.ReadHeader(await picture.Content.ReadAsByteArrayAsync()).Format);

        JsonObject job = Requests.Job();
        job["problem"] = request["problem"]!.DeepClone();
        job["sigma"] = 0.02;
        job["files"] = new JsonObject { ["measurement"] = Requests.DataUri(npy, "application/octet-stream") };
        job = await service.SubmitAsync(job, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal(0.02, (double)job["result"]!["effectiveSigma"]!);
    }

    [Fact]
    public async Task Counted_photons_are_simulated_solved_and_reported()
    {
        JsonObject job = Requests.Job();
        var request = new JsonObject { ["problem"] = job["problem"]!.DeepClone(), ["sigma"] = 0.005, ["photons"] = 200, ["seed"] = 3 };
        using HttpResponseMessage made = await service.Client.PostAsync("/v1/measurements/simulate", Requests.Form(request, ("image", Requests.Png())));
        byte[] npy = await made.Content.ReadAsByteArrayAsync();
        Assert.Equal("200", made.Headers.GetValues("Measurement-Photons").Single());

        job["sigma"] = 0.005;
        job["photons"] = 200;
        job["files"] = new JsonObject { ["measurement"] = Requests.DataUri(npy, "application/octet-stream") };
        job = await service.SubmitAsync(job, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        JsonNode result = job["result"]!;
        Assert.Equal((0.005, 200, false), ((double)result["effectiveSigma"]!, (double)result["consistency"]!["photons"]!, (bool)result["sigmaEstimated"]!));
        Assert.Equal(200, (double)job["request"]!["photons"]!);
        JsonObject report = await service.GetAsync($"/v1/jobs/{Service.Id(job)}/artefacts/report.json");
        Assert.Equal(200, (double)report["photons"]!);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Without_sigma_the_noise_level_is_estimated_and_the_estimate_reported(bool asNull)
    {
        JsonObject job = Requests.Job();
        var request = new JsonObject { ["problem"] = job["problem"]!.DeepClone(), ["sigma"] = 0.05, ["seed"] = 3 };
        using HttpResponseMessage made = await service.Client.PostAsync("/v1/measurements/simulate", Requests.Form(request, ("image", Requests.Png())));
        Assert.False(made.Headers.Contains("Measurement-Photons"));

        job.Remove("sigma");
        if (asNull)
        {
            job["sigma"] = null;
        }

        job["files"] = new JsonObject { ["measurement"] = Requests.DataUri(await made.Content.ReadAsByteArrayAsync(), "application/octet-stream") };
        job = await service.SubmitAsync(job, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        JsonNode result = job["result"]!;
        // 756 neighbourhoods: 6 % at most in 95 of 100 measurements.
        Assert.InRange((double)result["effectiveSigma"]!, 0.045, 0.055);
        Assert.True((bool)result["sigmaEstimated"]!);
        Assert.Contains("second differences", (string)result["sigmaMethod"]!, StringComparison.Ordinal);
        JsonObject report = await service.GetAsync($"/v1/jobs/{Service.Id(job)}/artefacts/report.json");
        Assert.Null((double?)report["sigma"]);
        Assert.Equal((double)result["effectiveSigma"]!, (double)report["effectiveSigma"]!);
        Assert.True((bool)report["sigmaEstimated"]!);
    }

    [Fact]
    public async Task The_rounding_of_a_file_without_noise_is_what_is_estimated_at_least()
    {
        JsonObject job = Requests.Job().Without("sigma");
        job = await service.SubmitAsync(job, "wait=60");
        Assert.InRange((double)job["result"]!["effectiveSigma"]!, 1 / 255.0 / Math.Sqrt(12), 2 / 255.0);
    }

    [Fact]
    public async Task The_example_of_the_documentation_runs_as_it_stands()
    {
        JsonObject document = await service.GetAsync("/swagger/v1/swagger.json");
        JsonObject json(string path) =>
            document["paths"]![path]!["post"]!["requestBody"]!["content"]!["application/json"]!["examples"]!.AsObject().First().Value!["value"]!
                .DeepClone().AsObject();
        using HttpResponseMessage simulated = await service.Client.PostAsync("/v1/measurements/simulate", JsonContent(json("/v1/measurements/simulate")));
        Assert.Equal(HttpStatusCode.OK, simulated.StatusCode);
        Assert.Equal("succeeded", Service.State(await service.SubmitAsync(json("/v1/jobs"), "wait=60")));
    }

    [Fact]
    public async Task Every_kind_of_problem_and_solver_is_listed_with_its_schema()
    {
        JsonArray problems = (await service.GetAsync("/v1/problems"))["items"]!.AsArray();
        Assert.Equal(
            [
                "clipping", "codedDiffraction", "colourisation", "composition", "compressedSensing", "ct", "demosaicking", "denoising", "gaussianBlur", "hdr",
                "inpainting", "jpeg", "motionBlur", "mri", "parallelMri", "phaseRetrieval", "pointSpread", "quantisation", "superResolution", "torchScript",
            ],
            problems.Select(problem => (string?)problem!["type"]));
        JsonNode blur = problems.First(problem => (string?)problem!["type"] == "gaussianBlur")!["schema"]!["properties"]!["sigma"]!;
        Assert.Equal((0.1, 32.0, 3.0), ((double)blur["minimum"]!, (double)blur["maximum"]!, (double)blur["default"]!));
        Assert.StartsWith("Standard deviation in pixels", (string?)blur["description"]);
        JsonArray solvers = (await service.GetAsync("/v1/solvers"))["items"]!.AsArray();
        Assert.Equal(
            ["reSample", "dcdp", "diffPir", "ddnm", "redDiff", "ddpmConsistency", "mriPurify", "latentDps", "treg", "daps", "psld", "constrainedAdmm",
                "adjoint", "leastSquares", "totalVariation", "wavelet", "tspr"],
            solvers.Select(one => (string?)one!["type"]));
        Assert.Equal(
            ["adjoint", "leastSquares", "totalVariation", "wavelet", "tspr"],
            solvers.Where(one => (bool)one!["baseline"]!).Select(one => (string?)one!["type"]));
        JsonNode solver = solvers[0]!;
        Assert.Equal((1, 1000), ((int)solver["schema"]!["properties"]!["steps"]!["minimum"]!, (int)solver["schema"]!["properties"]!["steps"]!["maximum"]!));
        Assert.All(["paper", "paperFast", "balanced", "fast"], preset => Assert.NotNull(solver["presets"]![preset]!["steps"]));
        foreach (JsonNode? one in solvers)
        {
            // A preset whose data step is not the paper's says so, and no other one does.
            JsonObject presets = one!["presets"]!.AsObject(), descriptions = one["presetDescriptions"]!.AsObject();
            Assert.Equal(presets.Select(preset => preset.Key), descriptions.Select(preset => preset.Key));
            Assert.All(presets, preset => Assert.Equal(
                (string?)preset.Value!["dataStep"] == "proximal", ((string)descriptions[preset.Key]!).Contains("in place of the", StringComparison.Ordinal)));
        }

        Assert.Equal(1, (int)(await service.GetAsync("/v1/models/brain-mri-128"))["channels"]!);
        Assert.Equal("ready", (string?)(await service.GetAsync("/health/ready"))["status"]);
    }

    [Fact]
    public async Task A_job_that_breaks_fails_without_detail_and_the_next_one_runs()
    {
        string blocking = Service.Id(await service.SubmitAsync(Requests.LongJob()));
        string broken = Service.Id(await service.SubmitAsync(Requests.Job()));
        string next = Service.Id(await service.SubmitAsync(Requests.Job()));
        Directory.Delete(Path.Combine(service.Folder, "artefacts", broken, "input"), recursive: true);
        using HttpResponseMessage cancelled = await service.Client.PostAsync($"/v1/jobs/{blocking}/cancel", null);

        JsonObject job = await service.UntilAsync(broken);
        Assert.Equal(("failed", "internal"), (Service.State(job), (string?)job["error"]!["code"]));
        Assert.Equal(32, ((string)job["error"]!["traceId"]!).Length);
        Assert.DoesNotContain(service.Folder, job.ToJsonString());
        Assert.Empty((await service.GetAsync($"/v1/jobs/{broken}/artefacts"))["items"]!.AsArray());
        Assert.Equal("succeeded", Service.State(await service.UntilAsync(next)));
    }

    [Fact]
    public async Task The_root_leads_to_the_documentation()
    {
        using HttpResponseMessage page = await service.Client.GetAsync("/");
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.EndsWith("/swagger/index.html", page.RequestMessage!.RequestUri!.AbsolutePath);
    }

    private static StringContent JsonContent(JsonObject request) => new(request.ToJsonString(), System.Text.Encoding.UTF8, "application/json");

    private static async Task ProblemAsync(HttpResponseMessage response, HttpStatusCode status, string code, string? field = null)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{response.StatusCode} {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        JsonNode problem = JsonNode.Parse(body)!;
        Assert.Equal((code, field), ((string?)problem["code"], (string?)problem["field"]));
        response.Dispose();
    }
}
