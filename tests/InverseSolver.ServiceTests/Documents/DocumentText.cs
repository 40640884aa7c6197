using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace InverseSolver.ServiceTests.Documents;

/// <summary>A block of a document between two fences.</summary>
internal sealed record CodeBlock(string Document, int Line, string Language, string Text);

/// <summary>One command of a <c>bash</c> block, its continued lines with it and its comment without; a mark says why no test can run it.</summary>
internal sealed record DocumentCommand(string Document, int Line, string Text, string? Mark);

/// <summary>The code of the repository's documents. What is neither a command, nor a program, nor in a block that says it is none, is a fault.</summary>
internal sealed partial class DocumentText
{
    /// <summary>What no test can have.</summary>
    internal static readonly string[] Marks = ["a GPU", "a cluster", "the internet", "root", "Docker"];

    private static readonly string[] Quiet = ["text", "json", "http", "nginx"];
    private static readonly string Languages = $"bash, python, csharp, {string.Join(", ", Quiet)}";
    private static readonly string[] Programs =
    [
        "make", "inverse", "curl", "python3", "pip", "docker", "kubectl", "dotnet", "tar", "systemctl", "bart", "hf", "npm", "npx", "node", "cp", "cd",
    ];

    internal DocumentText(string name)
    {
        Name = name;
        string[] lines = File.ReadAllLines(Repository.File(name));
        for (int i = 0; i < lines.Length; i++)
        {
            if (Fence().Match(lines[i]) is not { Success: true } fence)
            {
                if (IsCode(lines[i])) Faults.Add($"{name}:{i + 1}: code stands between fences whose language is {Languages}.");
                Prose.Add(lines[i]);
                continue;
            }

            int first = i + 1, indent = fence.Groups[1].Length;
            while (++i < lines.Length && lines[i].Trim() != "```")
            {
            }

            string[] inner = [.. lines[first..Math.Min(i, lines.Length)].Select(line => line[Math.Min(indent, line.Length)..])];
            Take(new CodeBlock(name, first + 1, fence.Groups[2].Value, string.Join('\n', inner) + "\n"));
            Prose.Add("");
        }
    }

    /// <summary>The documents with code: README, CONTRIBUTING, everything in docs, the cards of models.</summary>
    internal static string[] Names { get; } =
    [
        "README.md", "CONTRIBUTING.md",
        .. ((string[])["docs", "models"]).SelectMany(folder => Directory.EnumerateFiles(Repository.File(folder), "*.md", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file)).Order(StringComparer.Ordinal),
    ];

    internal string Name { get; }

    internal List<string> Faults { get; } = [];

    internal List<string> Prose { get; } = [];

    internal List<CodeBlock> Json { get; } = [];

    /// <summary>Commands and programs in their order.</summary>
    internal List<object> Steps { get; } = [];

    internal IEnumerable<DocumentCommand> Commands => Steps.OfType<DocumentCommand>();

    internal IEnumerable<CodeBlock> ProgramBlocks => Steps.OfType<CodeBlock>();

    private static bool IsCode(string line) =>
        line.StartsWith("    ", StringComparison.Ordinal) || line.Contains('\t', StringComparison.Ordinal)
        || line.TrimStart() is var text && (text.StartsWith("~~~", StringComparison.Ordinal) || text.StartsWith("```", StringComparison.Ordinal));

    private void Take(CodeBlock block)
    {
        switch (block.Language)
        {
            case "bash": AddCommands(block); break;
            case "python" or "csharp": Steps.Add(block); break;
            case var quiet when Quiet.Contains(quiet):
                foreach (string line in block.Text.Split('\n'))
                {
                    string word = Assignments().Replace(line, "").Split(' ')[0];
                    if (Programs.Contains(word) || word.StartsWith("scripts/", StringComparison.Ordinal))
                    {
                        Faults.Add($"{Name}:{block.Line}: a block '{quiet}' holds the command '{line}'; commands stand in blocks 'bash'.");
                    }
                }

                if (quiet == "json")
                {
                    JsonNode.Parse(block.Text);
                    Json.Add(block);
                }

                break;
            default: Faults.Add($"{Name}:{block.Line}: the language '{block.Language}' is none of {Languages}."); break;
        }
    }

    private void AddCommands(CodeBlock block)
    {
        string? markOfBlock = null;
        string text = "";
        string[] lines = block.Text.TrimEnd('\n').Split('\n');
        for (int i = 0, start = 0; i < lines.Length; i++)
        {
            if (text.Length == 0) start = i;
            text += lines[i];
            (bool open, int comment) = Scan(text);
            if (open && i < lines.Length - 1)
            {
                text += "\n";
                continue;
            }

            string command = (comment < 0 ? text : text[..comment]).TrimEnd();
            string? mark = comment < 0 ? null : MarkOf(text[comment..], block.Line + i);
            if (command.Length > 0) Steps.Add(new DocumentCommand(Name, block.Line + start, command, mark ?? markOfBlock));
            else markOfBlock = mark ?? markOfBlock;
            text = "";
        }
    }

    private string? MarkOf(string comment, int line)
    {
        if (Mark().Match(comment) is not { Success: true } needs) return null;
        string mark = needs.Groups[1].Value.TrimEnd();
        if (!Marks.Contains(mark)) Faults.Add($"{Name}:{line}: the mark 'needs {mark}' is none of: {string.Join(", ", Marks)}.");
        return mark;
    }

    // Open: the command goes on in the next line. The comment's place, or -1.
    private static (bool Open, int Comment) Scan(string text)
    {
        char quote = '\0';
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (quote == '\0' && c == '#' && (i == 0 || char.IsWhiteSpace(text[i - 1]))) return (false, i);
            if (c == '\\' && quote != '\'') i++;
            else if (quote == '\0' && c is '\'' or '"') quote = quote == '\0' ? c : quote == c ? '\0' : quote;
            else if (c == quote) quote = '\0';
        }

        return (quote != '\0' || text.EndsWith('\\'), -1);
    }

    [GeneratedRegex("^( *)```([a-z]+)$")] private static partial Regex Fence();

    [GeneratedRegex("^# ?needs ([^;]+)(;.*)?$")] private static partial Regex Mark();

    [GeneratedRegex(@"^(\$ )?([A-Z_]+=\S+ )*")] private static partial Regex Assignments();
}
