using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>
/// The service in a process whose culture writes numbers with a decimal comma, as German and French ones do: what programs read and write has points.
/// </summary>
[CollectionDefinition(nameof(CommaStories), DisableParallelization = true)]
[Collection(nameof(CommaStories))]
public sealed class CommaStories : IDisposable
{
    private readonly CultureInfo? _before = CultureInfo.DefaultThreadCurrentCulture;

    public CommaStories()
    {
        // ICU's cultures are not there: the programs run without it.
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator, comma.DateTimeFormat.DateSeparator) = (",", ".", ".");
        CultureInfo.DefaultThreadCurrentCulture = comma;
    }

    public void Dispose() => CultureInfo.DefaultThreadCurrentCulture = _before;

    [Fact]
    public async Task Numbers_have_points_and_commas_are_refused()
    {
        Assert.Equal("0,5", await Task.Factory.StartNew(() => $"{0.5}", TaskCreationOptions.LongRunning));
        using var service = new Service(null, ("Jobs:PreviewInterval", "00:00:00.25"), ("Formats:Seconds", "30"));

        using HttpResponseMessage simulated = await service.Client.PostAsJsonAsync("/v1/measurements/simulate", new JsonObject
        {
            ["problem"] = new JsonObject { ["type"] = "denoising" },
            ["sigma"] = 0.0125,
            ["photons"] = 1234.5,
            ["files"] = new JsonObject { ["image"] = Requests.DataUri(Requests.Png(bitDepth: 16)) },
        });
        Assert.Equal(
            ("0.0125", "1234.5"), (simulated.Headers.GetValues("Measurement-Sigma").Single(), simulated.Headers.GetValues("Measurement-Photons").Single()));

        // What a program sends as text: strings, parameters of the address.
        foreach (string sigma in (string[])["\"0,01\"", "\"0.01\"", "0,01"])
        {
            string body = Requests.Job().ToJsonString().Replace("\"sigma\":0.01", $"\"sigma\":{sigma}", StringComparison.Ordinal);
            using HttpResponseMessage refused = await service.Client.PostAsync("/v1/jobs", new StringContent(body, Encoding.UTF8, "application/json"));
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.GetAsync("/v1/jobs?limit=1,5")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await service.Client.GetAsync("/v1/jobs?limit=1.5")).StatusCode);

        // A scan with lengths that are not whole, through the reader and back.
        using var reader = new FormatReader(ReaderLimits.Default);
        byte[] dicom = DicomSeries.Write(reader, new DerivedSeries
        {
            Values = [.. Enumerable.Range(0, 1024).Select(i => 500f + (400f * MathF.Sin(i / 32 * 0.2f)))],
            Slices = 1,
            Rows = 32,
            Columns = 32,
            Geometry = [new FrameGeometry(new(10.25, -3.5, 0), new(1, 0, 0), new(0, 1, 0), 1.5, 0.75, 5)],
            Solver = "none",
            SoftwareVersion = "1",
        })[0];
        JsonObject request = Requests.Job().Without("files");
        (request["problem"], request["solver"], request["sigma"]) = (
            new JsonObject { ["type"] = "denoising" }, new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" }, 0.0125);
        using MultipartFormDataContent form = Requests.Form(request, ("measurement", dicom));
        using HttpResponseMessage accepted = await service.Client.PostAsync("/v1/jobs", form);
        JsonObject job = await service.UntilAsync(Service.Id((await accepted.Content.ReadFromJsonAsync<JsonObject>())!));
        Assert.Equal("succeeded", Service.State(job));
        Assert.Equal(0.0125, (double)job["result"]!["effectiveSigma"]!, 1e-4);
        byte[] written = await service.Client.GetByteArrayAsync($"{(string)job["links"]!["artefacts"]!}/result-0000.dcm");
        FrameGeometry place = DicomFile.Read(reader, written).Frames[0].Geometry!;
        Assert.Equal((10.25, -3.5, 1.5, 0.75), (place.Position.X, place.Position.Y, place.RowSpacingMm, place.ColumnSpacingMm));
        Assert.Matches(@"Value = stored value \* [0-9.eE+-]+ \+ ", Encoding.Latin1.GetString(written));
    }
}
