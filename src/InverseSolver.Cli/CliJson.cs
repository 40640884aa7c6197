using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli;

/// <summary>JSON as the command line reads and writes it: camelCase, strict, indented.</summary>
internal static partial class CliJson
{
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
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
    internal static Problem ProblemOf(string text, bool hasMask)
    {
        if (text.TrimStart().StartsWith('{')) return ReadProblem(text);
        if (File.Exists(text)) return ReadProblem(File.ReadAllText(text));
        if (Problem.Kinds.FirstOrDefault(kind => kind.Name == text) is not { } named)
        {
            throw new CommandException(
                $"--problem {text}: there is no such file and no such kind of problem. Give JSON, a file with JSON, or one of "
                    + $"{string.Join(", ", Problem.Kinds.Select(kind => kind.Name))}.");
        }

        JsonObject json = JsonNode.Parse(named.Example)!.AsObject();
        string[] needed = [.. json.Select(member => member.Key)];
        json.Insert(0, "type", text);
        if (needed is ["mask"] && hasMask)
        {
            json["mask"] = new JsonObject { ["type"] = "file" };
        }
        else if (needed is not [])
        {
            // An example's members are not what was measured.
            throw new CommandException(
                $"--problem {text}: its members are needed, as in --problem '{json.ToJsonString()}'"
                    + $"{(needed is ["mask"] ? "; or give the mask's file, --mask FILE" : "")}.");
        }

        Problem problem = ReadProblem(json.ToJsonString());
        Console.Error.WriteLine($"note: the problem is {JsonSerializer.SerializeToNode(problem, Options)!.ToJsonString()}");
        return problem;
    }

    internal static Problem ReadProblem(string json)
    {
        try
        {
            return JsonSerializer.Deserialize<Problem>(json, Options) ?? throw new CommandException("The problem is null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new CommandException(
                $"The problem cannot be read{((e as JsonException)?.Path is { Length: > 1 } path ? $" at {path}" : string.Empty)}: "
                    + "it is not one of the kinds that `GET /v1/problems` and docs/openapi.json describe, or a member of it is unknown or of the wrong kind.");
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

    internal static void Write(string? path, object value)
    {
        if (path is not null)
        {
            WriteAtomically(path, JsonSerializer.Serialize(value, value.GetType(), Options));
        }
    }

    internal static void WriteAtomically(string path, string text)
    {
        string temporary = path + ".new";
        File.WriteAllText(temporary, text + "\n");
        File.Move(temporary, path, overwrite: true);
    }

    // No list: those stand in brackets.
    [GeneratedRegex(@"^\s*[-+]?\d*,\d+(e[-+]?\d+)?\s*$", RegexOptions.IgnoreCase)]
    private static partial Regex DecimalComma();
}
