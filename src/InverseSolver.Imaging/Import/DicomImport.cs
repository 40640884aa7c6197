namespace InverseSolver.Imaging;

/// <summary>DICOM images and series as measurements on [0,1].</summary>
internal static class DicomImport
{
    /// <summary>
    /// Brings an image to [0,1]: the largest value of all frames becomes 1, the smallest 0 where it is negative or where the file turns brightness over
    /// (MONOCHROME1). Padding is left out of both, and is 0.
    /// </summary>
    /// <exception cref="InvalidMeasurementException">The file cannot be read, its frames mean different things, or the problem takes k-space.</exception>
    internal static ImportedMeasurement Import(FormatReader reader, byte[] file, MeasurementKind kind)
    {
        if (kind != MeasurementKind.Image) throw new InvalidMeasurementException(DicomFile.NoKSpace);
        return Import(DicomStack.Read(reader, file));
    }

    /// <summary>Brings the files of one series to [0,1], as one stack in the order of their places.</summary>
    /// <exception cref="InvalidMeasurementException">As of a file; or the files are not one series of slices.</exception>
    internal static ImportedMeasurement ImportSeries(FormatReader reader, IEnumerable<byte[]> files, MeasurementKind kind)
    {
        if (kind != MeasurementKind.Image) throw new InvalidMeasurementException(DicomFile.NoKSpace);
        return Import(DicomStack.ReadSeries(reader, files));
    }

    /// <summary>Another image on the scale of the measurement.</summary>
    internal static ImportedFile Import(FormatReader reader, byte[] file, MeasurementOrigin origin) => Scaled(DicomFile.Read(reader, file), origin);

    private static ImportedMeasurement Import(DicomStack stack)
    {
        DicomImage first = stack.Images[0];
        DicomFrame[] frames = [.. stack.Images.SelectMany(image => image.Frames)];
        (float smallest, float largest) = Extent(stack.Images);
        // The zero of inverted values is the end of the bits' range, which is unrelated to the image.
        double offset = first.IsInverted ? smallest : Math.Min(0, smallest), scale = largest - offset;
        if (!(scale > 0)) throw new InvalidMeasurementException("The DICOM image is empty: no value is above 0, all are the same, or all are padding.");
        DisplayWindow?[] windows = [.. frames.Select(frame => frame.Window).Distinct()];
        float[]? padding = Padding(stack.Images, offset, largest);
        var origin = new MeasurementOrigin
        {
            Format = "dicom",
            Scale = scale,
            Offset = offset,
            Rows = first.Rows,
            Columns = first.Columns,
            Geometry = [.. frames.Select(frame => frame.Geometry)],
            Details = [.. frames.Select(frame =>
                new FrameDetails { EchoTimeMs = frame.EchoTimeMs, RepetitionTimeMs = frame.RepetitionTimeMs, FlipAngleDegrees = frame.FlipAngleDegrees })],
            FrameOfReferenceUid = first.FrameOfReferenceUid,
            Padding = padding,
            Window = windows is [var one] ? one : null,
            Dicom = stack.First,
            Sources = stack.Images.Count == 1 ? null : [.. stack.Images.Select(image => (image.SopClassUid, image.SopInstanceUid))],
            Modality = first.Modality,
            Remarks = [.. stack.Images.SelectMany(image => image.Remarks).Concat(stack.Remarks).Concat(OfPixels()).Distinct()],
            Routine = stack.Routine,
        };
        if (stack.Images.Count == 1) return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = Scaled(first, origin) }, origin);
        ImportedFile[] slices = [.. stack.Images.Select(image => Scaled(image, origin))];
        var all = new ArrayData([slices.Length, .. first.Shape[1..]], [.. slices.SelectMany(slice => slice.Array.Values)]);
        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = new(all, slices.Max(slice => slice.Quantisation)) }, origin);

        IEnumerable<string> OfPixels()
        {
            if (ValueSpread.Remark(Measured(stack.Images), offset, scale) is { } narrow) yield return narrow;
            if (stack.Images.Any(image => image.IsLossy)) yield return "The DICOM image was once compressed with loss.";
            if (padding is not null)
                yield return $"{padding.Count(value => !float.IsNaN(value))} pixels of the DICOM image are padding (PixelPaddingValue): "
                    + "they are left out of the scale, are black in the measurement, and are padding in the DICOM and NIfTI files of the result.";
        }
    }

    private static float[] Measured(IReadOnlyList<DicomImage> images) => images is [{ Padding: null } one] ? one.Values
        : [.. images.SelectMany(image => image.Padding is null ? image.Values : image.Values.Where((_, i) => !image.Padding[i]))];

    // The values that are not padding; none where all are.
    private static (float Smallest, float Largest) Extent(IEnumerable<DicomImage> images)
    {
        (float smallest, float largest) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (DicomImage image in images)
        {
            for (int i = 0; i < image.Values.Length; i++)
            {
                if (image.Padding?[i] == true) continue;
                smallest = Math.Min(smallest, image.Values[i]);
                largest = Math.Max(largest, image.Values[i]);
            }
        }

        return smallest > largest ? (0, 0) : (smallest, largest);
    }

    // The file's value where it is padding, NaN elsewhere. A padding value on the scale, mostly 0, is treated as any other value.
    private static float[]? Padding(IReadOnlyList<DicomImage> images, double offset, float largest)
    {
        if (images.All(image => image.Padding is null)) return null;
        float[] padding = [.. images.SelectMany(image =>
            image.Values.Select((value, i) => image.Padding?[i] == true && (value < offset || value > largest) ? value : float.NaN))];
        return padding.All(float.IsNaN) ? null : padding;
    }

    // Whole numbers were rounded to them.
    private static ImportedFile Scaled(DicomImage image, MeasurementOrigin origin)
    {
        int[] shape = image.Frames.Count == 1 ? image.Shape[1..] : image.Shape;
        bool whole = image.Values.All(value => value == MathF.Round(value));
        float[] values = Array.ConvertAll(image.Values, value => (float)((value - origin.Offset) / origin.Scale));
        for (int i = 0; image.Padding is { } padding && i < values.Length; i++)
            if (padding[i] && values[i] is < 0 or > 1) values[i] = 0;
        return new ImportedFile(new ArrayData(shape, values), whole ? 1 / origin.Scale / Math.Sqrt(12) : 0);
    }
}
