namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Positions at random but never close together, closest in the centre (Cook: Stochastic sampling in computer graphics, 1986; in MRI Lustig, Pauly: SPIRiT,
/// 2010). Positions are visited in random order, and each one that no earlier one covers is taken and covers what is nearer to it than
/// d(ρ) = d₀ (1 + 2 ρ), ρ being the distance from frequency 0, 1 at the farthest corner. d₀ comes from the acceleration.
/// </summary>
public static class PoissonDisc
{
    /// <summary>Relative growth of the distance between positions from frequency 0 to the farthest corner.</summary>
    internal const double Growth = 2;

    private const int Bisections = 24;

    /// <summary>Draws a mask with round(rows · columns / acceleration) positions, the centre included.</summary>
    /// <param name="rows">Rows of k-space; 1 for lines.</param>
    /// <param name="columns">Columns of k-space.</param>
    /// <param name="acceleration">Positions over positions measured.</param>
    /// <param name="centreRows">Rows of the fully measured centre.</param>
    /// <param name="centreColumns">Columns of the fully measured centre.</param>
    /// <param name="seed">Seed of the positions.</param>
    /// <returns>Row-major, frequency 0 at (rows / 2, columns / 2); null where the centre alone has more positions than the acceleration allows.</returns>
    public static bool[]? Mask(long rows, long columns, double acceleration, long centreRows, long centreColumns, long seed) =>
        Draw(rows, columns, acceleration, centreRows, centreColumns, seed)?.Mask;

    /// <summary>The same with d₀, which any two positions outside of the centre keep: their distance is at least the smaller one of their d(ρ).</summary>
    internal static (bool[] Mask, double Distance)? Draw(long rows, long columns, double acceleration, long centreRows, long centreColumns, long seed)
    {
        long count = (long)Math.Round(rows * columns / acceleration) - (centreRows * centreColumns);
        if (centreRows > rows || centreColumns > columns || count < 0) return null;
        var mask = new bool[rows * columns];
        for (long row = 0; row < centreRows; row++)
        {
            Array.Fill(mask, true, (int)((((rows / 2) - (centreRows / 2) + row) * columns) + (columns / 2) - (centreColumns / 2)), (int)centreColumns);
        }
        long[] order = [.. new SplitMix64(seed).Choose(mask.LongLength, mask.LongLength).Where(i => !mask[i])];
        // At 0 all positions are taken.
        double enough = 0, tooFar = Math.Max(rows, columns);
        for (int i = 0; i < Bisections; i++)
        {
            double middle = (enough + tooFar) / 2;
            if (Taken(order, rows, columns, middle).Count >= count) enough = middle;
            else tooFar = middle;
        }
        // The last ones to be taken go: they fill the last gaps, and the others stay as far apart as they are.
        foreach (long i in Taken(order, rows, columns, enough).Take((int)count)) mask[i] = true;
        return (mask, enough);
    }

    /// <summary>ρ of a position.</summary>
    internal static double Radius(long i, long rows, long columns)
    {
        (double y, double x) = (Part(i / columns, rows), Part(i % columns, columns));
        return Math.Sqrt(((y * y) + (x * x)) / (rows > 1 && columns > 1 ? 2 : 1));

        // From −1 to 1.
        static double Part(long index, long size) => size > 1 ? (index - (size / 2)) / (double)(size / 2) : 0;
    }

    private static List<long> Taken(long[] order, long rows, long columns, double distance)
    {
        var covered = new bool[rows * columns];
        var taken = new List<long>();
        foreach (long i in order)
        {
            if (covered[i]) continue;
            taken.Add(i);
            Cover(covered, i, rows, columns, distance * (1 + (Growth * Radius(i, rows, columns))));
        }
        return taken;
    }

    private static void Cover(bool[] covered, long i, long rows, long columns, double distance)
    {
        (long row, long column, long reach) = (i / columns, i % columns, (long)distance);
        for (long r = Math.Max(0, row - reach); r <= Math.Min(rows - 1, row + reach); r++)
        {
            for (long c = Math.Max(0, column - reach); c <= Math.Min(columns - 1, column + reach); c++)
            {
                if (((r - row) * (r - row)) + ((c - column) * (c - column)) < distance * distance) covered[(r * columns) + c] = true;
            }
        }
    }
}
