using System.Buffers.Binary;
using System.Text;
using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// The ZIP archive that torch.save writes: entries are stored, never compressed, so that none can hold more than the file does. Only their places are
/// read; nothing is unpacked.
/// </summary>
internal sealed class TorchArchive
{
    private const int MaxEntries = 200_000, MaxDirectoryBytes = 64 << 20, EndBytes = 22, MaxComment = 65_535;
    private const uint EndSign = 0x06054B50, End64Sign = 0x06064B50, Locator64Sign = 0x07064B50, EntrySign = 0x02014B50, LocalSign = 0x04034B50;
    private readonly FileStream _stream;
    private readonly string _file;
    private readonly Dictionary<string, (long Local, long Length)> _entries = new(StringComparer.Ordinal);
    private long _directory;

    private TorchArchive(FileStream stream, string file)
    {
        _stream = stream;
        _file = file;
    }

    /// <summary>The path before <c>data.pkl</c>, with its slash.</summary>
    internal string Root { get; private set; } = "";

    /// <summary>Reads the archive's directory.</summary>
    /// <param name="stream">The open file; it stays open and is not owned.</param>
    /// <param name="file">Its name, for messages.</param>
    /// <exception cref="InvalidModelException">It is no such archive, or one with compressed entries or names that lead elsewhere.</exception>
    internal static TorchArchive Open(FileStream stream, string file)
    {
        var archive = new TorchArchive(stream, file);
        archive.ReadDirectory();
        string[] pickles = [.. archive._entries.Keys.Where(name => name == "data.pkl" || name.EndsWith("/data.pkl", StringComparison.Ordinal))];
        archive.Root = pickles is [string one]
            ? one[..^"data.pkl".Length]
            : throw archive.Wrong(pickles.Length == 0 ? "it holds no data.pkl, so torch.save did not write it" : "it holds more than one data.pkl");
        if (archive.Has("byteorder") && Encoding.ASCII.GetString(archive.Read("byteorder", 16)) != "little")
        {
            throw archive.Wrong("its numbers are not in little-endian order");
        }

        if (archive.Has("constants.pkl"))
        {
            throw archive.Wrong("it is a TorchScript module, not a checkpoint: a TorchScript denoiser is used as it is (docs/models.md)");
        }

        return archive;
    }

    internal bool Has(string name) => _entries.ContainsKey(Root + name);

    /// <summary>The position of an entry's bytes.</summary>
    internal (long Offset, long Length) Find(string name)
    {
        if (!_entries.TryGetValue(Root + name, out (long Local, long Length) entry))
        {
            throw Wrong($"its entry {InvalidModelException.Quote(name)} is missing");
        }

        byte[] local = ReadAt(entry.Local, 30);
        long offset = entry.Local + 30 + U16(local, 26) + U16(local, 28);
        return U32(local, 0) == LocalSign && entry.Length <= _directory - offset
            ? (offset, entry.Length)
            : throw Wrong($"its entry {InvalidModelException.Quote(name)} is not at the position that the directory states");
    }

    /// <summary>An entry's bytes.</summary>
    internal byte[] Read(string name, int most)
    {
        (long offset, long length) = Find(name);
        return length <= most
            ? ReadAt(offset, (int)length)
            : throw Wrong($"its entry {InvalidModelException.Quote(name)} has {length} bytes; at most {most} are read");
    }

    private void ReadDirectory()
    {
        (long start, long length, long count) = FindDirectory();
        if (start < 0 || length < 0 || length > MaxDirectoryBytes || count is < 0 or > MaxEntries || start > _stream.Length || length > _stream.Length - start)
        {
            throw Wrong("its directory lies outside the file or is larger than any that torch.save writes");
        }

        _directory = start;
        byte[] bytes = ReadAt(start, (int)length);
        int at = 0;
        for (long i = 0; i < count; i++)
        {
            at = ReadEntry(bytes, at);
        }
    }

