using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.ImagingTests;

namespace InverseSolver.ServiceTests;

/// <summary>
/// Damaged scans over HTTP: each is refused with 422 or becomes a job that ends, and no job fails for a reason of the service's own. INVERSESOLVER_FUZZ says
/// how many of each format are sent (50).
/// </summary>
public sealed class FormatFuzz(FormatFuzz.HurriedService service) : IClassFixture<FormatFuzz.HurriedService>
{
    private const int Side = 16, Coils = 2;

    private static readonly ArrayData Maps = new(
        [Coils, Side, Side], [.. Enumerable.Range(0, 2 * Coils * Side * Side).Select(i => 0.5f + (0.2f * MathF.Sin(i / 2)))], IsComplex: true);
    private static readonly ArrayData KSpace = Maps with { Values = [.. Enumerable.Range(0, 2 * Coils * Side * Side).Select(i => MathF.Cos(i * 0.7f))] };

    private static readonly Dictionary<string, Func<(string Problem, string Damaged, (string Name, byte[] File)[] Files)>> Seeds = new()
    {
        ["ismrmrd"] = () => ("parallelMri", "measurement", [("measurement", Scan("study"))]),
        ["ismrmrd-radial"] = () => ("parallelMri", "measurement", [("measurement", Scan("tiny_radial"))]),
        ["fastmri"] = () => ("parallelMri", "measurement", [("measurement", Scan("tiny_fastmri"))]),
        ["npy"] = () => ("denoising", "measurement", [("measurement", Npy.Write(new ArrayData([1, Side, Side], KSpace.Values[..(Side * Side)])))]),
        ["npz"] = () =>
            ("parallelMri", "measurement", [("measurement", Npz.Write(new Dictionary<string, ArrayData> { ["measurement"] = KSpace, ["maps"] = Maps }))]),
        ["cfl"] = () => Bart("measurement"),
        ["hdr"] = () => Bart("header"),
        ["dicom"] = () => ("denoising", "measurement", [("measurement", Dicom())]),
        ["dicom-series"] = () => ("denoising", "measurement", [("measurement", DicomArchive.Pack([Dicom()]))]),
        ["nifti"] = () => ("denoising", "measurement", [("measurement", NiftiWriter.Write(KSpace.Values.AsSpan(0, 2 * Side * Side), 2, Side, Side, null))]),
        ["dicom-reference"] = () => ("denoising", "reference", [("measurement", Requests.Png(Side)), ("reference", Dicom())]),
    };

    public static TheoryData<string> Names => [.. Seeds.Keys];

    [Theory, MemberData(nameof(Names))]
    public async Task A_damaged_scan_is_refused_or_solved(string name)
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ"), out int named) ? named : 50, refused = 0;
        (string problem, string damaged, (string Name, byte[] File)[] files) = Seeds[name]();
        var mutations = new Mutations(7);
        Assert.Equal((HttpStatusCode.Accepted, ""), await SendAsync(problem, files));
        for (int i = 0; i < count; i++)
        {
            (HttpStatusCode status, string problems) = await SendAsync(
                problem, [.. files.Select(file => file.Name == damaged ? (file.Name, mutations.Next(file.File)) : file)]);
            Assert.True(
                problems.Length == 0 && status is HttpStatusCode.Accepted or HttpStatusCode.UnprocessableEntity,
                $"{name}, file {i}: {(int)status} "
                    + $"{problems}\n{string.Join('\n', service.Service.Log.Where(line => line.Contains("Exception", StringComparison.Ordinal)).TakeLast(2))}");
            if (status == HttpStatusCode.UnprocessableEntity) refused++;
        }

        TestContext.Current.SendDiagnosticMessage($"{name}: {count} files, {refused} refused");
        Assert.InRange(refused, 1, count);
    }

    /// <summary>One second for a file: HDF5 never ends on some.</summary>
    public sealed class HurriedService : IDisposable
    {
        internal Service Service { get; } = new(null, ("Formats:Seconds", "1"));

        public void Dispose() => Service.Dispose();
    }

    // What is wrong with the answer, or with how the job ended; an answer of 422 is right.
    private async Task<(HttpStatusCode Status, string Problems)> SendAsync(string problem, (string Name, byte[] File)[] files)
    {
        var request = new JsonObject
        {
            ["model"] = "brain-mri-128",
            ["problem"] = new JsonObject { ["type"] = problem },
            ["sigma"] = 0.01,
            ["solver"] = new JsonObject { ["type"] = "adjoint", ["preset"] = "fast" },
            ["seed"] = 1,
        };
        using MultipartFormDataContent form = Requests.Form(request, files);
        using HttpResponseMessage response = await service.Service.Client.PostAsync("/v1/jobs", form);
        string body = await response.Content.ReadAsStringAsync();
        if (response.StatusCode != HttpStatusCode.Accepted) return (response.StatusCode, response.StatusCode == HttpStatusCode.UnprocessableEntity ? "" : body);
        JsonObject job = await service.Service.UntilAsync((string)JsonNode.Parse(body)!["id"]!);
        bool good = Service.State(job) == "succeeded" || (string?)job["error"]?["code"] is not (null or "internal");
        return (response.StatusCode, good ? "" : job.ToJsonString());
    }

    private static (string, string, (string, byte[])[]) Bart(string damaged)
    {
        // BART's dimension 2 are partitions, 3 coils.
        (byte[] header, byte[] data) = BartFile.Write(KSpace with { Shape = [Coils, 1, Side, Side] });
        return ("parallelMri", damaged, [("measurement", data), ("header", header), ("maps", Npy.Write(Maps))]);
    }

    private static byte[] Dicom()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return DicomSeries.Write(reader, new DerivedSeries
        {
            Values = [.. Enumerable.Range(0, Side * Side).Select(i => (float)i)],
            Slices = 1,
            Rows = Side,
            Columns = Side,
            Geometry = [new FrameGeometry(new(10, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5)],
            Study = new StudyInformation { PatientName = "Doe^Jane", StudyInstanceUid = "1.2.3.4", FrameOfReferenceUid = "1.2.3.5" },
            Solver = "none",
            SoftwareVersion = "1",
        })[0];
    }

    private static byte[] Scan(string name)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-scan-");
        try
        {
            string file = Path.Combine(folder.FullName, "scan.h5");
            using Process python = Process.Start(
                "/usr/bin/python3", [Path.Combine(Repository.Root, "tests", "InverseSolver.ImagingTests", "ismrmrd_write.py"), name, file]);
            python.WaitForExit();
            Assert.Equal(0, python.ExitCode);
            return File.ReadAllBytes(file);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
