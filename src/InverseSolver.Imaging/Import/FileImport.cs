namespace InverseSolver.Imaging;

/// <summary>Turns the files of a request into arrays; a file's format is recognised by its first bytes.</summary>
/// <param name="reader">Parses HDF5 and DICOM.</param>
/// <param name="maxPixels">Pixels of an image, or elements of an array's last two dimensions, at most.</param>
public sealed class FileImport(FormatReader reader, long maxPixels)
{
    /// <summary>Names of the files that a measurement's file may hold beside it.</summary>
    public static IReadOnlyList<string> Names { get; } = ["mask", "psf", "phase", "maps", "covariance", "calibration", "trajectory", "truth"];

    // Rounding to steps of 1/255 spreads evenly over one step.
    private static readonly double EightBit = 1.0 / 255 / Math.Sqrt(12);

    private readonly long _maxElements = MaxElements(reader.Limits, maxPixels);

    /// <summary>Bytes of the files of a series, at most.</summary>
    public long MaxSeriesBytes => DicomStack.MaxBytes(reader.Limits);

    /// <summary>Reads a measurement: an image, .npy, .npz, ISMRMRD, fastMRI, BART, DICOM (a ZIP archive of a series too) or NIfTI.</summary>
    /// <param name="kind">What the problem takes.</param>
    /// <param name="file">The file.</param>
    /// <param name="header">The .hdr file of a .cfl; null for all others.</param>
    /// <param name="withMask">True where the problem asks for the file <c>mask</c>.</param>
    /// <param name="trajectory">The file <c>trajectory</c> that was sent with it; BART's is read with its k-space, others by <see cref="Read"/>.</param>
    /// <param name="unit">The unit of a trajectory in a raw-data file; null: to be inferred from its largest number.</param>
    /// <param name="convention">The convention for the directions of an ISMRMRD file.</param>
    /// <exception cref="InvalidMeasurementException">
    /// The file is damaged, too large, not for this problem, or has no directions that the convention could be applied to.
    /// </exception>
    public ImportedMeasurement ReadMeasurement(
        MeasurementKind kind, byte[] file, byte[]? header, bool withMask, byte[]? trajectory = null, RawTrajectoryUnit? unit = null,
        VendorConvention convention = VendorConvention.Auto)
    {
        if (header is null) RawMriFile.RefuseMatlab(file);
        RawMri? raw = header is null && RawMriFile.IsHdf5(file) ? RawMriFile.Read(reader, file, unit, convention) : null;
        if (convention == VendorConvention.Siemens && raw?.Layout != "ismrmrd")
            throw new InvalidMeasurementException(
                "vendorConvention siemens applies to the directions in an ISMRMRD file, and the measurement is not one: leave it out, or send auto or none.");
        if (raw is not null) return RawMriImport.Import(raw, kind, withMask);
        if (header is not null && Nifti.IsNifti(header))
        {
            throw new InvalidMeasurementException(
                "The header is that of a NIfTI or Analyze pair (.hdr and .img), which is not read: convert it to one .nii file.");
        }
        if (header is not null)
        {
            return trajectory is null ? BartImport.Import(header, file, kind, _maxElements) : BartImport.Import(header, file, kind, _maxElements, trajectory);
        }
        if (Npz.IsZip(file)) return DicomArchive.IsArchive(file) ? ReadSeries(kind, DicomArchive.Files(file, MaxSeriesBytes)) : ReadNpz(file);
        if (Nifti.IsNifti(file)) return NiftiImport.Import(file, kind, _maxElements);
        if (DicomFile.IsDicom(file)) return DicomImport.Import(reader, file, kind);
        ImportedFile array = Read("measurement", file);
        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = array }, OfArray(array.Array, "array"));
    }

    /// <summary>Reads the DICOM files of one series as one stack of slices in the order of their places; other files among them are left out.</summary>
    /// <param name="kind">What the problem takes.</param>
    /// <param name="files">The files, in any order.</param>
    /// <exception cref="InvalidMeasurementException">
    /// A file is damaged, they are too many or too large, not one series with one image at each place, or not for this problem.
    /// </exception>
    public ImportedMeasurement ReadSeries(MeasurementKind kind, IEnumerable<byte[]> files) => DicomImport.ImportSeries(reader, files, kind);

    /// <summary>Elements of one array, at most.</summary>
    internal static long MaxElements(ReaderLimits limits, long maxPixels) => Math.Max(3 * maxPixels, limits.Elements);

    /// <summary>Reads one of the other files: an image or .npy; a truth may be DICOM or NIfTI.</summary>
    /// <param name="name">Its name: masks, kernels and phases have no channels.</param>
    /// <param name="file">The file.</param>
    /// <param name="origin">
    /// The measurement's, whose scale a DICOM or NIfTI truth takes over where the measurement is one too; null: the file is independent.
    /// </param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or of a kind that does not belong there.</exception>
    public ImportedFile Read(string name, byte[] file, MeasurementOrigin? origin = null)
    {
        bool flat = name is "mask" or "psf" or "phase";
        RawMriFile.RefuseMatlab(file);
        if (Npy.IsNpy(file)) return new ImportedFile(Checked(Npy.Read(file, _maxElements), name), 0);
        if (DicomFile.IsDicom(file))
        {
            return name is not "truth" ? throw new InvalidMeasurementException("A DICOM image can only be the measurement, the truth or the reference.")
                : origin is { Format: "dicom" or "nifti" } ? DicomImport.Import(reader, file, origin)
                : DicomImport.Import(reader, file, MeasurementKind.Image).Files["measurement"];
        }

        if (Nifti.IsNifti(file))
        {
            return name is not "truth" ? throw new InvalidMeasurementException("A NIfTI volume can only be the measurement, the truth or the reference.")
                : origin is { Format: "dicom" or "nifti" } ? NiftiImport.Import(file, origin, _maxElements)
                : NiftiImport.Import(file, MeasurementKind.Image, _maxElements).Files["measurement"];
        }

        if (RawMriFile.IsHdf5(file) || Npz.IsZip(file))
        {
            throw new InvalidMeasurementException("HDF5 and .npz files can only be the measurement; send this file as an image or .npy.");
        }
        Image image = ImageFile.Read(file, new ImageLimits((int)Math.Min(maxPixels, int.MaxValue)));
        return new ImportedFile(
            flat ? Flatten(image, name) : new ArrayData([image.Channels, image.Height, image.Width], image.Values), image.BitDepth == 8 ? EightBit : 0);
    }

    private ImportedMeasurement ReadNpz(byte[] file)
    {
        var files = new Dictionary<string, ImportedFile>();
        foreach (string entry in Npz.Names(file))
        {
            string name = entry is "kspace" ? "measurement" : entry;
            if (name != "measurement" && !Names.Contains(name))
                throw new InvalidMeasurementException($"The .npz file has an array of another name than measurement (or kspace), {string.Join(", ", Names)}.");
            if (!files.TryAdd(name, new ImportedFile(Checked(Npz.Read(file, entry, _maxElements), name), 0)))
                throw new InvalidMeasurementException(
                    "The .npz file has both an array 'measurement' and an array 'kspace', which mean the same: leave one out.");
        }

        if (!files.TryGetValue("measurement", out ImportedFile? measurement))
        {
            throw new InvalidMeasurementException("The archive holds neither an array 'measurement' (or 'kspace') nor DICOM images.");
        }
        return new ImportedMeasurement(files, OfArray(measurement.Array, "npz"));
    }

    private static MeasurementOrigin OfArray(ArrayData array, string format) =>
        new() { Format = format, Rows = array.Shape[^Math.Min(2, array.Shape.Length)], Columns = array.Shape[^1] };

    private ArrayData Checked(ArrayData array, string name)
    {
        if (array.Shape.Length == 0) throw new InvalidMeasurementException("The array is a single number.");
        long plane = array.Shape.TakeLast(2).Aggregate(1L, (product, size) => product * size);
        if (plane > maxPixels) throw new InvalidMeasurementException($"The array has {plane} elements per channel; at most {maxPixels} are allowed.");
        // A real (height, width) array is an image of one channel, as a grey PNG is.
        bool image = name is "measurement" or "truth" or "image" && !array.IsComplex && array.Shape.Length == 2;
        return image ? array with { Shape = [1, .. array.Shape] } : array;
    }

    private static ArrayData Flatten(Image image, string name)
    {
        int plane = image.Height * image.Width;
        ReadOnlySpan<float> first = image.Values.AsSpan(0, plane);
        for (int channel = 1; channel < image.Channels; channel++)
        {
            if (!first.SequenceEqual(image.Values.AsSpan(channel * plane, plane)))
            {
                throw new InvalidMeasurementException($"The {name} is coloured: send a grey image.");
            }
        }

        return new ArrayData([image.Height, image.Width], first.ToArray());
    }
}
