namespace InverseSolver.Imaging;

/// <summary>The memory that a file takes once it is decoded, found without decoding it.</summary>
/// <param name="Stated">Bytes that the file's headers state; the decoders refuse a file that holds more than it states.</param>
/// <param name="Possible">Bytes that may come on top in formats whose sizes only the reader process finds.</param>
public readonly record struct DecodedSize(long Stated, long Possible)
{
    // Floats, their reordered or scaled copy, and those that the checks make of them.
    private const int Copies = 3;

    // What the reader process takes in of every file, and what deflate can make of a byte.
    private const long AlwaysRead = 32 << 20, MaxExpansion = 1032;

    /// <summary>The size of one file. A damaged one counts as its bytes, because its decoder refuses it before it takes memory.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="limits">The limits of the reader process.</param>
    /// <param name="maxPixels">As for <see cref="FileImport"/>, which refuses larger ones.</param>
    /// <exception cref="InvalidMeasurementException">An archive is damaged: its other entries would be unpacked before that is found.</exception>
    public static DecodedSize Of(byte[] file, ReaderLimits limits, long maxPixels)
    {
        if (Npz.IsZip(file))
        {
            return DicomArchive.IsArchive(file) ? Parsed(DicomArchive.UnpackedBytes(file), limits) : new DecodedSize(Npz.DecodedBytes(file, Copies), 0);
        }

        try
        {
            if (RawMriFile.IsHdf5(file) || DicomFile.IsDicom(file)) return Parsed(file.Length, limits);
            if (Npy.IsNpy(file))
            {
                NpyHeader array = Npy.ReadHeader(file);
                return new DecodedSize(array.Count * array.ElementBytes == file.Length - array.DataOffset ? Copies * array.DecodedBytes : file.Length, 0);
            }

            if (Nifti.IsNifti(file)) return new DecodedSize(Nifti.DecodedBytes(file, Copies + 1, FileImport.MaxElements(limits, maxPixels)), 0);
            if (ImageFile.IsImage(file))
            {
                ImageHeader header = ImageFile.ReadHeader(file);
                long pixels = (long)header.Height * header.Width;
                return new DecodedSize(pixels <= maxPixels ? Copies * sizeof(float) * header.Channels * pixels : file.Length, 0);
            }
        }
        catch (InvalidMeasurementException)
        {
            return new DecodedSize(file.Length, 0);
        }

        // A .cfl, whose numbers are stored as they are used.
        return new DecodedSize(Copies * (long)file.Length, 0);
    }

    private static DecodedSize Parsed(long bytes, ReaderLimits limits) =>
        new(bytes, Math.Min(2 * sizeof(float) * limits.Elements, Math.Max(AlwaysRead, Math.Min(bytes, long.MaxValue / MaxExpansion) * MaxExpansion)));
}
