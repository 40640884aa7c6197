using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Service.Documentation;
using InverseSolver.UnitTests.Diffusion;

namespace InverseSolver.ServiceTests;

/// <summary>The archive of a simulated measurement is submitted as it is, with the problem that it was simulated with.</summary>
public sealed class SimulationStories : IDisposable
{
    private const int Side = 64;

    private static readonly string[] OfColour = ["colourisation", "demosaicking"], WithoutAdjoint = ["codedDiffraction", "phaseRetrieval"];

    private readonly string _operators = Directory.CreateTempSubdirectory("inverse-operators-").FullName;
    private readonly StableDiffusionPackage _colour = new();
    private readonly Service _service;

    public SimulationStories()
    {
        File.Copy(
            Path.Combine(Repository.Root, "tests", "InverseSolver.UnitTests", "Torch", "fixtures", "conv-silu.pt"), Path.Combine(_operators, "camera.pt"));
        _colour.Card("""{"id": "small-sd"}""");
        _service = new Service(null, ("Operators:Folder", _operators), ("Models:Folders:1", _colour.Folder));
    }

    public void Dispose()
    {
        _service.Dispose();
        _colour.Dispose();
        Directory.Delete(_operators, recursive: true);
    }

    [Fact]
    public async Task The_archive_of_each_kind_of_problem_is_taken_with_the_same_problem()
    {
        var held = new List<string>();
        foreach (string kind in Problem.Kinds.Select(kind => kind.Name))
        {
            JsonObject problem = Examples.Problem(kind);
            byte[] archive = await SimulateAsync(problem);
            string[] drawn = [.. Npz.Names(archive).Where(name => name != "measurement").Order()];
            if (drawn.Length > 0) held.Add($"{kind} {string.Join(' ', drawn)}");
            JsonObject job = await SubmitAsync(problem, archive, HttpStatusCode.Accepted);
            job = await _service.UntilAsync(Service.Id(job));
            Assert.True(Service.State(job) == "succeeded", $"{kind} {job.ToJsonString()}");
        }

        Assert.Equal(["inpainting mask", "motionBlur psf", "mri mask", "parallelMri maps mask"], held);
    }

    [Theory]
    [InlineData("inpainting", """{"mask":{"type":"random","fraction":0.7,"seed":1}}""", """{"mask":{"type":"random","fraction":0.7,"seed":2}}""", "mask")]
    [InlineData("inpainting", """{"mask":{"type":"box","height":8,"width":8}}""", """{"mask":{"type":"box","height":8,"width":9}}""", "mask")]
    [InlineData("mri", """{"mask":{"type":"random","seed":1}}""", """{"mask":{"type":"random","seed":2}}""", "mask")]
    [InlineData("parallelMri", """{"mask":{"type":"random","seed":1}}""", """{"mask":{"type":"equispaced"}}""", "mask")]
    [InlineData("motionBlur", """{"size":9,"seed":1}""", """{"size":9,"seed":2}""", "psf")]
    [InlineData("motionBlur", """{"size":9}""", """{"size":11}""", "psf")]
    public async Task An_archive_whose_arrays_the_problem_does_not_draw_is_refused(string kind, string simulated, string submitted, string file)
    {
        byte[] archive = await SimulateAsync(Of(kind, simulated));
        await SubmitAsync(Of(kind, simulated), archive, HttpStatusCode.Accepted);
        JsonObject refused = await SubmitAsync(Of(kind, submitted), archive, HttpStatusCode.UnprocessableEntity);
        string shape = file == "mask" ? $"({Side}, {Side})" : submitted.Contains("11", StringComparison.Ordinal) ? "(11, 11)" : "(9, 9)";
        string use = file == "mask" ? "\"mask\": {\"type\": \"file\"}" : "\"type\": \"pointSpread\"";
        Assert.Equal(
            ("invalidInput", $"files.{file}",
                $"It is not the {file} of shape {shape} that the problem draws by its own parameters. "
                    + $"Send the problem that the measurement was simulated with, or one that uses the file: {use}."),
            ((string)refused["code"]!, (string)refused["field"]!, (string)refused["detail"]!));

        // The remedy.
        JsonObject uses = file == "mask" ? Of(kind, """{"mask":{"type":"file"}}""") : Of("pointSpread", "{}");
        JsonObject job = await SubmitAsync(uses, archive, HttpStatusCode.Accepted);
        Assert.Equal("succeeded", Service.State(await _service.UntilAsync(Service.Id(job))));
    }

    [Fact]
    public async Task A_stack_shares_the_drawn_mask_of_its_archive()
    {
        JsonObject problem = Of("inpainting", """{"mask":{"type":"random","seed":1}}""");
        float[] values = [.. Enumerable.Range(0, 3 * Side * Side).Select(i => 0.5f + (0.4f * MathF.Sin(i * 0.01f)))];
        byte[] archive = await SimulateAsync(problem, Npy.Write(new ArrayData([3, 1, Side, Side], values)));
        JsonObject job = await SubmitAsync(problem, archive, HttpStatusCode.Accepted);
        Assert.Equal("succeeded", Service.State(await _service.UntilAsync(Service.Id(job))));
    }

    private static JsonObject Of(string kind, string members)
    {
        JsonObject problem = JsonNode.Parse(members)!.AsObject();
        problem.Insert(0, "type", kind);
        return problem;
    }

    private async Task<byte[]> SimulateAsync(JsonObject problem, byte[]? image = null)
    {
        string kind = (string)problem["type"]!;
        if (OfColour.Contains(kind))
        {
            image = Npy.Write(new ArrayData([3, Side, Side], [.. Enumerable.Range(0, 3 * Side * Side).Select(i => 0.5f + (0.4f * MathF.Sin(i * 0.01f)))]));
        }

        var request = new JsonObject { ["problem"] = problem.DeepClone(), ["sigma"] = 0.01, ["seed"] = 1 };
        using MultipartFormDataContent form = Requests.Form(request, [("image", image ?? Requests.Png(Side)), .. Files(kind)]);
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/measurements/simulate") { Content = form };
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/zip"));
        using HttpResponseMessage made = await _service.Client.SendAsync(message);
        Assert.True(made.IsSuccessStatusCode, $"{kind} {await made.Content.ReadAsStringAsync()}");
        return await made.Content.ReadAsByteArrayAsync();
    }

    private async Task<JsonObject> SubmitAsync(JsonObject problem, byte[] archive, HttpStatusCode expected)
    {
        string kind = (string)problem["type"]!;
        var request = new JsonObject
        {
            ["model"] = OfColour.Contains(kind) ? "small-sd" : "brain-mri-128",
            ["problem"] = problem.DeepClone(),
            ["sigma"] = 0.01,
            ["solver"] = WithoutAdjoint.Contains(kind)
                ? new JsonObject { ["type"] = "reSample", ["preset"] = "fast", ["parameters"] = new JsonObject { ["steps"] = 2 } }
                : new JsonObject { ["type"] = "adjoint" },
        };
        bool ownFile = Npz.Names(archive).Contains("psf");
        using HttpResponseMessage answer = await _service.Client.PostAsync(
            "/v1/jobs", Requests.Form(request, [("measurement", archive), .. ownFile ? [] : Files(kind)]));
        JsonObject body = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.True(answer.StatusCode == expected, $"{kind} {body.ToJsonString()}");
        return body;
    }

    // The file that the caller has, and the archive has not.
    private static (string, byte[])[] Files(string kind) =>
        kind == "pointSpread" ? [("psf", Npy.Write(new ArrayData([3, 3], [0, 1, 0, 1, 4, 1, 0, 1, 0])))] : [];
}
