using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.UnitTests.Diffusion;

namespace InverseSolver.ServiceTests;

/// <summary>A small model in the folders of Stable Diffusion, with and without its embedding, over HTTP.</summary>
public sealed class ConditionalModelStories : IDisposable
{
    private readonly StableDiffusionPackage _package = new();

    public void Dispose() => _package.Dispose();

    [Fact]
    public async Task The_report_says_what_the_model_was_told()
    {
        _package.Card("""{"id": "small-sd", "conditioning": {"prompt": "a photo", "guidanceScale": 2}}""");
        using var service = new Service(null, ("Models:Folders:0", _package.Folder));
        JsonObject job = await service.UntilAsync(Service.Id(await service.SubmitAsync(Job())));
        Assert.Equal("succeeded", Service.State(job));
        JsonObject report = await service.GetAsync($"{(string)job["links"]!["artefacts"]!}/report.json");
        JsonNode told = report["model"]!["conditioning"]!;
        Assert.Equal(("conditioning.safetensors", "a photo", 2.0), ((string)told["file"]!, (string)told["prompt"]!, (double)told["guidanceScale"]!));
        Assert.Equal(64, ((string)report["model"]!["hash"]!).Length);
    }

    [Fact]
    public async Task A_model_that_lacks_its_embedding_is_listed_and_its_jobs_are_refused()
    {
        _package.Card("""{"id": "small-sd"}""");
        File.Delete(Path.Combine(_package.Folder, "conditioning.safetensors"));
        using var service = new Service(null, ("Models:Folders:0", _package.Folder));
        Assert.Equal("small-sd", (string)(await service.GetAsync("/v1/models"))["items"]![0]!["id"]!);
        using HttpResponseMessage refused = await service.Client.PostAsJsonAsync("/v1/jobs", Job());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        JsonObject problem = (await refused.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("model", (string)problem["field"]!);
        Assert.Contains("there is no conditioning.safetensors in its folder: scripts/write-conditioning.py", (string)problem["detail"]!);
    }

    private static JsonObject Job()
    {
        JsonObject request = Requests.Job();
        request["model"] = "small-sd";
        request["solver"] = new JsonObject { ["type"] = "diffPir", ["preset"] = "fast", ["parameters"] = new JsonObject { ["steps"] = 2 } };
        request["files"]!["measurement"] = Requests.DataUri(
            Npy.Write(new ArrayData([3, 20, 28], [.. Enumerable.Repeat(0.4f, 3 * 20 * 28)])), "application/octet-stream");
        return request;
    }
}
