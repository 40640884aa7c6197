using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace InverseSolver.ServiceTests;

/// <summary>The files that say how the service is deployed, parsed.</summary>
internal static partial class DeploymentFiles
{
    /// <summary>A stage of the Dockerfile: its name, what it starts from, and its instructions, continued lines joined.</summary>
    internal sealed record Stage(string Name, string From, IReadOnlyList<(string Instruction, string Value)> Lines)
    {
        internal string? Last(string instruction) => Lines.LastOrDefault(line => line.Instruction == instruction).Value;
    }

    internal static string Path(string name) => System.IO.Path.Combine(Repository.Root, name);

    /// <summary>The documents of a YAML file, numbers and booleans as such.</summary>
    internal static JsonObject[] Yaml(string name)
    {
        IDeserializer reader = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();
        ISerializer writer = new SerializerBuilder().JsonCompatible().Build();
        var parser = new YamlDotNet.Core.Parser(new StringReader(File.ReadAllText(Path(name))));
        parser.Expect();
        var documents = new List<JsonObject>();
        while (parser.Current is YamlDotNet.Core.Events.DocumentStart)
        {
            documents.Add(JsonNode.Parse(writer.Serialize(reader.Deserialize(parser)!))!.AsObject());
        }

        return [.. documents];
    }

    private static void Expect(this YamlDotNet.Core.Parser parser) => YamlDotNet.Core.ParserExtensions.Consume<YamlDotNet.Core.Events.StreamStart>(parser);

    /// <summary>The stages of a Dockerfile, in their order.</summary>
    internal static Stage[] Stages(string name)
    {
        string text = Comment().Replace(File.ReadAllText(Path(name)), "").Replace("\\\n", " ", StringComparison.Ordinal);
        var stages = new List<Stage>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] parts = line.Split(' ', 2);
            if (parts[0] == "FROM")
            {
                string[] from = parts[1].Split(" AS ");
                stages.Add(new Stage(from.ElementAtOrDefault(1) ?? "", from[0], []));
            }
            else
            {
                stages[^1] = stages[^1] with { Lines = [.. stages[^1].Lines, (parts[0], parts[1])] };
            }
        }

        return [.. stages];
    }

    /// <summary>
    /// The options that an environment variable can set, with <c>__</c> for the colon: those of the option classes, and what the start reads by itself.
    /// </summary>
    internal static IReadOnlySet<string> EnvironmentNames { get; } = new HashSet<string>(
        [
            "ASPNETCORE_URLS", "AllowedHosts", "Access__AllowAnonymous",
            .. typeof(Program).Assembly.GetTypes()
                .Select(type => (Type: type, Section: type.GetField("Section", BindingFlags.Public | BindingFlags.Static)?.GetRawConstantValue() as string))
                .Where(options => options.Section is not null)
                .SelectMany(options =>
                    options.Type.GetProperties().Where(property => property.SetMethod is not null).Select(property => $"{options.Section}__{property.Name}")),
        ],
        StringComparer.Ordinal);

    /// <summary>Variables of others: NVIDIA's container toolkit and .NET read them.</summary>
    internal static bool IsOption(string variable) =>
        variable.StartsWith("NVIDIA_", StringComparison.Ordinal) || variable == "DOTNET_EnableDiagnostics"
            || EnvironmentNames.Contains(Index().Replace(variable, ""));

    [GeneratedRegex("^#.*\n", RegexOptions.Multiline)] private static partial Regex Comment();

    [GeneratedRegex("__[0-9]+$")] private static partial Regex Index();
}
