using System.Buffers.Binary;

namespace InverseSolver.ImagingTests;

/// <summary>Damaged copies of a file. The same seed gives the same copies.</summary>
/// <param name="seed">Of the random numbers.</param>
internal sealed class Mutations(int seed)
{
    private static readonly ulong[] Interesting =
    [
        0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x100000000,
        0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFF8, 0xFFFFFFFFFFFFFFFF,
    ];

    private readonly Random _random = new(seed);

    /// <summary>One to four changes; now and then a truncation.</summary>
    internal byte[] Next(byte[] file)
    {
        List<byte> copy = [.. file];
        for (int changes = _random.Next(1, 5); changes > 0 && copy.Count > 0; changes--) Change(copy);
        return [.. copy];
    }

    private void Change(List<byte> file)
    {
        int at = _random.Next(file.Count);
        switch (_random.Next(10))
        {
            case 0 or 1: file[at] ^= (byte)(1 << _random.Next(8)); break;
            case 2 or 3: file[at] = (byte)_random.Next(256); break;
            case 4 or 5: Write(file, at, 4); break;
            case 6: Write(file, at, 8); break;
            case 7: Copy(file, at); break;
            case 8: file.RemoveRange(at, Math.Min(_random.Next(1, 64), file.Count - at)); break;
            default: file.RemoveRange(at, _random.Next(4) == 0 ? file.Count - at : Math.Min(1, file.Count - at)); break;
        }
    }

    private void Write(List<byte> file, int at, int bytes)
    {
        Span<byte> number = stackalloc byte[8];
        ulong value = Interesting[_random.Next(Interesting.Length)];
        if (_random.Next(2) == 0) BinaryPrimitives.WriteUInt64LittleEndian(number, value);
        else BinaryPrimitives.WriteUInt64BigEndian(number, value << (64 - (8 * bytes)));
        for (int i = 0; i < bytes && at + i < file.Count; i++) file[at + i] = number[i];
    }

    private void Copy(List<byte> file, int at)
    {
        int from = _random.Next(file.Count), count = Math.Min(_random.Next(1, 64), file.Count - from);
        byte[] block = [.. file.GetRange(from, count)];
        if (_random.Next(2) == 0) file.InsertRange(at, block);
        else for (int i = 0; i < count && at + i < file.Count; i++) file[at + i] = block[i];
    }
}
