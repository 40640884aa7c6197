namespace InverseSolver.Reconstruction.Operators;

/// <summary>Matrices that make a line of pixels shorter by a whole factor.</summary>
public static class Resampling
{
    /// <summary>
    /// Antialiased bicubic (Keys, a = −1/2): MATLAB's imresize and the resizer of the papers. The kernel is stretched by the factor, its taps
    /// sum to 1, and the line is mirrored with its edge pixel repeated.
    /// </summary>
    /// <param name="size">Pixels of the longer line, a multiple of the factor.</param>
    /// <param name="factor">How many times shorter the line becomes.</param>
    public static double[,] Bicubic(long size, int factor) => Stretched(size, factor, 2, Cubic);

    /// <summary>The mean of each block.</summary>
    /// <param name="size">Pixels of the longer line, a multiple of the factor.</param>
    /// <param name="factor">How many times shorter the line becomes.</param>
    public static double[,] Average(long size, int factor)
    {
        var matrix = new double[size / factor, size];
        for (long i = 0; i < size / factor * factor; i++) matrix[i / factor, i] = 1.0 / factor;
        return matrix;
    }

    /// <summary>Antialiased Lanczos with three lobes.</summary>
    internal static double[,] Lanczos(long size, int factor) => Stretched(size, factor, 3, Lanczos3);

    private static double[,] Stretched(long size, int factor, int support, Func<double, double> kernel)
    {
        var matrix = new double[size / factor, size];
        for (long i = 0; i < size / factor; i++)
        {
            double centre = ((i + 0.5) * factor) - 0.5;
            long first = (long)Math.Ceiling(centre - (support * factor)), last = (long)Math.Floor(centre + (support * factor));
            double sum = 0;
            for (long j = first; j <= last; j++) sum += kernel((j - centre) / factor);
            for (long j = first; j <= last; j++) matrix[i, Borders.FoldRepeatingEdge(j, size)] += kernel((j - centre) / factor) / sum;
        }
        return matrix;
    }

    private static double Cubic(double t)
    {
        t = Math.Abs(t);
        return t <= 1 ? (1.5 * t * t * t) - (2.5 * t * t) + 1
            : t <= 2 ? (-0.5 * t * t * t) + (2.5 * t * t) - (4 * t) + 2
            : 0;
    }

    private static double Lanczos3(double t)
    {
        if (t == 0) return 1;
        double p = Math.PI * t;
        return Math.Abs(t) >= 3 ? 0 : 3 * Math.Sin(p) * Math.Sin(p / 3) / (p * p);
    }
}
