namespace InverseSolver.Imaging;

/// <summary>
/// Resampling with an antialiased Lanczos kernel of three lobes; lines go on beyond their ends with their last pixel. Results may overshoot the range.
/// </summary>
internal static class Lanczos
{
    private const int Lobes = 3;

    /// <summary>One plane in another size.</summary>
    internal static float[] Resize(float[] values, int height, int width, int newHeight, int newWidth)
    {
        (int First, double[] Weights)[] columns = Taps(width, newWidth), rows = Taps(height, newHeight);
        var narrow = new double[height * newWidth];
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < newWidth; column++)
            {
                (int first, double[] weights) = columns[column];
                double sum = 0;
                for (int i = 0; i < weights.Length; i++) sum += weights[i] * values[(row * width) + Math.Clamp(first + i, 0, width - 1)];
                narrow[(row * newWidth) + column] = sum;
            }
        }

        var resized = new float[newHeight * newWidth];
        for (int row = 0; row < newHeight; row++)
        {
            (int first, double[] weights) = rows[row];
            for (int column = 0; column < newWidth; column++)
            {
                double sum = 0;
                for (int i = 0; i < weights.Length; i++) sum += weights[i] * narrow[(Math.Clamp(first + i, 0, height - 1) * newWidth) + column];
                resized[(row * newWidth) + column] = (float)sum;
            }
        }

        return resized;
    }

    // For each new pixel the first old one and the weights from there on. Where the line becomes shorter the kernel is stretched.
    private static (int First, double[] Weights)[] Taps(int size, int newSize)
    {
        double scale = (double)size / newSize, stretch = Math.Max(1, scale);
        return [.. Enumerable.Range(0, newSize).Select(i =>
        {
            double centre = ((i + 0.5) * scale) - 0.5;
            int first = (int)Math.Ceiling(centre - (Lobes * stretch)), last = (int)Math.Floor(centre + (Lobes * stretch));
            double[] weights = [.. Enumerable.Range(first, last - first + 1).Select(j => Kernel((j - centre) / stretch))];
            double sum = weights.Sum();
            return (first, weights.Select(weight => weight / sum).ToArray());
        })];
    }

    private static double Kernel(double t)
    {
        if (Math.Abs(t) < 1e-12) return 1;
        double p = Math.PI * t;
        return Math.Abs(t) >= Lobes ? 0 : Lobes * Math.Sin(p) * Math.Sin(p / Lobes) / (p * p);
    }
}
