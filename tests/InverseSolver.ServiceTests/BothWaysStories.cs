extern alias cli;

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using cli::InverseSolver.Cli;
using InverseSolver.Imaging;

namespace InverseSolver.ServiceTests;

/// <summary>The same job over HTTP and by <c>inverse solve</c>: the same report, field by field, and the same artefacts, byte by byte.</summary>
public sealed partial class BothWaysStories(Service service) : IClassFixture<Service>, IDisposable
{
    private const int Side = 32;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-both-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task A_stack_of_frames_with_samples_a_truth_and_baselines()
    {
        byte[] truth = Npy.Write(new ArrayData([2, 1, Side, Side], Waves(2)));
        byte[] measurement = Npy.Write(new ArrayData([2, 1, Side, Side], Waves(2, noise: 0.05f)));
        (string[] names, JsonObject report) = await SameAsync(
            """{ "type": "inpainting", "mask": { "type": "random", "fraction": 0.4, "seed": 2 } }""", 0.03, "diffPir", """{ "steps": 2, "samples": 2 }""",
            ["adjoint", "leastSquares"], ("measurement", measurement), ("truth", truth));
        Assert.Equal(
        [
            "result.npy", "result.png", "result16.png", "frame-0000.png", "frame-0001.png", "deviation.npy", "deviation.png", "mask.png",
            "baseline-adjoint.npy", "baseline-adjoint.png", "baseline-leastSquares.npy", "baseline-leastSquares.png", "measurement.npy", "measurement.png",
        ], names);
        Assert.Equal(2, report["frames"]!.AsArray().Count);
        Assert.Equal("proximal", (string?)report["solver"]!["dataStep"]);
    }

    [Fact]
    public async Task A_picture_whose_noise_is_estimated_and_whose_rounding_counts()
    {
        (_, JsonObject report) = await SameAsync(
            """{ "type": "gaussianBlur", "sigma": 1 }""", null, "reSample", """{ "steps": 2 }""", [], ("measurement", Requests.Png(Side)));
        Assert.True((bool)report["sigmaEstimated"]!);
        (_, report) = await SameAsync("""{ "type": "denoising" }""", 0.01, "adjoint", "{}", [], ("measurement", Requests.Png(Side)));
        Assert.True((double)report["effectiveSigma"]! > 0.01);
        Assert.True(report["solver"]!.AsObject().ContainsKey("dataStep"));
        Assert.Null(report["solver"]!["dataStep"]);
    }

    [Fact]
    public async Task A_mask_that_is_another_file_and_a_warning()
    {
        byte[] mask = ImageFile.WritePng(new Image(1, Side, Side, [.. Enumerable.Range(0, Side * Side).Select(i => i % 3 == 0 ? 0f : 1f)]));
        byte[] measurement = Npy.Write(new ArrayData([Side, Side], [.. Waves(1).Select(value => 4 * value)]));
        (_, JsonObject report) = await SameAsync(
            """{ "type": "inpainting", "mask": { "type": "file" } }""", 0.01, "ddnm", """{ "steps": 2, "dataStep": "paper" }""", [],
            ("measurement", measurement), ("mask", mask));
        Assert.NotEmpty(report["warnings"]!.AsArray());
        Assert.Equal("paper", (string?)report["solver"]!["dataStep"]);
        Assert.Equal(["mask", "measurement"], report["inputs"]!.AsObject().Select(file => file.Key).Order());
    }

    [Fact]
    public async Task Raw_data_of_several_coils_and_a_DICOM_reference()
    {
        float[] kspace = new float[2 * 2 * Side * Side];
        for (int coil = 0; coil < 2; coil++)
        {
            for (int i = 0; i < Side * Side; i++)
            {
                double radius = double.Hypot((i / Side) - (Side / 2), (i % Side) - (Side / 2));
                kspace[2 * ((coil * Side * Side) + i)] = (float)(Math.Exp(-0.1 * radius * radius) * (1 + coil) * Math.Cos(0.3 * coil * (i % Side)));
                kspace[(2 * ((coil * Side * Side) + i)) + 1] = (float)(1e-3 * Math.Sin(i + coil));
            }
        }

        byte[] measurement = Npy.Write(new ArrayData([2, Side, Side], kspace, IsComplex: true));
        (string[] names, JsonObject report) = await SameAsync(
            """{ "type": "parallelMri" }""", 0.001, "leastSquares", "{}", ["adjoint"], ("measurement", measurement), ("reference", Dicom()));
        Assert.Empty(new[] { "complex.npy", "maps.npy", "kspace.npy", "mask.npy", "result-0000.dcm", "result.nii" }.Except(names));
        Assert.Equal("reference", (string?)report["dicom"]!["identifiers"]);
    }

    [Fact]
    public async Task A_DICOM_image()
    {
        (string[] names, JsonObject report) = await SameAsync("""{ "type": "denoising" }""", 0.02, "adjoint", "{}", [], ("measurement", Dicom()));
        Assert.Empty(new[] { "result-0000.dcm", "result.nii" }.Except(names));
        Assert.Equal("dicom", (string?)report["origin"]!["format"]);
    }

