using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests.Documents;

/// <summary>What stands in the place of a document's words when its commands run: placeholders, and short forms of what takes long.</summary>
internal static partial class CommandTable
{
    /// <summary>Names in capitals that stand for what the user has, and what the tests have.</summary>
    internal static readonly Dictionary<string, string> Placeholders = new(StringComparer.Ordinal)
    {
        ["FOLDER"] = "models",
        ["IMAGES"] = "images",
        ["LOGS"] = "logs",
        ["STOPPED"] = "stopped",
        ["ID"] = "brain-mri-128",
        ["URL"] = "http://localhost:8080",
        ["OUT"] = "exported",
        ["DATA"] = "data",
        ["WORK"] = "work",
        // A kind of name in certificates, not a placeholder.
        ["DNS"] = "DNS",
        ["SD1"] = "sd1",
        ["SD2"] = "sd2",
    };

    // What a document measures for minutes is run with the least of everything; what has no such option is run for a while and must still run then.
    private const string Briefly = "timeout --signal=KILL 1 $0 || [ $$? = 137 ]";
    private const string BrieflyPython = "timeout --signal=INT 1 $0 || [ $$? = 124 ]";

    private static readonly (Regex Pattern, string Replacement)[] ShortForms =
    [
        // Their targets are CI's own steps, or need what a test cannot have.
        (MakeTarget(), "make -n "),
        (BuiltTests(), "$0 -getProperty:TargetPath"),
        // These tests are run by `make test`; here only that they exist.
        (TestClass(), "$0 -list methods"),
        (Configuration(), $"/bin/{Repository.Configuration}/net10.0/"),
        (Fuzz(), "${1}5"),
        (Limit(), "--limit 1"),
        (FirstProblem(), "${1}problems$2$3"),
        (FirstSolver(), "--solvers $1"),
        (AllSolvers(), "--solvers reSample"),
        (ManySteps(), "--set steps=2"),
        (Steps(), "$0 --set steps=2"),
        (Rounds(), "$0 --set rounds=2"),
        (Samples(), "$0 --set samples=1"),
        (FirstPreset(), "--presets $1"),
        (BenchedSolvers(), "$0 --solvers reSample"),
        (BenchedPresets(), "$0 --presets fast"),
        (Sizes(), "--sizes 16"),
        (NoSizes(), "$0 --sizes 16"),
        (Longest(), "--longest 1"),
        (Demo(), "$0 --preset fast --set steps=2 --problems mri4"),
        // Its other cases need data that are no part of the repository.
        (BenchedMri(), "$0 phantoms"),
        (LongBench(), Briefly),
        (LongScript(), BrieflyPython),
        (FullNetworks(), "models check models/my-model"),
        (Pip(), "python3 -m pip install --quiet --no-build-isolation --no-deps --no-index --target site "),
        (ClientTests(), "$0 -k an_estimate_stores_nothing -k are_listed"),
        (Iterations(), "-i 5"),
    ];

    /// <summary>A command as it is run, and whether it is a short form.</summary>
    internal static (string Text, bool IsShort) Prepare(string command)
    {
        string text = Capitals().Replace(command, word => Placeholders.GetValueOrDefault(word.Value, word.Value));
        string shorter = ShortForms.Aggregate(text, (now, form) => form.Pattern.Replace(now, form.Replacement));
        return (shorter, shorter != text);
    }

    /// <summary>Words in capitals that are no placeholder of the table and no variable.</summary>
    internal static IEnumerable<string> Unknown(string command) =>
        Capitals().Matches(command).Select(match => match.Value).Where(word => !Placeholders.ContainsKey(word));

    [GeneratedRegex("^make ")] private static partial Regex MakeTarget();

    [GeneratedRegex("dotnet build tests/[^ ]+ -c Release$")] private static partial Regex BuiltTests();

    [GeneratedRegex("InverseSolver.UnitTests -class .*$")] private static partial Regex TestClass();

    [GeneratedRegex("/bin/Release/net10.0/")] private static partial Regex Configuration();

    [GeneratedRegex("(FUZZ=)[0-9]+")] private static partial Regex Fuzz();

    [GeneratedRegex("--set steps=[0-9]+")] private static partial Regex ManySteps();

    [GeneratedRegex("inverse evaluate(?=.*--solvers (reSample|redDiff))(?!.*--set steps)", RegexOptions.Singleline)] private static partial Regex Steps();

    [GeneratedRegex("inverse evaluate(?=.*--solvers dcdp)", RegexOptions.Singleline)] private static partial Regex Rounds();

    [GeneratedRegex("inverse evaluate(?=.*--solvers (reSample|redDiff|dcdp))(?!.*--set samples)", RegexOptions.Singleline)]
    private static partial Regex Samples();

    [GeneratedRegex("--limit [0-9]+")] private static partial Regex Limit();

    [GeneratedRegex("(^|--)problems([= ])([A-Za-z0-9]+),[A-Za-z0-9,]+")] private static partial Regex FirstProblem();

    [GeneratedRegex("--solvers all")] private static partial Regex AllSolvers();

    [GeneratedRegex("--solvers ([A-Za-z]+),[A-Za-z,]+")] private static partial Regex FirstSolver();

    [GeneratedRegex("--presets ([A-Za-z]+),[A-Za-z,]+")] private static partial Regex FirstPreset();

    [GeneratedRegex("bench (solvers|estimate)(?!.*--solvers)", RegexOptions.Singleline)] private static partial Regex BenchedSolvers();

    [GeneratedRegex("bench (solvers|estimate)(?!.*--presets)", RegexOptions.Singleline)] private static partial Regex BenchedPresets();

    [GeneratedRegex("--sizes [0-9,]+")] private static partial Regex Sizes();

    [GeneratedRegex("bench (solvers|estimate)(?!.*--sizes)", RegexOptions.Singleline)] private static partial Regex NoSizes();

    [GeneratedRegex("--longest [0-9]+")] private static partial Regex Longest();

    [GeneratedRegex("inverse demo(?!.*--set)")] private static partial Regex Demo();

    [GeneratedRegex("inverse bench (ops|networks|nufft).*$")] private static partial Regex LongBench();

    [GeneratedRegex(@"python3 tests/benchmarks/\w+\.py.*$")] private static partial Regex LongScript();

    [GeneratedRegex("benchmarks/mri.py data work$")] private static partial Regex BenchedMri();

    [GeneratedRegex("models check sd[12]$")] private static partial Regex FullNetworks();

    [GeneratedRegex("^pip install (?=[.]/)")] private static partial Regex Pip();

    [GeneratedRegex("python3 -m unittest discover -s tests/clients$")] private static partial Regex ClientTests();

    [GeneratedRegex("-i 100")] private static partial Regex Iterations();

    [GeneratedRegex(@"(?<![\w$.{-])[A-Z][A-Z0-9_]*[A-Z0-9](?![\w=])")] private static partial Regex Capitals();
}
