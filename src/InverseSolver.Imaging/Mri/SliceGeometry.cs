namespace InverseSolver.Imaging;

/// <summary>
/// Where frames lie. ISMRMRD gives the centre of the field of view and the directions of readout, phase encoding and slice in the patient's coordinates (DICOM's);
/// that centre is the pixel at (Rows/2, Columns/2).
/// </summary>
internal static class SliceGeometry
{
    private const double Tolerance = 1e-2;

    /// <summary>The geometry of one frame; null where the file does not say, or says what is none.</summary>
    /// <param name="line">A line of the frame.</param>
    /// <param name="rows">Rows, and the size of a pixel along the readout.</param>
    /// <param name="columns">Columns, and the size of a pixel along the phase encoding.</param>
    /// <param name="offsetMm">How far the slice lies from the line's position along the slice direction.</param>
    /// <param name="thicknessMm">Thickness of the slice; 0: not known.</param>
    /// <param name="spacingMm">Distance between slices; null: not known.</param>
    internal static FrameGeometry? Of(Acquisition line, (int Size, double Mm) rows, (int Size, double Mm) columns, double offsetMm, double thicknessMm, double? spacingMm)
    {
        PatientVector read = line.ReadDirection, phase = line.PhaseDirection;
        if (!IsUnit(read) || !IsUnit(phase) || Math.Abs(read.Dot(phase)) > Tolerance || !double.IsFinite(line.Position.Norm) || !(rows.Mm > 0 && columns.Mm > 0)) return null;
        read = 1 / read.Norm * read;
        phase -= read.Dot(phase) * read;
        phase = 1 / phase.Norm * phase;
        PatientVector normal = IsUnit(line.SliceDirection) ? line.SliceDirection : read.Cross(phase);
        PatientVector corner = line.Position + (offsetMm * normal) - (rows.Size / 2 * rows.Mm * read) - (columns.Size / 2 * columns.Mm * phase);
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

    private static bool IsUnit(PatientVector direction) => Math.Abs(direction.Norm - 1) <= Tolerance;
}
