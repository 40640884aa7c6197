using System.Text;

namespace InverseSolver.Diffusion.Backends;

/// <summary>How a field's value is written.</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

/// <summary>
/// Reads the fields of a protocol-buffer file from front to back, skipping what nobody asks for without reading it. Every length is held against the
/// message around it, and the number of fields is bounded, so that time and memory do not depend on what a file claims.
/// </summary>
internal sealed class ProtobufReader(Stream stream, string name)
{
    private const int MaxFields = 5_000_000;
    private readonly byte[] buffer = new byte[1 << 16];
    private long bufferStart;
    private int buffered, fields;

    /// <summary>Bytes before the next one.</summary>
    internal long Position { get; private set; }

    /// <summary>The next field's number and form; false at the end of the message.</summary>
    /// <param name="end">Where the message ends.</param>
    /// <param name="field">The field's number.</param>
    /// <param name="type">How its value is written.</param>
    internal bool Next(long end, out int field, out WireType type)
    {
        (field, type) = (0, default);
        if (Position == end)
        {
            return false;
        }

        if (++fields > MaxFields)
        {
            throw Error($"it has more than {MaxFields} fields");
        }

        ulong tag = Varint(end);
        (ulong number, type) = (tag >> 3, (WireType)(tag & 7));
        if (number is 0 or > 536_870_911 || !Enum.IsDefined(type))
        {
            throw Error($"there is no field at byte {Position}");
        }

        field = (int)number;
        return true;
    }

    /// <summary>A number of up to 64 bits.</summary>
    internal ulong Varint(long end)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte next = Byte(end);
            value |= shift < 64 ? (ulong)(next & 127) << shift : 0;
            if (next < 128)
            {
                return value;
            }
        }

        throw Error($"the number before byte {Position} has no end");
    }

    /// <summary>The end of a nested message or text that begins here; refuses one that reaches beyond the message around it.</summary>
    internal long Nested(WireType type, long end)
    {
        if (type != WireType.Bytes)
        {
            throw Error($"the field before byte {Position} has the wrong form");
        }

        ulong length = Varint(end);
        return length <= (ulong)(end - Position) ? Position + (long)length : throw Error($"the part at byte {Position} is longer than what is left");
    }

    /// <summary>A whole number of a field that holds one.</summary>
    internal long Integer(WireType type, long end) =>
        type == WireType.Varint ? unchecked((long)Varint(end)) : throw Error($"the field before byte {Position} has the wrong form");

    /// <summary>Short text.</summary>
    internal string Text(WireType type, long end)
    {
        const int MaxBytes = 4096;
        long stop = Nested(type, end);
        if (stop - Position > MaxBytes)
        {
            throw Error($"the text at byte {Position} is longer than {MaxBytes} bytes");
        }

        byte[] bytes = new byte[stop - Position];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = Byte(stop);
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidModelException($"{name} cannot be used: the text before byte {Position} is not UTF-8.", e);
        }
    }

    /// <summary>Passes over a field's value; its length in bytes.</summary>
    internal long Skip(WireType type, long end)
    {
        long start = Position, stop = type switch
        {
            WireType.Fixed32 => Position + 4,
            WireType.Fixed64 => Position + 8,
            WireType.Bytes => Nested(type, end),
            _ => -1,
        };
        if (type == WireType.Varint)
        {
            Varint(end);
            return Position - start;
        }

        if (stop > end)
        {
            throw Error("it ends in the middle of a number");
        }

        start = type == WireType.Bytes ? Position : start;
        Position = stop;
        return stop - start;
    }

    /// <summary>A message about this file.</summary>
    internal InvalidModelException Error(string what) => new($"{name} cannot be used: {what}.");

    private byte Byte(long end)
    {
        if (Position >= end)
        {
            throw Error("it ends in the middle of a number");
        }

        if (Position < bufferStart || Position >= bufferStart + buffered)
        {
            stream.Position = bufferStart = Position;
            buffered = stream.Read(buffer);
            if (buffered == 0)
            {
                throw Error("it became shorter while it was read");
            }
        }

        return buffer[Position++ - bufferStart];
    }
}
