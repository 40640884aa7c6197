using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests;

/// <summary>docs/errors.md has every code that the service answers with, and no other.</summary>
public sealed partial class ErrorCodeTests
{
    // Words at the places of codes that are none: cases of switches on other words.
    private static readonly string[] Others = ["auto", "balanced", "openid", "scope"];

    [Fact]
    public void Every_code_is_documented_with_cause_and_remedy()
    {
        string[] sources =
        [
            .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "InverseSolver.Service"), "*.cs", SearchOption.AllDirectories)
                .Where(path => !path.Contains("/obj/", StringComparison.Ordinal)),
            Path.Combine(Repository.Root, "src", "InverseSolver.Reconstruction", "InvalidInputException.cs"),
        ];
        var used = new SortedSet<string>(
            sources.SelectMany(path => Code().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value)).Except(Others), StringComparer.Ordinal);
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md"));
        string[] rows = [.. page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))];
        Assert.All(rows, row => Assert.Equal(4, row.Trim('|').Split('|').Count(cell => cell.Trim().Length > 1)));
        Assert.Equal(used, rows.Select(row => row.Split('`')[1]).Order(StringComparer.Ordinal));
        Assert.True(used.Count > 50);
    }

    // Where codes stand: behind a status, in the helpers that make errors, in a switch, and as constants.
    [GeneratedRegex(
        "(?:Status[0-9]{3}\\w+,\\s*|(?:Unprocessable|Bad|Malformed|Refused|TooMany|JobError)\\(\\s*|=>\\s*\\(|InvalidFile = |LimitExceeded = |init; } = )"
            + "\"([a-z][A-Za-z]+)\"")]
    private static partial Regex Code();
}