    // Solves both ways and compares; the names of the files beside the report, and the report of the command line.
    private async Task<(string[] Names, JsonObject Report)> SameAsync(
        string problem, double? sigma, string solver, string parameters, string[] baselines, params (string Name, byte[] Bytes)[] files)
    {
        JsonObject job = await SolveAsync(problem, sigma, solver, parameters, baselines, files);
        string artefacts = (string)job["links"]!["artefacts"]!, output = Path.Combine(_folder.FullName, $"out-{Guid.NewGuid():N}");
        JsonObject served = await service.GetAsync($"{artefacts}/report.json");
        Solve(problem, sigma, solver, parameters, baselines, files, (string)served["device"]!, output);
        JsonObject local = JsonNode.Parse(await File.ReadAllBytesAsync(Path.Combine(output, "report.json")))!.AsObject();

        string[] names = [.. served["artefacts"]!.AsArray().Select(file => (string)file!["name"]!)];
        IEnumerable<string> written = Directory.EnumerateFiles(output).Select(file => Path.GetFileName(file)!);
        Assert.Equal(names.Append("report.json").Order(StringComparer.Ordinal), written.Order(StringComparer.Ordinal));
        foreach (string name in names)
        {
            byte[] here = await File.ReadAllBytesAsync(Path.Combine(output, name)), there = await service.Client.GetByteArrayAsync($"{artefacts}/{name}");
            if (name.EndsWith(".dcm", StringComparison.Ordinal)) Assert.Equal(Pixels(there), Pixels(here));
            else Assert.True(there.AsSpan().SequenceEqual(here), name);
        }

        Assert.Equal(Fields(served), Fields(local));
        return (names, local);
    }

    private async Task<JsonObject> SolveAsync(
        string problem, double? sigma, string solver, string parameters, string[] baselines, (string Name, byte[] Bytes)[] files)
    {
        var request = new JsonObject
        {
            ["model"] = "brain-mri-128",
            ["problem"] = JsonNode.Parse(problem),
            ["solver"] = new JsonObject { ["type"] = solver, ["preset"] = "fast", ["parameters"] = JsonNode.Parse(parameters) },
            ["seed"] = 7,
        };
        if (sigma is { } given) request["sigma"] = given;
        if (baselines.Length > 0) request["baselines"] = new JsonArray([.. baselines.Select(name => JsonValue.Create(name))]);
        using MultipartFormDataContent form = Requests.Form(request, files);
        using HttpResponseMessage accepted = await service.Client.PostAsync("/v1/jobs", form);
        string body = await accepted.Content.ReadAsStringAsync();
        Assert.True(accepted.IsSuccessStatusCode, body);
        JsonObject job = await service.UntilAsync((string)JsonNode.Parse(body)!["id"]!);
        Assert.True(Service.State(job) == "succeeded", job.ToJsonString());
        return job;
    }

    private void Solve(
        string problem, double? sigma, string solver, string parameters, string[] baselines, (string Name, byte[] Bytes)[] files, string device, string output)
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "problem.json"), problem);
        List<string> arguments =
        [
            "--problem", Path.Combine(_folder.FullName, "problem.json"), "--models", Path.Combine(Repository.Root, "models"), "--model", "brain-mri-128",
            "--solver", solver, "--preset", "fast", "--seed", "7", "--device", device, "--out", output,
        ];
        if (sigma is { } given) arguments.AddRange(["--sigma", given.ToString("R", System.Globalization.CultureInfo.InvariantCulture)]);
        if (baselines.Length > 0) arguments.AddRange(["--baselines", string.Join(',', baselines)]);
        foreach ((string name, JsonNode? value) in JsonNode.Parse(parameters)!.AsObject()) arguments.AddRange(["--set", $"{name}={value}"]);
        foreach ((string name, byte[] bytes) in files)
        {
            string path = Path.Combine(_folder.FullName, name);
            File.WriteAllBytes(path, bytes);
            arguments.AddRange([$"--{name}", path]);
        }

        Assert.Equal(0, SolveCommand.Create().Parse(arguments).Invoke(new() { EnableDefaultExceptionHandler = false }));
    }

    // All fields but those that no two runs share: the job's id, times, which program it was, and the size and hash of DICOM files, which hold a time and
    // new identifiers.
    private static SortedDictionary<string, string> Fields(JsonObject report)
    {
        var fields = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Collect(report, "");
        Assert.NotEmpty(fields);
        return fields;

        void Collect(JsonNode? node, string path)
        {
            if (Own().IsMatch(path)) return;
            switch (node)
            {
                case JsonObject members:
                    foreach ((string name, JsonNode? value) in members) Collect(value, $"{path}.{name}");
                    break;
                case JsonArray items:
                    foreach ((int i, JsonNode? item) in items.Index()) Collect(item, IsDicom(item) ? $"{path}[{i}:dicom]" : $"{path}[{i}]");
                    break;
                default:
                    fields[path] = node?.ToJsonString() ?? "null";
                    break;
            }
        }

        static bool IsDicom(JsonNode? item) => item is JsonObject file && (string?)file["contentType"] == "application/dicom";
    }

    private static float[] Pixels(byte[] dicom)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return DicomFile.Read(reader, dicom).Values;
    }

    private static byte[] Dicom()
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return DicomSeries.Write(reader, new DerivedSeries
        {
            Values = [.. Waves(1).Select(value => 1000 * value)],
            Slices = 1,
            Rows = Side,
            Columns = Side,
            Geometry = [new FrameGeometry(new(0, 0, 5), new(1, 0, 0), new(0, 1, 0), 1, 1, 5)],
            Study = new StudyInformation { PatientName = "Nobody", PatientId = "1", StudyInstanceUid = "1.2.3.4", FrameOfReferenceUid = "1.2.3.5" },
            Solver = "none",
            SoftwareVersion = "1",
        })[0];
    }

    private static float[] Waves(int frames, float noise = 0) => [.. Enumerable.Range(0, frames * Side * Side).Select(i =>
        0.5f + (0.4f * MathF.Sin(i / Side * 0.2f) * MathF.Cos(i % Side * 0.2f)) + (noise * MathF.Sin(i * 12.9898f)))];

    [GeneratedRegex(@"^\.(job|times|versions\.(service|inverse)|(baselines\[\d+\]\.)?cost\.seconds|artefacts\[\d+:dicom\]\.(bytes|sha256))$")]
    private static partial Regex Own();
}
