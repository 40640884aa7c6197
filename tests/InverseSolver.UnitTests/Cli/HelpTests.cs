using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using InverseSolver.Cli;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Cli;

/// <summary>What the command line says of itself: help, exit codes, JSON of every command, completion, installation.</summary>
public sealed partial class HelpTests : IDisposable
{
    private static readonly string Program = Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inverse-help-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("There is no command 'inverse solv'. Did you mean solve?", "solv")]
    [InlineData("There is no command 'inverse models lst'. Did you mean list?", "models", "lst")]
    [InlineData("There is no command 'inverse xyzzyxyzzy'.", "xyzzyxyzzy")]
    [InlineData("'inverse models' needs one of its commands.", "models")]
    [InlineData("'inverse problems' does not take 'again'.", "problems", "denoising", "again")]
    [InlineData("--problem, --measurement, --out are required.", "solve")]
    [InlineData("--out is required.", "simulate", "--problem", "denoising", "--image", "a.png")]
    [InlineData("--server x: it is no URL of a service", "models", "list", "--server", "x")]
    [InlineData("--stages x: it is no stage", "gpu-check", "--stages", "x")]
    public void Wrong_arguments_are_one_sentence_and_three_lines_of_help(string sentence, params string[] arguments)
    {
        (int code, string output) = Repository.Run(Program, arguments);
        string[] lines = output.TrimEnd().Split('\n');
        Assert.Equal(2, code);
        Assert.StartsWith($"error: {sentence}", lines[0], StringComparison.Ordinal);
        Assert.InRange(lines.Length, 3, 4);
        Assert.StartsWith("usage: inverse", lines[1], StringComparison.Ordinal);
        Assert.EndsWith(" --help", lines[^1], StringComparison.Ordinal);
        Assert.Equal(0, Repository.Run(Program, [.. lines[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[2..]]).ExitCode);
    }

    [Fact]
    public void Help_and_docs_state_the_same_exit_codes()
    {
        Dictionary<string, string> document = DocumentedCode().Matches(File.ReadAllText(Repository.File("docs", "cli.md")))
            .ToDictionary(row => row.Groups[1].Value, row => row.Groups[2].Value);
        Assert.Equal(["0", "1", "130", "143", "2"], document.Keys.Order(StringComparer.Ordinal));
        foreach (string[] arguments in (string[][])[["--help"], [], ["solve", "-h"], ["models", "check", "--help"]])
        {
            (int code, string output) = Repository.Run(Program, arguments);
            Assert.Equal(0, code);
            Assert.Equal(document, HelpCode().Matches(output).ToDictionary(row => row.Groups[1].Value, row => row.Groups[2].Value));
        }
    }

    [Fact]
    public void Every_command_writes_JSON_and_is_in_the_documents()
    {
        string document = File.ReadAllText(Repository.File("docs", "cli.md"));
        foreach (Command command in All(Commands.Create()).Where(command => command.Action is not null))
        {
            Assert.Contains(command.Options, option => option.Name == "--json");
            IEnumerable<Command> above = command.Parents.OfType<Command>().Where(parent => parent is not RootCommand);
            string name = string.Join(' ', above.Append(command).Select(one => one.Name));
            Assert.Contains($"`{name}`", document, StringComparison.Ordinal);
        }

        static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Append(command);
    }

    [Fact]
    public void JSON_on_the_standard_output_stands_there_alone()
    {
        File.WriteAllBytes(PathOf("x.npy"), Npy.Write(new ArrayData([16, 16], [.. Enumerable.Range(0, 256).Select(i => i / 255f)])));
        JsonNode made = Json("simulate", "--problem", "denoising", "--image", PathOf("x.npy"), "--sigma", "0.1", "--out", PathOf("y.npy"));
        Assert.Equal((0.1, 16), ((double)made["effectiveSigma"]!, (int)made["shape"]![1]!));
        JsonNode report = Json(
            "solve", "--problem", "denoising", "--measurement", PathOf("y.npy"), "--sigma", "0.1", "--solver", "adjoint", "--out", PathOf("out"));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(Path.Combine(PathOf("out"), "report.json"))), report));
        Assert.Equal("brain-mri-128", (string)Json("models", "list")[0]!["id"]!);
        Assert.Equal("dcdp", (string)Json("solvers", "dcdp")[0]!["type"]!);
        Assert.Equal([16, 16], Json("convert", PathOf("x.npy"), PathOf("x.cfl"))["bart"]!.AsArray().Select(size => (int)size!));

        JsonNode Json(params string[] arguments)
        {
            (int code, string output) = Repository.Run("/bin/sh", ["-c", "\"$0\" \"$@\" --json - 2>/dev/null", Program, .. arguments]);
            Assert.Equal(0, code);
            return JsonNode.Parse(output)!;
        }
    }

    [Theory]
    [InlineData("--out: its value is empty", "--out", "")]
    [InlineData("--json: its value is empty", "--json", " ")]
    [InlineData("--json /nowhere/x.json: there is no folder /nowhere", "--json", "/nowhere/x.json")]
    [InlineData("--json FOLDER: it is a folder", "--json", "FOLDER")]
    [InlineData("--out FILE: it is a file", "--out", "FILE")]
    [InlineData("--measurement none.png: there is no such file", "--measurement", "none.png")]
    public void A_place_that_cannot_be_written_to_is_refused_before_the_work(string sentence, string option, string value)
    {
        File.WriteAllBytes(PathOf("x.npy"), Npy.Write(new ArrayData([16, 16], new float[256])));
        Directory.CreateDirectory(PathOf("folder"));
        string Real(string text) =>
            text.Replace("FOLDER", PathOf("folder"), StringComparison.Ordinal).Replace("FILE", PathOf("x.npy"), StringComparison.Ordinal);
        var arguments = new Dictionary<string, string>
        {
            ["--problem"] = "denoising",
            ["--measurement"] = PathOf("x.npy"),
            ["--solver"] = "adjoint",
            ["--sigma"] = "0.1",
            ["--out"] = PathOf("out"),
        };
        arguments[option] = Real(value);
        (int code, string output) = Repository.Run(Program, ["solve", .. arguments.SelectMany(pair => (string[])[pair.Key, pair.Value])]);
        Assert.Equal(2, code);
        Assert.Contains($"error: {Real(sentence)}", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("out")));
    }

    /// <remarks>A pseudo-terminal by util-linux' script.</remarks>
    [Fact]
    public void On_a_terminal_a_bar_shows_the_stage_and_the_residual()
    {
        File.WriteAllBytes(PathOf("x.npy"), Npy.Write(new ArrayData([64, 64], [.. Enumerable.Range(0, 64 * 64).Select(i => i % 64 / 63f)])));
        string command = $"TERM=xterm COLUMNS=120 {Program} solve --problem denoising --measurement {PathOf("x.npy")} --sigma 0.1 --solver ddnm --preset fast "
            + $"--set samples=1 steps=12 --out {PathOf("out")}";
        (int code, string output) = Repository.Run("script", ["-qec", command, "/dev/null"]);
        Assert.True(code == 0, output);
        Assert.Matches(@"\w+, residual [0-9.E+-]+", output);
        Assert.Contains("100%", output, StringComparison.Ordinal);
        // The cursor that the bar hides is back.
        Assert.True(output.LastIndexOf("\u001b[?25h", StringComparison.Ordinal) > output.LastIndexOf("\u001b[?25l", StringComparison.Ordinal));
    }

    [Fact]
    public void A_device_is_written_to_and_a_picture_of_what_is_none_is_refused()
    {
        (int code, string output) = Repository.Run("/bin/sh", ["-c", "\"$0\" problems denoising --json /dev/stdout | tail -n 1", Program]);
        Assert.Equal((0, "]\n"), (code, output));
        Assert.NotNull(new FileInfo("/dev/stdout").LinkTarget);
        File.WriteAllBytes(PathOf("x.npy"), Npy.Write(new ArrayData([32, 32], [.. Enumerable.Range(0, 1024).Select(i => i % 32 / 31f)])));
        foreach ((string problem, string words) in new[]
        {
            ("""{"type":"mri","mask":{"type":"random","acceleration":4,"centreFraction":0.08,"seed":1}}""", "is complex"),
            ("phaseRetrieval", "is not within 0 and 1"),
        })
        {
            (code, output) = Repository.Run(Program, ["simulate", "--problem", problem, "--image", PathOf("x.npy"), "--out", PathOf("y.png")]);
            Assert.Equal(2, code);
            Assert.Contains(words, output, StringComparison.Ordinal);
            Assert.False(File.Exists(PathOf("y.png")));
        }
    }

    [Fact]
    public void The_installed_command_runs_from_anywhere_and_completes_words()
    {
        (int code, string output) = Repository.Run(
            Repository.File("scripts", "install.sh"), [Path.GetDirectoryName(Program)!, PathOf("prefix")], [("PATH", $"{PathOf("prefix/bin")}:/usr/bin:/bin")]);
        Assert.True(code == 0, output);
        Assert.DoesNotContain("is not on the PATH", output, StringComparison.Ordinal);
        (code, output) = Repository.Run("/bin/bash", ["-c", $"cd / && PATH={PathOf("prefix/bin")}:$PATH inverse models list"]);
        Assert.Equal(0, code);
        Assert.StartsWith("brain-mri-128 ", output, StringComparison.Ordinal);
        Assert.Equal("solve solvers", Completed("inverse sol"));
        Assert.Equal("--problem", Completed("inverse solve --pro"));
        Assert.Equal("inpainting", Completed("inverse solve --problem inp"));
        Assert.Equal("brain-mri-128", Completed("inverse submit --model "));
        Assert.Contains("list", Completed("inverse models ").Split(' '));
        Assert.Equal("", Completed("inverse solve --measurement "));

        string Completed(string line)
        {
            const string Script = """
                source "$1/share/bash-completion/completions/inverse"; PATH=$1/bin:$PATH; COMP_LINE=$2; COMP_POINT=${#2}; read -ra COMP_WORDS <<<"$2"
                [[ "$2" != *" " ]] || COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _inverse; echo "${COMPREPLY[*]}"
                """;
            return Repository.Run("/bin/bash", ["-c", Script, "bash", PathOf("prefix"), line]).Output.TrimEnd();
        }
    }

    [Fact]
    public void A_simulated_measurement_is_the_library_s_in_each_form()
    {
        var image = new ArrayData([1, 32, 32], [.. Enumerable.Range(0, 1024).Select(i => i % 32 / 31f)]);
        File.WriteAllBytes(PathOf("x.npy"), Npy.Write(image));
        const string Problem = """{"type":"inpainting","mask":{"type":"random","fraction":0.5,"seed":3}}""";
        foreach (string form in (string[])["npy", "npz", "png"])
        {
            (int code, string output) = Repository.Run(
                Program, ["simulate", "--problem", Problem, "--image", PathOf("x.npy"), "--sigma", "0.05", "--seed", "4", "--out", PathOf($"y.{form}")]);
            Assert.True(code == 0, output);
            Assert.Contains("measurement   (1, 32, 32); solve it with --sigma 0.05", output, StringComparison.Ordinal);
            Assert.Equal(form == "png", output.Contains("are cut in the picture", StringComparison.Ordinal));
        }

        var problem = new Reconstruction.Problems.Inpainting(new Reconstruction.Problems.RandomMask(0.5, 3));
        Reconstruction.SimulatedMeasurement made = Reconstruction.Reconstructor.Simulate(problem, image, new Dictionary<string, ArrayData>(), 0.05, 4);
        Assert.Equal(Npy.Write(made.Measurement), File.ReadAllBytes(PathOf("y.npy")));
        using (var archive = System.IO.Compression.ZipFile.OpenRead(PathOf("y.npz")))
        {
            Assert.Equal(["mask.npy", "measurement.npy"], archive.Entries.Select(entry => entry.FullName).Order(StringComparer.Ordinal));
        }

        Assert.Equal(Pictures.ToPng(made.Measurement, 8), File.ReadAllBytes(PathOf("y.png")));
        Assert.Equal(2, Repository.Run(Program, ["simulate", "--problem", Problem, "--image", PathOf("x.npy"), "--out", PathOf("y.txt")]).ExitCode);
        (_, string refused) = Repository.Run(Program, ["simulate", "--problem", "denoising", "--image", Complex(), "--out", PathOf("z.npy")]);
        Assert.Contains(": The image must be real", refused, StringComparison.Ordinal);
        Assert.Contains("error: --image", refused, StringComparison.Ordinal);
        Assert.False(File.Exists(PathOf("z.npy")));

        string Complex()
        {
            File.WriteAllBytes(PathOf("c.npy"), Npy.Write(new ArrayData([16, 16], new float[512], IsComplex: true)));
            return PathOf("c.npy");
        }
    }

    private string PathOf(string name) => Path.Combine(_folder.FullName, name);

    [GeneratedRegex(@"(?m)^\| (\d+) \| ([^|]+?) \|$")]
    private static partial Regex DocumentedCode();

    [GeneratedRegex(@"(?m)^  (\d+) +(.+)$")]
    private static partial Regex HelpCode();
}
