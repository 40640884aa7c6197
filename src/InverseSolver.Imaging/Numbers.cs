using System.Buffers.Binary;

namespace InverseSolver.Imaging;

/// <summary>Numbers as files store them.</summary>
internal static class Numbers
{
    /// <summary>Turns stored numbers into single precision; a number that does not fit becomes infinite.</summary>
    /// <param name="data">As many numbers as <paramref name="values"/> takes.</param>
    /// <param name="kind">b: truth value, i: signed, u: unsigned, f: floating point.</param>
    /// <param name="size">Bytes of one number.</param>
    /// <param name="bigEndian">The byte order.</param>
    /// <param name="values">Where they go.</param>
    internal static void ToFloats(ReadOnlySpan<byte> data, char kind, int size, bool bigEndian, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> number = data.Slice(i * size, size);
            values[i] = (kind, size, bigEndian) switch
            {
                ('b', 1, _) => number[0] != 0 ? 1 : 0,
                ('i', 1, _) => (sbyte)number[0],
                ('u', 1, _) => number[0],
                ('i', 2, false) => BinaryPrimitives.ReadInt16LittleEndian(number),
                ('i', 2, true) => BinaryPrimitives.ReadInt16BigEndian(number),
                ('u', 2, false) => BinaryPrimitives.ReadUInt16LittleEndian(number),
                ('u', 2, true) => BinaryPrimitives.ReadUInt16BigEndian(number),
                ('i', 4, false) => BinaryPrimitives.ReadInt32LittleEndian(number),
                ('i', 4, true) => BinaryPrimitives.ReadInt32BigEndian(number),
                ('u', 4, false) => BinaryPrimitives.ReadUInt32LittleEndian(number),
                ('u', 4, true) => BinaryPrimitives.ReadUInt32BigEndian(number),
                ('i', 8, false) => BinaryPrimitives.ReadInt64LittleEndian(number),
                ('i', 8, true) => BinaryPrimitives.ReadInt64BigEndian(number),
                ('u', 8, false) => BinaryPrimitives.ReadUInt64LittleEndian(number),
                ('u', 8, true) => BinaryPrimitives.ReadUInt64BigEndian(number),
                ('f', 2, false) => (float)BinaryPrimitives.ReadHalfLittleEndian(number),
                ('f', 2, true) => (float)BinaryPrimitives.ReadHalfBigEndian(number),
                ('f', 4, false) => BinaryPrimitives.ReadSingleLittleEndian(number),
                ('f', 4, true) => BinaryPrimitives.ReadSingleBigEndian(number),
                ('f', 8, false) => (float)BinaryPrimitives.ReadDoubleLittleEndian(number),
                ('f', 8, true) => (float)BinaryPrimitives.ReadDoubleBigEndian(number),
                _ => throw new ArgumentException($"No number is stored as {kind}{size}.", nameof(kind)),
            };
        }
    }
}
