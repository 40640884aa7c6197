using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Service;
using InverseSolver.Service.Requests;

namespace InverseSolver.Cli;

/// <summary>JSON as the command line reads and writes it: camelCase, strict, indented.</summary>
internal static partial class CliJson
{
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowOutOfOrderMetadataProperties = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = false,
        NumberHandling = JsonNumberHandling.Strict,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { Problem.AddKinds } },
    };

    /// <summary>The problem that a caller names: JSON, a file with JSON, or the name of a kind, whose members then have their defaults.</summary>
    /// <param name="text">The JSON, path or name.</param>
    /// <param name="hasMask">True where a mask's file is given, which a kind by its name then uses.</param>
    internal static Problem ProblemOf(string text, bool hasMask) => ProblemOf(
        "--problem", text, name => Problem.Kinds.FirstOrDefault(kind => kind.Name == name) is { } kind ? OfKind(kind, hasMask) : null,
        Problem.Kinds.Select(kind => kind.Name));

    /// <summary>The problem that a caller names: JSON, a file with JSON, or a name.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="text">The JSON, path or name.</param>
    /// <param name="byName">The problem with a name; null where there is none.</param>
    /// <param name="names">All names.</param>
    internal static Problem ProblemOf(string option, string text, Func<string, Problem?> byName, IEnumerable<string> names) =>
        text.TrimStart().StartsWith('{') ? ReadProblem(option, text)
            : byName(text) is { } named ? named
            : File.Exists(text) ? ReadProblem($"{option} {text}", File.ReadAllText(text))
            : throw new CommandException(
                $"{option} {text}: there is no such file and no such problem. Give JSON, a file with JSON, or one of {string.Join(", ", names)}.");

    private static Problem OfKind(ProblemDescription named, bool hasMask)
    {
        JsonObject json = JsonNode.Parse(named.Example)!.AsObject();
        string[] needed = [.. json.Select(member => member.Key)];
        json.Insert(0, "type", named.Name);
        if (needed is ["mask"] && hasMask)
        {
            json["mask"] = new JsonObject { ["type"] = "file" };
        }
        else if (needed is not [])
        {
            // An example's members are not what was measured.
            throw new CommandException(
                $"--problem {named.Name}: its members are needed, as in --problem '{json.ToJsonString()}'"
                    + $"{(needed is ["mask"] ? "; or give the mask's file, --mask FILE" : "")}.");
        }

        Problem problem = ReadProblem($"--problem {named.Name}", json.ToJsonString());
        Console.Error.WriteLine($"note: the problem is {Of(problem).ToJsonString()}");
        return problem;
    }

    private static Problem ReadProblem(string named, string json)
    {
        try
        {
            return JsonErrors.Read<Problem>(Encoding.UTF8.GetBytes(json)) ?? throw new CommandException($"{named}: the problem is null.");
        }
        catch (RequestException fault)
        {
            throw new CommandException($"{named}: {(fault.Field is { } field ? $"{field}: " : "")}{fault.Message}");
        }
    }

    /// <summary><c>name=value</c> texts as a JSON object; values that are no JSON are taken as text.</summary>
    internal static JsonObject ReadSettings(string[] settings)
    {
        var parameters = new JsonObject();
        foreach (string setting in settings)
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw new CommandException($"--set {setting}: name=value was expected");
            }

            string value = setting[(equals + 1)..];
            if (DecimalComma().IsMatch(value))
            {
                throw new CommandException($"--set {setting}: a number has a decimal point, as in 0.01.");
            }

            JsonNode? node;
            try
            {
                node = JsonNode.Parse(value);
            }
            catch (JsonException)
            {
                node = value;
            }

            parameters[setting[..equals]] = node;
        }

        return parameters;
    }

    /// <summary>The standard output, for JSON that is asked for by <c>--json -</c>; everything else is then written where errors stand.</summary>
    internal static TextWriter Output { get; } = Console.Out;

    /// <summary>Writes what <c>--json</c> asks for: into a file, or for <c>-</c> to the standard output.</summary>
    /// <param name="path">The file; null: it was not asked for.</param>
    /// <param name="value">The value; bytes are JSON already.</param>
    internal static void Write(string? path, object value)
    {
        if (path is null) return;
        string json = value is byte[] bytes ? Encoding.UTF8.GetString(bytes) : JsonSerializer.Serialize(value, value.GetType(), Options);
        if (path == "-") Output.WriteLine(json);
        else WriteAtomically(path, json);
    }

    /// <summary>A problem as requests have it.</summary>
    internal static JsonNode Of(Problem problem) => JsonSerializer.SerializeToNode(problem, Options)!;

    internal static void WriteAtomically(string path, string text)
    {
        ArrayFiles.Write(path, Encoding.UTF8.GetBytes(text + "\n"));
    }

    // No list: those stand in brackets.
    [GeneratedRegex(@"^\s*[-+]?\d*,\d+(e[-+]?\d+)?\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex DecimalComma();
}
