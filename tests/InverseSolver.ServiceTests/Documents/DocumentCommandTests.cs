using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests.Documents;

/// <summary>
/// Every command and program of the documents runs as it is written, in a folder like the repository's root against a service of its own; long ones in the
/// short forms of <see cref="CommandTable"/>. Not run is what the document marks.
/// </summary>
public sealed partial class DocumentCommandTests(Workplace workplace, ITestOutputHelper output) : IClassFixture<Workplace>
{
    private static readonly DocumentText[] Documents = [.. DocumentText.Names.Select(name => new DocumentText(name))];

    // What the commands are known to print.
    private static readonly (string Command, string Output)[] Outcomes =
    [
        ("^inverse models check ", @"Loads\.|[0-9]E-[0-9]+  ok"),
        ("models convert ", "VQ-4, latent of 3 channels"),
        ("restore", @"/result\.png; consistency ratio [0-9.]+, [0-9.]+ dB"),
        ("unittest", @"\nOK\n"),
        (@"smoke\.sh", "that DICOM in again: done"),
        (@"fidelity\.sh", "residual .*by the report"),
        (@"report\.json$", "\"consistency\""),
        ("openssl rand", "whsec_[A-Za-z0-9+/]{43}="),
        ("-list methods", @"\nInverseSolver\.UnitTests\."),
        ("getProperty", @"\.dll"),
        ("^make ", "."),
        ("models (list|show) .*--server", "brain-mri-128"),
        ("store check", "Every row has its files"),
    ];

    [Fact]
    public void Every_line_of_code_is_a_command_a_program_or_says_that_it_is_none()
    {
        string[] faults =
        [
            .. Documents.SelectMany(document => document.Faults),
            .. Documents.SelectMany(document => document.ProgramBlocks.Where(block => Matching(block).Words is null)
                .Select(block => $"{block.Document}:{block.Line}: ProgramTable does not say how this program is run.")),
            .. Documents.SelectMany(document => document.Commands.Where(command => command.Mark is null)
                .SelectMany(command => CommandTable.Unknown(command.Text)
                    .Select(word => $"{command.Document}:{command.Line}: CommandTable has no value for {word}."))),
        ];
        Assert.True(faults.Length == 0, string.Join('\n', faults));
        string explained = File.ReadAllText(Repository.File("CONTRIBUTING.md"));
        Assert.All(DocumentText.Marks, mark => Assert.Contains($"`# needs {mark}`", explained, StringComparison.Ordinal));
    }

    [Fact]
    public void The_clients_programs_have_at_most_20_lines()
    {
        CodeBlock[] programs = [.. Documents.Single(document => document.Name == "docs/clients.md").ProgramBlocks];
        Assert.Equal(["python", "csharp"], programs.Select(program => program.Language));
        Assert.All(programs, program => Assert.InRange(program.Text.Split('\n').Count(line => line.Trim().Length > 0), 5, 20));
    }

    [Fact]
    public void Names_of_problems_solvers_presets_and_variables_exist()
    {
        string known = string.Join('\n', ((string[])["evaluate --help", "solvers", "problems", "bench estimate --help", "solve --help"])
            .Select(arguments => Repository.Run(Inverse, arguments.Split(' ')).Output));
        var names = new HashSet<string>(Word().Matches(known).Select(match => match.Value), StringComparer.Ordinal);
        string tests = string.Concat(((string[])["tests", "src", "scripts"])
            .SelectMany(folder => Directory.EnumerateFiles(Repository.File(folder), "*", new EnumerationOptions { RecurseSubdirectories = true }))
            .Where(file => file.EndsWith("Tests.cs", StringComparison.Ordinal) || file.EndsWith("Fuzz.cs", StringComparison.Ordinal)
                || file.EndsWith("Tally.cs", StringComparison.Ordinal) || file.EndsWith("RawData.cs", StringComparison.Ordinal)
                || file.EndsWith("test_python.py", StringComparison.Ordinal))
            .Select(File.ReadAllText));
        string[] unknown =
        [
            .. from command in Documents.SelectMany(document => document.Commands)
               from name in Lists().Matches(command.Text).SelectMany(match => (match.Groups[1].Value + match.Groups[2].Value).Split(','))
               where !names.Contains(name) && name != "all"
               select $"{command.Document}:{command.Line}: {name}",
            .. from command in Documents.SelectMany(document => document.Commands)
               from Match variable in Variable().Matches(command.Text)
               where !tests.Contains($"\"{variable.Value}\"", StringComparison.Ordinal)
               select $"{command.Document}:{command.Line}: {variable.Value}",
        ];
        Assert.True(unknown.Length == 0, string.Join('\n', unknown));
    }

