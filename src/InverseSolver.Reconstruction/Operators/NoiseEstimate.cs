using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>A noise level, and how it was found.</summary>
/// <param name="Sigma">Standard deviation per real component, in y's units.</param>
/// <param name="Method">In a few words.</param>
public sealed record NoiseLevel(double Sigma, string Method);

/// <summary>
/// The noise level of a measurement from the measurement itself: the median of the absolute values of what varies fastest in it, over 0.6745 (Donoho and
/// Johnstone 1994, Biometrika 81:425). What the image itself holds there counts as noise, so it is an upper bound; docs/results.md says how near it comes.
/// </summary>
/// <remarks>
/// Images: second differences along rows and columns of 3 x 3 neighbourhoods (Immerkær 1996), which see no gradients; where too few are measured as a
/// whole, the diagonal Haar coefficients of 2 x 2 ones. Sinograms: sixth differences along the detector. Rounded images: 8 bits. k-space and Fourier
/// magnitudes: the frequencies farthest from the centre.
/// </remarks>
public static class NoiseEstimate
{
    /// <summary>Neighbourhoods at least, for a median good to 15 %.</summary>
    internal const int Fewest = 64;

    // Φ⁻¹(3/4)
    private const double NormalMedian = 0.6745;

    // Share of the frequencies that are outermost, and how many samples at least.
    private const double OuterMagnitudes = 0.1, OuterSamples = 0.05;
    private const int FewestSamples = 128;

    private const double RoundingShare = 1e-6;

    // Rounding to 8 bits spreads evenly over one step.
    internal const double EightBit = 1 / 255.0;

    // Of larger measurements every second row is looked at, or every third...
    private const long MostResponses = 1 << 20;

    // This share of values at 0, or at 1, is no chance: they were clipped.
    private const double ClippedShare = 0.01;

    private static readonly double[,] Haar = Outer([1, -1], [1, -1]), SecondDifferences = Outer([1, -2, 1], [1, -2, 1]);
    private static readonly double[,] AlongDetector = Outer([1], [1, -6, 15, -20, 15, -6, 1]);

    /// <summary>Estimates the level of one measurement.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="imageShape">(channels, height, width) of the unknown image.</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="measurement">y.</param>
    /// <param name="least">The rounding of y's file, below which nothing is estimated; 0 where y was not rounded.</param>
    /// <exception cref="InvalidInputException">It cannot be estimated; names <c>sigma</c>.</exception>
    public static NoiseLevel Of(Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData measurement, double least)
    {
        if (problem.NoiseRefusal is { } reason) throw Refusal(reason);
        return Of(problem, ProblemChecks.Check(problem, imageShape, files, measurement), measurement, least);
    }

    /// <summary>Estimates the level of one measurement of a checked problem.</summary>
    internal static NoiseLevel Of(Problem problem, OperatorArrays arrays, ArrayData measurement, double least)
    {
        if (problem.NoiseRefusal is { } reason) throw Refusal(reason);
        NoiseLevel level = problem.EstimateNoise(arrays, measurement);
        // What single precision leaves of a difference is no noise.
        if (level.Sigma < RoundingShare * measurement.Values.Max(Math.Abs)) level = level with { Sigma = 0 };
        return level.Sigma >= least ? level : new NoiseLevel(least, $"rounding of the file; {level.Method}, gave less");
    }

