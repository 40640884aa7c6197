namespace InverseSolver.Imaging;

/// <summary>One plane of a volume, as it is displayed.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Values">Row by row from the top, in the volume's units.</param>
/// <param name="RowMm">Distance between rows in millimetres.</param>
/// <param name="ColumnMm">Distance between columns in millimetres.</param>
public sealed record VolumeSlice(int Height, int Width, float[] Values, double RowMm, double ColumnMm);
