using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Which pixel stands at a position beyond an image's border; any distance beyond it.</summary>
internal static class Borders
{
    /// <summary>The pixel 0 … size − 1 that stands at <paramref name="position"/>.</summary>
    public static long Fold(long position, long size, Boundary boundary)
    {
        if (boundary == Boundary.Circular || size == 1) return Modulo(position, size);
        long period = 2 * (size - 1), i = Modulo(position, period);
        return i < size ? i : period - i;
    }

    /// <summary>The same for a mirror that repeats the edge pixel: … 1 0 0 1 … n−1 n−1 n−2 …</summary>
    public static long FoldRepeatingEdge(long position, long size)
    {
        long i = Modulo(position, 2 * size);
        return i < size ? i : (2 * size) - 1 - i;
    }

    /// <summary>
    /// The matrix (rows, size) that extends a line at both ends as far as a kernel of <paramref name="taps"/> reads, by
    /// <paramref name="before"/> at the beginning; the rows after those are 0.
    /// </summary>
    public static double[,] Extension(long size, long before, long rows, long taps, Boundary boundary)
    {
        var matrix = new double[rows, size];
        for (long i = 0; i < size + taps - 1; i++) matrix[i, Fold(i - before, size, boundary)] = 1;
        return matrix;
    }

    private static long Modulo(long a, long n) => ((a % n) + n) % n;
}
