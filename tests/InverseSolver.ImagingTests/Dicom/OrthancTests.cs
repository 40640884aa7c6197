using System.Net.Http.Headers;
using System.Text.Json;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>A picture archive takes our series, files it under its patient and study, and shows it.</summary>
public sealed class OrthancTests : IDisposable
{
    private const int Size = 96;
    private readonly DicomSeeds _seeds = new();
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose()
    {
        _reader.Dispose();
        _seeds.Dispose();
    }

    [Fact]
    public async Task A_series_is_stored_beside_its_reference_and_shown()
    {
        byte[] reference = _seeds.Make("mr-unsigned");
        DerivedSeries series = Series(reference);
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, series);
        using OrthancServer orthanc = await OrthancServer.StartAsync();
        await StoreAsync(orthanc, reference);
        string instance = "";
        foreach (byte[] file in files) instance = (await StoreAsync(orthanc, file)).GetProperty("ID").GetString()!;

        JsonElement study = Assert.Single((await JsonAsync(orthanc, "studies?expand")).EnumerateArray());
        Assert.Equal("2.25.222222222222222222222222222222222222", study.GetProperty("MainDicomTags").GetProperty("StudyInstanceUID").GetString());
        Assert.Equal("ID-4711", study.GetProperty("PatientMainDicomTags").GetProperty("PatientID").GetString());
        JsonElement[] stored = [.. (await JsonAsync(orthanc, "series?expand")).EnumerateArray()];
        Assert.Equal(2, stored.Length);
        JsonElement ours = stored.Single(one => one.GetProperty("MainDicomTags").GetProperty("Manufacturer").GetString() == "InverseSolver");
        Assert.Equal(series.Slices, ours.GetProperty("Instances").GetArrayLength());
        Assert.Equal("InverseSolver reSample. Not for diagnosis.", ours.GetProperty("MainDicomTags").GetProperty("SeriesDescription").GetString());

        JsonElement tags = await JsonAsync(orthanc, $"instances/{instance}/simplified-tags");
        Assert.Equal(@"0.8\0.6\0\0\0\-1", tags.GetProperty("ImageOrientationPatient").GetString());
        Assert.Equal("DERIVED\\SECONDARY\\OTHER", tags.GetProperty("ImageType").GetString());
        AssertShown(series, await orthanc.Client.GetByteArrayAsync($"instances/{instance}/rendered"), series.Slices - 1);
    }

    [Fact]
    public async Task A_series_goes_in_and_out_by_DICOMweb()
    {
        DerivedSeries series = Series(null);
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, series);
        using OrthancServer orthanc = await OrthancServer.StartAsync();
        using var parts = new MultipartContent("related", "border");
        parts.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
        foreach (byte[] file in files) parts.Add(new ByteArrayContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("application/dicom") } });
        using HttpResponseMessage answer = await orthanc.Client.PostAsync("dicom-web/studies", parts);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());

        DicomImage first = DicomFile.Read(_reader, files[0]);
        string path = $"dicom-web/studies/{first.StudyInstanceUid}/series/{first.SeriesInstanceUid}";
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{path}/metadata") { Headers = { Accept = { new("application/dicom+json") } } };
        using HttpResponseMessage metadata = await orthanc.Client.SendAsync(request);
        JsonElement[] instances = [.. JsonDocument.Parse(await metadata.Content.ReadAsStringAsync()).RootElement.EnumerateArray()];
        Assert.Equal(files.Count, instances.Length);
        Assert.All(instances, one => Assert.Equal("MR", one.GetProperty("00080060").GetProperty("Value")[0].GetString()));

        string id = (await JsonAsync(orthanc, "instances")).EnumerateArray().First().GetString()!;
        Assert.Contains(files, file => file.AsSpan().SequenceEqual(orthanc.Client.GetByteArrayAsync($"instances/{id}/file").Result));
    }

    // A head of ellipses, brighter from slice to slice, whose window leaves out the brightest spot.
    private static DerivedSeries Series(byte[]? reference) => DicomSeriesTests.Series() with
    {
        Rows = Size,
        Columns = Size,
        Values = [.. Enumerable.Range(0, 3 * Size * Size).Select(i => Head(i % Size, i / Size % Size, i / (Size * Size)))],
        Window = new DisplayWindow(0.5, 1),
        Geometry = DicomSeriesTests.Geometry(),
        Reference = reference,
    };

    private static float Head(int x, int y, int slice)
    {
        double u = (x - 47.5) / 48, v = (y - 47.5) / 48;
        double Inside(double a, double b, double cx, double cy) => Math.Pow((u - cx) / a, 2) + Math.Pow((v - cy) / b, 2) <= 1 ? 1 : 0;
        return (float)(
            ((0.9 * Inside(0.7, 0.9, 0, 0)) - (0.6 * Inside(0.62, 0.82, 0, 0)) + ((0.1 + (0.1 * slice)) * Inside(0.15, 0.3, -0.25, 0))
                + (1.2 * Inside(0.06, 0.06, 0.3, -0.3))));
    }

    private static void AssertShown(DerivedSeries series, byte[] png, int slice)
    {
        Image picture = ImageFile.Read(png, new ImageLimits());
        Assert.Equal((1, Size, Size), (picture.Channels, picture.Height, picture.Width));
        for (int i = 0; i < Size * Size; i++) Assert.Equal(Math.Clamp(series.Values[(slice * Size * Size) + i], 0, 1), picture.Values[i], 2.0f / 255);
    }

    private static async Task<JsonElement> StoreAsync(OrthancServer orthanc, byte[] file)
    {
        using HttpResponseMessage answer = await orthanc.Client.PostAsync("instances", new ByteArrayContent(file));
        string text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        JsonElement stored = JsonDocument.Parse(text).RootElement;
        Assert.Equal("Success", stored.GetProperty("Status").GetString());
        return stored;
    }

    private static async Task<JsonElement> JsonAsync(OrthancServer orthanc, string path) =>
        JsonDocument.Parse(await orthanc.Client.GetStringAsync(path)).RootElement;
}
