using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using Microsoft.Extensions.DependencyInjection;

namespace InverseSolver.ServiceTests;

/// <summary>Scans as hospitals have them, in and out, over HTTP.</summary>
public sealed class ScanStories(Service service) : IClassFixture<Service>
{
    private const string Patient = "Unspeakable^Mallory";
    private const int Side = 48, Coils = 4;

    [Fact]
    public async Task A_simulated_multi_coil_scan_is_solved_to_its_truth_and_written_as_a_scan()
    {
        byte[] npz = await SimulateAsync(Requests.Png(Side, 16));
        Assert.Equal(["maps", "mask", "measurement"], Npz.Names(npz).Order());
        Assert.Equal([Coils, Side, Side], Npz.Read(npz, "measurement", 1 << 20).Shape);

        JsonObject job = await SolveAsync(Job("parallelMri", "leastSquares"), ("measurement", npz), ("truth", Requests.Png(Side, 16)));
        string[] names = Names(job);
        Assert.Empty(new[] { "complex.npy", "maps.npy", "kspace.npy", "mask.npy", "result.nii", "result-0000.dcm" }.Except(names));
        Assert.True((double)job["result"]!["quality"]!["nmse"]! < 0.01, job["result"]!.ToJsonString());
        Assert.Equal("file", (string?)job["result"]!["mri"]!["maps"]);

        JsonObject report = await ReportAsync(job);
        Assert.Equal("npz", (string?)report["origin"]!["format"]);
        Assert.Equal(
            ("new", "unknown", 1), ((string)report["dicom"]!["identifiers"]!, (string)report["dicom"]!["geometry"]!, (int)report["dicom"]!["instances"]!));

        // The image is on [0,1] over its scale, DICOM and NIfTI are not.
        ArrayData result = Npy.Read(await ArtefactAsync(job, "result.npy"), 1 << 20), complex = Npy.Read(await ArtefactAsync(job, "complex.npy"), 1 << 20);
        float scale = (float)report["mri"]!["scale"]!;
        using var reader = new FormatReader(ReaderLimits.Default);
        DicomImage dicom = DicomFile.Read(reader, await ArtefactAsync(job, "result-0000.dcm"));
        Assert.Equal([1, 1, Side, Side], dicom.Shape);
        Assert.All(Enumerable.Range(0, Side * Side), i =>
        {
            Assert.Equal(float.Hypot(complex.Values[2 * i], complex.Values[(2 * i) + 1]), scale * result.Values[i], 1e-3);
        });
    }

    [Fact]
    public async Task A_volume_is_one_job_with_an_instance_for_each_slice()
    {
        float[] slices = [.. Enumerable.Range(0, 2 * Side * Side).Select(i => 0.2f + (0.3f * (i / (Side * Side))) + (0.2f * MathF.Sin(i % Side * 0.3f)))];
        byte[] npz = await SimulateAsync(Npy.Write(new ArrayData([2, 1, Side, Side], slices)));
        ArrayData volume = Npz.Read(npz, "measurement", 1 << 20);
        Assert.Equal([2, Coils, Side, Side], volume.Shape);

        JsonObject job = await SolveAsync(
            Job("parallelMri", "leastSquares"), ("measurement", Npy.Write(volume)), ("maps", Npy.Write(Npz.Read(npz, "maps", 1 << 20))));
        Assert.Equal(["result-0000.dcm", "result-0001.dcm"], Names(job).Where(name => name.EndsWith(".dcm", StringComparison.Ordinal)));
        ArrayData complex = Npy.Read(await ArtefactAsync(job, "complex.npy"), 1 << 20);
        Assert.Equal([2, Side, Side], complex.Shape);
        Assert.Equal(2, job["result"]!["frames"]!.AsArray().Count);
    }

    [Fact]
    public async Task Real_raw_data_give_an_image_with_its_place_in_space()
    {
        JsonObject job = await SolveAsync(
            Job("parallelMri", "leastSquares").Without("sigma"), ("measurement", Raw("converted", "brain8ch_R3_acs24_ismrmrd.h5")));
        JsonObject report = await ReportAsync(job);
        Assert.Equal(("ismrmrd", "measurement"), ((string)report["origin"]!["format"]!, (string)report["dicom"]!["geometry"]!));
        Assert.Equal((8, "espirit"), ((int)report["mri"]!["coils"]!, (string)report["mri"]!["maps"]!));
        Assert.InRange((double)report["consistency"]!["ratio"]!, 0.7, 1.3);
        ArrayData result = Npy.Read(await ArtefactAsync(job, "result.npy"), 1 << 20);
        Assert.Equal([1, 230, 180], result.Shape);
    }

