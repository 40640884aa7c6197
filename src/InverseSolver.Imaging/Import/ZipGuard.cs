using System.IO.Compression;

namespace InverseSolver.Imaging;

/// <summary>Opens ZIP archives in memory.</summary>
internal static class ZipGuard
{
    // Deflate cannot do better than 1032 to 1.
    private const long MaxCompression = 1032;

    // Compressed data may contain the signature by chance.
    private const int MaxSignatures = DicomArchive.MaxFiles + 1024;

    /// <summary>Opens an archive.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged, or has more entries than are read; no object is made for them.</exception>
    internal static ZipArchive Open(byte[] file) =>
        MemoryExtensions.Count(file, "PK\x01\x02"u8) <= MaxSignatures
            ? new ZipArchive(new MemoryStream(file, writable: false), ZipArchiveMode.Read)
            : throw new InvalidDataException("The archive has too many entries.");

    /// <summary>Bytes of all entries together, once they are unpacked.</summary>
    /// <exception cref="InvalidMeasurementException">They state more than deflate can make, or more compressed bytes than the file has.</exception>
    internal static long UnpackedBytes(IEnumerable<ZipArchiveEntry> entries, long fileBytes)
    {
        long bytes = 0, compressed = 0;
        foreach (ZipArchiveEntry entry in entries)
        {
            bytes += entry.Length;
            compressed += entry.CompressedLength;
            if (entry.Length < 0 || entry.Length > (entry.CompressedLength * MaxCompression) + 64 || compressed > fileBytes)
                throw new InvalidMeasurementException("The archive is damaged: its entries state other lengths than its bytes can hold.");
        }

        return bytes;
    }
}
