namespace InverseSolver.Reconstruction.Operators;

/// <summary>Laying images on each other that are known up to a shift and, where asked for, half a turn.</summary>
internal static class Registration
{
    // Below this correlation an image says nothing about where another one belongs.
    private const double LeastCorrelation = 0.5;

    // A shift that pushes a larger share of the energy out of the frame is none that the magnitudes allow.
    private const double MostLost = 0.01;

    // Rows and columns that hold less than this share of the fullest one's sum are taken for background.
    private const double Background = 0.15;

    /// <summary>Images, each shifted (and turned by 180 degrees) so that it correlates best with its reference; one that fits nowhere stays as it is.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    /// <param name="reference">As many.</param>
    /// <param name="turns">Whether an image may be turned.</param>
    internal static Tensor Onto(Tensor x, Tensor reference, bool turns)
    {
        var placed = new List<Tensor>();
        for (long i = 0; i < x.size(0); i++)
        {
            Tensor item = x.narrow(0, i, 1), to = reference.narrow(0, i, 1);
            (double correlation, long down, long right) = Peak(item, to);
            if (turns)
            {
                Tensor turned = item.flip(2, 3);
                (double other, long downTurned, long rightTurned) = Peak(turned, to);
                if (other > correlation)
                {
                    (item, correlation, down, right) = (turned, other, downTurned, rightTurned);
                }
            }

            placed.Add(correlation < LeastCorrelation ? item : ShiftedIfItFits(item, down, right));
        }

        return torch.cat([.. placed]);
    }

    /// <summary>Images whose bright part lies in the middle of the frame, as far as it fits.</summary>
    internal static Tensor Centred(Tensor x)
    {
        var placed = new List<Tensor>();
        for (long i = 0; i < x.size(0); i++)
        {
            Tensor item = x.narrow(0, i, 1);
            placed.Add(ShiftedIfItFits(item, ToMiddle(item.sum([0, 1, 3]).ToDoubles()), ToMiddle(item.sum([0, 1, 2]).ToDoubles())));
        }

        return torch.cat([.. placed]);
    }

    /// <summary>An image moved within its frame; zeros come in.</summary>
    internal static Tensor Shifted(Tensor x, long down, long right) => torch.nn.functional.pad(x, [right, -right, down, -down]);

    private static long ToMiddle(double[] sums)
    {
        double least = Background * sums.Max();
        int first = Array.FindIndex(sums, sum => sum > least), last = Array.FindLastIndex(sums, sum => sum > least);
        return first < 0 ? 0 : (long)Math.Round((sums.Length - 1 - first - last) / 2.0);
    }

    private static Tensor ShiftedIfItFits(Tensor x, long down, long right)
    {
        Tensor shifted = Shifted(x, down, right);
        return shifted.square().sum().ToDouble() >= (1 - MostLost) * x.square().sum().ToDouble() ? shifted : x;
    }

    // The shift of the largest correlation of two images without their means, and that correlation; shifts are within half the frame.
    private static (double Correlation, long Down, long Right) Peak(Tensor x, Tensor reference)
    {
        (long height, long width) = (x.size(2), x.size(3));
        long[] padded = [2 * height, 2 * width];
        Tensor a = x - x.mean(), b = reference - reference.mean();
        Tensor product = (Spectrum(b, height, width) * Spectrum(a, height, width).conj()).sum([0, 1]);
        float[] correlation = torch.fft.irfft2(product, padded).ToFloats();
        int best = Array.IndexOf(correlation, correlation.Max());
        (long down, long right) = (best / (2 * width), best % (2 * width));
        double norms = a.norm().ToDouble() * b.norm().ToDouble();
        return (norms > 0 ? correlation[best] / norms : 0, down < height ? down : down - 2 * height, right < width ? right : right - 2 * width);
    }

    private static Tensor Spectrum(Tensor x, long height, long width) => torch.fft.rfft2(torch.nn.functional.pad(x, [0, width, 0, height]));
}
