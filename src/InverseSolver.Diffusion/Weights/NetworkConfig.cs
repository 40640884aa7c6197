using System.Text.Json;

namespace InverseSolver.Diffusion.Weights;

/// <summary>A config.json of diffusers. Every option must be read: an unread option is an error, unless it is null, false or pure metadata.</summary>
internal sealed class NetworkConfig
{
    private const int MaxListLength = 64;
    private readonly JsonElement _root;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    private NetworkConfig(JsonElement root, string name)
    {
        _root = root;
        Name = name;
        ClassName = Text("_class_name", null) ?? throw new InvalidModelException($"{name} has no _class_name.");
    }

    /// <summary>The file's name as messages show it.</summary>
    internal string Name { get; }

    internal string ClassName { get; }

    internal static NetworkConfig Read(string path, string name)
    {
        using JsonDocument document = StrictJson.ParseConfig(path, name);
        return new NetworkConfig(document.RootElement.Clone(), name);
    }

    internal InvalidModelException Error(string option, string what) => new($"{Name}: option {InvalidModelException.Quote(option)} {what}.");

    /// <summary>Refuses any option that was not asked for.</summary>
    internal void Finish()
    {
        foreach (JsonProperty property in _root.EnumerateObject())
        {
            string name = StrictJson.NameOf(property, Name);
            if (!name.StartsWith('_') && !_known.Contains(name) && property.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.False))
            {
                throw Error(name, $"is unknown for {ClassName}");
            }
        }
    }

    /// <summary>Takes note of options that change nothing here.</summary>
    internal void Ignore(params string[] names) => _known.UnionWith(names);

    /// <summary>True where an option is present and null, which differs from an absent one.</summary>
    internal bool IsNull(string name) => _root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>True where an option is present and not null.</summary>
    internal bool Has(string name) => Find(name) is not null;

    internal bool Bool(string name, bool fallback) => Find(name) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Error(name, "must be true or false"),
    };

    internal int Int(string name, int fallback, int min = 1, int max = 65536) => OptionalInt(name, min, max) ?? fallback;

    internal int? OptionalInt(string name, int min = 1, int max = 65536) => Find(name) is { } value ? ToInt(value, name, min, max) : null;

    internal double Number(string name, double fallback)
    {
        if (Find(name) is not { } value)
        {
            return fallback;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw Error(name, "must be a number");
    }

    internal string? Text(string name, string? fallback) => Find(name) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.String } value => StrictJson.TextOf(value, Name),
        _ => throw Error(name, "must be text"),
    };

    internal string OneOf(string name, string fallback, params string[] allowed)
    {
        string value = Text(name, fallback)!;
        return allowed.Contains(value)
            ? value
            : throw Error(name, $"is {InvalidModelException.Quote(value)}, which is not supported (only {string.Join(", ", allowed)})");
    }

    internal int[] Ints(string name, int[] fallback) => Find(name) is { } value ? ToInts(value, name) : fallback;

    internal double[]? Numbers(string name)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Array && value.GetArrayLength() <= 100_000
            ? [.. value.EnumerateArray().Select(e =>
                e.ValueKind == JsonValueKind.Number && e.TryGetDouble(out double d) ? d : throw Error(name, "must hold numbers"))]
            : throw Error(name, "must be a list of numbers");
    }

    /// <summary>A number for every level, or one for all; null stays null.</summary>
    internal int[]? PerLevel(string name, int levels)
    {
        if (Find(name) is not { } value)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return Enumerable.Repeat(ToInt(value, name, 1, 65536), levels).ToArray();
        }

        int[] list = ToInts(value, name);
        return list.Length == levels ? list : throw Error(name, $"must hold {levels} numbers, one for each block, not {list.Length}");
    }

    internal bool[] FlagPerLevel(string name, int levels)
    {
        if (Find(name) is not { ValueKind: JsonValueKind.Array } list)
        {
            return Enumerable.Repeat(Bool(name, false), levels).ToArray();
        }

        bool[] flags = [.. list.EnumerateArray().Take(MaxListLength + 1).Select(e => e.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Error(name, "must hold true or false"),
        })];
        return flags.Length == levels ? flags : throw Error(name, $"must hold {levels} values, one for each block, not {flags.Length}");
    }

    internal string[] Texts(string name, string[] fallback)
    {
        if (Find(name) is not { } value)
        {
            return fallback;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() is 0 or > MaxListLength)
        {
            throw Error(name, "must be a list of names");
        }

        return [.. value.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? StrictJson.TextOf(e, Name) : throw Error(name, "must hold names"))];
    }

    /// <summary>Refuses an option that is set to anything but null, false or the named value.</summary>
    internal void Refuse(string name, string? harmless = null)
    {
        JsonElement? value = Find(name);
        if (value is not (null or { ValueKind: JsonValueKind.False }) && value.Value.ToString() != harmless)
        {
            throw Error(name, $"is {InvalidModelException.Quote(value.Value.ToString())}, which is not supported");
        }
    }

    private JsonElement? Find(string name)
    {
        _known.Add(name);
        return _root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private int ToInt(JsonElement value, string name, int min, int max) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == Math.Floor(number) && number >= min && number <= max
            ? (int)number
            : throw Error(name, $"must be a whole number from {min} to {max}");

    private int[] ToInts(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Array && value.GetArrayLength() is > 0 and <= MaxListLength
            ? [.. value.EnumerateArray().Select(e => ToInt(e, name, 1, 65536))]
            : throw Error(name, "must be a list of whole numbers");
}
