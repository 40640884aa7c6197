using System.IO.Compression;

namespace InverseSolver.Imaging;

/// <summary>NumPy's .npz files: ZIP archives of .npy files, stored or deflated.</summary>
public static class Npz
{
    private const int MaxEntries = 256;

    // Deflate cannot do better than 1032 to 1.
    private const long MaxCompression = 1032;

    /// <summary>True where the first bytes are those of a ZIP archive.</summary>
    public static bool IsZip(ReadOnlySpan<byte> file) => file.StartsWith("PK\x03\x04"u8) || file.StartsWith("PK\x05\x06"u8);

    /// <summary>The names of the arrays, without .npy.</summary>
    /// <exception cref="InvalidMeasurementException">The file is not such an archive.</exception>
    public static IReadOnlyList<string> Names(byte[] file)
    {
        using ZipArchive archive = Open(file);
        return [.. Arrays(archive).Keys];
    }

    /// <summary>Bytes that decoding all arrays takes: each in single precision, and the stored form of the largest.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="copies">Counts each array so often.</param>
    /// <exception cref="InvalidMeasurementException">The file is not such an archive, or its entries lie about their lengths.</exception>
    internal static long DecodedBytes(byte[] file, int copies)
    {
        using ZipArchive archive = Open(file);
        ZipArchiveEntry[] arrays = [.. Arrays(archive).Values];
        ZipGuard.UnpackedBytes(arrays, file.Length);
        return arrays.Select(array => array.Length).DefaultIfEmpty().Max() + arrays.Sum(array => copies * HeaderOf(array).DecodedBytes);
    }

    /// <summary>Reads one array.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="name">The array's name, without .npy.</param>
    /// <param name="maxElements">The most elements that are read.</param>
    /// <exception cref="InvalidMeasurementException">
    /// The file is not such an archive, has no such array, or the array is refused as in <see cref="Npy.Read"/>.
    /// </exception>
    public static ArrayData Read(byte[] file, string name, long maxElements)
    {
        using ZipArchive archive = Open(file);
        if (!Arrays(archive).TryGetValue(name, out ZipArchiveEntry? entry)) throw new InvalidMeasurementException($"The .npz file has no array '{name}'.");
        try
        {
            // Both lengths are the archive's words: no more is unpacked than they say, and they may not say more than deflate can.
            long bytes = entry.Length;
            if (bytes < 0 || bytes > (maxElements * 16) + (1 << 17) || bytes > entry.CompressedLength * MaxCompression + 64 || bytes > Array.MaxLength)
                throw new InvalidMeasurementException(
                    $"The array in the .npz file is larger than the {maxElements} elements that are allowed, or its archive is damaged.");
            byte[] data = new byte[bytes];
            using Stream stream = entry.Open();
            if (stream.ReadAtLeast(data, data.Length, throwOnEndOfStream: false) < data.Length || stream.ReadByte() >= 0) throw Damaged();
            return Npy.Read(data, maxElements);
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Damaged();
        }
    }

    /// <summary>Writes arrays, deflated.</summary>
    /// <param name="arrays">By name.</param>
    public static byte[] Write(IReadOnlyDictionary<string, ArrayData> arrays)
    {
        using var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, ArrayData array) in arrays)
            {
                ZipArchiveEntry entry = archive.CreateEntry(name + ".npy", CompressionLevel.Fastest);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the same arrays give the same bytes
                using Stream stream = entry.Open();
                stream.Write(Npy.Write(array));
            }
        }

        return file.ToArray();
    }

    private static ZipArchive Open(byte[] file)
    {
        try
        {
            ZipArchive archive = ZipGuard.Open(file);
            if (archive.Entries.Count <= MaxEntries) return archive;
            archive.Dispose();
            throw new InvalidMeasurementException($"The .npz file holds more than {MaxEntries} arrays.");
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Damaged();
        }
    }

    // No more is unpacked than the longest header has.
    private static NpyHeader HeaderOf(ZipArchiveEntry entry)
    {
        try
        {
            byte[] start = new byte[Math.Min(entry.Length, NpyHeaderParser.MaxBytes)];
            using Stream stream = entry.Open();
            int read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            return Npy.ReadHeader(start.AsSpan(0, read));
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Damaged();
        }
    }

    private static Dictionary<string, ZipArchiveEntry> Arrays(ZipArchive archive)
    {
        var arrays = new Dictionary<string, ZipArchiveEntry>(StringComparer.Ordinal);
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            if (!entry.FullName.EndsWith(".npy", StringComparison.Ordinal)) continue;
            if (!arrays.TryAdd(entry.FullName[..^4], entry)) throw new InvalidMeasurementException("The .npz file holds an array twice.");
        }
        return arrays;
    }

    private static bool IsDamage(Exception e) => e is InvalidDataException or IOException or NotSupportedException or ArgumentException;

    private static InvalidMeasurementException Damaged() =>
        new("The archive (.npz, or .zip of a DICOM series) is damaged, or is compressed or encrypted in a way that is not read: deflate is.");
}
