using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.ImagingTests;

namespace InverseSolver.ServiceTests;

/// <summary>Warnings reach the reader of a result: in the job, in the report, in the DICOM files.</summary>
public sealed class WarningStories(Service service) : IClassFixture<Service>
{
    private const int Side = 32;
    private static readonly byte[] Grey = [.. Enumerable.Range(0, Side * Side).Select(i =>
        (byte)(128 + (100 * MathF.Sin(i / Side * 0.2f) * MathF.Cos(i % Side * 0.2f))))];

    [Fact]
    public async Task An_image_on_another_scale_is_told_of_from_the_start_to_the_report()
    {
        byte[] npy = Npy.Write(new ArrayData([Side, Side], [.. Grey.Select(value => (value / 127.5f) - 1)]));
        using MultipartFormDataContent form = Requests.Form(Job(new JsonObject { ["type"] = "denoising" }), ("measurement", npy));
        using HttpResponseMessage accepted = await service.Client.PostAsync("/v1/jobs", form);
        JsonObject submitted = JsonNode.Parse(await accepted.Content.ReadAsStringAsync())!.AsObject();
        Assert.Contains("an image on [0,1] is assumed", Assert.Single(Warnings(submitted)), StringComparison.Ordinal);
        JsonObject job = await service.UntilAsync(Service.Id(submitted));
        Assert.Equal(Warnings(submitted), Warnings(job));
        Assert.Equal(Warnings(job), Warnings(await ReportAsync(job)));

        JsonObject quiet = await SolveAsync(Job(new JsonObject { ["type"] = "denoising" }), ("measurement", Requests.Png()));
        Assert.Empty(Warnings(quiet));
        Assert.Empty(Warnings(await ReportAsync(quiet)));
    }

    [Theory, InlineData(1, 0, null), InlineData(2, -1, "from -1 to 1"), InlineData(255, 0, "from 0 to 255")]
    public async Task A_simulation_of_an_image_on_another_scale_says_so_in_a_header(float scale, float offset, string? word)
    {
        byte[] image = Npy.Write(new ArrayData(
            [Side, Side], [.. Enumerable.Range(0, Side * Side).Select(i => (i / (float)((Side * Side) - 1) * scale) + offset)]));
        using MultipartFormDataContent form = Requests.Form(
            new JsonObject { ["problem"] = new JsonObject { ["type"] = "denoising" }, ["sigma"] = 0 }, ("image", image));
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/measurements/simulate", form);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string? said = response.Headers.TryGetValues("Measurement-Warnings", out IEnumerable<string>? values) ? values.Single() : null;
        if (word is null) Assert.Null(said);
        else Assert.Contains(word, said, StringComparison.Ordinal);
    }

    /// <remarks>Red, green, blue; with an opaque alpha; a palette of greys.</remarks>
    [Theory, InlineData(2), InlineData(6), InlineData(3)]
    public async Task A_grey_picture_in_a_file_of_colours_is_solved_as_the_grey_one(int colourType)
    {
        JsonObject expected = await SolveAsync(Job(new JsonObject { ["type"] = "denoising" }), ("measurement", Png(0)));
        JsonObject job = await SolveAsync(Job(new JsonObject { ["type"] = "denoising" }), ("measurement", Png(colourType)));
        Assert.Contains("three equal channels", Assert.Single(Warnings(job)), StringComparison.Ordinal);
        Assert.Equal(await ArtefactAsync(expected, "result.npy"), await ArtefactAsync(job, "result.npy"));
        byte[] solved = await ArtefactAsync(job, "measurement.npy");
        Assert.Equal([1, Side, Side], Npy.Read(solved, 1 << 20).Shape);
    }

