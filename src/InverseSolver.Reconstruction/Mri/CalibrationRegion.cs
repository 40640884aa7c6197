namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// A fully measured rectangle in the centre of k-space: of n rows, those from size / 2 − n / 2 on (integer divisions), so that frequency 0 is in it.
/// </summary>
/// <param name="Top">First row.</param>
/// <param name="Left">First column.</param>
/// <param name="Rows">Rows; 0 where frequency 0 itself is not measured.</param>
/// <param name="Columns">Columns; 0 where frequency 0 itself is not measured.</param>
public readonly record struct CalibrationRegion(long Top, long Left, long Rows, long Columns)
{
    /// <summary>The largest such rectangle; of equally large ones the squarest.</summary>
    /// <param name="mask">Row-major, rows · columns; true where measured.</param>
    /// <param name="rows">Rows of k-space.</param>
    /// <param name="columns">Columns of k-space.</param>
    public static CalibrationRegion Find(bool[] mask, long rows, long columns)
    {
        if (mask.LongLength != rows * columns || rows < 1) throw new ArgumentException("The mask is not of the size of k-space.", nameof(mask));
        (long Rows, long Columns) best = (0, 0);
        long width = columns;
        for (long height = 1; height <= rows; height++)
        {
            // One more row, in turn above and below.
            long added = height % 2 == 1 ? (rows / 2) + (height / 2) : (rows / 2) - (height / 2);
            width = Math.Min(width, Measured(mask, added, columns));
            long area = height * width, largest = best.Rows * best.Columns;
            if (area > largest || (area == largest && area > 0 && Math.Abs(height - width) < Math.Abs(best.Rows - best.Columns))) best = (height, width);
        }
        return new((rows / 2) - (best.Rows / 2), (columns / 2) - (best.Columns / 2), best.Rows, best.Columns);
    }

    /// <summary>Its centre, of at most so many rows and columns.</summary>
    /// <param name="mostRows">Rows at most.</param>
    /// <param name="mostColumns">Columns at most.</param>
    public CalibrationRegion Limited(long mostRows, long mostColumns)
    {
        (long rows, long columns) = (Math.Min(Rows, mostRows), Math.Min(Columns, mostColumns));
        return new(Top + (Rows / 2) - (rows / 2), Left + (Columns / 2) - (columns / 2), rows, columns);
    }

    /// <summary>Part of k-space within the region, as a view.</summary>
    /// <param name="kSpace">(…, rows, columns).</param>
    public Tensor Of(Tensor kSpace)
    {
        using Tensor band = kSpace.narrow(-2, Top, Rows);
        return band.narrow(-1, Left, Columns);
    }

    // The widest measured centred piece of a row.
    private static long Measured(bool[] mask, long row, long columns)
    {
        long width = 0;
        while (width < columns)
        {
            long added = width % 2 == 0 ? (columns / 2) + (width / 2) : (columns / 2) - ((width + 1) / 2);
            if (!mask[(row * columns) + added]) break;
            width++;
        }
        return width;
    }
}
