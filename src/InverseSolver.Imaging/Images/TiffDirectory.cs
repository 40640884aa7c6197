using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace InverseSolver.Imaging;

/// <summary>The tags of the first directory of a TIFF or BigTIFF file, or of an EXIF block.</summary>
internal sealed class TiffDirectory
{
    private const int MaxPages = 10_000;
    private readonly Dictionary<ushort, (int Type, ulong Count, int Position)> _entries = [];
    private readonly bool _isBigEndian;
    private readonly bool _isBigTiff;

    private TiffDirectory(bool isBigEndian, bool isBigTiff) => (_isBigEndian, _isBigTiff) = (isBigEndian, isBigTiff);

    internal bool IsBigEndian => _isBigEndian;

    /// <summary>Reads the first directory and counts the others.</summary>
    internal static bool TryOpen(ReadOnlySpan<byte> file, [NotNullWhen(true)] out TiffDirectory? directory, out int pages)
    {
        (directory, pages) = (null, 0);
        if (file.Length < 8 || !(file.StartsWith("II"u8) || file.StartsWith("MM"u8))) return false;
        bool isBigEndian = file[0] == 'M';
        int version = isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(file[2..]) : BinaryPrimitives.ReadUInt16LittleEndian(file[2..]);
        if (version is not (42 or 43)) return false;
        var first = new TiffDirectory(isBigEndian, version == 43);
        if (first._isBigTiff && (file.Length < 16 || first.Number(file, 4, 2) != 8 || first.Number(file, 6, 2) != 0)) return false;
        ulong next = first._isBigTiff ? first.Number(file, 8, 8) : first.Number(file, 4, 4);
        var seen = new HashSet<ulong>();
        while (next != 0)
        {
            if (!seen.Add(next) || seen.Count > MaxPages || !first.TryRead(file, next, pages == 0, out next)) return false;
            pages++;
        }

        directory = first;
        return pages > 0;
    }

    internal bool Has(ushort tag) => _entries.ContainsKey(tag);

    /// <summary>The whole numbers of a tag; null where it is missing, of another type, has too many, or lies outside the file.</summary>
    internal ulong[]? Numbers(ReadOnlySpan<byte> file, ushort tag, int most)
    {
        if (!_entries.TryGetValue(tag, out (int Type, ulong Count, int Position) entry)) return null;
        int size = Size(entry.Type);
        if (entry.Type is not (1 or 3 or 4 or 13 or 16 or 18) || entry.Count == 0 || entry.Count > (ulong)most) return null;
        if (Data(file, entry, size) is not { } at) return null;
        var numbers = new ulong[entry.Count];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = Number(file, at + (i * size), size);
        return numbers;
    }

    /// <summary>The bytes of a tag; empty where it is missing or lies outside the file.</summary>
    internal ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> file, ushort tag) =>
        _entries.TryGetValue(tag, out (int Type, ulong Count, int Position) entry) && entry.Type is 1 or 7 && Data(file, entry, 1) is { } at
            ? file.Slice(at, (int)entry.Count)
            : [];

    private static int Size(int type) => type switch { 1 or 2 or 6 or 7 => 1, 3 or 8 => 2, 4 or 9 or 11 or 13 => 4, _ => 8 };

    // The position of the values: in the entry, if they fit.
    private int? Data(ReadOnlySpan<byte> file, (int Type, ulong Count, int Position) entry, int size)
    {
        int field = _isBigTiff ? 8 : 4;
        if (entry.Count > (ulong)file.Length) return null;
        ulong bytes = entry.Count * (ulong)size, at = bytes <= (ulong)field ? (ulong)entry.Position : Number(file, entry.Position, field);
        return at <= (ulong)file.Length && bytes <= (ulong)file.Length - at ? (int)at : null;
    }

    private bool TryRead(ReadOnlySpan<byte> file, ulong at, bool keep, out ulong next)
    {
        (int head, int entry, int link) = _isBigTiff ? (8, 20, 8) : (2, 12, 4);
        next = 0;
        if (at > (ulong)file.Length || (ulong)file.Length - at < (ulong)(head + link)) return false;
        ulong count = Number(file, (int)at, head);
        if (count > (ulong)file.Length || (count * (ulong)entry) + (ulong)(head + link) > (ulong)file.Length - at) return false;
        int position = (int)at + head;
        for (ulong i = 0; i < count; i++, position += entry)
        {
            // Of a repeated tag the first counts.
            if (keep)
            {
                _entries.TryAdd(
                    (ushort)Number(file, position, 2),
                    ((int)Number(file, position + 2, 2), Number(file, position + 4, _isBigTiff ? 8 : 4), position + (_isBigTiff ? 12 : 8)));
            }
        }

        next = Number(file, position, link);
        return true;
    }

    private ulong Number(ReadOnlySpan<byte> file, int at, int size)
    {
        ulong number = 0;
        for (int i = 0; i < size; i++) number |= (ulong)file[at + i] << (8 * (_isBigEndian ? size - 1 - i : i));
        return number;
    }
}