    [Fact]
    public async Task A_coloured_picture_is_refused_with_the_remedy_or_gives_its_luminance()
    {
        byte[] red = ImageFile.WritePng(new Image(3, Side, Side, [.. Grey.Select(value => value / 255f), .. new float[2 * Side * Side]]));
        JsonObject request = Job(new JsonObject { ["type"] = "denoising" });
        using MultipartFormDataContent form = Requests.Form(request, ("measurement", red));
        using HttpResponseMessage refused = await service.Client.PostAsync("/v1/jobs", form);
        JsonObject problem = JsonNode.Parse(await refused.Content.ReadAsStringAsync())!.AsObject();
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "files.measurement"), (refused.StatusCode, (string?)problem["field"]));
        Assert.Contains("luminance", (string)problem["detail"]!, StringComparison.Ordinal);

        request["luminance"] = true;
        JsonObject job = await SolveAsync(request, ("measurement", red));
        Assert.True((bool)job["request"]!["luminance"]!);
        Assert.Contains("0.299 R", Assert.Single(Warnings(job)), StringComparison.Ordinal);
        float[] solved = Npy.Read(await ArtefactAsync(job, "measurement.npy"), 1 << 20).Values;
        Assert.All(Enumerable.Range(0, Side * Side), i => Assert.Equal(0.299 * Grey[i] / 255, solved[i], 1e-5));
    }

    /// <remarks>A file of bytes 0 and 1: of 255 they are black and nearly black.</remarks>
    [Fact]
    public async Task A_mask_of_bytes_0_and_1_is_used_and_shown()
    {
        byte[] bits = [.. Enumerable.Range(0, Side * Side).Select(i => (byte)(i % 3 == 0 ? 0 : 1))];
        JsonObject request = Job(new JsonObject { ["type"] = "inpainting", ["mask"] = new JsonObject { ["type"] = "file" } });
        JsonObject job = await SolveAsync(request, ("measurement", Png(0)), ("mask", PngFile.Build(Side, Side, 8, 0, Rows(bits, 1))));
        Assert.Contains("0 and 0.00392", Assert.Single(Warnings(job)), StringComparison.Ordinal);
        Image shown = ImageFile.Read(await ArtefactAsync(job, "mask.png"), new ImageLimits(1 << 20));
        Assert.Equal(bits.Select(bit => (float)bit), shown.Values);
        Assert.Equal(bits.Count(bit => bit == 1), (int)job["result"]!["consistency"]!["measuredComponents"]!);
    }

    [Fact]
    public async Task Coils_that_do_not_explain_the_scan_are_told_of_in_job_report_and_DICOM()
    {
        var simulation = new JsonObject
        {
            ["problem"] = new JsonObject
            {
                ["type"] = "parallelMri",
                ["mask"] = new JsonObject { ["type"] = "equispaced", ["spacing"] = 2, ["centreLines"] = 16 },
            },
            ["sigma"] = 0.005,
            ["coils"] = 4,
        };
        using MultipartFormDataContent form = Requests.Form(simulation, ("image", Requests.Png(48, 16)));
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/measurements/simulate") { Content = form };
        message.Headers.Accept.ParseAdd("application/zip");
        using HttpResponseMessage simulated = await service.Client.SendAsync(message);
        byte[] npz = await simulated.Content.ReadAsByteArrayAsync();
        Dictionary<string, ArrayData> arrays = Npz.Names(npz).Where(name => name != "mask").ToDictionary(name => name, name => Npz.Read(npz, name, 1 << 20));
        JsonObject request = Job(new JsonObject { ["type"] = "parallelMri" });
        request["solver"]!["type"] = "leastSquares";
        request["sigma"] = 0.005;
        Assert.Empty(Warnings(await SolveAsync(request, ("measurement", Npz.Write(arrays)))));

        // The coils in another order than the maps.
        float[] maps = arrays["maps"].Values;
        int one = maps.Length / 4;
        arrays["maps"] = arrays["maps"] with { Values = [.. maps[one..], .. maps[..one]] };
        JsonObject job = await SolveAsync(request, ("measurement", Npz.Write(arrays)));
        string warning = Assert.Single(Warnings(job), text => text.StartsWith("The image may be wrong", StringComparison.Ordinal));
        Assert.Contains(warning, Warnings(await ReportAsync(job)));
        Assert.Contains(warning, Encoding.Latin1.GetString(await ArtefactAsync(job, "result-0000.dcm")), StringComparison.Ordinal);
    }

    private static JsonObject Job(JsonObject problem) => new()
    {
        ["model"] = "brain-mri-128",
        ["problem"] = problem,
        ["sigma"] = 0.01,
        ["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" },
    };

    // The same picture in each type of colours: 0 grey, 2 RGB, 3 palette, 6 RGB and alpha.
    private static byte[] Png(int colourType) => colourType switch
    {
        2 => PngFile.Build(Side, Side, 8, 2, Rows([.. Grey.SelectMany(value => (byte[])[value, value, value])], 3)),
        6 => PngFile.Build(Side, Side, 8, 6, Rows([.. Grey.SelectMany(value => (byte[])[value, value, value, 255])], 4)),
        3 =>
            PngFile.Build(
                Side, Side, 8, 3, Rows(Grey, 1),
                [("PLTE", [.. Enumerable.Range(0, 256).SelectMany(value => (byte[])[(byte)value, (byte)value, (byte)value])])]),
        _ => PngFile.Build(Side, Side, 8, 0, Rows(Grey, 1)),
    };

    private static byte[] Rows(byte[] samples, int channels) => [.. samples.Chunk(Side * channels).SelectMany(row => (byte[])[0, .. row])];

    private async Task<JsonObject> SolveAsync(JsonObject request, params (string Name, byte[] Bytes)[] files)
    {
        using MultipartFormDataContent form = Requests.Form(request, files);
        using HttpResponseMessage accepted = await service.Client.PostAsync("/v1/jobs", form);
        string body = await accepted.Content.ReadAsStringAsync();
        Assert.True(accepted.StatusCode == HttpStatusCode.Accepted, body);
        JsonObject job = await service.UntilAsync((string)JsonNode.Parse(body)!["id"]!);
        Assert.True(Service.State(job) == "succeeded", job.ToJsonString());
        return job;
    }

    private static string[] Warnings(JsonObject told) => [.. told["warnings"]!.AsArray().Select(text => (string)text!)];

    private Task<byte[]> ArtefactAsync(JsonObject job, string name) => service.Client.GetByteArrayAsync($"{(string)job["links"]!["artefacts"]!}/{name}");

    private Task<JsonObject> ReportAsync(JsonObject job) => service.GetAsync($"{(string)job["links"]!["artefacts"]!}/report.json");
}