    private (long Start, long Length, long Count) FindDirectory()
    {
        int tail = (int)Math.Min(_stream.Length, EndBytes + MaxComment);
        byte[] bytes = ReadAt(_stream.Length - tail, tail);
        int end = tail - EndBytes;
        while (end >= 0 && !(U32(bytes, end) == EndSign && end + EndBytes + U16(bytes, end + 20) == tail))
        {
            end--;
        }

        if (end < 0)
        {
            throw Wrong("its end is missing: the file is truncated");
        }

        (long start, long length, long count) = (U32(bytes, end + 16), U32(bytes, end + 12), U16(bytes, end + 10));
        if (start != uint.MaxValue && length != uint.MaxValue && count != ushort.MaxValue)
        {
            return (start, length, count);
        }

        // Large archives have a second end before the first one, and a pointer to it in between.
        byte[] locator = ReadAt(_stream.Length - tail + end - 20, 20);
        byte[] large = U32(locator, 0) == Locator64Sign ? ReadAt(I64(locator, 8), 56) : [];
        return large.Length > 0 && U32(large, 0) == End64Sign
            ? (I64(large, 48), I64(large, 40), I64(large, 32))
            : throw Wrong("its directory for large files is missing");
    }

    private int ReadEntry(byte[] bytes, int at)
    {
        const int Fixed = 46;
        if (at > bytes.Length - Fixed || U32(bytes, at) != EntrySign)
        {
            throw Wrong("its directory is damaged");
        }

        int nameLength = U16(bytes, at + 28), extraLength = U16(bytes, at + 30), next = at + Fixed + nameLength + extraLength + U16(bytes, at + 32);
        if (next > bytes.Length)
        {
            throw Wrong("its directory is damaged");
        }

        string name = Encoding.UTF8.GetString(bytes, at + Fixed, nameLength), quoted = InvalidModelException.Quote(name);
        if (name.StartsWith('/') || name.Any(c => c is '\\' or ':' || char.IsControl(c)) || name.Split('/').Any(part => part is ".." or "."))
        {
            throw Wrong($"its entry {quoted} has a name that points outside the archive");
        }

        if (U16(bytes, at + 10) != 0 || (U16(bytes, at + 8) & 1) != 0)
        {
            throw Wrong($"its entry {quoted} is compressed or encrypted, which torch.save never does");
        }

        (long packed, long length, long local) = Sizes(bytes, at, bytes.AsSpan(at + Fixed + nameLength, extraLength));
        if (packed != length || length < 0 || local < 0 || local > _directory || length > _directory - local)
        {
            throw Wrong($"its entry {quoted} does not fit into the file");
        }

        return _entries.TryAdd(name, (local, length)) ? next : throw Wrong($"it holds the entry {quoted} twice");
    }

    // Sizes of 4 GiB and above are in an extra field, in this order, each only where its place holds ones.
    private (long Packed, long Length, long Local) Sizes(byte[] bytes, int at, ReadOnlySpan<byte> extra)
    {
        long packed = U32(bytes, at + 20), length = U32(bytes, at + 24), local = U32(bytes, at + 42);
        while (extra.Length >= 4)
        {
            int id = BinaryPrimitives.ReadUInt16LittleEndian(extra), size = BinaryPrimitives.ReadUInt16LittleEndian(extra[2..]);
            ReadOnlySpan<byte> field = size <= extra.Length - 4 ? extra.Slice(4, size) : throw Wrong("its directory is damaged");
            if (id == 1)
            {
                length = Next(length, ref field);
                packed = Next(packed, ref field);
                local = Next(local, ref field);
            }

            extra = extra[(4 + size)..];
        }

        return (packed, length, local);
    }

    private long Next(long small, ref ReadOnlySpan<byte> field)
    {
        if (small != uint.MaxValue)
        {
            return small;
        }

        long large = field.Length >= 8 ? BinaryPrimitives.ReadInt64LittleEndian(field) : throw Wrong("its directory is damaged");
        field = field[8..];
        return large;
    }

    private byte[] ReadAt(long offset, int count)
    {
        if (offset < 0 || count > _stream.Length - offset)
        {
            throw Wrong("it is truncated");
        }

        var bytes = new byte[count];
        _stream.Position = offset;
        _stream.ReadExactly(bytes);
        return bytes;
    }

    private static int U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static long I64(byte[] bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

    private InvalidModelException Wrong(string what) => new($"{_file}: the archive cannot be used: {what}.");
}
