using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Packages;

/// <summary>A package's model.json. Missing fields come from the configs; given fields must agree with them.</summary>
internal sealed class ModelCard
{
    internal const string FileName = "model.json";
    private const int MaxFiles = 1000;
    private const long MaxOtherBytes = 1L << 30;
    private readonly JsonElement _root;

    private ModelCard(JsonElement root) => _root = root;

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
        if (card._root.TryGetProperty("networkRange", out JsonElement range)
            && range.GetRawText().Replace(" ", "", StringComparison.Ordinal).ReplaceLineEndings("") != "[-1,1]")
        {
            throw new InvalidModelException($"{FileName}: networkRange must be [-1, 1].");
        }

        return card;
    }

    internal string? Text(string name) => _root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
        ? StrictJson.TextOf(value, FileName)
        : null;

    internal int? Integer(string name) => Number(name) is not { } number ? null
        : number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (int)number
        : throw new InvalidModelException($"{FileName}: {name} must be a whole number.");

    internal double? Number(string name) => NumberIn(_root, name);

    internal double? RoundTripRmse => _root.TryGetProperty("quality", out JsonElement quality) && quality.ValueKind == JsonValueKind.Object
        ? NumberIn(quality, "roundTripRmse")
        : null;

    internal (int Height, int Width)? NativeSize => Size("nativeSize");

    /// <summary>Height and width, where the card has a list of two numbers of that name.</summary>
    internal (int Height, int Width)? Size(string name) =>
        _root.TryGetProperty(name, out JsonElement size) && size.ValueKind == JsonValueKind.Array && size.GetArrayLength() == 2
            && size[0].TryGetInt32(out int height) && size[1].TryGetInt32(out int width) && height > 0 && width > 0
            ? (height, width)
            : null;

    /// <summary>A whole number from 1 to 65536; null where the card does not say.</summary>
    internal int? Positive(string name) => Integer(name) is not { } number ? null
        : number is >= 1 and <= 65536 ? number
        : throw new InvalidModelException($"{FileName}: {name} must be from 1 to 65536.");

    /// <summary>The backend of a network (unet, vae_encoder or vae_decoder); null where the card does not choose one.</summary>
    internal PartBackend? Backend(string part)
    {
        const string Field = "backend";
        if (!_root.TryGetProperty(Field, out JsonElement backends))
        {
            return null;
        }

        string[] parts = ["unet", "vae_encoder", "vae_decoder"];
        if (backends.ValueKind != JsonValueKind.Object || backends.EnumerateObject().Any(property => !parts.Contains(StrictJson.NameOf(property, FileName))))
        {
            throw new InvalidModelException($"{FileName}: {Field} must map {string.Join(", ", parts)} to libtorch, torchscript or onnx.");
        }

        return !backends.TryGetProperty(part, out JsonElement value) ? null
            : (value.ValueKind == JsonValueKind.String ? StrictJson.TextOf(value, FileName) : "") switch
            {
                "libtorch" => PartBackend.LibTorch,
                "torchscript" => PartBackend.TorchScript,
                "onnx" => PartBackend.Onnx,
                _ => throw new InvalidModelException($"{FileName}: {Field}.{part} must be libtorch, torchscript or onnx."),
            };
    }

    /// <summary>The scaling of the package's <see cref="ConsistencyModel"/>; null where it has none.</summary>
    internal (double SigmaData, double SigmaMin)? Consistency => !_root.TryGetProperty("consistency", out JsonElement consistency) ? null
        : consistency.ValueKind == JsonValueKind.Object && NumberIn(consistency, "sigmaData") is > 0 and { } data
        && NumberIn(consistency, "sigmaMin") is > 0 and { } min
            ? (data, min)
            : throw new InvalidModelException($"{FileName}: consistency must hold sigmaData and sigmaMin, both positive.");

    /// <summary>The weights' variant to take, such as <c>fp16</c>; null: full precision, or fp16 where there is nothing else.</summary>
    internal string? Variant => !_root.TryGetProperty("variant", out JsonElement variant) ? null
        : variant.ValueKind == JsonValueKind.String && StrictJson.TextOf(variant, FileName) is { Length: >= 1 and <= 32 } name
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
            ? name
            : throw new InvalidModelException($"{FileName}: variant must be a name of letters, digits and '_', such as fp16.");

    /// <summary>Its conditioning; null where it has none.</summary>
    internal ConditioningInfo? Conditioning
    {
        get
        {
            if (!_root.TryGetProperty("conditioning", out JsonElement conditioning))
            {
                return null;
            }

            if (conditioning.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidModelException($"{FileName}: conditioning must be an object.");
            }

            var info = new ConditioningInfo();
            foreach (JsonProperty member in conditioning.EnumerateObject())
            {
                info = StrictJson.NameOf(member, FileName) switch
                {
                    "file" => info with { File = FileIn(member.Value) },
                    "prompt" when member.Value.ValueKind == JsonValueKind.String => info with { Prompt = StrictJson.TextOf(member.Value, FileName) },
                    "classLabel" => info with { ClassLabel = Class(member) },
                    "unconditionalClass" => info with { UnconditionalClass = Class(member) },
                    "guidanceScale" when NumberIn(
                        conditioning, "guidanceScale") is >= 0 and <= InverseSolver.Diffusion.Conditioning.MaxGuidance and { } scale =>
                        info with { GuidanceScale = scale },
                    "guidanceScale" => throw new InvalidModelException(
                        $"{FileName}: conditioning.guidanceScale must lie in [0, {InverseSolver.Diffusion.Conditioning.MaxGuidance}]."),
                    var name => throw new InvalidModelException(
                        $"{FileName}: conditioning has {InvalidModelException.Quote(name)}, which is unknown or not text."),
                };
            }

            return info;

            static int Class(JsonProperty member) => member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out int label) && label >= 0
                ? label
                : throw new InvalidModelException($"{FileName}: conditioning.{member.Name} must be a whole number from 0.");

            static string FileIn(JsonElement value) =>
                value.ValueKind == JsonValueKind.String && StrictJson.TextOf(value, FileName) is { Length: > 0 } file
                    && file.EndsWith(".safetensors", StringComparison.Ordinal) && !file.StartsWith('.') && !file.Any(c => c is '/' or '\\' || char.IsControl(c))
                    ? file
                    : throw new InvalidModelException($"{FileName}: conditioning.file must be the name of a .safetensors file in the package's folder.");
        }
    }

    /// <summary>
    /// SHA-256 of the fields that affect results and are only in the card: conditioning, scalings, sizes, the round-trip error, the choice between networks.
    /// Null where it has none of them.
    /// </summary>
    internal string? SettingsHash
    {
        get
        {
            string[] names =
            [
                "backend", "channels", "conditioning", "consistency", "contextChannels", "fixedSize", "latentChannels", "latentDownsampling", "latentScale",
                "sizeMultiple", "variant",
            ];
            string[] settings =
            [
                .. names.Where(name => _root.TryGetProperty(name, out _)).Select(name => $"{name} {JsonSerializer.Serialize(_root.GetProperty(name))}\n"),
                .. RoundTripRmse is { } rmse ? [FormattableString.Invariant($"roundTripRmse {rmse:R}\n")] : Array.Empty<string>(),
            ];
            return settings.Length == 0 ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(settings))));
        }
    }

    /// <summary>Refuses a card that contradicts the configs.</summary>
    internal void CheckEqual(string name, double value)
    {
        if (Number(name) is { } stated && Math.Abs(stated - value) > 1e-9 * Math.Abs(value))
        {
            throw new InvalidModelException(FormattableString.Invariant($"{FileName}: {name} is {stated}, but the configs say {value}."));
        }
    }

    /// <summary>Checks every listed file except those whose hash the caller has taken already.</summary>
    internal void VerifyHashes(string folder, IReadOnlyDictionary<string, string> taken)
    {
        long others = 0;
        foreach (string file in Sha256.Keys)
        {
            if (!taken.ContainsKey(file) && (others += ModelFile.StampOf(Path.Combine(folder, file))?.Bytes ?? 0) > MaxOtherBytes)
            {
                throw new InvalidModelException($"{FileName}: sha256 lists more than {MaxOtherBytes} bytes of files that are not part of the model.");
            }

            Verify(file, taken.TryGetValue(file, out string? hash) ? hash : HashOf(folder, file));
        }
    }

    /// <summary>A file's hash, held against the card's where that lists the file.</summary>
    internal string VerifiedHashOf(string folder, string file)
    {
        string hash = HashOf(folder, file);
        Verify(file, hash);
        return hash;
    }

    internal static string HashOf(string folder, string file) => ModelFile.HashOf(Path.Combine(folder, file), file);

    private void Verify(string file, string hash)
    {
        if (Sha256.TryGetValue(file, out string? wanted) && hash != wanted)
        {
            throw new InvalidModelException($"{file} is not the file that {FileName} describes: its SHA-256 differs.");
        }
    }

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
            if (Path.IsPathRooted(file) || file.Split('/', '\\') is { Length: > PackageStamps.MaxDepth + 1 } or []
                || file.Split('/', '\\').Any(part => part.Length == 0 || part[0] == '.'))
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