    [Fact]
    public void Commands_that_the_text_names_exist()
    {
        var commands = new HashSet<string>(StringComparer.Ordinal);
        foreach (string group in (string[])["", "models", "bench", "store"])
        {
            string help = Repository.Run(Inverse, [.. group.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]).Output;
            string listed = help[help.IndexOf("Commands:", StringComparison.Ordinal)..];
            commands.UnionWith(Listed().Matches(listed).Select(match => $"{group} {match.Groups[1].Value}".Trim()));
        }

        string targets = File.ReadLines(Repository.File("Makefile")).First(line => line.StartsWith(".PHONY:", StringComparison.Ordinal)) + " ";
        string[] unknown =
        [
            .. from document in Documents
               from Match span in Span().Matches(string.Join('\n', document.Prose))
               let words = span.Groups[1].Value.Split(' ')
               where words[0] == "make" ? !targets.Contains($" {words[1]} ", StringComparison.Ordinal)
                   : !commands.Contains(words[1])
                       || (words[1] is "models" or "bench" or "store" && words.Length > 2 && !commands.Contains($"{words[1]} {words[2]}"))
               select $"{document.Name}: {span.Value}",
        ];
        Assert.True(unknown.Length == 0, string.Join('\n', unknown));
    }

    [Fact]
    public async Task Every_command_runs_as_it_is_written()
    {
        string address = await workplace.AddressAsync();
        var faults = new ConcurrentBag<string>();
        var times = new ConcurrentBag<(double Seconds, string Text)>();
        int found = 0, written = 0, shortened = 0, marked = 0, programs = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken };
        // All folders before the first run: a new link changes the stamp of a model's file, which is a change to whoever reads it.
        (DocumentText Document, Plan Plan)[] longestFirst =
        [
            .. Documents.Where(document => document.Steps.Count > 0).OrderByDescending(document => document.Steps.Count)
                .Select(document => (document, Prepare(document, workplace.NewRoot(document.Name), address))),
        ];
        await Parallel.ForEachAsync(longestFirst, options, async (one, stop) =>
        {
            (DocumentText document, Plan plan) = one;
            Interlocked.Add(ref found, document.Steps.Count);
            Interlocked.Add(ref written, plan.Runs.Count(run => run is { IsShort: false, IsProgram: false }));
            Interlocked.Add(ref shortened, plan.Runs.Count(run => run.IsShort));
            Interlocked.Add(ref programs, document.ProgramBlocks.Count());
            Interlocked.Add(ref marked, document.Commands.Count(command => command.Mark is not null));
            string said = await workplace.RunScriptAsync(plan.Root, plan.Script, stop);
            foreach ((Run run, int i) in plan.Runs.Select((run, i) => (run, i)))
            {
                Match part = Regex.Match(
                    said, $@"\n@@begin {i} ([0-9.]+)\n(.*?)\n@@end {i} ([0-9]+) ([0-9.]+)\n", RegexOptions.Singleline);
                double begin = Number(part.Groups[1]), seconds = Number(part.Groups[4]) - begin;
                times.Add((seconds, $"{document.Name}:{run.Line}: {run.Text.ReplaceLineEndings(" ")}"));
                string? fault = !part.Success ? "It did not end, or ended the shell."
                    : part.Groups[3].Value != "0" ? $"Exit code {part.Groups[3].Value}."
                    : Missing(plan.Root, run.Text, "\n" + part.Groups[2].Value + "\n", begin);
                if (fault is not null)
                {
                    string text = part.Success ? part.Groups[2].Value : said[Math.Max(0, said.Length - 2000)..];
                    faults.Add($"{document.Name}:{run.Line}: {fault}\n{run.Text}\n{text[Math.Max(0, text.Length - 2000)..]}\n");
                }
            }
        });
        foreach ((double seconds, string text) in times.OrderByDescending(time => time.Seconds)) output.WriteLine($"{seconds,6:F1} s  {text}");
        output.WriteLine($"{found} commands and programs: {written} commands as written, {shortened} in a short form, {programs} programs, {marked} marked");
        Assert.True(faults.IsEmpty, string.Join('\n', faults.Order(StringComparer.Ordinal)));
    }

    private static string Inverse => Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse");

    private static (string? Words, string? SavedAs, string Before, string After) Matching(CodeBlock block) =>
        ProgramTable.Programs.FirstOrDefault(program => block.Text.Contains(program.Words, StringComparison.Ordinal));

    private static double Number(Group group) => group.Success ? double.Parse(group.Value, CultureInfo.InvariantCulture) : 0;

    private static Plan Prepare(DocumentText document, string root, string address)
    {
        foreach (CodeBlock block in document.Json)
        {
            foreach (string file in ProgramTable.Json.Where(json => block.Text.Contains(json.Words, StringComparison.Ordinal)).SelectMany(json => json.Files))
            {
                Write(file, block.Text);
            }
        }

        var runs = new List<Run>();
        var script = new StringBuilder("exec 2>&1\nset -u -o pipefail\n");
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (object step in document.Steps)
        {
            if (step is CodeBlock block && Matching(block) is { Words: not null } program)
            {
                // File-based programs take a project from where it was built.
                string text = block.Text.Replace("#:project src/", $"#:project {Repository.Root}/src/", StringComparison.Ordinal)
                    .Replace("http://localhost:8080", address, StringComparison.Ordinal);
                string name = program.SavedAs ?? $"program-{block.Line}.py";
                Write(name, program.Before + text + program.After);
                Assert.True(
                    program.SavedAs is null || document.Commands.Any(command => command.Text.Contains(name, StringComparison.Ordinal)),
                    $"{block.Document}:{block.Line}: no command runs {name}.");
                if (program.SavedAs is null) Add(block.Line, $"python3 {name}", false, true);
            }
            else if (step is DocumentCommand { Mark: null } command)
            {
                (string text, bool isShort) = CommandTable.Prepare(command.Text);
                // Once in a document: short forms that have become the same, and the smoke test, which solves the same jobs wherever it stands.
                if (known.Add(text) || !(isShort || text.StartsWith("scripts/smoke.sh", StringComparison.Ordinal)))
                {
                    Add(command.Line, text.Replace("http://localhost:8080", address, StringComparison.Ordinal), isShort, false);
                }
            }
        }

        return new Plan(root, script.ToString(), runs);

        void Add(int line, string text, bool isShort, bool isProgram)
        {
            script.Append(CultureInfo.InvariantCulture, $"printf '\\n@@begin {runs.Count} %s\\n' $EPOCHREALTIME\n{text}\n")
                .Append(CultureInfo.InvariantCulture, $"printf '\\n@@end {runs.Count} %d %s\\n' $? $EPOCHREALTIME\n");
            runs.Add(new Run(line, text, isShort, isProgram));
        }

        void Write(string name, string text)
        {
            string path = Path.Combine(root, name);
            File.Delete(path);
            File.WriteAllText(path, text);
        }
    }

    /// <summary>What a command that ended well did not print or write.</summary>
    private static string? Missing(string root, string command, string said, double begin)
    {
        if (Outcomes.FirstOrDefault(outcome => Regex.IsMatch(command, outcome.Command) && !Regex.IsMatch(said, outcome.Output)) is { Output: { } wanted })
        {
            return $"Its output has no '{wanted}'.";
        }

        if (command.Contains("timeout --signal", StringComparison.Ordinal)) return null;
        foreach (string name in Written().Matches(command).Select(match => match.Groups[1].Value + match.Groups[2].Value))
        {
            string path = Path.Combine(root, name);
            string[] files = Directory.Exists(path) ? ["result.png", "result.npy", "report.json"] : [""];
            if (command.Contains("models convert", StringComparison.Ordinal)) files = ["model.json"];
            foreach (string file in files.Select(file => Path.Combine(path, file).TrimEnd('/')))
            {
                var info = new FileInfo(file);
                bool isOld = !command.Contains("--resume", StringComparison.Ordinal)
                    && new DateTimeOffset(info.LastWriteTimeUtc).ToUnixTimeMilliseconds() < (begin * 1000) - 50;
                if (!info.Exists || info.Length == 0 || isOld) return $"It did not write {Path.GetRelativePath(root, file)}.";
                if (info.Extension == ".png" && !File.ReadAllBytes(file).AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]))
                {
                    return $"{Path.GetRelativePath(root, file)} is no PNG.";
                }
            }
        }

        return null;
    }

    private sealed record Run(int Line, string Text, bool IsShort, bool IsProgram);

    private sealed record Plan(string Root, string Script, IReadOnlyList<Run> Runs);

    [GeneratedRegex("[A-Za-z][A-Za-z0-9]+")] private static partial Regex Word();

    [GeneratedRegex("--(?:problems|solvers|solver|presets|preset|baselines) ([A-Za-z0-9,]+)|^problems=([A-Za-z0-9,]+)")]
    private static partial Regex Lists();

    [GeneratedRegex("INVERSESOLVER_[A-Z_]+")] private static partial Regex Variable();

    [GeneratedRegex("^  ([a-z-]+)", RegexOptions.Multiline)] private static partial Regex Listed();

    [GeneratedRegex("`((?:make|inverse) [a-z][^`]*)`")] private static partial Regex Span();

    // Files that options name, the second word after convert, and the last of programs that restore a picture.
    [GeneratedRegex("(?:--(?:out|json|resume|sheet|markdown|means)|curl .*-o|convert [^ ]+) (\\w[\\w./-]*)|restore\\.(?:py|cs) .* ([\\w./-]+)$")]
    private static partial Regex Written();
}
