namespace InverseSolver.Reconstruction.Metrics;

/// <summary>Agreement of an image with a known truth, both (channels, height, width) on [0,1], taken as they are: nothing is clipped.</summary>
public static class ImageQuality
{
    /// <summary>Smallest height and width that <see cref="Ssim"/> is defined for.</summary>
    public const int Window = 11;

    // 150 dB: two float32 images that differ by rounding only, and a bound that JSON can hold for two equal ones.
    private const double SmallestError = 1e-15;

    /// <summary>All metrics.</summary>
    /// <param name="image">The image.</param>
    /// <param name="truth">The truth, of the same shape, checked by <see cref="CheckTruth"/>.</param>
    public static QualityReport Report(ArrayData image, ArrayData truth) =>
        new(Psnr(image, truth), Ssim(image, truth), Nmse(image, truth));

    /// <summary>Peak signal-to-noise ratio in dB, peak 1, over all pixels and channels; at most 150.</summary>
    /// <param name="image">The image.</param>
    /// <param name="truth">The truth, of the same shape.</param>
    public static double Psnr(ArrayData image, ArrayData truth) =>
        -10 * Math.Log10(Math.Max(SquaredError(image, truth) / truth.Values.Length, SmallestError));

    /// <summary>‖x − truth‖² / ‖truth‖².</summary>
    /// <param name="image">x.</param>
    /// <param name="truth">The truth, of the same shape, not 0 everywhere.</param>
    public static double Nmse(ArrayData image, ArrayData truth) =>
        SquaredError(image, truth) / truth.Values.Sum(value => (double)value * value);

    /// <summary>
    /// Structural similarity (Wang et al. 2004): Gaussian window of 11 pixels with σ = 1.5, population covariance, range 1, K = (0.01, 0.03);
    /// the mean over the pixels that whole windows fit around, then over channels.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="truth">The truth, of the same shape.</param>
    /// <exception cref="ArgumentException">Height or width is below 11.</exception>
    public static double Ssim(ArrayData image, ArrayData truth)
    {
        CheckShapes(image, truth);
        (int channels, int height, int width) = (truth.Shape[0], truth.Shape[1], truth.Shape[2]);
        if (height < Window || width < Window) throw new ArgumentException($"SSIM needs at least {Window} rows and columns.");
        return Enumerable.Range(0, channels).Average(channel =>
        {
            int plane = height * width;
            return ChannelSsim(
                image.Values.AsSpan(channel * plane, plane), truth.Values.AsSpan(channel * plane, plane), height, width);
        });
    }

    /// <summary>Checks that the metrics are defined.</summary>
    /// <param name="truth">The truth.</param>
    /// <param name="imageShape">(channels, height, width) of the image that will be compared with it.</param>
    /// <exception cref="InvalidInputException">Names <c>truth</c>.</exception>
    public static void CheckTruth(ArrayData truth, IReadOnlyList<long> imageShape)
    {
        if (truth.IsComplex || !truth.Shape.Select(size => (long)size).SequenceEqual(imageShape) || truth.Values.LongLength != truth.Count)
        {
            throw new InvalidInputException("files.truth", $"It must be a real image of shape ({string.Join(", ", imageShape)}).");
        }
        if (imageShape[1] < Window || imageShape[2] < Window)
        {
            throw new InvalidInputException("files.truth", $"Metrics need at least {Window} rows and columns.");
        }

        if (!truth.Values.All(float.IsFinite)) throw new InvalidInputException("files.truth", "It holds a value that is not a finite number.");
        if (truth.Values.All(value => value == 0)) throw new InvalidInputException("files.truth", "It is 0 everywhere.");
    }

    private static double ChannelSsim(ReadOnlySpan<float> x, ReadOnlySpan<float> y, int height, int width)
    {
        const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
        var products = new double[5][];
        for (int k = 0; k < 5; k++) products[k] = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            (double a, double b) = (x[i], y[i]);
            (products[0][i], products[1][i], products[2][i], products[3][i], products[4][i]) = (a, b, a * a, b * b, a * b);
        }
        for (int k = 0; k < 5; k++) products[k] = Smooth(products[k], height, width);

        double sum = 0;
        for (int i = 0; i < products[0].Length; i++)
        {
            (double mx, double my) = (products[0][i], products[1][i]);
            double vx = products[2][i] - (mx * mx), vy = products[3][i] - (my * my), covariance = products[4][i] - (mx * my);
            sum += ((2 * mx * my) + c1) * ((2 * covariance) + c2) / (((mx * mx) + (my * my) + c1) * (vx + vy + c2));
        }
        return sum / products[0].Length;
    }

    /// <summary>The Gaussian mean of every whole window, (height − 10, width − 10).</summary>
    private static double[] Smooth(double[] image, int height, int width)
    {
        var taps = new double[Window];
        for (int i = 0; i < Window; i++) taps[i] = Math.Exp(-0.5 * Math.Pow((i - (Window / 2)) / 1.5, 2));
        double sum = taps.Sum();
        int rows = height - Window + 1, columns = width - Window + 1;
        var half = new double[rows * width];
        var smooth = new double[rows * columns];
        for (int k = 0; k < Window; k++)
        {
            for (int i = 0; i < half.Length; i++) half[i] += taps[k] / sum * image[i + (k * width)];
        }
        for (int k = 0; k < Window; k++)
        {
            for (int i = 0; i < smooth.Length; i++) smooth[i] += taps[k] / sum * half[(i / columns * width) + (i % columns) + k];
        }
        return smooth;
    }

    private static double SquaredError(ArrayData image, ArrayData truth)
    {
        CheckShapes(image, truth);
        double sum = 0;
        for (int i = 0; i < truth.Values.Length; i++)
        {
            double difference = (double)image.Values[i] - truth.Values[i];
            sum += difference * difference;
        }
        return sum;
    }

    private static void CheckShapes(ArrayData image, ArrayData truth)
    {
        if (truth.Shape.Length != 3 || !image.Shape.SequenceEqual(truth.Shape))
        {
            throw new ArgumentException($"The image is ({string.Join(", ", image.Shape)}), the truth ({string.Join(", ", truth.Shape)}).");
        }
    }
}
