using System.Globalization;
using Google.Protobuf;

namespace InverseSolver.Diffusion.Backends;

/// <summary>Checks the tensors of an ONNX file: their values fill their shape, and where they lie in another file, they lie inside it.</summary>
internal sealed class OnnxTensors(ProtobufReader reader, string folder, string name)
{
    private const long MaxTotalBytes = 1L << 36;
    private const int MaxExternalFiles = 10_000;
    private readonly Dictionary<string, long> external = new(StringComparer.Ordinal);
    private long total;

    /// <summary>Files of external data that were named.</summary>
    internal IReadOnlyCollection<string> ExternalFiles => external.Keys;

    /// <summary>Reads one TensorProto; its name.</summary>
    internal string Read(long end)
    {
        var said = new Said();
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 1:
                    ReadDims(said, type, end);
                    break;
                case 2:
                    said.Type = reader.Integer(type, end);
                    break;
                case 3:
                    throw reader.Error("it holds a tensor in segments");
                case >= 4 and <= 7 or >= 9 and <= 11:
                    said.Add(field, reader.Skip(type, end));
                    break;
                case 8:
                    said.Name = reader.Text(type, end);
                    break;
                case 13:
                    ReadEntry(said, reader.Nested(type, end));
                    break;
                case 14:
                    said.IsExternal = reader.Integer(type, end) == 1;
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }

        Check(said);
        return said.Name;
    }

    private void ReadDims(Said said, WireFormat.WireType type, long end)
    {
        long stop = type == WireFormat.WireType.LengthDelimited ? reader.Nested(type, end) : 0;
        do
        {
            if (type == WireFormat.WireType.LengthDelimited && reader.Position == stop)
            {
                return;
            }

            long size = type == WireFormat.WireType.LengthDelimited ? (long)reader.Varint(stop) : reader.Integer(type, end);
            said.Elements = size >= 0 && (size == 0 || said.Elements <= MaxTotalBytes / size)
                ? said.Elements * size
                : throw reader.Error($"the tensor {InvalidModelException.Quote(said.Name)} has an impossible size ({size})");
        }
        while (type == WireFormat.WireType.LengthDelimited);
    }

    private void ReadEntry(Said said, long end)
    {
        string key = "", value = "";
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            if (field == 1)
            {
                key = reader.Text(type, end);
            }
            else if (field == 2)
            {
                value = reader.Text(type, end);
            }
            else
            {
                reader.Skip(type, end);
            }
        }

        if (!said.External.TryAdd(key, value))
        {
            throw reader.Error($"the tensor {InvalidModelException.Quote(said.Name)} says {InvalidModelException.Quote(key)} of its external data twice");
        }
    }

    private void Check(Said said)
    {
        string who = $"the tensor {InvalidModelException.Quote(said.Name)}";
        if (said.External.Count > 0 != said.IsExternal)
        {
            throw reader.Error($"{who} does not say clearly whether its values lie in another file");
        }

        if (said.Type == 8)
        {
            // Text, which only labels hold.
            _ = said.IsExternal ? throw reader.Error($"{who} keeps text in another file") : 0;
            return;
        }

        long bits = BitsOf(said.Type) ?? throw reader.Error($"{who} has the unknown element type {said.Type}");
        long bytes = (said.Elements * bits + 7) / 8;
        total += bytes;
        if (total > MaxTotalBytes)
        {
            throw reader.Error($"its tensors have more than {MaxTotalBytes} bytes");
        }

        if (said.IsExternal)
        {
            CheckExternal(said, who, bytes);
        }
        else if (!said.Holds(bytes))
        {
            throw reader.Error($"the values of {who} do not fill its shape ({said.Elements} elements)");
        }
    }

    private void CheckExternal(Said said, string who, long bytes)
    {
        string location = said.External.GetValueOrDefault("location", "");
        if (!external.TryGetValue(location, out long size))
        {
            size = SizeOf(location, who);
            external.Add(location, size);
        }

        long offset = Number(said, "offset", who) ?? 0, length = Number(said, "length", who) ?? bytes;
        if (length != bytes)
        {
            throw reader.Error($"{who} has {bytes} bytes, its external data {length}");
        }

        if (offset > size || length > size - offset)
        {
            throw reader.Error($"the values of {who} reach beyond the end of {InvalidModelException.Quote(location)} ({offset} + {length} of {size} bytes)");
        }
    }

    private long SizeOf(string location, string who)
    {
        if (location is "" or "." or ".." || location.Any(c => c is '/' or '\\' || char.IsControl(c)) || location == OnnxFile.FileName)
        {
            throw reader.Error($"{who} has its values in {InvalidModelException.Quote(location)}; external data must be a plain file in the same folder");
        }

        if (external.Count >= MaxExternalFiles)
        {
            throw reader.Error($"it names more than {MaxExternalFiles} files of external data");
        }

        var file = new FileInfo(Path.Combine(folder, location));
        if (!file.Exists || file.Length == 0)
        {
            throw new InvalidModelException($"{name} needs {InvalidModelException.Quote(location)}, which is missing or empty.");
        }

        return file.LinkTarget is null
            ? file.Length
            : throw reader.Error($"{InvalidModelException.Quote(location)} is a link; external data must be a plain file in the same folder");
    }

    private long? Number(Said said, string key, string who) =>
        !said.External.TryGetValue(key, out string? text) ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
        : throw reader.Error($"the {key} of {who}'s external data is {InvalidModelException.Quote(text)}, not a number of bytes");

    // TensorProto.DataType
    private static long? BitsOf(long type) => type switch
    {
        1 or 6 or 12 => 32,
        2 or 3 or 9 or (>= 17 and <= 20) or 24 => 8,
        4 or 5 or 10 or 16 => 16,
        7 or 11 or 13 or 14 => 64,
        15 => 128,
        >= 21 and <= 23 => 4,
        _ => null,
    };

    private sealed class Said
    {
        private long raw = -1, fixedBytes, varintBytes;

        internal string Name { get; set; } = "";

        internal long Type { get; set; }

        internal long Elements { get; set; } = 1;

        internal bool IsExternal { get; set; }

        internal Dictionary<string, string> External { get; } = new(StringComparer.Ordinal);

        // raw_data; float_data and double_data have a fixed width, int32_data, int64_data and uint64_data none.
        internal void Add(int field, long bytes)
        {
            switch (field)
            {
                case 9:
                    raw = bytes;
                    break;
                case 4 or 10:
                    fixedBytes += bytes;
                    break;
                default:
                    varintBytes += bytes;
                    break;
            }
        }

        internal bool Holds(long bytes) =>
            raw >= 0 ? raw == bytes
            : fixedBytes > 0 ? fixedBytes == bytes
            : Elements == 0 || (varintBytes >= Elements / 2 && varintBytes <= 10 * Elements);
    }
}
