using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>A NIfTI volume as slices along its third axis.</summary>
/// <param name="Values">(slices, rows, columns): rows along the volume's second axis, columns along its first.</param>
/// <param name="Slices">The number of slices.</param>
/// <param name="Rows">Height.</param>
/// <param name="Columns">Width.</param>
/// <param name="Geometry">The geometry of each slice; null where the file states none, or its slices are not rectangular.</param>
/// <param name="Remarks">Sentences on unknowns of its position.</param>
internal sealed record NiftiSlices(float[] Values, int Slices, int Rows, int Columns, IReadOnlyList<FrameGeometry>? Geometry, IReadOnlyList<string> Remarks)
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="InvalidMeasurementException">As for <see cref="Nifti.Read"/>, but a file without orientation has slices without a place.</exception>
    internal static NiftiSlices Read(byte[] file, long maxVoxels)
    {
        (NiftiHeader header, float[] values) = Nifti.ReadVoxels(file, maxVoxels);
        var remarks = new List<string>();
        if (WithoutNaN(values) is > 0 and var lost)
        {
            remarks.Add($"{lost} voxels of the NIfTI volume are not numbers (NaN), as in masked backgrounds: they are treated as 0.");
        }
        if (header.IsTemplate) remarks.Add("The NIfTI volume's coordinates are those of a template (sform_code 3 or 4), not the scanner's.");
        if (header.IsMirrored)
        {
            remarks.Add(
                "The NIfTI volume's qform and sform mirror each other, so one of them exchanges left and right: "
                    + "the sform is used. Compare with the scanner's own images.");
        }
        IReadOnlyList<FrameGeometry>? geometry = null;
        if (header.Affine is null)
        {
            remarks.Add(
                "The NIfTI volume has no orientation (qform_code and sform_code are 0): "
                    + "its slices are used as stored, and left and right cannot be told apart.");
        }
        else geometry = GeometryOf(new Volume(header.Sizes[0], header.Sizes[1], header.Sizes[2], values, header.Affine), remarks);
        return new NiftiSlices(values, header.Sizes[2], header.Sizes[1], header.Sizes[0], geometry, remarks);
    }

    // Returns their number.
    private static int WithoutNaN(float[] values)
    {
        int lost = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (!float.IsNaN(values[i])) continue;
            values[i] = 0;
            lost++;
        }

        return lost;
    }

    // RAS turned into LPS.
    private static FrameGeometry[]? GeometryOf(Volume volume, List<string> remarks)
    {
        double[] a = volume.Affine;
        PatientVector Axis(int i) => new(-a[i], -a[4 + i], a[8 + i]);
        (PatientVector along, PatientVector down, PatientVector step, PatientVector start) = (Axis(0), Axis(1), Axis(2), Axis(3));
        if (!FrameGeometry.AreMillimetres(down.Norm, along.Norm))
        {
            remarks.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The NIfTI volume's pixels of {down.Norm:G4} x {along.Norm:G4} are not plausible in millimetres (xyzt_units, "
                    + $"sform, pixdim): their size and position are not used."));
            return null;
        }

        if (FrameGeometry.Directions((1 / along.Norm) * along, (1 / down.Norm) * down) is not { } directions)
        {
            remarks.Add("The NIfTI volume's slices are sheared, not rectangular: their position is not used.");
            return null;
        }

        if (directions.Mended) remarks.Add("The NIfTI volume's slices are slightly sheared: their rows and columns were made orthogonal.");
        double distance = Math.Abs(step.Dot(directions.AlongRow.Cross(directions.AlongColumn)));
        return [.. Enumerable.Range(0, volume.SizeZ).Select(i =>
            new FrameGeometry(start + (i * step), directions.AlongRow, directions.AlongColumn, down.Norm, along.Norm, null, distance))];
    }
}
