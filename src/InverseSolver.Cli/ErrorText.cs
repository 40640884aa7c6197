using System.CommandLine;
using System.CommandLine.Parsing;
using InverseSolver.Client;
using InverseSolver.Reconstruction;
using InverseSolver.Service;

namespace InverseSolver.Cli;

/// <summary>Errors as a person at a terminal reads them: the option that was typed, the sentence, three lines of help at most.</summary>
internal static class ErrorText
{
    private const int LongestValue = 60;

    /// <summary>The sentences of an error of the arguments themselves.</summary>
    internal static IReadOnlyList<string> Of(ParseResult parsed)
    {
        string command = NameOf(parsed.CommandResult);
        if (parsed.UnmatchedTokens is [var first, ..])
        {
            string[] known = [.. parsed.CommandResult.Command.Subcommands.Select(one => one.Name)];
            return [first.StartsWith('-') ? $"{first} is no option of '{command}'.{Nearest(first, Options(parsed).Select(option => option.Name))}"
                : known is [] ? $"'{command}' does not take '{first}'."
                : $"There is no command '{command} {first}'.{Nearest(first, known)}"];
        }

        string[] missing = [.. Options(parsed)
            .Where(option => option.Required && parsed.GetResult(option) is null or { Tokens: [] }).Select(option => option.Name)];
        return parsed.CommandResult.Command.Action is null ? [$"'{command}' needs one of its commands."]
            : missing is not [] ? [$"{string.Join(", ", missing)} {(missing is [_] ? "is" : "are")} required."]
            : [.. parsed.Errors.Select(error => error.Message)];
    }

    /// <summary>An option whose value cannot be written to or is empty, before anything else is done; null where there is none.</summary>
    internal static string? OfPlaces(ParseResult parsed)
    {
        foreach (Option option in Options(parsed))
        {
            string[] typed = [.. parsed.GetResult(option) is { Implicit: false } result ? result.Tokens.Select(token => token.Value) : []];
            foreach (string value in typed)
            {
                if (value.Trim().Length == 0 && option.Name != "--tenant") return $"{option.Name}: its value is empty.";
                if (option.Name is not ("--out" or "--json" or "--sheet" or "--markdown" or "--means" or "--resume" or "--report") || value == "-") continue;
                bool isFolder = option.HelpName == "FOLDER";
                if (isFolder && File.Exists(value)) return $"{option.Name} {value}: it is a file, and must be a folder.";
                if (!isFolder && option.Name != "--out" && Directory.Exists(value)) return $"{option.Name} {value}: it is a folder: name a file.";
                if (!isFolder && Path.GetDirectoryName(Path.GetFullPath(value)) is { } above && !Directory.Exists(above))
                {
                    return $"{option.Name} {value}: there is no folder {above}.";
                }
            }
        }

        return null;
    }

    /// <summary>The sentences of a request that was refused, here or by a service.</summary>
    internal static IReadOnlyList<string> Of(Exception error, ParseResult parsed) => error switch
    {
        InvalidInputException input => [With(input.Field, input.Message, parsed), .. input.Others.Select(other => With(other.Field, other.Message, parsed))],
        RequestException request => [.. request.All.Select(one => With(one.Field ?? "", one.Message, parsed))],
        ApiException<Client.ApiError> { Result: { Errors: [_, ..] faults } } => [.. faults.Select(fault => With(fault.Field, fault.Detail, parsed))],
        ApiException<Client.ApiError> refused => [refused.Result.Detail ?? $"HTTP {refused.StatusCode}"],
        ApiException other => [$"The answer is not that of this service: HTTP {other.StatusCode}. Is its address right?"],
        _ => [error.IsFromTorch ? error.FirstLine : error.Message],
    };

    /// <summary>Three lines: the command's form, the option that an error names, and where to read on.</summary>
    internal static IReadOnlyList<string> Help(ParseResult parsed, string error)
    {
        string command = NameOf(parsed.CommandResult);
        string[] commands = [.. parsed.CommandResult.Command.Subcommands.Select(one => one.Name)];
        IEnumerable<string> parts =
        [
            .. parsed.CommandResult.Command.Arguments.Select(one => one.Arity.MinimumNumberOfValues == 0 ? $"[{one.Name}]" : one.Name.ToUpperInvariant()),
            .. Options(parsed).Where(option => option.Required).Select(option => $"{option.Name} {ValueOf(option)}"),
            commands is not [] ? "COMMAND" : "[options]",
        ];
        string word = error.Split([' ', ':', ',', '.'], 2)[0];
        Option? named = Options(parsed).FirstOrDefault(option => option.Name == word);
        return
        [
            $"usage: {command} {string.Join(' ', parts)}",
            .. named is not null ? [$"       {named.Name} {ValueOf(named)}: {FirstSentence(named.Description!)}"]
                : commands is not [] ? (string[])[$"       COMMAND: {string.Join(", ", commands)}"] : [],
            $"help:  {command} --help",
        ];
    }

    /// <summary>The option that a field of a request is set by, with what was typed after it.</summary>
    private static string With(string field, string sentence, ParseResult parsed)
    {
        string[] parts = field.Split('.', 3);
        (string name, string? within) = parts switch
        {
            ["solver", "type"] => ("--solver", null),
            ["solver", "parameters", var parameter] => ("--set", (string?)parameter),
            ["solver", var member, ..] => ($"--{member}", null),
            ["files", var file, ..] => ($"--{file}", null),
            ["reference"] => ("--force-reference", null),
            ["vendorConvention"] => ("--vendor-convention", null),
            ["problem", ..] => ("--problem", parts.Length > 1 ? field["problem.".Length..] : null),
            [var member, ..] => ($"--{member.Split('[')[0]}", null),
            _ => (field, null),
        };
        if (Options(parsed).FirstOrDefault(option => option.Name == name) is not { } known) return $"{field}: {sentence}";
        string[] typed = [.. parsed.GetResult(known)?.Tokens.Select(token => token.Value) ?? []];
        if (name == "--set") typed = [.. typed.Where(text => text.StartsWith(within + "=", StringComparison.Ordinal)).DefaultIfEmpty(within!).TakeLast(1)];
        string value = string.Join(' ', typed) is { Length: > 0 and <= LongestValue } short_ ? $" {short_}" : "";
        return $"{name}{value}: {(name == "--problem" && within is not null ? $"{within}: " : "")}{sentence}";
    }

    private static string FirstSentence(string text) => text.Split([". ", "; "], 2, StringSplitOptions.None) is [var first, _] ? first + "." : text;

    private static string ValueOf(Option option) =>
        option.ValueType == typeof(bool) ? "" : (option.HelpName ?? option.Name.TrimStart('-')).ToUpperInvariant();

    private static IEnumerable<Option> Options(ParseResult parsed) => parsed.CommandResult.Command.Options;

    private static string NameOf(CommandResult command) =>
        command.Parent is CommandResult above ? $"{NameOf(above)} {command.Command.Name}" : "inverse";

    // The known word with the fewest letters to change, where that are few.
    private static string Nearest(string word, IEnumerable<string> known)
    {
        string? best = known.MinBy(one => Distance(word, one));
        return best is not null && Distance(word, best) <= Math.Max(2, word.Length / 3) ? $" Did you mean {best}?" : "";
    }

    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int corner = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                (corner, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, corner + (a[i - 1] == b[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }
}
