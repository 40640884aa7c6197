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
        foreach ((string folder, string words) in new[] { (PathOf("none"), "error: There is no libtorch_cpu.so in "), (_folder.FullName, "error: Unable to load shared library") })
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

        File.WriteAllBytes(PathOf(name), Npy.Write(new NpyArray([side, side], values)));
    }

    [Fact]
    public void Help_names_every_command()
    {
        (int exitCode, string output) = Inverse("--help");
        Assert.Equal(0, exitCode);
        Assert.All(["solve", "convert", "evaluate", "models", "bench", "demo", "gpu-check"], command => Assert.Contains($"  {command}", output, StringComparison.Ordinal));
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
        File.WriteAllBytes(PathOf("a.npy"), Npy.Write(new NpyArray([2, 3, 4], values, IsComplex: true)));
        Assert.Equal(0, Inverse("convert", PathOf("a.npy"), PathOf("a.cfl")).ExitCode);
        bart.Run("scale", "2", PathOf("a"), PathOf("b"));
        Assert.Equal(0, Inverse("convert", PathOf("b.cfl"), PathOf("b.npy")).ExitCode);
        NpyArray back = Npy.Read(File.ReadAllBytes(PathOf("b.npy")), 1000);
        Assert.Equal([2, 3, 4], back.Shape);
        Assert.Equal(values.Select(value => 2 * value), back.Values);
        Assert.Equal(2, Inverse("convert", PathOf("a.npy"), PathOf("c.png")).ExitCode);
    }

    [Fact]
    public void A_BART_file_is_solved_into_a_scan_that_BART_can_check()
    {
        using var bart = new Mri.BartProgram();
        bart.Run("phantom", "-x", "32", "-s", "4", "-k", PathOf("y"));
        File.WriteAllText(PathOf("p.json"), """{ "type": "parallelMri" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.cfl"), "--sigma", "0.001", "--solver", "leastSquares", "--preset", "fast", "--out", PathOf("out"));
        Assert.True(exitCode == 0, output);
        string[] files = [.. Directory.GetFiles(PathOf("out")).Select(file => Path.GetFileName(file)!)];
        Assert.Empty(new[] { "complex.npy", "maps.npy", "kspace.npy", "mask.npy", "result.nii", "result-0000.dcm", "report.json" }.Except(files));
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!;
        Assert.Equal(("bart", "new"), ((string)report["origin"]!["format"]!, (string)report["dicom"]!["identifiers"]!));

        // y = F (maps * image), by BART: its coil dimension is the fourth, so the arrays get one of size 1 before it.
        foreach (string name in (string[])["complex", "maps", "kspace"])
        {
            NpyArray array = Npy.Read(File.ReadAllBytes(Path.Combine(PathOf("out"), name + ".npy")), 1 << 20);
            int coils = array.Shape.Length == 3 ? array.Shape[0] : 1;
            File.WriteAllBytes(PathOf(name + ".npy"), Npy.Write(array with { Shape = [coils, 1, 32, 32] }));
            Assert.Equal(0, Inverse("convert", PathOf(name + ".npy"), PathOf(name + ".cfl")).ExitCode);
        }

        bart.Run("fmac", PathOf("complex"), PathOf("maps"), PathOf("coils"));
        bart.Run("fft", "-u", "3", PathOf("coils"), PathOf("explained"));
        bart.Run("nrmse", "-t", "0.1", PathOf("kspace"), PathOf("explained"));
    }

    [Theory]
    [InlineData("solver.parameters.steps", "--set", "steps=0")]
    [InlineData("solver.parameters.stepps", "--set", "stepps=5")]
    [InlineData("solver.preset", "--preset", "best")]
    [InlineData("solver.type", "--solver", "magic")]
    [InlineData("sigma", "--sigma", "-1")]
    [InlineData("no model 'other'", "--model", "other")]
    [InlineData("'tpu'", "--device", "tpu")]
    [InlineData("name=value", "--set", "steps")]
    [InlineData("--seed", "--seed", "-1")]
    [InlineData("cuda:77", "--device", "cuda:77")]
    [InlineData("nowhere", "--models", "/nowhere")]
    [InlineData("--bogus", "--bogus", "1")]
    public void Bad_input_ends_with_2_and_names_the_field(string named, string option, string value)
    {
        WritePhantom("y.npy");
        File.WriteAllText(PathOf("p.json"), """{ "type": "denoising" }""");
        (int exitCode, string output) = Inverse(
            "solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--out", PathOf("out"), option, value);
        Assert.Equal(2, exitCode);
        Assert.Contains(named, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
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
        Assert.Equal(2, Inverse("models", "check", PathOf("nowhere")).ExitCode);
        Assert.Contains("brain-mri-128", Inverse("models", "list").Output, StringComparison.Ordinal);
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
        string[] arguments = ["evaluate", "--images", _folder.FullName, "--problems", "denoising", "--solvers", "roundTrip", "--resume", PathOf("rows.json"), "--models"];
        Assert.Equal(0, Inverse([.. arguments, _folder.FullName]).ExitCode);
        Assert.Equal(0, Inverse([.. arguments, package]).ExitCode);
        Assert.Single(JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray());

        File.WriteAllText(Path.Combine(package, "model.json"), File.ReadAllText(Path.Combine(package, "model.json")).Replace("\"brain-mri-128\"", "\"another\"", StringComparison.Ordinal));
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
            "evaluate", "--images", PathOf("images"), "--problems", "denoising", "--solvers", "leastSquaresBest,roundTrip,reSample", "--presets", "fast", "--set", "steps=2",
            "--sigma", "0.05", "--resume", PathOf("rows.json"), "--limit",
        ];
        (int exitCode, string output) = Inverse([.. arguments, "1"]);
        Assert.True(exitCode == 0, output);
        string first = File.ReadAllText(PathOf("rows.json"));
        Assert.Equal(3, JsonNode.Parse(first)!.AsArray().Count);
        (exitCode, output) = Inverse([.. arguments, "2", "--sheet", PathOf("sheet.png"), "--markdown", PathOf("table.md"), "--means", PathOf("means.json"), "--json", PathOf("all.json")]);
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
            "evaluate", "--images", PathOf("images"), "--problems", "hdr,denoising", "--solvers", "leastSquares,leastSquaresBest,adjoint", "--resume", PathOf("rows.json"), "--markdown", PathOf("table.md"),
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
        string[] arguments = ["evaluate", "--images", PathOf("images"), "--problems", "denoising,gaussianDeblurring", "--solvers", "leastSquares,adjoint,totalVariation"];
        (int exitCode, string output) = Inverse([.. arguments, "--json", PathOf("rows.json")]);
        Assert.True(exitCode == 0, output);
        ILookup<string, JsonNode> rows = JsonNode.Parse(File.ReadAllText(PathOf("rows.json")))!.AsArray().ToLookup(row => (string)row!["problem"]!, row => row!);
        (exitCode, output) = Inverse([.. arguments, "--best-of", PathOf("rows.json"), "--best", "2", "--json", PathOf("best.json")]);
        Assert.True(exitCode == 0, output);
        ILookup<string, JsonNode> best = JsonNode.Parse(File.ReadAllText(PathOf("best.json")))!.AsArray().ToLookup(row => (string)row!["problem"]!, row => row!);
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
        string[] arguments = ["solve", "--problem", PathOf("p.json"), "--measurement", PathOf("y.npy"), "--out", PathOf("out"), "--solver", "adjoint", "--baselines"];
        (int exitCode, string output) = Inverse([.. arguments, "leastSquares,wavelet"]);
        Assert.True(exitCode == 0, output);
        JsonArray baselines = JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json")))!["baselines"]!.AsArray();
        Assert.Equal(["leastSquares", "wavelet"], baselines.Select(one => (string)one!["solver"]!));
        Assert.Equal(200, (int)baselines[1]!["parameters"]!["steps"]!);
        Assert.True(File.Exists(Path.Combine(PathOf("out"), "baseline-wavelet.npy")));
        Assert.True(File.Exists(Path.Combine(PathOf("out"), "baseline-leastSquares.png")));
        (exitCode, output) = Inverse([.. arguments, "adjoint,reSample"]);
        Assert.Equal(2, exitCode);
        Assert.Contains("baselines[1]", output, StringComparison.Ordinal);
    }
}
