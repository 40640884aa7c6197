using System.IO.Compression;

namespace InverseSolver.Imaging;

/// <summary>
/// The files of a DICOM series in one ZIP archive, stored or deflated, in any folders. Nothing is unpacked to a disk, and names are not used.
/// </summary>
public static class DicomArchive
{
    /// <summary>Files of a series, at most.</summary>
    public const int MaxFiles = 2048;

    /// <summary>Makes one archive of files.</summary>
    /// <param name="files">Complete files.</param>
    /// <returns>The same bytes for the same files in the same order.</returns>
    public static byte[] Pack(IReadOnlyList<byte[]> files)
    {
        const int headers = 128;
        using var packed = new MemoryStream(checked((int)files.Sum(file => (long)file.Length + headers)) + headers);
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((int i, byte[] file) in files.Index())
            {
                ZipArchiveEntry entry = archive.CreateEntry($"{i:0000}", CompressionLevel.NoCompression);
                entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
                using Stream stream = entry.Open();
                stream.Write(file);
            }
        }

        return packed.ToArray();
    }

    /// <summary>True where a ZIP archive holds files, and none of them is an array (.npy).</summary>
    internal static bool IsArchive(byte[] zip)
    {
        try
        {
            using ZipArchive archive = ZipGuard.Open(zip);
            return archive.Entries.Any(IsFile) && !archive.Entries.Any(entry => entry.FullName.EndsWith(".npy", StringComparison.Ordinal));
        }
        catch (Exception e) when (IsDamage(e))
        {
            return false;
        }
    }

    /// <summary>Bytes of all files together.</summary>
    /// <exception cref="InvalidMeasurementException">The archive's entries lie about their lengths.</exception>
    internal static long UnpackedBytes(byte[] zip)
    {
        using ZipArchive archive = ZipGuard.Open(zip);
        return ZipGuard.UnpackedBytes(archive.Entries.Where(IsFile), zip.Length);
    }

    /// <summary>Unpacks the files one after the other.</summary>
    /// <param name="zip">The archive.</param>
    /// <param name="maxBytes">The most bytes that all files may have together.</param>
    /// <exception cref="InvalidMeasurementException">There are too many files or bytes, or the archive is damaged or encrypted.</exception>
    internal static IEnumerable<byte[]> Files(byte[] zip, long maxBytes)
    {
        using ZipArchive archive = ZipGuard.Open(zip);
        ZipArchiveEntry[] entries = [.. archive.Entries.Where(IsFile)];
        if (entries.Length > MaxFiles) throw new InvalidMeasurementException($"The ZIP archive holds {entries.Length} files; at most {MaxFiles} are read.");
        // Both lengths are the archive's claims: no more is unpacked than they state, and no more than deflate can yield.
        long bytes = ZipGuard.UnpackedBytes(entries, zip.Length);
        if (bytes > maxBytes || bytes > Array.MaxLength)
        {
            throw new InvalidMeasurementException($"The ZIP archive's files have {bytes} bytes; at most {Math.Min(maxBytes, Array.MaxLength)} are read.");
        }
        foreach (ZipArchiveEntry entry in entries) yield return Unpack(entry);
    }

    private static byte[] Unpack(ZipArchiveEntry entry)
    {
        try
        {
            byte[] data = new byte[entry.Length];
            using Stream stream = entry.Open();
            return stream.ReadAtLeast(data, data.Length, throwOnEndOfStream: false) == data.Length && stream.ReadByte() < 0 && Crc32.Of(data) == entry.Crc32
                ? data
                : throw Damaged();
        }
        catch (Exception e) when (IsDamage(e))
        {
            throw Damaged();
        }
    }

    // A folder has an entry without a name.
    private static bool IsFile(ZipArchiveEntry entry) => entry.Name.Length > 0;

    private static bool IsDamage(Exception e) => e is InvalidDataException or IOException or NotSupportedException or ArgumentException;

    private static InvalidMeasurementException Damaged() => new("The ZIP archive is damaged or encrypted.");
}
