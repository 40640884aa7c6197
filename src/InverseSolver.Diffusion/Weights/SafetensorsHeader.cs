using System.Text.Json;

namespace InverseSolver.Diffusion.Weights;

/// <summary>Reads a safetensors header. All its claims are checked against the length of the file before any data are read.</summary>
internal static class SafetensorsHeader
{
    /// <summary>Largest header that is read. The format allows 100 MB; the largest networks need less than 1 MB.</summary>
    internal const long MaxBytes = 2 << 20;

    private const int MaxDimensions = 16, MaxTensors = 20_000;

    /// <param name="json">The header without its length.</param>
    /// <param name="dataBytes">Bytes in the file after the header.</param>
    /// <param name="file">The file's name, for messages.</param>
    internal static Dictionary<string, SafetensorsEntry> Parse(ReadOnlyMemory<byte> json, long dataBytes, string file)
    {
        if (json.IsEmpty || json.Span[0] != (byte)'{')
        {
            throw new InvalidModelException($"{file} is not a safetensors file: its header does not start with '{{'.");
        }

        using JsonDocument document = StrictJson.Parse(json, $"the header of {file}");
        if (document.RootElement.GetPropertyCount() is > MaxTensors and var count)
        {
            throw new InvalidModelException($"{file} names {count} tensors; at most {MaxTensors} are read.");
        }

        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            string name = StrictJson.NameOf(property, $"the header of {file}");
            if (name == "__metadata__")
            {
                CheckMetadata(property.Value, file);
            }
            else
            {
                entries.Add(name, ParseEntry(name, property.Value, file));
            }
        }

        CheckCoverage(entries.Values, dataBytes, file);
        return entries;
    }

    private static void CheckMetadata(JsonElement metadata, string file)
    {
        if (metadata.ValueKind != JsonValueKind.Object || metadata.EnumerateObject().Any(p => p.Value.ValueKind != JsonValueKind.String))
        {
            throw new InvalidModelException($"{file}: __metadata__ must map text to text.");
        }
    }

    private static SafetensorsEntry ParseEntry(string name, JsonElement value, string file)
    {
        string who = $"{file}: tensor {InvalidModelException.Quote(name)}";
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidModelException($"{who} is not described by an object.");
        }

        string? type = null;
        long[]? shape = null, offsets = null;
        foreach (JsonProperty member in value.EnumerateObject())
        {
            switch (StrictJson.NameOf(member, who))
            {
                case "dtype" when member.Value.ValueKind == JsonValueKind.String: type = StrictJson.TextOf(member.Value, who); break;
                case "shape": shape = Integers(member.Value, who, "shape"); break;
                case "data_offsets": offsets = Integers(member.Value, who, "data_offsets"); break;
                case var other: throw new InvalidModelException($"{who} has a member {InvalidModelException.Quote(other)} that is not part of the format.");
            }
        }

        if (type is null || shape is null || offsets is null)
        {
            throw new InvalidModelException($"{who} lacks dtype, shape or data_offsets.");
        }

        if (offsets.Length != 2 || offsets[1] < offsets[0])
        {
            throw new InvalidModelException($"{who}: data_offsets must be two rising numbers.");
        }

        int elementBytes = SafetensorsEntry.ElementBytes(type);
        if (elementBytes == 0)
        {
            throw new InvalidModelException($"{who} has the element type {InvalidModelException.Quote(type)}, which is not supported (F32, F16 and BF16 are).");
        }

        var entry = new SafetensorsEntry(name, type, shape, offsets[0], offsets[1] - offsets[0]);
        if (ByteCount(shape, elementBytes) != entry.Length)
        {
            throw new InvalidModelException($"{who}: shape {entry.ShapeText} of {type} does not fill its {entry.Length} bytes.");
        }

        return entry;
    }

    private static long[] Integers(JsonElement value, string who, string member)
    {
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxDimensions)
        {
            throw new InvalidModelException($"{who}: {member} must be a list of at most {MaxDimensions} numbers.");
        }

        return value.EnumerateArray().Select(element =>
            element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long number) && number >= 0
                ? number
                : throw new InvalidModelException($"{who}: {member} must hold whole numbers from 0.")).ToArray();
    }

    /// <summary>Bytes of a tensor, or -1 where that number does not fit.</summary>
    private static long ByteCount(long[] shape, int elementBytes)
    {
        if (shape.Contains(0))
        {
            return 0;
        }

        Int128 bytes = elementBytes;
        foreach (long size in shape)
        {
            bytes *= size;
            if (bytes > long.MaxValue)
            {
                return -1;
            }
        }

        return (long)bytes;
    }

    /// <summary>The tensors must cover the data exactly: no overlap, no hole, nothing after the last.</summary>
    private static void CheckCoverage(IEnumerable<SafetensorsEntry> entries, long dataBytes, string file)
    {
        long end = 0;
        foreach (SafetensorsEntry entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.Length))
        {
            string who = $"{file}: tensor {InvalidModelException.Quote(entry.Name)}";
            if (entry.Begin > dataBytes || entry.Length > dataBytes - entry.Begin)
            {
                throw new InvalidModelException(
                    $"{who} ends at byte {entry.Begin + (Int128)entry.Length} of the data, but the file holds {dataBytes}: "
                        + "the file is truncated, or its offsets are wrong.");
            }

            if (entry.Begin != end)
            {
                throw new InvalidModelException(entry.Begin < end
                    ? $"{who} overlaps another tensor."
                    : $"{who} begins at byte {entry.Begin}, {entry.Begin - end} bytes after the tensor before it ends.");
            }

            end += entry.Length;
        }

        if (end != dataBytes)
        {
            throw new InvalidModelException($"{file} holds {dataBytes - end} bytes that belong to no tensor.");
        }
    }
}
