namespace InverseSolver.Imaging;

/// <summary>NIfTI volumes as measurements on [0,1]: a stack of the slices along the third axis, each turned as it is displayed.</summary>
internal static class NiftiImport
{
    /// <summary>Brings a volume to [0,1]: its largest value becomes 1, the smallest 0 where it is negative.</summary>
    /// <exception cref="InvalidMeasurementException">The file cannot be read, or the problem takes k-space.</exception>
    internal static ImportedMeasurement Import(byte[] file, MeasurementKind kind, long maxVoxels)
    {
        if (kind != MeasurementKind.Image)
            throw new InvalidMeasurementException(
                "A NIfTI volume holds an image, not k-space: send the raw data (ISMRMRD, fastMRI HDF5, .npy, BART .cfl), "
                    + "or treat it as a measurement of another kind (denoising, super-resolution, inpainting).");
        NiftiSlices slices = NiftiSlices.Read(file, maxVoxels);
        NiftiLayout layout = slices.Geometry is [var first, ..]
            ? NiftiLayout.Radiological(first.AlongRow, first.AlongColumn)
            : new NiftiLayout(false, false, false);
        (int rows, int columns) = layout.IsTransposed ? (slices.Columns, slices.Rows) : (slices.Rows, slices.Columns);
        double offset = Math.Min(0, slices.Values.Min()), scale = slices.Values.Max() - offset;
        if (!(scale > 0)) throw new InvalidMeasurementException("The NIfTI volume is empty: no value is above 0, or all are the same.");
        var origin = new MeasurementOrigin
        {
            Format = "nifti",
            Scale = scale,
            Offset = offset,
            Rows = rows,
            Columns = columns,
            Geometry = slices.Geometry is null ? null : [.. slices.Geometry.Select(slice => layout.Show(slice, rows, columns))],
            Layout = layout,
            Remarks = [.. slices.Remarks, .. ValueSpread.Remark(slices.Values, offset, scale) is { } narrow ? [narrow] : Array.Empty<string>()],
        };
        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = Scaled(slices, origin) }, origin);
    }

    /// <summary>Another volume on the scale of the measurement, turned as it is displayed.</summary>
    internal static ImportedFile Import(byte[] file, MeasurementOrigin origin, long maxVoxels)
    {
        NiftiSlices slices = NiftiSlices.Read(file, maxVoxels);
        return Scaled(
            slices,
            origin with
            {
                Layout = slices.Geometry is [var first, ..]
                    ? NiftiLayout.Radiological(first.AlongRow, first.AlongColumn)
                    : new NiftiLayout(false, false, false),
            });
    }

    // Whole numbers were rounded to them.
    private static ImportedFile Scaled(NiftiSlices slices, MeasurementOrigin origin)
    {
        NiftiLayout layout = origin.Layout!;
        (int rows, int columns) = layout.IsTransposed ? (slices.Columns, slices.Rows) : (slices.Rows, slices.Columns);
        int[] shape = [.. slices.Slices == 1 ? Array.Empty<int>() : [slices.Slices], 1, rows, columns];
        bool whole = slices.Values.All(value => value == MathF.Round(value));
        float[] values = Array.ConvertAll(layout.Show(slices.Values, slices.Slices, rows, columns), value => (float)((value - origin.Offset) / origin.Scale));
        return new ImportedFile(new ArrayData(shape, values), whole ? 1 / origin.Scale / Math.Sqrt(12) : 0);
    }
}
