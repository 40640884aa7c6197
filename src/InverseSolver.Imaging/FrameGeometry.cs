namespace InverseSolver.Imaging;

/// <summary>The position of a frame's pixels in the patient, in the terms of DICOM's Image Plane module; directions have length 1.</summary>
/// <param name="Position">The centre of the pixel in row 0, column 0 (ImagePositionPatient).</param>
/// <param name="AlongRow">Where the column index grows (ImageOrientationPatient's first three numbers).</param>
/// <param name="AlongColumn">Where the row index grows (its last three).</param>
/// <param name="RowSpacingMm">Distance between the centres of neighbouring rows (PixelSpacing's first number).</param>
/// <param name="ColumnSpacingMm">Distance between the centres of neighbouring columns (its second).</param>
/// <param name="SliceThicknessMm">Thickness of the slice; null: not known.</param>
/// <param name="SliceSpacingMm">Distance between the centres of neighbouring slices (SpacingBetweenSlices); null: not known.</param>
public sealed record FrameGeometry(
    PatientVector Position,
    PatientVector AlongRow,
    PatientVector AlongColumn,
    double RowSpacingMm,
    double ColumnSpacingMm,
    double? SliceThicknessMm = null,
    double? SliceSpacingMm = null)
{
    // The range covers patients and small animals; metres and micrometres that were written as millimetres lie outside.
    private const double LeastPixelMm = 0.005, LargestPixelMm = 50;

    // Directions within the first tolerance are used as they are, within the second they are corrected.
    private const double ExactDirection = 1e-3, RoundedDirection = 1e-2 + 1e-9;

    /// <summary>The slice's normal: <see cref="AlongRow"/> x <see cref="AlongColumn"/>.</summary>
    public PatientVector Normal => AlongRow.Cross(AlongColumn);

    /// <summary>The same field of view with other pixels: its corner stays, so the first pixel's centre moves by half the difference of the spacings.</summary>
    /// <param name="rows">Rows of this frame.</param>
    /// <param name="columns">Columns of this frame.</param>
    /// <param name="newRows">Rows of the other.</param>
    /// <param name="newColumns">Columns of the other.</param>
    public FrameGeometry Resampled(int rows, int columns, int newRows, int newColumns)
    {
        double row = RowSpacingMm * rows / newRows, column = ColumnSpacingMm * columns / newColumns;
        PatientVector position = Position + (0.5 * (column - ColumnSpacingMm) * AlongRow) + (0.5 * (row - RowSpacingMm) * AlongColumn);
        return this with { Position = position, RowSpacingMm = row, ColumnSpacingMm = column };
    }

    /// <summary>True where a pixel's size is plausible in millimetres, and not in metres or micrometres.</summary>
    internal static bool AreMillimetres(double rowSpacing, double columnSpacing) =>
        rowSpacing is >= LeastPixelMm and <= LargestPixelMm && columnSpacing is >= LeastPixelMm and <= LargestPixelMm;

    /// <summary>Makes two directions orthogonal and of length 1.</summary>
    /// <param name="alongRow">Where the column index grows.</param>
    /// <param name="alongColumn">Where the row index grows.</param>
    /// <returns>The directions, and true where they were corrected; null where a length or the cosine between them is off by more than 0.01.</returns>
    internal static (PatientVector AlongRow, PatientVector AlongColumn, bool Mended)? Directions(PatientVector alongRow, PatientVector alongColumn)
    {
        double off = Math.Max(Math.Abs(alongRow.Dot(alongColumn)), Math.Max(Math.Abs(alongRow.Norm - 1), Math.Abs(alongColumn.Norm - 1)));
        if (off <= ExactDirection) return (alongRow, alongColumn, false);
        if (!(off <= RoundedDirection)) return null;
        PatientVector row = (1 / alongRow.Norm) * alongRow, upright = alongColumn - (row.Dot(alongColumn) * row);
        return (row, (1 / upright.Norm) * upright, true);
    }
}
