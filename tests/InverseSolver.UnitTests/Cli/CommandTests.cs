using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

/// <summary>The built command <c>inverse</c>, as a user runs it.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-cli-");

    public void Dispose() => _folder.Delete(recursive: true);

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    private static (int ExitCode, string Output) Inverse(params string[] arguments) =>
        Repository.Run(Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse"), arguments);

    [Fact]
    public void A_libtorch_that_cannot_be_used_is_one_sentence()
    {
        string program = Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");
        File.WriteAllBytes(PathOf("libtorch_cpu.so"), [1, 2, 3]);
        foreach ((string folder, string words) in
            new[] { (PathOf("none"), "error: There is no libtorch_cpu.so in "), (_folder.FullName, "error: Unable to load shared library") })
        {
            (int code, string output) = Repository.Run(program, ["models", "list"], [("LIBTORCH", folder)]);
            Assert.Equal(2, code);
            Assert.StartsWith(words, output, StringComparison.Ordinal);
            Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
    }

    // A disc with a smaller, darker one in it.
    private void WritePhantom(string name, int side = 64)
    {
        var values = new float[side * side];
        for (int i = 0; i < values.Length; i++)
        {
            double r = double.Hypot(i / side - side / 2.0, i % side - side / 2.0) / side;
            values[i] = r < 0.15 ? 0.3f : r < 0.4 ? 0.7f : 0f;
        }

        File.WriteAllBytes(PathOf(name), Npy.Write(new ArrayData([side, side], values)));
    }

    [Fact]
    public void Help_names_every_command()
    {
        (int exitCode, string output) = Inverse("--help");
        Assert.Equal(0, exitCode);
        Assert.All(
            ["solve", "submit", "simulate", "problems", "solvers", "convert", "evaluate", "models", "store", "bench", "demo", "gpu-check"],
            command => Assert.Contains($"  {command}", output, StringComparison.Ordinal));
    }

    [Fact]
    public void Problems_and_solvers_are_listed_described_and_written_as_JSON()
    {
        (int exitCode, string output) = Inverse("problems", "--json", PathOf("problems.json"));
        Assert.Equal(0, exitCode);
        Assert.Contains("inpainting         Missing pixels: y = mask * x.", output, StringComparison.Ordinal);
        Assert.Equal(20, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(20, JsonNode.Parse(File.ReadAllText(PathOf("problems.json")))!.AsArray().Count);
        (exitCode, output) = Inverse("problems", "superResolution");
        Assert.Equal(0, exitCode);
        Assert.Contains("--problem '{\"type\":\"superResolution\"", output, StringComparison.Ordinal);
        Assert.Contains("  factor: ", output, StringComparison.Ordinal);
        (exitCode, output) = Inverse("solvers", "dcdp");
        Assert.Equal(0, exitCode);
        Assert.Contains("--preset fast: ", output, StringComparison.Ordinal);
        Assert.Contains("  rounds: Rounds of one data step and one purification each. 2 to 1000.", output, StringComparison.Ordinal);
        (exitCode, output) = Inverse("solvers", "none");
        Assert.Equal((2, true), (exitCode, output.StartsWith("error: There is no 'none' among the solvers. There is: reSample, ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_problem_is_JSON_a_file_or_the_name_of_a_kind()
    {
        WritePhantom("y.npy", 16);
        File.WriteAllBytes(PathOf("mask.png"), ImageFile.WritePng(new Image(1, 16, 16, [.. Enumerable.Range(0, 256).Select(i => i % 4 == 0 ? 0f : 1f)])));
        (int ExitCode, string Output) Solve(string problem, params string[] more) => Inverse(
            ["solve", "--problem", problem, "--measurement", PathOf("y.npy"), "--solver", "adjoint", "--sigma", "0.01", "--out", PathOf("out"), .. more]);
        Assert.Equal(0, Solve("""{"type": "denoising"}""").ExitCode);
        (int exitCode, string output) = Solve("inpainting", "--mask", PathOf("mask.png"));
        Assert.True(exitCode == 0, output);
        Assert.Contains("note: the problem is {\"type\":\"inpainting\",\"mask\":{\"type\":\"file\"}}", output, StringComparison.Ordinal);
        Assert.Equal(192, (int)JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!["consistency"]!["measuredComponents"]!);
        (exitCode, output) = Solve("gaussianBlur");
        Assert.True(exitCode == 0, output);
        Assert.Contains("\"sigma\":3", output, StringComparison.Ordinal);

        // What was measured cannot be guessed.
        (exitCode, output) = Solve("inpainting");
        Assert.Equal((2, true), (exitCode, output.Contains("or give the mask's file, --mask FILE", StringComparison.Ordinal)));
        (exitCode, output) = Solve("ct");
        Assert.Equal((2, true), (exitCode, output.Contains("--problem ct: its members are needed", StringComparison.Ordinal)));
        (exitCode, output) = Solve("inpaintin");
        Assert.Equal((2, true), (exitCode, output.Contains("no such file and no such problem", StringComparison.Ordinal)));
    }

    [Fact]
    public void Solving_writes_the_image_and_a_report_and_repeats_by_seed()
    {
        WritePhantom("y.npy");
        File.WriteAllText(PathOf("p.json"), """{ "type": "inpainting", "mask": { "type": "box", "height": 16, "width": 16 } }""");
        string[] Arguments(string output) =>
        [
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--truth", PathOf("y.npy"), "--model", "brain-mri-128",
            "--solver", "reSample", "--preset", "fast", "--set", "steps=4", "--seed", "3", "--out", PathOf(output), "--json", PathOf(output + ".json"),
        ];
        (int exitCode, string text) = Inverse(Arguments("a"));
        Assert.True(exitCode == 0, text);
        Assert.Equal(0, Inverse(Arguments("b")).ExitCode);
        Assert.Equal(File.ReadAllBytes(Path.Combine(PathOf("a"), "result.npy")), File.ReadAllBytes(Path.Combine(PathOf("b"), "result.npy")));
        Assert.Equal([1, 64, 64], Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("a"), "result.npy")), 10_000).Shape);
        Assert.True(ImageFile.IsImage(File.ReadAllBytes(Path.Combine(PathOf("a"), "result16.png"))));
        JsonNode report = JsonNode.Parse(File.ReadAllText(PathOf("a.json")))!;
        Assert.Equal(64 * 64 - 16 * 16, (int)report["consistency"]!["measuredComponents"]!);
        Assert.Equal(4, (int)report["solver"]!["parameters"]!["steps"]!);
        Assert.Equal(64, ((string)report["model"]!["hash"]!).Length);
        Assert.Equal(3, (int)report["seed"]!);
        Assert.InRange((double)report["quality"]!["psnrDb"]!, 10, 100);
    }

    /// <remarks>BART reads what is written and writes what is read: it doubles the values in between.</remarks>
    [Fact]
    public void Converted_arrays_are_those_that_BART_knows()
    {
        using var bart = new Mri.BartProgram();
        float[] values = [.. Enumerable.Range(0, 48).Select(i => i - 7.5f)];
        File.WriteAllBytes(PathOf("a.npy"), Npy.Write(new ArrayData([2, 3, 4], values, IsComplex: true)));
        Assert.Equal(0, Inverse("convert", PathOf("a.npy"), PathOf("a.cfl")).ExitCode);
        bart.Run("scale", "2", PathOf("a"), PathOf("b"));
        Assert.Equal(0, Inverse("convert", PathOf("b.cfl"), PathOf("b.npy")).ExitCode);
        ArrayData back = Npy.Read(File.ReadAllBytes(PathOf("b.npy")), 1000);
        Assert.Equal([2, 3, 4], back.Shape);
        Assert.Equal(values.Select(value => 2 * value), back.Values);
        Assert.Equal(2, Inverse("convert", PathOf("a.npy"), PathOf("c.png")).ExitCode);
    }

    /// <remarks>48 x 32 with every second column measured, of which the file's own reconstruction has 24 x 20 pixels of 10 mm.</remarks>
    [Fact]
    public void The_image_of_an_undersampled_fastMRI_file_is_as_large_as_the_file_s_own()
    {
        ImagingTests.RawData.Python("fastmri_cropped_undersampled", PathOf("scan.h5"));
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("scan.h5"), "--sigma", "0.01",
            "--solver", "adjoint", "--baselines", "leastSquares", "--out", PathOf("out"));
        Assert.True(exitCode == 0, output);
        int[] Shape(string name) => Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), name)), 1 << 20).Shape;
        Assert.Equal([3, 1, 24, 20], Shape("result.npy"));
        Assert.Equal([3, 1, 24, 20], Shape("baseline-leastSquares.npy"));
        Assert.Equal([3, 24, 32], Shape("complex.npy"));
        byte[] nifti = File.ReadAllBytes(Path.Combine(PathOf("out"), "result.nii"));
        Assert.Equal([20, 24, 3], Enumerable.Range(1, 3).Select(i => (int)BitConverter.ToInt16(nifti, 40 + (2 * i))));
        Assert.Equal(10f, BitConverter.ToSingle(nifti, 80));
    }

    /// <remarks>k-space and maps as the service writes them, of the phantom of four coils.</remarks>
    [Fact]
    public void Converted_k_space_and_maps_are_solved_by_BART_as_by_us()
    {
        using var bart = new Mri.BartProgram();
        string[] names = ["kspace", "maps"];
        foreach (string name in names)
        {
            string npy = Repository.File("tests", "InverseSolver.ImagingTests", "fixtures", name + ".npy");
            (int code, string said) = Inverse("convert", npy, PathOf(name + ".cfl"));
            Assert.True(code == 0, said);
            Assert.StartsWith("# Dimensions\n48 64 1 4 1", File.ReadAllText(PathOf(name + ".hdr")), StringComparison.Ordinal);
            Assert.Equal(0, Inverse("convert", PathOf(name + ".cfl"), PathOf(name + ".npy")).ExitCode);
            ArrayData before = Npy.Read(File.ReadAllBytes(npy), 1 << 20), after = Npy.Read(File.ReadAllBytes(PathOf(name + ".npy")), 1 << 20);
            Assert.Equal(before.Shape, after.Shape);
            Assert.Equal(before.Values, after.Values);
        }

        bart.Run("pics", "-r", "0.001", PathOf("kspace"), PathOf("maps"), PathOf("image"));
        Assert.Equal(0, Inverse("convert", PathOf("image.cfl"), PathOf("image.npy")).ExitCode);
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("kspace.npy"), "--maps", PathOf("maps.npy"),
            "--sigma", "1", "--solver", "leastSquares", "--preset", "fast", "--out", PathOf("out"));
        Assert.True(exitCode == 0, output);
        ArrayData theirs = Npy.Read(File.ReadAllBytes(PathOf("image.npy")), 1 << 20),
            ours = Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), "complex.npy")), 1 << 20);
        Assert.Equal([64, 48], theirs.Shape);
        Assert.InRange(Correlation(theirs, ours), 0.999, 1);
    }

    [Fact]
    public void Whatever_is_neither_k_space_nor_maps_is_converted_as_it_is()
    {
        float[] values = [.. Enumerable.Range(0, 120).Select(i => (float)i)];
        void Convert(int[] shape, bool complex, string dimensions, params string[] options)
        {
            File.WriteAllBytes(PathOf("a.npy"), Npy.Write(new ArrayData(shape, values[..(shape.Aggregate(1, (a, b) => a * b) * (complex ? 2 : 1))], complex)));
            Assert.Equal(0, Inverse(["convert", PathOf("a.npy"), PathOf("a.cfl"), .. options]).ExitCode);
            Assert.StartsWith($"# Dimensions\n{dimensions} 1", File.ReadAllText(PathOf("a.hdr")), StringComparison.Ordinal);
        }

        Convert([2, 3, 4], false, "4 3 2 1");
        Convert([2, 3, 4], true, "4 3 2 1", "--as-is");
        Convert([2, 1, 3, 4], true, "4 3 1 2");
        Convert([3, 4], true, "4 3 1 1");
        // Slices are BART's dimension 13.
        Convert([5, 2, 2, 3], true, "3 2 1 2 1 1 1 1 1 1 1 1 1 5");
        Assert.Equal(0, Inverse("convert", PathOf("a.cfl"), PathOf("b.npy")).ExitCode);
        Assert.Equal(File.ReadAllBytes(PathOf("a.npy")), File.ReadAllBytes(PathOf("b.npy")));
    }

    /// <remarks>
    /// The truth is BART's phantom on the grid, as its coils see it; its k-space along the spokes is computed, so nothing of a transform is shared.
    /// </remarks>
    [Fact]
    public void BART_s_k_space_is_solved_along_BART_s_trajectory()
    {
        using var bart = new Mri.BartProgram();
        bart.Run("traj", "-r", "-x48", "-y60", PathOf("tr"));
        bart.Run("phantom", "-k", "-s4", "-t", PathOf("tr"), PathOf("kr"));
        bart.Run("phantom", "-x48", "-s4", PathOf("coils"));
        bart.Run("rss", "8", PathOf("coils"), PathOf("truth"));
        Assert.Equal(0, Inverse("convert", PathOf("truth.cfl"), PathOf("truth.npy")).ExitCode);
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("kr.cfl"), "--trajectory", PathOf("tr.cfl"),
            "--sigma", "0.01", "--solver", "leastSquares", "--preset", "fast", "--out", PathOf("out"));
        Assert.True(exitCode == 0, output);
        ArrayData ours = Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), "complex.npy")), 1 << 20);
        Assert.Equal([48, 48], ours.Shape);
        // The .npy of BART's image has its rows as columns.
        ArrayData truth = Npy.Read(File.ReadAllBytes(PathOf("truth.npy")), 1 << 20);
        float[] turned = [.. Enumerable.Range(0, 48 * 48)
            .SelectMany(i =>
                (float[])[truth.Values[2 * ((i % 48 * 48) + (i / 48))], truth.Values[(2 * ((i % 48 * 48) + (i / 48))) + 1]])];
        // 0.926; of BART's own gridding of such spokes 0.919, of k-space that is taken as Cartesian 0.1.
        Assert.InRange(Correlation(truth with { Values = turned }, ours), 0.91, 1);
    }

    // Of magnitudes.
    private static double Correlation(ArrayData a, ArrayData b)
    {
        double[] Magnitudes(ArrayData array) =>
            [.. Enumerable.Range(0, array.Values.Length / 2)
                .Select(i => double.Hypot(array.Values[2 * i], array.Values[(2 * i) + 1]))];
        double[] x = Magnitudes(a), y = Magnitudes(b);
        Assert.Equal(x.Length, y.Length);
        double mx = x.Average(), my = y.Average();
        return x.Zip(y, (p, q) => (p - mx) * (q - my)).Sum() / Math.Sqrt(x.Sum(p => (p - mx) * (p - mx)) * y.Sum(q => (q - my) * (q - my)));
    }

    [Fact]
    public void A_BART_file_is_solved_into_a_scan_that_BART_can_check()
    {
        using var bart = new Mri.BartProgram();
        bart.Run("phantom", "-x", "32", "-s", "4", "-k", PathOf("y"));
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.cfl"),
            "--sigma", "0.001", "--solver", "leastSquares", "--preset", "fast", "--out", PathOf("out"));
        Assert.True(exitCode == 0, output);
        string[] files = [.. Directory.GetFiles(PathOf("out")).Select(file => Path.GetFileName(file)!)];
        Assert.Empty(new[] { "complex.npy", "maps.npy", "kspace.npy", "mask.npy", "result.nii", "result-0000.dcm", "report.json" }.Except(files));
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!;
        Assert.Equal(("bart", "new"), ((string)report["origin"]!["format"]!, (string)report["dicom"]!["identifiers"]!));

        // y = F (maps * image), by BART: its coil dimension is the fourth, so the arrays get one of size 1 before it.
        foreach (string name in (string[])["complex", "maps", "kspace"])
        {
            ArrayData array = Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), name + ".npy")), 1 << 20);
            int coils = array.Shape.Length == 3 ? array.Shape[0] : 1;
            File.WriteAllBytes(PathOf(name + ".npy"), Npy.Write(array with { Shape = [coils, 1, 32, 32] }));
            Assert.Equal(0, Inverse("convert", PathOf(name + ".npy"), PathOf(name + ".cfl")).ExitCode);
        }

        bart.Run("fmac", PathOf("complex"), PathOf("maps"), PathOf("coils"));
        bart.Run("fft", "-u", "3", PathOf("coils"), PathOf("explained"));
        bart.Run("nrmse", "-t", "0.1", PathOf("kspace"), PathOf("explained"));
    }

    /// <remarks>The scan 'study' is of X-7 in the study 1.2.3; the reference of ID-4711.</remarks>
    [Fact]
    public void A_reference_of_another_patient_and_a_vendor_s_convention_are_the_user_s_to_force()
    {
        File.WriteAllBytes(PathOf("scan.h5"), ImagingTests.RawData.Write("study").File);
        File.WriteAllBytes(PathOf("vendor.h5"), ImagingTests.RawData.Write("siemens").File);
        File.WriteAllBytes(PathOf("other.dcm"), ImagingTests.DicomSeeds.File("mr-unsigned"));
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        string[] Arguments(string file, params string[] more) =>
        [
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf(file), "--sigma", "0.01",
            "--solver", "adjoint", "--out", PathOf("out"), .. more,
        ];
        JsonArray Remarks() => JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!["origin"]!["remarks"]!.AsArray();

        (int exitCode, string output) = Inverse(Arguments("scan.h5", "--reference", PathOf("other.dcm")));
        Assert.True(exitCode == 2, output);
        Assert.Contains("they differ in the patient ID", output, StringComparison.Ordinal);
        Assert.All(["4711", "X-7", "1.2.3"], secret => Assert.DoesNotContain(secret, output, StringComparison.Ordinal));
        Assert.False(Directory.Exists(PathOf("out")));
        (exitCode, output) = Inverse(Arguments("scan.h5", "--reference", PathOf("other.dcm"), "--force-reference"));
        Assert.True(exitCode == 0, output);
        Assert.Contains(Remarks(), text => ((string)text!).Contains("The reference was forced", StringComparison.Ordinal));

        (exitCode, output) = Inverse(Arguments("vendor.h5", "--vendor-convention", "none"));
        Assert.True(exitCode == 0, output);
        Assert.Contains(Remarks(), text => ((string)text!).Contains("vendor convention not applied", StringComparison.Ordinal));
        Assert.Equal(2, Inverse(Arguments("vendor.h5", "--vendor-convention", "philips")).ExitCode);
        Assert.Equal(2, Inverse(Arguments("vendor.h5", "--force-reference")).ExitCode);
    }

    [Theory]
    [InlineData("files"), InlineData("folder"), InlineData("zip")]
    public void The_files_of_a_DICOM_series_are_one_measurement(string how)
    {
        string[] files = [.. ((double[])[6, 0, 3])
            .Select((place, i) => Path.Combine(Directory.CreateDirectory(PathOf(i == 0 ? "s" : "s/deeper")).FullName, $"{i}.dcm"))];
        foreach ((int i, string file) in files.Index())
            File.WriteAllBytes(
                file,
                ImagingTests.DicomBuilder.Mr(16, 16, [.. Enumerable.Repeat((ushort)(100 * (i + 1)), 256)])
                    .At(0, 0, ((double[])[6, 0, 3])[i]).Text(0x00080018, "UI", $"1.2.3.4.{i}").File());
        if (how == "zip") File.WriteAllBytes(PathOf("s.zip"), DicomArchive.Pack([.. files.Select(File.ReadAllBytes)]));
        else File.WriteAllText(Path.Combine(PathOf("s"), "notes.txt"), "no image");
        string[] measurement = how switch { "files" => files, "folder" => [PathOf("s")], _ => [PathOf("s.zip")] };
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
        (int exitCode, string output) = Inverse(
        [
            "solve", "--problem", PathOf("p.json"), "--measurement", .. measurement, "--solver", "adjoint", "--preset", "fast",
            "--sigma", "0.01", "--out", PathOf("out"),
        ]);
        Assert.True(exitCode == 0, output);
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!;
        Assert.Equal(how == "folder" ? 2 : 1, report["origin"]!["remarks"]!.AsArray().Count);
        Assert.Equal(3, (int)report["dicom"]!["instances"]!);
        // Places 0, 3 and 6 mm are those of the second, third and first file.
        Volume volume = Nifti.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), "result.nii")), 768);
        Assert.Equal([200, 300, 100], ((int[])[0, 256, 512]).Select(i => (int)Math.Round(volume.Values[i])));
        Assert.Equal(3, volume.VoxelMm.Z);
    }

    [Theory]
    [InlineData("None of the files is a DICOM image", "a.npy", "b.npy"), InlineData("holds no files", "empty"), InlineData("(.hdr and .img)", "pair.img")]
    public void What_is_no_series_and_no_measurement_is_refused(string words, params string[] names)
    {
        foreach (string name in (string[])["a.npy", "b.npy", "pair.img", "pair.hdr"]) WritePhantom(name, 8);
        Directory.CreateDirectory(PathOf("empty"));
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
        (int exitCode, string output) = Inverse(["solve", "--problem", PathOf("p.json"), "--measurement", .. names.Select(PathOf), "--out", PathOf("out")]);
        Assert.Equal(2, exitCode);
        Assert.Contains(words, output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("out")));
    }

    /// <remarks>Colours whose luminance, 0.299 · 0.8 + 0.587 · 0.4 + 0.114 · 0.2, is 0.4968; a mask that leaves nothing out.</remarks>
    [Fact]
    public void What_may_be_wrong_is_printed_and_in_the_report()
    {
        float[] colours = [.. Enumerable.Range(0, 3 * 256).Select(i => 0.8f / (1 << (i / 256)))];
        File.WriteAllBytes(PathOf("y.png"), ImageFile.WritePng(new Image(3, 16, 16, colours), 16));
        File.WriteAllBytes(PathOf("mask.png"), ImageFile.WritePng(new Image(1, 16, 16, [.. Enumerable.Repeat(1f, 256)])));
        File.WriteAllText(PathOf("p.json"), """{ "type": "inpainting", "mask": { "type": "file" } }""");
        string[] arguments =
        [
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.png"), "--mask", PathOf("mask.png"),
            "--solver", "adjoint", "--sigma", "0.01", "--out", PathOf("out"),
        ];
        (int exitCode, string output) = Inverse(arguments);
        Assert.Equal(2, exitCode);
        Assert.Contains("--luminance", output, StringComparison.Ordinal);
        (exitCode, output) = Inverse([.. arguments, "--luminance"]);
        Assert.True(exitCode == 0, output);
        string[] warnings =
            [.. JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!["warnings"]!.AsArray()
                .Select(text => (string)text!)];
        Assert.Contains(warnings, text => text.Contains("luminance", StringComparison.Ordinal));
        Assert.Contains(warnings, text => text.Contains("leaves nothing out", StringComparison.Ordinal));
        Assert.All(warnings, text => Assert.Contains($"warning: {text}\n", output, StringComparison.Ordinal));
        Assert.All(Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), "result.npy")), 1000).Values, value => Assert.Equal(0.4968, value, 1e-3));
        Assert.All(ImageFile.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), "mask.png")), new ImageLimits(1000)).Values, value => Assert.Equal(1, value));
    }

    [Theory]
    [InlineData("--set steps=0: ", "--set", "steps=0")]
    [InlineData("--set stepps=5: ", "--set", "stepps=5")]
    [InlineData("--set steps: name=value", "--set", "steps")]
    [InlineData("--set xi=0,5: a number has a decimal point", "--set", "xi=0,5")]
    [InlineData("--preset best: ", "--preset", "best")]
    [InlineData("--solver magic: ", "--solver", "magic")]
    [InlineData("--sigma -1: ", "--sigma", "-1")]
    [InlineData("--sigma is a number with a decimal point, as in 0.01, not '0,01'", "--sigma", "0,01")]
    [InlineData("--baselines reSample: ", "--baselines", "reSample")]
    [InlineData("--mask ", "--mask", "p.json")]
    [InlineData("--mask nowhere.png: there is no such file", "--mask", "nowhere.png")]
    [InlineData("--model other: there is no such model", "--model", "other")]
    [InlineData("--models /nowhere: there is no such folder", "--models", "/nowhere")]
    [InlineData("--device tpu: ", "--device", "tpu")]
    [InlineData("--device cuda:77: ", "--device", "cuda:77")]
    [InlineData("--seed is 0 or more", "--seed", "-1")]
    [InlineData("--seed is a whole number, not 'abc'", "--seed", "abc")]
    [InlineData("--vendor-convention philips: ", "--vendor-convention", "philips")]
    [InlineData("--bogus is no option of 'inverse solve'.", "--bogus", "1")]
    [InlineData("--sigmq is no option of 'inverse solve'. Did you mean --sigma?", "--sigmq", "1")]
    public void Bad_input_ends_with_2_names_the_option_and_shows_three_lines_of_help(string named, string option, string value)
    {
        WritePhantom("y.npy");
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--out", PathOf("out"), option,
            value == "p.json" ? PathOf(value) : value);
        Assert.Equal(2, exitCode);
        string[] lines = [.. output.Trim().Split('\n').Where(line => !line.StartsWith("warning: ", StringComparison.Ordinal))];
        Assert.StartsWith($"error: {named}", lines[0], StringComparison.Ordinal);
        Assert.InRange(lines.Length, 3, 4);
        Assert.Equal("usage: inverse solve --problem PROBLEM --measurement FILE --out FOLDER [options]", lines[1]);
        Assert.True(lines.Length == 3 || lines[2].StartsWith($"       {option} ", StringComparison.Ordinal), output);
        Assert.Equal("help:  inverse solve --help", lines[^1]);
        Assert.False(Directory.Exists(PathOf("out")));
    }

    [Theory]
    [InlineData("""{ "type": "inpainting" }""")]
    [InlineData("""{ "type": "inpainting", "mask": { "type": "box", "height": 9, "width": 9, "colour": 1 } }""")]
    [InlineData("""{ "kind": "denoising" }""")]
    [InlineData("nonsense")]
    [InlineData("null")]
    public void A_problem_that_is_none_ends_with_2(string problem)
    {
        WritePhantom("y.npy");
        File.WriteAllText(PathOf("p.json"), problem);
        (int exitCode, string output) = Inverse("solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--out", PathOf("out"));
        Assert.True(exitCode == 2, output);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_check_passes_on_the_reference_and_fails_on_other_weights()
    {
        string golden = Repository.File("tests", "InverseSolver.UnitTests", "golden", "unet2d-ldm");
        (int exitCode, string output) = Inverse("models", "check", golden, "--json", PathOf("check.json"));
        Assert.True(exitCode == 0, output);
        Assert.Equal(["out", "grad_x"], JsonNode.Parse(File.ReadAllText(PathOf("check.json")))!.AsArray().Select(row => (string)row!["tensor"]!));
        Assert.All(JsonNode.Parse(File.ReadAllText(PathOf("check.json")))!.AsArray(), row => Assert.InRange((double)row!["relativeError"]!, 0, 1e-5));

        // The first 8 KiB of the weights, conv_in's and conv_out's among them, are changed.
        Directory.CreateDirectory(PathOf("other"));
        foreach (string file in Directory.EnumerateFiles(golden))
        {
            byte[] bytes = File.ReadAllBytes(file);
            if (file.EndsWith("model.safetensors", StringComparison.Ordinal))
            {
                int data = 8 + (int)BitConverter.ToInt64(bytes);
                for (int at = data; at < data + 8192; at += 4)
                {
                    BitConverter.TryWriteBytes(bytes.AsSpan(at), 0.5f);
                }
            }

            File.WriteAllBytes(Path.Combine(PathOf("other"), Path.GetFileName(file)), bytes);
        }

        Assert.Equal(1, Inverse("models", "check", PathOf("other")).ExitCode);

        // A reference that does not fit: one sentence for it, and what is written is JSON.
        File.WriteAllBytes(
            Path.Combine(PathOf("other"), "golden.safetensors"),
            new Diffusion.SafetensorsBuilder().Add("x", "F32", [1, 4, 8, 8], new byte[1024]).Add("t", "I64", [1], new byte[8])
                .Add("out", "F32", [1, 3, 8, 8], new byte[768]).ToBytes());
        (exitCode, output) = Inverse("models", "check", PathOf("other"), "--json", PathOf("misfit.json"));
        Assert.Equal(1, exitCode);
        Assert.Matches("^out +cannot be compared: The network takes \\(N, 3, H, W\\), not \\(1, 4, 8, 8\\)\\.\n$", output);
        Assert.Null(Assert.Single(JsonNode.Parse(File.ReadAllText(PathOf("misfit.json")))!.AsArray())!["relativeError"]);
        Assert.Equal(2, Inverse("models", "check", PathOf("nowhere")).ExitCode);
        Assert.Contains("brain-mri-128", Inverse("models", "list").Output, StringComparison.Ordinal);
        Assert.Equal(
            (0, $"There is no model package in {Directory.CreateDirectory(PathOf("empty")).FullName}.\n"),
            Inverse("models", "list", "--models", PathOf("empty")));
    }

    [Fact]
    public void A_model_is_found_by_its_id_wherever_its_folder_lies_and_its_rows_are_its_own()
    {
        string package = PathOf("renamed");
        foreach (string file in Directory.EnumerateFiles(Repository.File("models", "brain-mri-128"), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(package, Path.GetRelativePath(Repository.File("models", "brain-mri-128"), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        WritePhantom("a.npy");
        string[] arguments =
        [
            "evaluate", "--images", _folder.FullName, "--problems", "denoising", "--solvers", "roundTrip",
            "--resume", PathOf("rows.json"), "--models",
        ];
        Assert.Equal(0, Inverse([.. arguments, _folder.FullName]).ExitCode);
        Assert.Equal(0, Inverse([.. arguments, package]).ExitCode);
        Assert.Single(JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray());

        File.WriteAllText(
            Path.Combine(package, "model.json"),
            File.ReadAllText(Path.Combine(package, "model.json")).Replace("\"brain-mri-128\"", "\"another\"", StringComparison.Ordinal));
        (int exitCode, string output) = Inverse([.. arguments, package, "--model", "another"]);
        Assert.True(exitCode == 0, output);
        Assert.Equal(2, JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray().Count);
        Assert.Equal(2, Directory.GetFiles(PathOf("rows.images")).Length);
    }

    [Fact]
    public void An_evaluation_resumes_where_it_stopped()
    {
        Directory.CreateDirectory(PathOf("images"));
        WritePhantom(Path.Combine("images", "a.npy"));
        WritePhantom(Path.Combine("images", "b.npy"), 48);
        string[] arguments =
        [
            "evaluate", "--images", PathOf("images"), "--problems", "denoising", "--solvers", "leastSquaresBest,roundTrip,reSample",
            "--presets", "fast", "--set", "steps=2",
            "--sigma", "0.05", "--resume", PathOf("rows.json"), "--limit",
        ];
        (int exitCode, string output) = Inverse([.. arguments, "1"]);
        Assert.True(exitCode == 0, output);
        string first = File.ReadAllText(PathOf("rows.json"));
        Assert.Equal(3, JsonNode.Parse(first)!.AsArray().Count);
        (exitCode, output) = Inverse(
        [
            .. arguments, "2", "--sheet", PathOf("sheet.png"), "--markdown", PathOf("table.md"),
            "--means", PathOf("means.json"), "--json", PathOf("all.json"),
        ]);
        Assert.True(exitCode == 0, output);
        JsonArray rows = JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray();
        Assert.Equal(6, rows.Count);
        Assert.Equal(JsonNode.Parse(first)!.AsArray()[2]!.ToJsonString(), rows[2]!.ToJsonString());
        JsonNode mean = JsonNode.Parse(File.ReadAllText(PathOf("means.json")))!.AsArray().Single(row => (string)row!["solver"]! == "leastSquaresBest")!;
        Assert.Equal(2, (int)mean["images"]!);
        Assert.Equal(rows.Where(row => (string)row!["solver"]! == "leastSquaresBest").Average(row => (double)row!["psnrDb"]!), (double)mean["psnrDb"]!, 1e-3);
        Assert.Contains("| denoising | leastSquaresBest |  | 2 |", File.ReadAllText(PathOf("table.md")), StringComparison.Ordinal);
        Assert.True(ImageFile.ReadHeader(File.ReadAllBytes(PathOf("sheet.png"))).Width > 500);
    }

    [Fact]
    public void An_evaluation_goes_on_past_what_a_solver_refuses_and_reads_rows_of_before()
    {
        Directory.CreateDirectory(PathOf("images"));
        WritePhantom(Path.Combine("images", "a.npy"), 32);
        string[] arguments =
        [
            "evaluate", "--images", PathOf("images"), "--problems", "hdr,denoising", "--solvers", "leastSquares,leastSquaresBest,adjoint",
            "--resume", PathOf("rows.json"), "--markdown", PathOf("table.md"),
        ];
        (int exitCode, string output) = Inverse(arguments);
        Assert.True(exitCode == 0, output);
        Assert.Contains("refused: Least squares needs a linear problem", output, StringComparison.Ordinal);
        string[] table = File.ReadAllLines(PathOf("table.md"));
        Assert.Contains(table, line => line.StartsWith("| hdr | leastSquares | balanced | refused: Least squares", StringComparison.Ordinal));
        Assert.Contains(table, line => line.StartsWith("| hdr | leastSquaresBest |  | refused: Least squares", StringComparison.Ordinal));
        Assert.Contains(table, line => line.StartsWith("| hdr | adjoint | balanced | 1 |", StringComparison.Ordinal));
        Assert.Single(table.Where(line => line.StartsWith('|')).Select(line => line.Count(letter => letter == '|')).Distinct());

        JsonArray rows = JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray();
        Assert.Equal(4, rows.Count);
        foreach (JsonNode? row in rows)
        {
            Assert.Equal(0, (int)row!["networkGradients"]!);
            Assert.True((double)row["relativeResidual"]! >= 0);
            row.AsObject().Remove("networkGradients");
            row.AsObject().Remove("relativeResidual");
        }

        File.WriteAllText(PathOf("rows.json"), rows.ToJsonString());
        (exitCode, output) = Inverse(arguments);
        Assert.True(exitCode == 0, output);
        Assert.Equal(4, JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray().Count);
    }

    [Fact]
    public void An_evaluation_takes_those_that_did_best_in_an_earlier_one()
    {
        Directory.CreateDirectory(PathOf("images"));
        WritePhantom(Path.Combine("images", "a.npy"), 32);
        string[] arguments =
            ["evaluate", "--images", PathOf("images"), "--problems", "denoising,gaussianDeblurring", "--solvers", "leastSquares,adjoint,totalVariation"];
        (int exitCode, string output) = Inverse([.. arguments, "--json", PathOf("rows.json")]);
        Assert.True(exitCode == 0, output);
        ILookup<string, JsonNode> rows =
            JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray()
                .ToLookup(row => (string)row!["problem"]!, row => row!);
        (exitCode, output) = Inverse([.. arguments, "--best-of", PathOf("rows.json"), "--best", "2", "--json", PathOf("best.json")]);
        Assert.True(exitCode == 0, output);
        ILookup<string, JsonNode> best =
            JsonNode.Parse(File.ReadAllText(PathOf("best.json")))!.AsArray()
                .ToLookup(row => (string)row!["problem"]!, row => row!);
        foreach (IGrouping<string, JsonNode> problem in rows)
        {
            IEnumerable<string> expected = problem.OrderByDescending(row => (double)row["psnrDb"]!).Take(2).Select(row => (string)row["solver"]!).Order();
            Assert.Equal(expected, best[problem.Key].Select(row => (string)row["solver"]!).Order());
        }
    }

    [Fact]
    public void Solve_solves_baselines_beside_its_result_or_names_the_wrong_one()
    {
        WritePhantom("y.npy");
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
        string[] arguments =
            ["solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--out", PathOf("out"), "--solver", "adjoint", "--baselines"];
        (int exitCode, string output) = Inverse([.. arguments, "leastSquares,wavelet"]);
        Assert.True(exitCode == 0, output);
        JsonArray baselines = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!["baselines"]!.AsArray();
        Assert.Equal(["leastSquares", "wavelet"], baselines.Select(one => (string)one!["solver"]!));
        Assert.Equal(200, (int)baselines[1]!["parameters"]!["steps"]!);
        Assert.True(File.Exists(Path.Combine(PathOf("out"), "baseline-wavelet.npy")));
        Assert.True(File.Exists(Path.Combine(PathOf("out"), "baseline-leastSquares.png")));
        (exitCode, output) = Inverse([.. arguments, "adjoint,reSample"]);
        Assert.Equal(2, exitCode);
        Assert.Contains("--baselines adjoint,reSample: ", output, StringComparison.Ordinal);
    }
}