    /// <summary>Of k-space: its outermost samples.</summary>
    internal static NoiseLevel OfSamples(ArrayData y, bool[] mask)
    {
        (int height, int width) = (y.Shape[^2], y.Shape[^1]);
        int[] measured = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i]).OrderByDescending(i => Radius2(i, height, width))];
        int count = Math.Min(measured.Length, Math.Max(FewestSamples, (int)(OuterSamples * measured.Length)));
        List<double> sizes = [.. measured.Take(count).SelectMany(i => (double[])[Math.Abs(y.Values[2 * i]), Math.Abs(y.Values[2 * i + 1])])];
        return Level(sizes, "outermost samples") ?? throw TooFew();
    }

    /// <summary>Of a sinogram.</summary>
    internal static NoiseLevel OfSinogram(ArrayData y) =>
        Level(Responses(y, (_, _) => true, AlongDetector), "sixth differences along the detector") ?? throw TooFew();

    /// <summary>Of Fourier magnitudes: the outermost frequencies.</summary>
    internal static NoiseLevel OfMagnitudes(ArrayData y) =>
        Level(Responses(y, Outermost(y), SecondDifferences), "second differences of the outermost frequencies' magnitudes") ?? throw TooFew();

    /// <summary>Of an image that the problem itself rounds: rounding to 8 bits, or to the problem's own step where that is finer.</summary>
    internal static NoiseLevel OfRounding(double step) => new(
        Math.Min(EightBit, step) / Math.Sqrt(12), "rounding to 8 bits; the problem's own rounding is part of the forward model");

    /// <summary>Of an image.</summary>
    internal static NoiseLevel OfImage(ArrayData y, OperatorArrays arrays)
    {
        int plane = y.Shape[^2] * y.Shape[^1];
        bool low = AtLimit(0), high = AtLimit(1);
        return Level(Responses(y, Usable, SecondDifferences), "second differences of 3 x 3 neighbourhoods")
            ?? Level(Responses(y, Usable, Haar), "diagonal Haar coefficients of 2 x 2 neighbourhoods") ?? throw TooFew();

        bool AtLimit(float limit) => y.Values.LongCount(value => value == limit) > ClippedShare * y.Values.Length;

        bool Usable(int entry, float value) => (arrays.Mask is null || arrays.Mask[entry % plane]) && (arrays.Censored is null || arrays.Censored[entry] == 0)
            && !(low && value == 0) && !(high && value == 1);
    }

    private static Func<int, float, bool> Outermost(ArrayData y)
    {
        (int height, int width) = (y.Shape[^2], y.Shape[^1]);
        double[] radii = [.. Enumerable.Range(0, height * width).Select(i => Radius2(i, height, width)).OrderDescending()];
        double least = radii[(int)(OuterMagnitudes * (radii.Length - 1))];
        return (entry, _) => Radius2(entry % (height * width), height, width) >= least;
    }

    // Of the position from frequency 0, sides being 1.
    private static double Radius2(int i, int height, int width)
    {
        double row = (i / width - height / 2) / (double)height, column = (i % width - width / 2) / (double)width;
        return row * row + column * column;
    }

    // The sizes of a filter's responses where all that it sees is usable; all leading dimensions are planes.
    private static List<double> Responses(ArrayData y, Func<int, float, bool> usable, double[,] filter)
    {
        (int height, int width, int rows, int columns) = (y.Shape[^2], y.Shape[^1], filter.GetLength(0), filter.GetLength(1));
        var sizes = new List<double>();
        for (int top = 0; top < y.Values.Length / width; top += 1 + (int)(y.Values.LongLength / MostResponses))
        {
            if (top % height + rows > height) continue;
            for (int left = 0; left + columns <= width; left++)
            {
                if (Response(top, left) is { } value) sizes.Add(Math.Abs(value));
            }
        }

        return sizes;

        double? Response(int top, int left)
        {
            double sum = 0;
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    int at = (top + i) * width + left + j;
                    if (!usable(at, y.Values[at])) return null;
                    sum += filter[i, j] * y.Values[at];
                }
            }

            return sum;
        }
    }

    private static NoiseLevel? Level(List<double> sizes, string of)
    {
        if (sizes.Count < Fewest) return null;
        sizes.Sort();
        return new NoiseLevel((sizes[(sizes.Count - 1) / 2] + sizes[sizes.Count / 2]) / 2 / NormalMedian, $"median of {sizes.Count} {of}");
    }

    internal static InvalidInputException TooFew() => Refusal("Too little of the measurement lies together, unclipped, to estimate its noise.");

    private static InvalidInputException Refusal(string reason) => new("sigma", $"{reason} Give sigma.");

    // u vᵀ, of norm 1.
    private static double[,] Outer(double[] u, double[] v)
    {
        double norm = Math.Sqrt(u.Sum(a => a * a) * v.Sum(b => b * b));
        var matrix = new double[u.Length, v.Length];
        for (int i = 0; i < u.Length; i++)
        {
            for (int j = 0; j < v.Length; j++) matrix[i, j] = u[i] * v[j] / norm;
        }

        return matrix;
    }
}
