using System.IO.Compression;

namespace InverseSolver.Imaging;

/// <summary>NIfTI-1 volumes in one file (.nii) and compressed (.nii.gz), of real numbers, in either byte order.</summary>
public static class Nifti
{
    // Deflate cannot do better than 1032 to 1.
    private const long MaxCompression = 1032;

    /// <summary>
    /// True where a file, or its decompressed content, begins as a NIfTI or Analyze header does: with the header's size, 348 bytes (540 in NIfTI-2).
    /// </summary>
    public static bool IsNifti(byte[] file)
    {
        if (!IsGzip(file)) return NiftiHeader.IsHeader(file);
        try
        {
            byte[] start = new byte[NiftiHeader.Length];
            using var stream = new GZipStream(new MemoryStream(file, writable: false), CompressionMode.Decompress);
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && NiftiHeader.IsHeader(start);
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            return false;
        }
    }

    /// <summary>Reads a volume; the sform is preferred to the qform, and the stored scaling is applied.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="maxVoxels">The most voxels that are read; a compressed file is unpacked no further than its voxels.</param>
    /// <exception cref="InvalidMeasurementException">
    /// The file is not NIfTI-1, is damaged, holds more than one volume, a data type that is not supported, too many voxels,
    /// values that are not finite, or no orientation.
    /// </exception>
    public static Volume Read(byte[] file, long maxVoxels)
    {
        (NiftiHeader header, float[] values) = ReadVoxels(file, maxVoxels);
        if (header.Rank < 3) throw NiftiHeader.Invalid("it does not have 3 dimensions");
        if (values.Any(float.IsNaN)) throw NiftiHeader.Invalid("it holds values that are not numbers (NaN)");
        return new Volume(
            header.Sizes[0], header.Sizes[1], header.Sizes[2], values,
            header.Affine ?? throw NiftiHeader.Invalid("it has no orientation (qform_code and sform_code are 0), so left and right cannot be told apart"));
    }

    /// <summary>Reads a header and its voxels, the first axis fastest, scaled; they need no orientation, and may be NaN.</summary>
    /// <exception cref="InvalidMeasurementException">As for <see cref="Read"/>.</exception>
    internal static (NiftiHeader Header, float[] Values) ReadVoxels(byte[] file, long maxVoxels)
    {
        bool compressed = IsGzip(file);
        using Stream memory = new MemoryStream(file, writable: false);
        using Stream stream = compressed ? new GZipStream(memory, CompressionMode.Decompress) : memory;
        try
        {
            byte[] start = new byte[NiftiHeader.Length];
            Fill(stream, start);
            NiftiHeader header = NiftiHeader.Parse(start);
            if (header.Voxels > maxVoxels || header.Voxels * header.Bytes > Array.MaxLength)
                throw NiftiHeader.Invalid($"it has {header.Voxels} voxels where at most {maxVoxels} are allowed");
            if (header.DataOffset + (header.Voxels * header.Bytes) > file.Length * (compressed ? MaxCompression : 1)) throw Truncated();

            byte[] between = new byte[header.DataOffset - NiftiHeader.Length];
            Fill(stream, between);
            if (header.IsOffsetAssumed && between[0] != 0)
            {
                throw NiftiHeader.Invalid("it has extensions and does not say where its voxels begin (vox_offset is 0)");
            }
            byte[] data = new byte[header.Voxels * header.Bytes];
            Fill(stream, data);
            return (header, Values(header, data));
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw NiftiHeader.Invalid("its compression is damaged");
        }
    }

    /// <summary>Bytes that decoding takes: the stored voxels, and as many copies of them in single precision; a volume with too many is not decoded.</summary>
    /// <exception cref="InvalidMeasurementException">The header is not one of a volume that is read.</exception>
    internal static long DecodedBytes(byte[] file, int copies, long maxVoxels)
    {
        byte[] start = new byte[NiftiHeader.Length];
        using Stream memory = new MemoryStream(file, writable: false);
        using Stream stream = IsGzip(file) ? new GZipStream(memory, CompressionMode.Decompress) : memory;
        Fill(stream, start);
        NiftiHeader header = NiftiHeader.Parse(start);
        return header.Voxels > maxVoxels ? file.Length : header.Voxels * (header.Bytes + (copies * sizeof(float)));
    }

    private static bool IsGzip(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0x1F, 0x8B]);

    private static float[] Values(NiftiHeader header, byte[] data)
    {
        float[] values = new float[header.Voxels];
        Numbers.ToFloats(data, header.Kind, header.Bytes, header.IsBigEndian, values);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)((values[i] * header.Slope) + header.Intercept);
            if (float.IsInfinity(values[i])) throw NiftiHeader.Invalid("it holds values that are not finite in single precision");
        }
        return values;
    }

    private static void Fill(Stream stream, byte[] buffer)
    {
        if (stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) < buffer.Length) throw Truncated();
    }

    private static InvalidMeasurementException Truncated() => NiftiHeader.Invalid("the file is truncated");
}
