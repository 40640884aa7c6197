namespace InverseSolver.Imaging;

/// <summary>A frame's place as a report has it, in DICOM's words.</summary>
/// <param name="ImagePositionPatient">Centre of the first pixel, mm, LPS.</param>
/// <param name="ImageOrientationPatient">Directions of growing columns and of growing rows.</param>
/// <param name="PixelSpacing">Between rows and between columns, mm.</param>
/// <param name="SliceThickness">mm; null: not known.</param>
public sealed record PlaceReport(
    IReadOnlyList<double> ImagePositionPatient, IReadOnlyList<double> ImageOrientationPatient, IReadOnlyList<double> PixelSpacing, double? SliceThickness)
{
    internal static PlaceReport Of(FrameGeometry frame) => new(
        [frame.Position.X, frame.Position.Y, frame.Position.Z],
        [frame.AlongRow.X, frame.AlongRow.Y, frame.AlongRow.Z, frame.AlongColumn.X, frame.AlongColumn.Y, frame.AlongColumn.Z],
        [frame.RowSpacingMm, frame.ColumnSpacingMm],
        frame.SliceThicknessMm);
}
