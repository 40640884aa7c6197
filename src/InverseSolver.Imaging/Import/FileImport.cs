namespace InverseSolver.Imaging;

/// <summary>Turns the files of a request into arrays, told apart by how they begin.</summary>
/// <param name="reader">Parses HDF5 and DICOM.</param>
/// <param name="maxPixels">Pixels of an image, or elements of an array's last two dimensions, at most.</param>
public sealed class FileImport(FormatReader reader, long maxPixels)
{
    /// <summary>Names of the files that a measurement's file may hold beside it.</summary>
    public static IReadOnlyList<string> Names { get; } = ["mask", "psf", "phase", "maps", "covariance", "calibration", "trajectory", "truth"];

    // Rounding to steps of 1/255 spreads evenly over one step.
    private static readonly double EightBit = 1.0 / 255 / Math.Sqrt(12);

    private readonly long maxElements = Math.Max(3 * maxPixels, reader.Limits.Elements);

    /// <summary>Reads a measurement: an image, .npy, .npz, ISMRMRD, fastMRI, BART or DICOM.</summary>
    /// <param name="kind">What the problem takes.</param>
    /// <param name="file">The file.</param>
    /// <param name="header">The .hdr file of a .cfl; null for all others.</param>
    /// <param name="withMask">Whether the problem asks for the file <c>mask</c>.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or not for this problem.</exception>
    public ImportedMeasurement ReadMeasurement(MeasurementKind kind, byte[] file, byte[]? header, bool withMask)
    {
        if (header is not null) return BartImport.Import(header, file, kind, maxElements);
        if (RawMriFile.IsHdf5(file)) return RawMriImport.Import(RawMriFile.Read(reader, file), kind, withMask);
        if (Npz.IsZip(file)) return ReadNpz(file);
        if (DicomFile.IsDicom(file)) return DicomImport.Import(reader, file, kind);
        ImportedFile array = Read("measurement", file);
        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = array }, OfArray(array.Array, "array"));
    }

    /// <summary>Reads one of the other files: an image or .npy; a truth may be DICOM.</summary>
    /// <param name="name">Its name: masks, kernels and phases have no channels.</param>
    /// <param name="file">The file.</param>
    /// <param name="origin">The measurement's, whose scale a DICOM truth takes over; null: the file stands for itself.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or of a kind that does not belong there.</exception>
    public ImportedFile Read(string name, byte[] file, MeasurementOrigin? origin = null)
    {
        bool flat = name is "mask" or "psf" or "phase";
        if (Npy.IsNpy(file)) return new ImportedFile(Checked(Npy.Read(file, maxElements), name), 0);
        if (DicomFile.IsDicom(file))
        {
            return name is not "truth" ? throw new InvalidMeasurementException("A DICOM image can be the measurement, the truth or the reference only.")
                : origin is { Format: "dicom" } ? DicomImport.Import(reader, file, origin)
                : DicomImport.Import(reader, file, MeasurementKind.Image).Files["measurement"];
        }

        if (RawMriFile.IsHdf5(file) || Npz.IsZip(file)) throw new InvalidMeasurementException("HDF5 and .npz can be the measurement only; this file is an image or .npy.");
        Image image = ImageFile.Read(file, new ImageLimits((int)Math.Min(maxPixels, int.MaxValue)));
        return new ImportedFile(flat ? Flatten(image, name) : new NpyArray([image.Channels, image.Height, image.Width], image.Values), image.BitDepth == 8 ? EightBit : 0);
    }

    private ImportedMeasurement ReadNpz(byte[] file)
    {
        var files = new Dictionary<string, ImportedFile>();
        foreach (string entry in Npz.Names(file))
        {
            string name = entry is "kspace" ? "measurement" : entry;
            if (name != "measurement" && !Names.Contains(name))
                throw new InvalidMeasurementException($"The .npz file has an array of another name than measurement (or kspace), {string.Join(", ", Names)}.");
            if (!files.TryAdd(name, new ImportedFile(Checked(Npz.Read(file, entry, maxElements), name), 0)))
                throw new InvalidMeasurementException("The .npz file has both a measurement and a kspace, which are the same.");
        }

        if (!files.TryGetValue("measurement", out ImportedFile? measurement)) throw new InvalidMeasurementException("The .npz file has no array 'measurement' (or 'kspace').");
        return new ImportedMeasurement(files, OfArray(measurement.Array, "npz"));
    }

    private static MeasurementOrigin OfArray(NpyArray array, string format) =>
        new() { Format = format, Rows = array.Shape[^Math.Min(2, array.Shape.Length)], Columns = array.Shape[^1] };

    private NpyArray Checked(NpyArray array, string name)
    {
        if (array.Shape.Length == 0) throw new InvalidMeasurementException("The array is a single number.");
        long plane = array.Shape.TakeLast(2).Aggregate(1L, (product, size) => product * size);
        if (plane > maxPixels) throw new InvalidMeasurementException($"The array has {plane} elements per channel; at most {maxPixels} are allowed.");
        // A real (height, width) array is an image of one channel, as a grey PNG is.
        bool image = name is "measurement" or "truth" or "image" && !array.IsComplex && array.Shape.Length == 2;
        return image ? array with { Shape = [1, .. array.Shape] } : array;
    }

    private static NpyArray Flatten(Image image, string name)
    {
        int plane = image.Height * image.Width;
        ReadOnlySpan<float> first = image.Values.AsSpan(0, plane);
        for (int channel = 1; channel < image.Channels; channel++)
        {
            if (!first.SequenceEqual(image.Values.AsSpan(channel * plane, plane))) throw new InvalidMeasurementException($"The {name} is coloured; it has to be grey.");
        }

        return new NpyArray([image.Height, image.Width], first.ToArray());
    }
}
