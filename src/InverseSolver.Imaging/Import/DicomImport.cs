namespace InverseSolver.Imaging;

/// <summary>DICOM images as measurements on [0,1].</summary>
internal static class DicomImport
{
    /// <summary>Brings an image to [0,1]: the largest value of all frames becomes 1, the smallest 0 where it is negative.</summary>
    /// <exception cref="InvalidMeasurementException">The file cannot be read, or the problem takes k-space.</exception>
    internal static ImportedMeasurement Import(FormatReader reader, byte[] file, MeasurementKind kind)
    {
        if (kind != MeasurementKind.Image) throw new InvalidMeasurementException(DicomFile.NoKSpace);
        DicomImage image = DicomFile.Read(reader, file);
        double offset = Math.Min(0, image.Smallest), scale = image.Largest - offset;
        if (!(scale > 0)) throw new InvalidMeasurementException("The DICOM image is empty: no value is above 0, or all are the same.");
        DisplayWindow?[] windows = [.. image.Frames.Select(frame => frame.Window).Distinct()];
        var origin = new MeasurementOrigin
        {
            Format = "dicom",
            Scale = scale,
            Offset = offset,
            Rows = image.Rows,
            Columns = image.Columns,
            Geometry = [.. image.Frames.Select(frame => frame.Geometry)],
            Window = windows is [var one] ? one : null,
            Dicom = file,
            Modality = image.Modality,
            Remarks = image.IsLossy ? ["The DICOM image was once compressed with loss."] : [],
        };
        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = Scaled(image, origin) }, origin);
    }

    /// <summary>Another image on the scale of the measurement.</summary>
    internal static ImportedFile Import(FormatReader reader, byte[] file, MeasurementOrigin origin) => Scaled(DicomFile.Read(reader, file), origin);

    // Whole numbers were rounded to them.
    private static ImportedFile Scaled(DicomImage image, MeasurementOrigin origin)
    {
        int[] shape = image.Frames.Count == 1 ? image.Shape[1..] : image.Shape;
        bool whole = image.Values.All(value => value == MathF.Round(value));
        float[] values = Array.ConvertAll(image.Values, value => (float)((value - origin.Offset) / origin.Scale));
        return new ImportedFile(new NpyArray(shape, values), whole ? 1 / origin.Scale / Math.Sqrt(12) : 0);
    }
}