    [Theory]
    [InlineData("superResolution", 64, 0.5)]
    [InlineData("denoising", 32, 1.0)]
    public async Task A_DICOM_image_becomes_a_DICOM_series_of_the_same_patient_who_is_named_nowhere_else(string problem, int side, double spacing)
    {
        byte[] dicom = Dicom();
        JsonObject request = Job(problem, "totalVariation");
        if (problem == "superResolution") request["problem"]!["factor"] = 2;
        JsonObject job = await SolveAsync(request, ("measurement", dicom));
        Assert.Equal("reference", (string?)(await ReportAsync(job))["dicom"]!["identifiers"]);

        byte[] written = await ArtefactAsync(job, "result-0000.dcm");
        Assert.Contains(Patient, Encoding.Latin1.GetString(written), StringComparison.Ordinal);
        using var reader = new FormatReader(ReaderLimits.Default);
        DicomImage source = DicomFile.Read(reader, dicom), result = DicomFile.Read(reader, written);
        Assert.Equal((source.StudyInstanceUid, source.FrameOfReferenceUid), (result.StudyInstanceUid, result.FrameOfReferenceUid));
        Assert.NotEqual(source.SeriesInstanceUid, result.SeriesInstanceUid);
        Assert.Equal([1, 1, side, side], result.Shape);

        // The corner of the field of view stays: the first pixel's centre moves by half of what its side shrinks.
        FrameGeometry place = result.Frames[0].Geometry!;
        Assert.Equal(spacing, place.RowSpacingMm, 1e-6);
        Assert.Equal(10 - ((1 - spacing) / 2), place.Position.X, 1e-4);
        Assert.Equal(source.Values.Average(), result.Values.Average(), 0.05 * source.Values.Max());
        await NobodyIsNamedAsync(job);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public async Task The_files_of_a_series_are_one_job_and_one_series_in_the_order_of_their_places(bool zipped)
    {
        byte[][] files = Series(12, -8, 2);
        (string, byte[])[] sent = zipped ? [("measurement", DicomArchive.Pack(files))] : [.. files.Select(file => ("measurement", file))];
        JsonObject job = await SolveAsync(Job("denoising", "adjoint"), sent);
        JsonObject report = await ReportAsync(job);
        Assert.Equal(
            ("dicom", "measurement", 3), ((string)report["origin"]!["format"]!, (string)report["dicom"]!["geometry"]!, (int)report["dicom"]!["instances"]!));
        Assert.Contains("a series of 3 DICOM files", report["origin"]!["remarks"]!.ToJsonString(), StringComparison.Ordinal);
        using var reader = new FormatReader(ReaderLimits.Default);
        DicomImage[] written = [
            DicomFile.Read(reader, await ArtefactAsync(job, "result-0000.dcm")), DicomFile.Read(reader, await ArtefactAsync(job, "result-0001.dcm")),
            DicomFile.Read(reader, await ArtefactAsync(job, "result-0002.dcm"))];
        Assert.Equal([-8.0, 2, 12], written.Select(image => image.Frames[0].Geometry!.Position.Z));
        // The first file is at 12 mm and the brightest at its first pixel, the second at -8 mm the darkest.
        Assert.True(written[2].Values[0] > 1.4 * written[1].Values[0] && written[1].Values[0] > 1.7 * written[0].Values[0]);
        await NobodyIsNamedAsync(job);
    }

    [Fact]
    public async Task A_NIfTI_volume_is_solved_in_its_place_and_another_gives_a_place()
    {
        float[] values = [.. Enumerable.Range(0, 2 * 32 * 24).Select(i => 500f + (400f * MathF.Sin(i / 24 * 0.2f)))];
        FrameGeometry place = new(new(10, 20, 30), new(1, 0, 0), new(0, 1, 0), 1, 1.5, 3, 3);
        byte[] volume = NiftiWriter.Write(values, 2, 32, 24, [place], compressed: true);
        JsonObject job = await SolveAsync(Job("denoising", "adjoint"), ("measurement", volume));
        JsonObject report = await ReportAsync(job);
        Assert.Equal(
            ("nifti", "measurement", 2), ((string)report["origin"]!["format"]!, (string)report["dicom"]!["geometry"]!, (int)report["dicom"]!["instances"]!));
        Volume before = Nifti.Read(volume, 1 << 20), after = Nifti.Read(await ArtefactAsync(job, "result.nii"), 1 << 20);
        Assert.Equal(before.Affine, after.Affine);
        for (int i = 0; i < values.Length; i++) Assert.Equal(before.Values[i], after.Values[i], 1f);

        JsonObject placed = await SolveAsync(
            Job("denoising", "adjoint"), ("measurement", Npy.Write(new ArrayData([2, 1, 32, 24], [.. values.Select(value => value / 900)]))),
            ("reference", volume));
        Assert.Equal(
            ("new", "reference"), ((string)(await ReportAsync(placed))["dicom"]!["identifiers"]!, (string)(await ReportAsync(placed))["dicom"]!["geometry"]!));
        Assert.Equal(before.Affine, Nifti.Read(await ArtefactAsync(placed, "result.nii"), 1 << 20).Affine);
    }

    [Fact]
    public async Task A_reference_gives_raw_data_their_patient_who_is_named_nowhere_else()
    {
        byte[] npz = await SimulateAsync(Requests.Png(Side, 16));
        JsonObject job = await SolveAsync(Job("parallelMri", "adjoint"), ("measurement", npz), ("reference", Dicom(Side)));
        JsonObject report = await ReportAsync(job);
        Assert.Equal(("reference", "reference"), ((string)report["dicom"]!["identifiers"]!, (string)report["dicom"]!["geometry"]!));
        Assert.Contains(Patient, Encoding.Latin1.GetString(await ArtefactAsync(job, "result-0000.dcm")), StringComparison.Ordinal);
        await NobodyIsNamedAsync(job);
    }

    /// <remarks>The scan 'study' of ismrmrd_write.py names Jane Doe, X-7, and the institution Clinic.</remarks>
    [Fact]
    public async Task A_raw_data_header_s_patient_is_in_the_DICOM_files_and_nowhere_else()
    {
        JsonObject job = await SolveAsync(Job("parallelMri", "adjoint"), ("measurement", Written("study")));
        Assert.Equal("header", (string?)(await ReportAsync(job))["dicom"]!["identifiers"]);
        string written = Encoding.Latin1.GetString(await ArtefactAsync(job, "result-0000.dcm"));
        Assert.Contains("Doe^Jane", written, StringComparison.Ordinal);
        Assert.DoesNotContain("Clinic", written, StringComparison.Ordinal);
        await NobodyIsNamedAsync(job, "Jane", "X-7", "Clinic");
    }

    /// <remarks>The scan 'study' is Jane Doe's, X-7; the reference is somebody else's.</remarks>
    [Fact]
    public async Task A_reference_of_another_patient_is_refused_before_anything_is_computed_unless_it_is_forced()
    {
        byte[] scan = Written("study"), reference = Dicom(24);
        JsonObject request = Job("parallelMri", "adjoint");
        using (MultipartFormDataContent form = Requests.Form(request, ("measurement", scan), ("reference", reference)))
        {
            using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", form);
            string body = await response.Content.ReadAsStringAsync();
            Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
            Assert.Equal("files.reference", (string?)JsonNode.Parse(body)!["field"]);
            Assert.Contains(
                "differ in the patient ID, the patient's birth date, the study instance UID", (string)JsonNode.Parse(body)!["detail"]!,
                StringComparison.Ordinal);
            Assert.All(["Mallory", "4711-", "Jane", "X-7", "1.2.3"], secret => Assert.DoesNotContain(secret, body, StringComparison.OrdinalIgnoreCase));
        }

        request["reference"] = "force";
        JsonObject job = await SolveAsync(request, ("measurement", scan), ("reference", reference));
        Assert.Equal("force", (string?)job["request"]!["reference"]);
        const string said = "The reference was forced, although it and the measurement differ in the patient ID";
        Assert.Contains((await ReportAsync(job))["origin"]!["remarks"]!.AsArray(), remark => ((string)remark!).Contains(said, StringComparison.Ordinal));
        string written = Encoding.Latin1.GetString(await ArtefactAsync(job, "result-0000.dcm"));
        Assert.Contains(said, written, StringComparison.Ordinal);
        Assert.Contains(Patient, written, StringComparison.Ordinal);
        await NobodyIsNamedAsync(job, "Jane", "X-7", "Clinic");

        using MultipartFormDataContent none = Requests.Form(request, ("measurement", scan));
        using HttpResponseMessage refused = await service.Client.PostAsync("/v1/jobs", none);
        Assert.Equal("files.reference", (string?)JsonNode.Parse(await refused.Content.ReadAsStringAsync())!["field"]);
    }

    [Theory]
    [InlineData(null, -1.0, "vendor convention applied, not verified on a scan of this site")]
    [InlineData("none", 1.0, "vendor convention not applied")]
    public async Task A_vendor_s_convention_is_a_choice_of_the_request_and_is_reported(string? convention, double direction, string remark)
    {
        JsonObject request = Job("parallelMri", "adjoint");
        if (convention is not null) request["vendorConvention"] = convention;
        JsonObject job = await SolveAsync(request, ("measurement", Written("siemens")));
        JsonNode origin = (await ReportAsync(job))["origin"]!;
        Assert.Contains(origin["remarks"]!.AsArray(), text => ((string)text!).Contains(remark, StringComparison.Ordinal));
        byte[] written = await ArtefactAsync(job, "result-0000.dcm");
        Assert.Contains(remark, Encoding.Latin1.GetString(written), StringComparison.Ordinal);
        using var reader = new FormatReader(ReaderLimits.Default);
        Assert.Equal(direction, DicomFile.Read(reader, written).Frames[0].Geometry!.AlongColumn.Y, 1e-9);
    }

    [Fact]
    public async Task Another_word_for_a_convention_or_a_reference_is_refused()
    {
        foreach ((string member, string value) in ((string, string)[])[("vendorConvention", "philips"), ("reference", "maybe")])
        {
            JsonObject request = Job("denoising", "adjoint");
            request[member] = value;
            using MultipartFormDataContent form = Requests.Form(request, ("measurement", Requests.Png()));
            using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", form);
            Assert.Equal(
                (HttpStatusCode.BadRequest, member), (response.StatusCode, (string?)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["field"]));
        }
    }

    /// <remarks>One coil's k-space of a spot in the middle, on 40 spokes of 32 samples; sizes and unit come from BART's trajectory.</remarks>
    [Fact]
    public async Task BART_s_k_space_is_solved_along_BART_s_trajectory()
    {
        const int Samples = 32, Spokes = 40;
        var trajectory = new List<float>();
        var kSpace = new List<float>();
        for (int i = 0; i < Samples * Spokes; i++)
        {
            double radius = (i % Samples) + 0.5 - (Samples / 2), angle = Math.PI * (i / Samples) / Spokes;
            trajectory.AddRange([(float)(radius * Math.Cos(angle)), 0, (float)(radius * Math.Sin(angle)), 0, 0, 0]);
            kSpace.AddRange([(float)(10 * Math.Exp(-radius * radius / 50)), 0]);
        }

        static byte[] Bytes(List<float> values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values.ToArray()).ToArray();
        JsonObject job = await SolveAsync(
            Job("parallelMri", "leastSquares"), ("measurement", Bytes(kSpace)), ("header", [.. "# Dimensions\n1 32 40 1\n"u8]),
            ("trajectory", Bytes(trajectory)));
        ArrayData result = Npy.Read(await ArtefactAsync(job, "result.npy"), 1 << 20);
        Assert.Equal([1, Samples, Samples], result.Shape);
        Assert.Equal((Samples / 2 * Samples) + (Samples / 2), result.Values.Index().MaxBy(pixel => pixel.Item).Index);
    }

    /// <summary>Problem, files, the field that is named, and a word of what is said.</summary>
    public static TheoryData<string, string, string, string> Bad => new()
    {
        { "mri", "dicom", "files.measurement", "raw data" },
        { "parallelMri", "dicom", "files.measurement", "no k-space" },
        { "denoising", "damagedDicom", "files.measurement", "" },
        { "parallelMri", "hdf5", "files.measurement", "" },
        { "denoising", "hdf5", "files.measurement", "" },
        { "parallelMri", "zip", "files.measurement", ".npz" },
        { "parallelMri", "otherName", "files.measurement", "another name" },
        { "parallelMri", "cflWithBadHeader", "files.measurement", ".hdr" },
        { "denoising", "referenceIsPng", "files.reference", "DICOM" },
        { "denoising", "maskIsDicom", "files.mask", "DICOM" },
        { "denoising", "twoPngs", "files.measurement", "None of the files is a DICOM image" },
        { "denoising", "twoSeries", "files.measurement", "2 series" },
        { "denoising", "niftiPair", "files.measurement", ".nii file" },
        { "mri", "nifti", "files.measurement", "not k-space" },
    };

    [Theory, MemberData(nameof(Bad))]
    public async Task A_bad_file_is_refused_by_its_field(string problem, string what, string field, string word)
    {
        (string, byte[])[] files = what switch
        {
            "dicom" => [("measurement", Dicom())],
            "damagedDicom" => [("measurement", Dicom()[..300])],
            "hdf5" => [("measurement", [0x89, .. "HDF\r\n"u8, 0x1A, .. "\n and nothing that HDF5 knows"u8])],
            "zip" => [("measurement", [.. "PK\x03\x04 and nothing else"u8])],
            "otherName" => [("measurement", Npz.Write(new Dictionary<string, ArrayData> { [Patient] = new([2], [1, 2]) }))],
            "cflWithBadHeader" => [("measurement", new byte[64]), ("header", [.. "# Dimensions\n2 -1\n"u8])],
            "twoPngs" => [("measurement", Requests.Png()), ("measurement", Requests.Png(16))],
            "twoSeries" => [("measurement", Dicom()), ("measurement", Dicom())],
            "niftiPair" => [("measurement", new byte[4 * 16]), ("header", [.. BitConverter.GetBytes(348), .. new byte[340], .. "ni1\0"u8])],
            "nifti" => [("measurement", NiftiWriter.Write(new float[16], 1, 4, 4, null))],
            "referenceIsPng" => [("measurement", Requests.Png()), ("reference", Requests.Png())],
            _ => [("measurement", Requests.Png()), ("mask", Dicom())],
        };
        JsonObject request = Job(problem, "adjoint");
        if (problem == "mri") request["problem"]!["mask"] = new JsonObject { ["type"] = "random" };
        using MultipartFormDataContent form = Requests.Form(request, files);
        using HttpResponseMessage response = await service.Client.PostAsync("/v1/jobs", form);
        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal(HttpStatusCode.UnprocessableEntity, response.StatusCode);
        Assert.Equal(field, (string?)JsonNode.Parse(body)!["field"]);
        Assert.Contains(word, (string)JsonNode.Parse(body)!["detail"]!, StringComparison.Ordinal);
        Assert.DoesNotContain("Mallory", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_is_killed_is_replaced()
    {
        JsonObject request = Job("denoising", "adjoint");
        await SolveAsync(request, ("measurement", Dicom()));
        var reader = service.Services.GetRequiredService<FormatReader>();
        long before = reader.Restarts;
        using (Process child = Process.GetProcessById(reader.ProcessId!.Value))
        {
            Assert.Equal("inverse_reader", child.ProcessName);
            child.Kill();
            child.WaitForExit();
        }

        await SolveAsync(request, ("measurement", Dicom()));
        Assert.Equal(before + 1, reader.Restarts);
    }

    private static JsonObject Job(string problem, string solver) => new()
    {
        ["model"] = "brain-mri-128",
        ["problem"] = new JsonObject { ["type"] = problem },
        ["sigma"] = 0.01,
        ["solver"] = new JsonObject { ["type"] = solver, ["preset"] = "fast" },
        ["seed"] = 1,
    };

    // One slice of somebody: x to the left along rows, first pixel at 10 mm.
    internal static byte[] Dicom(int side = 32)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return DicomSeries.Write(reader, new DerivedSeries
        {
            Values = [.. Enumerable.Range(0, side * side).Select(i => 500f + (400f * MathF.Sin(i / side * 0.2f) * MathF.Cos(i % side * 0.2f)))],
            Slices = 1,
            Rows = side,
            Columns = side,
            Geometry = [new FrameGeometry(new(10, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5)],
            Study = new StudyInformation
            {
                PatientName = Patient,
                PatientId = "4711-Mallory",
                PatientBirthDate = "19700101",
                StudyInstanceUid = "1.2.3.4",
                FrameOfReferenceUid = "1.2.3.5",
            },
            Solver = "none",
            SoftwareVersion = "1",
        })[0];
    }

    // A scan of ismrmrd_write.py.
    private static byte[] Written(string scan)
    {
        string folder = Directory.CreateTempSubdirectory("inverse-scan-").FullName, file = Path.Combine(folder, "scan.h5");
        try
        {
            using Process python = Process.Start(
                "/usr/bin/python3", [Path.Combine(Repository.Root, "tests", "InverseSolver.ImagingTests", "ismrmrd_write.py"), scan, file]);
            python.WaitForExit();
            Assert.Equal(0, python.ExitCode);
            return File.ReadAllBytes(file);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Slices of 16 x 16 at these places; the first is the brightest.
    private static byte[][] Series(params double[] places)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        const int pixels = 16 * 16;
        int[] brightness = [300, 100, 200];
        return [.. DicomSeries.Write(reader, new DerivedSeries
        {
            Values = [.. Enumerable.Range(0, places.Length * pixels).Select(i => brightness[i / pixels] + (50f * MathF.Sin(i % 16 * 0.3f)))],
            Slices = places.Length,
            Rows = 16,
            Columns = 16,
            Geometry = [.. places.Select(place => new FrameGeometry(new(0, 0, place), new(1, 0, 0), new(0, 1, 0), 1, 1, 5))],
            Study = new StudyInformation
            {
                PatientName = Patient,
                PatientId = "4711-Mallory",
                PatientBirthDate = "19700101",
                StudyInstanceUid = "1.2.3.4",
                FrameOfReferenceUid = "1.2.3.5",
            },
            Solver = "none",
            SoftwareVersion = "1",
        })];
    }

    private static byte[] Raw(params string[] path)
    {
        string? root = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA");
        string file = root is { Length: > 0 } ? Path.Combine([root, "raw_kspace", .. path]) : "";
        Assert.SkipUnless(File.Exists(file), $"INVERSESOLVER_TEST_DATA names no folder with raw_kspace/{string.Join('/', path)}.");
        return File.ReadAllBytes(file);
    }

    // Every second line and the centre, four coils.
    private async Task<byte[]> SimulateAsync(byte[] image)
    {
        var request = new JsonObject
        {
            ["problem"] = new JsonObject
            {
                ["type"] = "parallelMri",
                ["mask"] = new JsonObject { ["type"] = "equispaced", ["spacing"] = 2, ["centreLines"] = 16 },
            },
            ["sigma"] = 0.01,
            ["coils"] = Coils,
            ["seed"] = 3,
            ["files"] = new JsonObject { ["image"] = Requests.DataUri(image, "application/octet-stream") },
        };
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/measurements/simulate") { Content = JsonContent.Create(request) };
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/zip"));
        using HttpResponseMessage response = await service.Client.SendAsync(message);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadAsByteArrayAsync();
    }

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

    private async Task NobodyIsNamedAsync(JsonObject job, params string[] more)
    {
        string id = Service.Id(job), links = (string)job["links"]!["artefacts"]!;
        var told = new StringBuilder();
        foreach (string path in (string[])[$"/v1/jobs/{id}", "/v1/jobs", links, $"{links}/report.json"])
        {
            told.AppendLine(await service.Client.GetStringAsync(path));
        }
        await foreach (ServerEvent happened in service.EventsAsync(id)) told.AppendLine(happened.Data.ToJsonString());
        Assert.NotEmpty(service.Log);
        foreach (string line in service.Log) told.AppendLine(line);
        Assert.All(["Mallory", "4711-", "19700101", .. more], secret => Assert.DoesNotContain(secret, told.ToString(), StringComparison.OrdinalIgnoreCase));
    }

    private static string[] Names(JsonObject job) => [.. job["result"]!["artefacts"]!.AsArray().Select(file => (string)file!["name"]!)];

    private Task<byte[]> ArtefactAsync(JsonObject job, string name) => service.Client.GetByteArrayAsync($"{(string)job["links"]!["artefacts"]!}/{name}");

    private Task<JsonObject> ReportAsync(JsonObject job) => service.GetAsync($"{(string)job["links"]!["artefacts"]!}/report.json");
}
