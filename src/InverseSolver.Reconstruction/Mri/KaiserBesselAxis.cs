using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// One dimension of a gridding: a grid of at least twice the image's size and the Kaiser-Bessel kernel
/// φ(u) = I₀(β √(1 − (2u/W)²)) / I₀(β), |u| ≤ W/2, u in cells of the grid.
/// </summary>
internal sealed class KaiserBesselAxis
{
    private readonly long _size;
    private readonly double _beta;

    private KaiserBesselAxis(long size, int width, Func<double, double> shape)
    {
        _size = size;
        // Even, so that a centred image needs no shift but a sign.
        Grid = 2 * Fourier.FastSize(size);
        Width = width;
        _beta = shape((double)Grid / size);
    }

    /// <summary>W, cells that a sample touches.</summary>
    public int Width { get; }

    /// <summary>G, cells of the grid, which is periodic.</summary>
    public long Grid { get; }

    /// <summary>Position of pixel 0 in the grid, with pixel n/2 at G/2.</summary>
    public long Offset => (Grid / 2) - (_size / 2);

    /// <summary>∫φ, the kernel's transform at 0.</summary>
    public double Integral => Transform(0);

    /// <summary>
    /// For transforms. W = 7: on white images, whose error is the largest, the sum is met within 6·10⁻⁷ in float64, below what float32 rounds in sums of
    /// this length; 6 gives 6·10⁻⁶.
    /// β by Beatty, Nishimura and Pauly 2005, eq. 5.
    /// </summary>
    /// <param name="size">The image's size, n.</param>
    public static KaiserBesselAxis ForTransform(long size)
    {
        const int Width = 7;
        return new(size, Width, oversampling =>
        {
            double halfBand = Width / oversampling * (oversampling - 0.5);
            return Math.PI * Math.Sqrt((halfBand * halfBand) - 0.8);
        });
    }

    /// <summary>
    /// For density weights. The square of the kernel's transform says how much two pixels at a distance matter to the weights. A narrower kernel reaches
    /// further, but then sees the next replica of an image that is sampled no finer than need be; W = 5, β = 10 met the spectrum of a disc on radial and
    /// spiral scans, and ones on the Cartesian grid.
    /// </summary>
    /// <param name="size">The image's size, n.</param>
    public static KaiserBesselAxis ForDensity(long size) => new(size, 5, _ => 10);

    /// <summary>The cells around a frequency and their weights.</summary>
    /// <param name="frequency">In cycles per field of view.</param>
    /// <param name="cells"><see cref="Width"/> indices; written.</param>
    /// <param name="weights">φ, with (−1)^cell, the phase of an image centred at G/2; written.</param>
    public void Taps(double frequency, Span<int> cells, Span<double> weights)
    {
        double position = frequency * Grid / _size;
        long first = (long)Math.Ceiling(position - (Width / 2.0));
        for (int i = 0; i < Width; i++)
        {
            long cell = (((first + i) % Grid) + Grid) % Grid;
            double u = 2 * (first + i - position) / Width;
            cells[i] = (int)cell;
            weights[i] = Bessel(_beta * Math.Sqrt(Math.Max(0, 1 - (u * u)))) / Bessel(_beta) * (cell % 2 == 0 ? 1 : -1);
        }
    }

    /// <summary>One over the kernel's transform at each pixel, times 1/√n.</summary>
    public double[] Deapodisation()
    {
        var factors = new double[_size];
        for (long i = 0; i < _size; i++) factors[i] = 1 / (Transform((double)(i - (_size / 2)) / Grid) * Math.Sqrt(_size));
        return factors;
    }

    // Φ(x) = W sinh(s) / (s I₀(β)), s = √(β² − (πWx)²); |x| ≤ 1/4 keeps s real. Beatty et al., eq. 4.
    private double Transform(double x)
    {
        double angle = Math.PI * Width * x, s = Math.Sqrt((_beta * _beta) - (angle * angle));
        return Width * Math.Sinh(s) / (s * Bessel(_beta));
    }

    // I₀ by its power series, all of whose terms are positive.
    private static double Bessel(double x)
    {
        double quarter = x * x / 4, term = 1, sum = 1;
        for (int k = 1; term > 1e-17 * sum; k++)
        {
            term *= quarter / ((double)k * k);
            sum += term;
        }

        return sum;
    }
}
