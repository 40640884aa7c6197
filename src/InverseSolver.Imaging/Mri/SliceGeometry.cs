namespace InverseSolver.Imaging;

/// <summary>
/// The geometry of frames. ISMRMRD gives the centre of the field of view and the directions of readout, phase encoding and slice in the patient's coordinates
/// (DICOM's); that centre is the pixel at (Rows/2, Columns/2).
/// </summary>
internal static class SliceGeometry
{
    private const double Tolerance = 1e-2;

    // Positions that differ by less are the same: headers hold them in single precision.
    private const double PlaceMm = 1e-2;

    /// <summary>The geometry of one frame; null where the file states none, or an impossible one.</summary>
    /// <param name="line">A line of the frame.</param>
    /// <param name="rows">Rows, and the size of a pixel along the readout.</param>
    /// <param name="columns">Columns, and the size of a pixel along the phase encoding.</param>
    /// <param name="offsetMm">The distance of the slice from the line's position along the slice direction.</param>
    /// <param name="thicknessMm">Thickness of the slice; 0: not known.</param>
    /// <param name="spacingMm">Distance between slices; null: not known.</param>
    /// <param name="isTurned">True where pixels and partitions are counted against the three directions; the pixel in the centre keeps its position.</param>
    internal static FrameGeometry? Of(
        Acquisition line, (int Size, double Mm) rows, (int Size, double Mm) columns, double offsetMm, double thicknessMm, double? spacingMm, bool isTurned)
    {
        PatientVector none = default;
        PatientVector read = isTurned ? none - line.ReadDirection : line.ReadDirection;
        PatientVector phase = isTurned ? none - line.PhaseDirection : line.PhaseDirection;
        if (!IsUnit(read) || !IsUnit(phase) || Math.Abs(read.Dot(phase)) > Tolerance || !double.IsFinite(line.Position.Norm)
            || !(rows.Mm > 0 && columns.Mm > 0))
        {
            return null;
        }
        read = 1 / read.Norm * read;
        phase -= read.Dot(phase) * read;
        phase = 1 / phase.Norm * phase;
        PatientVector normal = IsUnit(line.SliceDirection) ? line.SliceDirection : read.Cross(phase);
        PatientVector corner = line.Position
            + ((isTurned ? -offsetMm : offsetMm) * normal) - (rows.Size / 2 * rows.Mm * read) - (columns.Size / 2 * columns.Mm * phase);
        return new FrameGeometry(corner, phase, read, rows.Mm, columns.Mm, thicknessMm > 0 ? thicknessMm : null, spacingMm);
    }

    /// <summary>The distance between the slices of a 2-D scan along their normal; null for one slice and where they are not equally spaced.</summary>
    internal static double? Spacing(IReadOnlyList<Acquisition> slices)
    {
        if (slices.Count < 2 || !IsUnit(slices[0].SliceDirection)) return null;
        double[] along = [.. slices.Select(slice => slice.Position.Dot(slices[0].SliceDirection)).Order()];
        double spacing = (along[^1] - along[0]) / (along.Length - 1);
        for (int i = 1; i < along.Length; i++)
            if (!(Math.Abs(along[i] - along[i - 1] - spacing) <= Tolerance * spacing)) return null;
        return spacing > 0 ? spacing : null;
    }

    /// <summary>
    /// The slice counters that occur, in the order of the slices' places along the file's slice direction, against it where <paramref name="isTurned"/>. Slices
    /// that are turned against each other, or whose places the file does not say, are in the order of their counters.
    /// </summary>
    internal static int[] InSpace(IEnumerable<Acquisition> lines, bool isTurned)
    {
        Acquisition[] slices = [.. lines.DistinctBy(line => line.Slice).OrderBy(line => line.Slice)];
        if (Normal(slices[0]) is { } along
            && slices.All(slice => double.IsFinite(slice.Position.Norm) && Normal(slice) is { } normal && normal.Dot(along) > 1 - Tolerance))
            slices = [.. slices.OrderBy(slice => Math.Round((isTurned ? -1 : 1) * slice.Position.Dot(along) / PlaceMm))];
        return [.. slices.Select(slice => slice.Slice)];
    }

    // The slice direction, or the one that follows from the two others.
    private static PatientVector? Normal(Acquisition line) =>
        IsUnit(line.SliceDirection) ? line.SliceDirection
        : line.ReadDirection.Cross(line.PhaseDirection) is var normal && IsUnit(normal) ? normal
        : null;

    private static bool IsUnit(PatientVector direction) => Math.Abs(direction.Norm - 1) <= Tolerance;
}
