using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>What a job would take is told before it is sent, and one that takes too much is not accepted.</summary>
public sealed class EstimateStories(Service service) : IClassFixture<Service>
{
    [Fact]
    public async Task An_estimate_tells_the_calls_that_the_job_then_makes_and_stores_nothing()
    {
        JsonObject request = Requests.Job(steps: 6);
        request["baselines"] = new JsonArray("totalVariation");
        string[] before = Files();
        (HttpStatusCode status, JsonObject first) = await EstimateAsync(service, JsonContent.Create(request));
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Empty((await service.GetAsync("/v1/jobs"))["items"]!.AsArray());
        Assert.Equal(before, Files());
        Assert.Contains("timed just now", (string)first["basis"]!);
        Assert.Equal((0, 0.0), ((int)first["wait"]!["jobs"]!, (double)first["wait"]!["seconds"]!));
        Assert.InRange((double)first["seconds"]!, 0.01, 100);
        Assert.True((double)first["secondsLow"]! < (double)first["seconds"]! && (double)first["seconds"]! < (double)first["secondsHigh"]!);
        Assert.InRange((long)first["memoryBytes"]!, 32L << 20, 256L << 20);
        Assert.InRange((long)first["leastMemoryBytes"]!, 32L << 20, (long)first["memoryBytes"]!);
        Assert.True((long)first["memoryLimitBytes"]! >= 1L << 29);

        // The times are kept, and those of the job are added to them.
        (_, JsonObject second) = await EstimateAsync(service, JsonContent.Create(request));
        Assert.Contains("earlier jobs", (string)second["basis"]!);
        JsonObject job = await service.SubmitAsync(request, "wait=60");
        Assert.Equal("succeeded", Service.State(job));
        foreach ((string name, JsonNode? calls) in second["calls"]!.AsObject())
        {
            Assert.Equal((int)job["result"]!["cost"]![name]!, (int)calls!);
        }

        Assert.Equal(6, (int)second["calls"]!["networkCalls"]!);
        (_, JsonObject third) = await EstimateAsync(service, JsonContent.Create(request));
        Assert.NotEqual((double)second["seconds"]!, (double)third["seconds"]!);

        string[] Files() =>
            [.. Directory.EnumerateFileSystemEntries(service.Folder, "*", SearchOption.AllDirectories).Where(path => !path.Contains("jobs.db")).Order()];
    }

