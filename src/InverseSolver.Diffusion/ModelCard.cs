using System.Text.Json;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion;

/// <summary>A package's model.json. What it leaves out comes from the configs; what it says must agree with them.</summary>
internal sealed class ModelCard
{
    internal const string FileName = "model.json";
    private const int MaxFiles = 1000;
    private const long MaxOtherBytes = 1L << 30;
    private readonly JsonElement root;

    private ModelCard(JsonElement root) => this.root = root;

    internal IReadOnlyDictionary<string, string> Sha256 { get; private init; } = new Dictionary<string, string>();

    /// <summary>Reads the card of a package; an empty one where there is none.</summary>
    internal static ModelCard Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (!Path.Exists(path))
        {
            using JsonDocument nothing = JsonDocument.Parse("{}");
            return new ModelCard(nothing.RootElement.Clone());
        }

        using JsonDocument document = StrictJson.ParseFile(path, FileName);
        var card = new ModelCard(document.RootElement.Clone()) { Sha256 = Hashes(document.RootElement) };
        if (card.root.TryGetProperty("networkRange", out JsonElement range) && range.GetRawText().Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings("") != "[-1,1]")
        {
            throw new InvalidModelException($"{FileName}: networkRange must be [-1, 1].");
        }

        return card;
    }

    internal string? Text(string name) => root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
        ? StrictJson.TextOf(value, FileName)
        : null;

    internal int? Integer(string name) => Number(name) is not { } number ? null
        : number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (int)number
        : throw new InvalidModelException($"{FileName}: {name} must be a whole number.");

    internal double? Number(string name) => NumberIn(root, name);

    internal double? RoundTripRmse => root.TryGetProperty("quality", out JsonElement quality) && quality.ValueKind == JsonValueKind.Object
        ? NumberIn(quality, "roundTripRmse")
        : null;

    internal (int Height, int Width)? NativeSize =>
        root.TryGetProperty("nativeSize", out JsonElement size) && size.ValueKind == JsonValueKind.Array && size.GetArrayLength() == 2
            && size[0].TryGetInt32(out int height) && size[1].TryGetInt32(out int width)
            ? (height, width)
            : null;

    /// <summary>The scaling of the package's <see cref="ConsistencyNetwork"/>; null where it has none.</summary>
    internal (double SigmaData, double SigmaMin)? Consistency => !root.TryGetProperty("consistency", out JsonElement consistency) ? null
        : consistency.ValueKind == JsonValueKind.Object && NumberIn(consistency, "sigmaData") is > 0 and { } data && NumberIn(consistency, "sigmaMin") is > 0 and { } min
            ? (data, min)
            : throw new InvalidModelException($"{FileName}: consistency must hold sigmaData and sigmaMin, both positive.");

    /// <summary>Refuses a card that says something other than the configs do.</summary>
    internal void MustSay(string name, double value)
    {
        if (Number(name) is { } said && Math.Abs(said - value) > 1e-9 * Math.Abs(value))
        {
            throw new InvalidModelException(FormattableString.Invariant($"{FileName}: {name} is {said}, but the configs say {value}."));
        }
    }

    /// <summary>Checks every listed file except those whose hash the caller has taken already.</summary>
    internal void VerifyHashes(string folder, IReadOnlyDictionary<string, string> taken)
    {
        long others = 0;
        foreach ((string file, string wanted) in Sha256)
        {
            if (!taken.ContainsKey(file) && (others += ModelFile.StampOf(Path.Combine(folder, file))?.Bytes ?? 0) > MaxOtherBytes)
            {
                throw new InvalidModelException($"{FileName}: sha256 lists more than {MaxOtherBytes} bytes of files that are no part of the model.");
            }

            if ((taken.TryGetValue(file, out string? hash) ? hash : HashOf(folder, file)) != wanted)
            {
                throw new InvalidModelException($"{file} is not the file that {FileName} describes: its SHA-256 differs.");
            }
        }
    }

    internal static string HashOf(string folder, string file) => ModelFile.HashOf(Path.Combine(folder, file), file);

    private static double? NumberIn(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
                ? number
                : throw new InvalidModelException($"{FileName}: {name} must be a number.")
            : null;

    private static Dictionary<string, string> Hashes(JsonElement root)
    {
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!root.TryGetProperty("sha256", out JsonElement list))
        {
            return hashes;
        }

        if (list.ValueKind != JsonValueKind.Object || list.EnumerateObject().Count() > MaxFiles)
        {
            throw new InvalidModelException($"{FileName}: sha256 must map file names to hashes.");
        }

        foreach (JsonProperty property in list.EnumerateObject())
        {
            string file = StrictJson.NameOf(property, FileName);
            if (Path.IsPathRooted(file) || file.Split('/', '\\').Any(part => part is "" or "." or ".."))
            {
                throw new InvalidModelException($"{FileName}: sha256 names {InvalidModelException.Quote(file)}, which lies outside the package.");
            }

            string hash = property.Value.ValueKind == JsonValueKind.String ? StrictJson.TextOf(property.Value, FileName).ToLowerInvariant() : "";
            if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower))
            {
                throw new InvalidModelException($"{FileName}: the SHA-256 of {InvalidModelException.Quote(file)} is not 64 hexadecimal digits.");
            }

            hashes.Add(file, hash);
        }

        return hashes;
    }
}
