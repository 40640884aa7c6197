using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>Jobs that share their network calls, over HTTP, with the real model.</summary>
public sealed class SharingStories
{
    // What the field's description promises, root mean square on [0,1].
    private const double Tolerance = 1e-3;

    [Fact]
    public async Task Jobs_that_need_not_be_reproducible_run_together_and_get_what_each_gets_alone()
    {
        await using var service = new Service(folder: null, ("Jobs:SharedWindow", "00:00:01"));
        JsonObject blocker = await service.SubmitAsync(Requests.LongJob());
        JsonObject[] together = [.. await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => service.SubmitAsync(Request(seed, reproducible: false))))];
        await service.Client.PostAsync($"/v1/jobs/{Service.Id(blocker)}/cancel", null);
        long mostItems = 0;
        foreach (JsonObject submitted in together)
        {
            JsonObject job = await service.UntilAsync(Service.Id(submitted));
            Assert.Equal("succeeded", Service.State(job));
            Assert.False((bool)job["request"]!["reproducible"]!);
            JsonObject report = await service.GetAsync($"{(string)job["links"]!["artefacts"]!}/report.json");
            Assert.Equal(report["sharing"]!.ToJsonString(), job["result"]!["sharing"]!.ToJsonString());
            mostItems = Math.Max(mostItems, (long)report["sharing"]!["mostItems"]!);

            JsonObject lone = await service.UntilAsync(Service.Id(await service.SubmitAsync(Request((int)job["request"]!["seed"]!, reproducible: true))));
            Assert.Null(lone["result"]!["sharing"]);
            float[] a = await ResultAsync(service, job), b = await ResultAsync(service, lone);
            double rms = Math.Sqrt(a.Zip(b).Average(pair => Math.Pow(pair.First - pair.Second, 2)));
            Assert.True(rms <= Tolerance, $"{rms:E1}");
        }

        // Each job draws two samples: more than two images at once come from several jobs.
        Assert.True(mostItems > 2, $"{mostItems}");
    }

    [Fact]
    public async Task A_cancelled_job_leaves_those_it_shared_with()
    {
        await using var service = new Service(folder: null, ("Jobs:SharedWindow", "00:00:01"));
        JsonObject endless = Requests.Job(steps: 1000);
        endless["reproducible"] = false;
        JsonObject first = await service.SubmitAsync(endless);
        await service.UntilAsync(Service.Id(first), job => job["progress"] is not null);
        JsonObject second = await service.UntilAsync(Service.Id(await service.SubmitAsync(Request(1, reproducible: false))));
        Assert.Equal("succeeded", Service.State(second));
        Assert.NotNull(second["result"]!["sharing"]);
        Assert.Equal("running", Service.State(await service.GetAsync($"/v1/jobs/{Service.Id(first)}")));
        await service.Client.PostAsync($"/v1/jobs/{Service.Id(first)}/cancel", null);
        Assert.Equal("cancelled", Service.State(await service.UntilAsync(Service.Id(first))));
    }

    [Fact]
    public async Task A_reproducible_job_is_not_overtaken_by_those_that_share()
    {
        await using var service = new Service(folder: null, ("Jobs:SharedWindow", "00:00:01"));
        JsonObject endless = Requests.Job(steps: 1000);
        endless["reproducible"] = false;
        JsonObject first = await service.SubmitAsync(endless);
        await service.UntilAsync(Service.Id(first), job => job["progress"] is not null);
        JsonObject exact = await service.SubmitAsync(Request(1, reproducible: true)), behind = await service.SubmitAsync(Request(2, reproducible: false));
        JsonObject running = await service.UntilAsync(Service.Id(first), job => job["progress"] is JsonObject progress && (int)progress["step"]! > 8);
        Assert.Equal("running", Service.State(running));
        Assert.Equal(("queued", "queued"), (Service.State(await service.GetAsync($"/v1/jobs/{Service.Id(exact)}")), Service.State(await service.GetAsync($"/v1/jobs/{Service.Id(behind)}"))));
        await service.Client.PostAsync($"/v1/jobs/{Service.Id(first)}/cancel", null);
        JsonObject solved = await service.UntilAsync(Service.Id(exact)), last = await service.UntilAsync(Service.Id(behind));
        Assert.Equal(("succeeded", "succeeded"), (Service.State(solved), Service.State(last)));
        Assert.True((DateTimeOffset)solved["finished"]! <= (DateTimeOffset)last["started"]!);
    }

    private static JsonObject Request(int seed, bool reproducible)
    {
        JsonObject request = Requests.Job();
        (request["seed"], request["reproducible"]) = (seed, reproducible);
        return request;
    }

    private static async Task<float[]> ResultAsync(Service service, JsonObject job) =>
        Npy.Read(await service.Client.GetByteArrayAsync($"{(string)job["links"]!["artefacts"]!}/result.npy"), 1 << 20).Values;
}