    [Fact]
    public async Task Estimates_of_one_caller_wait_for_each_other_and_not_for_ever()
    {
        using var own = new Service();
        JsonObject request = Requests.Job(steps: 6);
        Task<HttpResponseMessage>[] many = [.. Enumerable.Range(0, 24).Select(_ => own.Client.PostAsync("/v1/jobs/estimate", JsonContent.Create(request)))];
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs/estimate")
        {
            Content = JsonContent.Create(request),
            Headers = { { "X-API-Key", own.Key("other") } },
        };
        using HttpResponseMessage other = await own.Client.SendAsync(message);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        HttpResponseMessage[] answers = await Task.WhenAll(many);
        HttpResponseMessage[] refused = [.. answers.Where(answer => answer.StatusCode == HttpStatusCode.TooManyRequests)];
        Assert.InRange(answers.Count(answer => answer.StatusCode == HttpStatusCode.OK), 5, 23);
        Assert.Equal(answers.Length, refused.Length + answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        Assert.Contains("estimates that are not done", await refused[0].Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.All(refused, answer => Assert.NotNull(answer.Headers.RetryAfter));
        foreach (HttpResponseMessage answer in answers) answer.Dispose();
    }

    /// <summary>Requests that are wrong in JSON, in a parameter, in a file and in what the model takes.</summary>
    [Fact]
    public async Task An_estimate_refuses_what_a_job_refuses_in_the_same_words()
    {
        Action<JsonObject>[] faults =
        [
            job => job["sgima"] = 1,
            job => job["sigma"] = -1,
            job => job["model"] = "no-such-model",
            job => job["solver"]!["parameters"]!["steps"] = 0,
            job => job["files"]!["measurement"] = Requests.DataUri([1, 2, 3]),
            job => job["webhook"] = "ftp://nowhere",
            job => job["files"]!.AsObject().Remove("measurement"),
        ];
        foreach (Action<JsonObject> spoil in faults)
        {
            JsonObject request = Requests.Job();
            spoil(request);
            (HttpStatusCode status, JsonObject estimate) = await EstimateAsync(service, JsonContent.Create(request));
            using HttpResponseMessage submitted = await service.Client.PostAsJsonAsync("/v1/jobs", request);
            JsonObject refusal = (await submitted.Content.ReadFromJsonAsync<JsonObject>())!;
            Assert.Equal(submitted.StatusCode, status);
            Assert.True((int)status is >= 400 and < 500);
            Assert.Equal(refusal.Without("traceId").ToJsonString(), estimate.Without("traceId").ToJsonString());
        }
    }

    [Fact]
    public async Task A_small_request_that_becomes_too_large_for_a_job_is_refused_with_both_figures()
    {
        using var small = new Service(null, ("Jobs:MemoryBytes", $"{512L << 20}"));
        JsonObject scan = Scan();
        byte[] file = SparseScan(frames: 64, coils: 4, side: 128);
        Assert.InRange(file.Length, 0, 300_000);
        foreach (string path in new[] { "/v1/jobs", "/v1/jobs/estimate" })
        {
            using MultipartFormDataContent form = Requests.Form(scan, ("measurement", file));
            using HttpResponseMessage refused = await small.Client.PostAsync(path, form);
            JsonObject answer = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
            Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
            Assert.Equal(("memoryExceeded", "files.measurement"), ((string?)answer["code"], (string?)answer["field"]));
            Assert.Matches(@"up to \d+ MiB; a job may take 512 MiB here \(Jobs:MemoryBytes\)\. Send fewer frames", (string)answer["detail"]!);
        }

        Assert.Empty((await small.GetAsync("/v1/jobs"))["items"]!.AsArray());
        using MultipartFormDataContent one = Requests.Form(scan, ("measurement", SparseScan(frames: 1, coils: 4, side: 128)));
        using HttpResponseMessage accepted = await small.Client.PostAsync("/v1/jobs", one);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    [Fact]
    public async Task A_scan_along_a_trajectory_without_sigma_is_refused_when_it_is_sent()
    {
        const int Samples = 64;
        JsonObject scan = Scan().Without("sigma");
        (scan["problem"]!["rows"], scan["problem"]!["columns"]) = (32, 32);
        float[] path = [.. Enumerable.Range(0, 2 * Samples).Select(i => (i % 31) - 15f)];
        using MultipartFormDataContent form = Requests.Form(
            scan,
            ("measurement", Npy.Write(new ArrayData([2, Samples], [.. Enumerable.Repeat(1f, 4 * Samples)], true))),
            ("trajectory", Npy.Write(new ArrayData([Samples, 2], path))));
        using HttpResponseMessage refused = await service.Client.PostAsync("/v1/jobs", form);
        JsonObject answer = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((422, "sigma"), ((int)refused.StatusCode, (string?)answer["field"]));
        Assert.Contains("'covariance'", (string)answer["detail"]!);
    }

    [Fact]
    public async Task A_scan_whose_centre_is_not_measured_is_refused_when_it_is_sent()
    {
        var values = new float[2 * 2 * 32 * 32];
        values.AsSpan(0, 64).Fill(1);
        using MultipartFormDataContent form = Requests.Form(Scan(), ("measurement", Npy.Write(new ArrayData([2, 32, 32], values, true))));
        using HttpResponseMessage refused = await service.Client.PostAsync("/v1/jobs", form);
        JsonObject answer = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((422, "files.measurement"), ((int)refused.StatusCode, (string?)answer["field"]));
        Assert.Contains("centre of k-space", (string)answer["detail"]!);
    }

    private static JsonObject Scan()
    {
        JsonObject job = Requests.Job().Without("files");
        job["problem"] = new JsonObject { ["type"] = "parallelMri" };
        job["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" };
        return job;
    }

    private static byte[] SparseScan(int frames, int coils, int side)
    {
        var values = new float[2 * frames * coils * side * side];
        int plane = 2 * side * side, first = (side / 2) - 12;
        for (int i = 0; i < frames * coils; i++)
        {
            for (int row = first; row < first + 24; row++) values.AsSpan((i * plane) + (2 * ((row * side) + first)), 48).Fill(1 + (i % coils));
        }

        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            using Stream entry = archive.CreateEntry("measurement.npy", CompressionLevel.SmallestSize).Open();
            int[] shape = frames == 1 ? [coils, side, side] : [frames, coils, side, side];
            entry.Write(Npy.Write(new ArrayData(shape, values, true)));
        }

        return file.ToArray();
    }

    private static async Task<(HttpStatusCode Status, JsonObject Answer)> EstimateAsync(Service on, HttpContent body)
    {
        using HttpResponseMessage response = await on.Client.PostAsync("/v1/jobs/estimate", body);
        return (response.StatusCode, (await response.Content.ReadFromJsonAsync<JsonObject>())!);
    }
}
