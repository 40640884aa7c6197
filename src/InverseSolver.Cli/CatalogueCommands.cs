using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using InverseSolver.Service;
using InverseSolver.Service.Problems;

namespace InverseSolver.Cli;

/// <summary><c>inverse problems</c> and <c>inverse solvers</c>: what can be solved, and by what, as the service lists it.</summary>
internal static partial class CatalogueCommands
{
    internal static Command Problems() => Of(
        "problems", "Lists the kinds of problems, or describes one.", "The kind.", ProblemEndpoints.AllProblems.Items, kind => kind.Type,
        kind => kind.Description ?? "",
        kind =>
        [
            $"Recommended: {kind.Recommended.Best}; quick: {kind.Recommended.Quick}.",
            $"Example: --problem '{kind.Example["problem"]!.ToJsonString()}'",
            "", .. Parameters(kind.Schema),
        ]);

    internal static Command Solvers() => Of(
        "solvers", "Lists the solvers, or describes one.", "The solver.", ProblemEndpoints.AllSolvers.Items, solver => solver.Type,
        solver => $"{solver.Title}: {solver.Citation}",
        solver =>
        [
            solver.RecommendedFor is [] ? "" : $"Recommended for {string.Join(", ", solver.RecommendedFor)}.",
            .. solver.PresetDescriptions.Select(preset => $"--preset {preset.Key}: {preset.Value}"),
            "", .. Parameters(solver.Schema),
        ]);

    private static Command Of<T>(
        string name, string description, string argument, IReadOnlyList<T> items, Func<T, string> nameOf, Func<T, string> textOf, Func<T, string[]> detailsOf)
        where T : class
    {
        var one = new Argument<string?>("name") { Description = argument, Arity = ArgumentArity.ZeroOrOne };
        one.CompletionSources.Add([.. items.Select(nameOf)]);
        Option<string?> json = CliOptions.Json();
        var command = new Command(name, description) { one, json };
        command.SetAction(arguments =>
        {
            string? chosen = arguments.GetValue(one);
            T[] shown = [.. items.Where(item => chosen is null || nameOf(item) == chosen)];
            if (shown is [])
            {
                throw new CommandException($"There is no '{chosen}' among the {name}. There is: {string.Join(", ", items.Select(nameOf))}.");
            }

            foreach (T item in shown)
            {
                Console.WriteLine(chosen is null ? $"{nameOf(item),-18} {Sentence(textOf(item))}" : textOf(item));
                if (chosen is null) continue;
                foreach (string line in detailsOf(item)) Console.WriteLine(line);
            }

            CliJson.Write(arguments.GetValue(json), System.Text.Json.JsonSerializer.SerializeToNode(shown, ApiJson.Options)!);
            return ExitCode.Done;
        });
        return command;
    }

    private static IEnumerable<string> Parameters(JsonObject schema)
    {
        foreach ((string name, JsonNode? property) in schema["properties"] as JsonObject ?? [])
        {
            if (name == "type" || property is not JsonObject details) continue;
            string range = details["minimum"] is { } least ? $" {least}{(details["maximum"] is { } most ? $" to {most}" : " or more")}."
                : details["enum"] is JsonArray words ? $" One of {string.Join(", ", words.Select(word => $"{word}"))}."
                : "";
            string standard = details["default"] is { } value ? $" Default {value.ToJsonString()}." : "";
            yield return $"  {name}: {details["description"]}{range}{standard}";
        }
    }

    private static string Sentence(string text) => SentenceEnd().Match(text) is { Success: true } end ? text[..(end.Index + 1)] : text;

    // No ellipsis.
    [GeneratedRegex(@"(?<!\.)\. (?=[A-Z])")]
    private static partial Regex SentenceEnd();
}
