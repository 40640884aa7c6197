namespace InverseSolver.Imaging;

/// <summary>
/// The relation of displayed slices to a NIfTI volume, whose first axis runs along stored columns, whose second along stored rows and whose third from slice to
/// slice: first rows and columns are exchanged, then each may be reversed.
/// </summary>
/// <param name="IsTransposed">True where displayed rows are counted along the first axis, and columns along the second.</param>
/// <param name="ReversedRows">True where the displayed rows are counted against their axis.</param>
/// <param name="ReversedColumns">True where the displayed columns are counted against theirs.</param>
public sealed record NiftiLayout(bool IsTransposed, bool ReversedRows, bool ReversedColumns)
{
    /// <summary>
    /// The layout that shows slices as radiologists do: across the body nose up, else crown up; the patient's right, or the nose, to the left.
    /// </summary>
    /// <param name="along">Where the index along a stored row grows.</param>
    /// <param name="down">Where the index of stored rows grows.</param>
    internal static NiftiLayout Radiological(PatientVector along, PatientVector down)
    {
        double[] first = [along.X, along.Y, along.Z], second = [down.X, down.Y, down.Z];
        int x = Closest(first, -1), y = Closest(second, x);
        bool transposed = x > y;
        (double[] row, double[] column) = transposed ? (second, first) : (first, second);
        int across = Math.Min(x, y), below = Math.Max(x, y);
        // LPS: to the left, to the back; to the feet is against z.
        return new NiftiLayout(transposed, below == 2 ? column[2] > 0 : column[below] < 0, row[across] < 0);
    }

    /// <summary>Slices (slices, rows, columns) as they are displayed, of the volume's voxels.</summary>
    internal float[] Show(float[] stored, int slices, int rows, int columns) => Turn(stored, slices, rows, columns, show: true);

    /// <summary>The volume's voxels, of slices (slices, rows, columns) as they are displayed.</summary>
    internal float[] Store(float[] displayed, int slices, int rows, int columns) => Turn(displayed, slices, rows, columns, show: false);

    /// <summary>The place of a displayed slice.</summary>
    /// <param name="stored">Of the slice as it is stored.</param>
    /// <param name="rows">Displayed rows.</param>
    /// <param name="columns">Displayed columns.</param>
    internal FrameGeometry Show(FrameGeometry stored, int rows, int columns) => Reverse(Transpose(stored), rows, columns);

    /// <summary>The place of a stored slice.</summary>
    /// <param name="displayed">Of the slice as it is displayed.</param>
    /// <param name="rows">Displayed rows.</param>
    /// <param name="columns">Displayed columns.</param>
    internal FrameGeometry Store(FrameGeometry displayed, int rows, int columns) => Transpose(Reverse(displayed, rows, columns));

    private static int Closest(double[] direction, int taken)
    {
        int closest = taken == 0 ? 1 : 0;
        for (int i = 0; i < 3; i++)
            if (i != taken && Math.Abs(direction[i]) > Math.Abs(direction[closest])) closest = i;
        return closest;
    }

    private float[] Turn(float[] from, int slices, int rows, int columns, bool show)
    {
        float[] to = new float[from.Length];
        for (int slice = 0, displayed = 0; slice < slices; slice++)
        {
            for (int row = 0; row < rows; row++)
            {
                int y = ReversedRows ? rows - 1 - row : row;
                for (int column = 0; column < columns; column++, displayed++)
                {
                    int x = ReversedColumns ? columns - 1 - column : column;
                    int stored = (slice * rows * columns) + (IsTransposed ? (x * rows) + y : (y * columns) + x);
                    if (show) to[displayed] = from[stored];
                    else to[stored] = from[displayed];
                }
            }
        }

        return to;
    }

    private FrameGeometry Transpose(FrameGeometry slice) => !IsTransposed ? slice : slice with
    {
        AlongRow = slice.AlongColumn,
        AlongColumn = slice.AlongRow,
        RowSpacingMm = slice.ColumnSpacingMm,
        ColumnSpacingMm = slice.RowSpacingMm,
    };

    private FrameGeometry Reverse(FrameGeometry slice, int rows, int columns)
    {
        if (ReversedColumns)
            slice = slice with { Position = slice.Position + ((columns - 1) * slice.ColumnSpacingMm * slice.AlongRow), AlongRow = -1 * slice.AlongRow };
        if (ReversedRows)
            slice = slice with { Position = slice.Position + ((rows - 1) * slice.RowSpacingMm * slice.AlongColumn), AlongColumn = -1 * slice.AlongColumn };
        return slice;
    }
}
