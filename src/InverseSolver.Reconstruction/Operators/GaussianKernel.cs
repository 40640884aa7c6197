using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>The Gaussian blur of the papers: SciPy's gaussian_filter, cut at 4 σ.</summary>
public static class GaussianKernel
{
    /// <summary>The taps of one dimension, sum 1; radius int(4 σ + 0.5). The kernel in two dimensions is their outer product.</summary>
    /// <param name="sigma">Standard deviation in pixels, above 0.</param>
    public static double[] Taps(double sigma)
    {
        int radius = (int)((4 * sigma) + 0.5);
        var taps = new double[(2 * radius) + 1];
        for (int i = -radius; i <= radius; i++) taps[i + radius] = Math.Exp(-0.5 * i * i / (sigma * sigma));
        double sum = taps.Sum();
        for (int i = 0; i < taps.Length; i++) taps[i] /= sum;
        return taps;
    }

    /// <summary>The matrix (size, size) that blurs one line of an image.</summary>
    /// <param name="size">Pixels of the line.</param>
    /// <param name="sigma">Standard deviation in pixels, above 0.</param>
    /// <param name="boundary">What lies beyond the line's ends, at any distance.</param>
    public static double[,] Matrix(long size, double sigma, Boundary boundary)
    {
        double[] taps = Taps(sigma);
        int radius = taps.Length / 2;
        var matrix = new double[size, size];
        for (long i = 0; i < size; i++)
        {
            for (int k = -radius; k <= radius; k++) matrix[i, Borders.Fold(i + k, size, boundary)] += taps[k + radius];
        }
        return matrix;
    }
}
