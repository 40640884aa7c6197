using Google.Protobuf;

namespace InverseSolver.Diffusion.Backends;

/// <summary>
/// Walks over the fields of a protocol-buffer file from front to back. Google.Protobuf decodes tags, numbers and text. The reader skips fields that are not
/// asked for, such as weights, without reading them, checks every length against the enclosing message before memory is allocated, and bounds the number of
/// fields: time and memory do not depend on a file's claims.
/// </summary>
internal sealed class ProtobufReader(Stream stream, string name)
{
    private const int MaxFields = 5_000_000, MaxTextBytes = 4096;
    // protobuf's own parsers refuse longer ones.
    private const int MaxTagBytes = 5, MaxNumberBytes = 10;
    private readonly byte[] _window = new byte[1 << 16];
    private long _windowStart;
    private int _windowBytes, _fields;

    /// <summary>Bytes before the next one.</summary>
    internal long Position { get; private set; }

    /// <summary>The next field's number and form; false at the end of the message.</summary>
    /// <param name="end">The end of the message.</param>
    /// <param name="field">The field's number.</param>
    /// <param name="type">The encoding of its value.</param>
    internal bool Next(long end, out int field, out WireFormat.WireType type)
    {
        (field, type) = (0, default);
        if (Position == end)
        {
            return false;
        }

        if (++_fields > MaxFields)
        {
            throw Error($"it has more than {MaxFields} fields");
        }

        uint tag = Decode(MaxTagBytes, end, input => input.ReadTag());
        (field, type) = (WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag));
        // ONNX has no groups.
        return type is WireFormat.WireType.Varint or WireFormat.WireType.Fixed64 or WireFormat.WireType.LengthDelimited or WireFormat.WireType.Fixed32
            ? true : throw Error($"there is no field before byte {Position}");
    }

    /// <summary>A number of up to 64 bits.</summary>
    internal ulong Varint(long end) => Decode(MaxNumberBytes, end, input => input.ReadUInt64());

    /// <summary>The end of a nested message or text that begins here; refuses one that reaches beyond the message around it.</summary>
    internal long Nested(WireFormat.WireType type, long end)
    {
        if (type != WireFormat.WireType.LengthDelimited)
        {
            throw Error($"the field before byte {Position} has the wrong form");
        }

        // Of all 64 bits: CodedInputStream.ReadLength drops the upper half.
        ulong length = Varint(end);
        return length <= (ulong)(end - Position) ? Position + (long)length : throw Error($"the part at byte {Position} is longer than the rest");
    }

    /// <summary>A whole number of a field that holds one.</summary>
    internal long Integer(WireFormat.WireType type, long end) =>
        type == WireFormat.WireType.Varint ? unchecked((long)Varint(end)) : throw Error($"the field before byte {Position} has the wrong form");

    /// <summary>Short text.</summary>
    internal string Text(WireFormat.WireType type, long end)
    {
        long start = Position, stop = Nested(type, end);
        if (stop - Position > MaxTextBytes)
        {
            throw Error($"the text at byte {Position} is longer than {MaxTextBytes} bytes");
        }

        Position = start;
        return Decode((int)(stop - start), stop, input => input.ReadString());
    }

    /// <summary>Passes over a field's value; its length in bytes.</summary>
    internal long Skip(WireFormat.WireType type, long end)
    {
        if (type == WireFormat.WireType.Varint)
        {
            long start = Position;
            Varint(end);
            return Position - start;
        }

        long bytes = type switch
        {
            WireFormat.WireType.Fixed32 => 4,
            WireFormat.WireType.Fixed64 => 8,
            _ => Nested(type, end) - Position,
        };
        Position += bytes <= end - Position ? bytes : throw Error("it ends in the middle of a number");
        return bytes;
    }

    /// <summary>A message about this file.</summary>
    internal InvalidModelException Error(string what) => new($"{name} cannot be used: {what}.");

    private T Decode<T>(int most, long end, Func<CodedInputStream, T> read)
    {
        int bytes = (int)Math.Min(most, end - Position);
        int start = Load(bytes);
        using var input = new CodedInputStream(_window, start, bytes);
        try
        {
            T value = read(input);
            Position += input.Position - start;
            return value;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidModelException($"{name} cannot be used: byte {Position} does not begin a valid field, number or text of a protocol buffer.", e);
        }
    }

    // Has so many of the next bytes in the window; where in it they begin.
    private int Load(int bytes)
    {
        if (Position < _windowStart || Position + bytes > _windowStart + _windowBytes)
        {
            stream.Position = _windowStart = Position;
            _windowBytes = stream.ReadAtLeast(_window, bytes, throwOnEndOfStream: false);
            if (_windowBytes < bytes)
            {
                throw Error("it was truncated while it was read");
            }
        }

        return (int)(Position - _windowStart);
    }
}
