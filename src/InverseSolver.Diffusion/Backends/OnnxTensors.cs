using System.Globalization;
using Google.Protobuf;

namespace InverseSolver.Diffusion.Backends;

/// <summary>Checks the tensors of an ONNX file: their values must fill their shape, and external ones must lie inside their file.</summary>
internal sealed class OnnxTensors(ProtobufReader reader, string folder, string name)
{
    private const long MaxTotalBytes = 1L << 36;
    private const int MaxExternalFiles = 10_000;
    private readonly Dictionary<string, long> _external = new(StringComparer.Ordinal);
    private long _total;

    /// <summary>Files of external data that were named.</summary>
    internal IReadOnlyCollection<string> ExternalFiles => _external.Keys;

    /// <summary>Reads one TensorProto; its name.</summary>
    internal string Read(long end)
    {
        var claim = new Claim();
        while (reader.Next(end, out int field, out WireFormat.WireType type))
        {
            switch (field)
            {
                case 1:
                    ReadDims(claim, type, end);
                    break;
                case 2:
                    claim.Type = reader.Integer(type, end);
                    break;
                case 3:
                    throw reader.Error("it holds a tensor in segments");
                case >= 4 and <= 7 or >= 9 and <= 11:
                    claim.Add(field, reader.Skip(type, end));
                    break;
                case 8:
                    claim.Name = reader.Text(type, end);
                    break;
                case 13:
                    ReadEntry(claim, reader.Nested(type, end));
                    break;
                case 14:
                    claim.IsExternal = reader.Integer(type, end) == 1;
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }

        Check(claim);
        return claim.Name;
    }

    private void ReadDims(Claim claim, WireFormat.WireType type, long end)
    {
        long stop = type == WireFormat.WireType.LengthDelimited ? reader.Nested(type, end) : 0;
        do
        {
            if (type == WireFormat.WireType.LengthDelimited && reader.Position == stop)
            {
                return;
            }

            long size = type == WireFormat.WireType.LengthDelimited ? (long)reader.Varint(stop) : reader.Integer(type, end);
            claim.Elements = size >= 0 && (size == 0 || claim.Elements <= MaxTotalBytes / size)
                ? claim.Elements * size
                : throw reader.Error($"the tensor {InvalidModelException.Quote(claim.Name)} has an impossible size ({size})");
        }
        while (type == WireFormat.WireType.LengthDelimited);
    }

    private void ReadEntry(Claim claim, long end)
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

        if (!claim.External.TryAdd(key, value))
        {
            throw reader.Error($"the tensor {InvalidModelException.Quote(claim.Name)} states {InvalidModelException.Quote(key)} of its external data twice");
        }
    }

    private void Check(Claim claim)
    {
        string who = $"the tensor {InvalidModelException.Quote(claim.Name)}";
        if (claim.External.Count > 0 != claim.IsExternal)
        {
            throw reader.Error($"{who} contradicts itself on whether its values are in another file");
        }

        if (claim.Type == 8)
        {
            // Text, which only labels hold.
            _ = claim.IsExternal ? throw reader.Error($"{who} has text in another file, which is not supported") : 0;
            return;
        }

        long bits = BitsOf(claim.Type) ?? throw reader.Error($"{who} has the unknown element type {claim.Type}");
        long bytes = (claim.Elements * bits + 7) / 8;
        _total += bytes;
        if (_total > MaxTotalBytes)
        {
            throw reader.Error($"its tensors have more than {MaxTotalBytes} bytes");
        }

        if (claim.IsExternal)
        {
            CheckExternal(claim, who, bytes);
        }
        else if (!claim.Holds(bytes))
        {
            throw reader.Error($"the values of {who} do not fill its shape ({claim.Elements} elements)");
        }
    }

    private void CheckExternal(Claim claim, string who, long bytes)
    {
        string location = claim.External.GetValueOrDefault("location", "");
        if (!_external.TryGetValue(location, out long size))
        {
            size = SizeOf(location, who);
            _external.Add(location, size);
        }

        long offset = Number(claim, "offset", who) ?? 0, length = Number(claim, "length", who) ?? bytes;
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

        if (_external.Count >= MaxExternalFiles)
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

    private long? Number(Claim claim, string key, string who) =>
        !claim.External.TryGetValue(key, out string? text) ? null
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

    private sealed class Claim
    {
        private long _raw = -1, _fixedBytes, _varintBytes;

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
                    _raw = bytes;
                    break;
                case 4 or 10:
                    _fixedBytes += bytes;
                    break;
                default:
                    _varintBytes += bytes;
                    break;
            }
        }

        internal bool Holds(long bytes) =>
            _raw >= 0 ? _raw == bytes
            : _fixedBytes > 0 ? _fixedBytes == bytes
            : Elements == 0 || (_varintBytes >= Elements / 2 && _varintBytes <= 10 * Elements);
    }
}
