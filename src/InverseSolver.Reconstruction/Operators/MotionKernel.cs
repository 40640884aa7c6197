namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Random motion kernels: the generator that the papers use (Borodenko's), with random numbers of its own and exact antialiasing.
/// A random path is drawn on a canvas of twice the size, blurred, made half as large and scaled to sum 1.
/// </summary>
public static class MotionKernel
{
    /// <summary>Draws a kernel.</summary>
    /// <param name="size">Height and width in pixels, odd, at least 3.</param>
    /// <param name="intensity">I in [0,1]: 0 is nearly straight, 1 very shaky.</param>
    /// <param name="seed">Seed; the same seed gives the same kernel everywhere, up to the rounding of Math.Sin.</param>
    /// <returns>Row-major, size · size, non-negative, sum 1.</returns>
    public static double[] Draw(int size, double intensity, long seed)
    {
        int canvas = 2 * size;
        double diagonal = canvas * Math.Sqrt(2);
        List<(double X, double Y)> path = Path(diagonal, intensity, new SplitMix64(seed));
        double[] image = DrawPath(path, canvas, Math.Max(1, (int)(diagonal / 150)));

        int blur = (int)(diagonal * 0.01);
        if (blur > 0) image = Separable(GaussianKernel.Matrix(canvas, blur, Problems.Boundary.Reflect), image, canvas);
        image = Separable(Resampling.Lanczos(canvas, 2), image, canvas);

        double sum = 0;
        for (int i = 0; i < image.Length; i++) sum += image[i] = Math.Max(0, image[i]);   // Lanczos undershoots beside the path
        for (int i = 0; i < image.Length; i++) image[i] /= sum;
        return image;
    }

    /// <summary>Corner points around the centre of mass, in canvas pixels.</summary>
    private static List<(double X, double Y)> Path(double diagonal, double intensity, SplitMix64 random)
    {
        double limit = 0.75 * diagonal * (random.NextDouble() + random.Uniform(0, intensity * intensity));
        double largest = random.Uniform(0, intensity * Math.PI), jitter = random.Beta(2, 21), longestStep = (1.1 - intensity) * diagonal;
        double angle = random.Uniform(-largest, largest), length = 0, x = 0, y = 0;
        var path = new List<(double X, double Y)>();
        do
        {
            double step = random.Beta(1, 30) * longestStep;
            length += step;
            x += step * Math.Cos(angle);
            y += step * Math.Sin(angle);
            path.Add((x, y));
            double size = random.Triangular(0, intensity * largest, largest + 0.1);
            bool turned = random.NextDouble() < jitter;
            angle = (angle < 0) != turned ? -size : size;
        }
        while (length < limit);

        double meanX = path.Average(p => p.X), meanY = path.Average(p => p.Y), turn = random.Uniform(0, Math.PI);
        double cos = Math.Cos(turn), sin = Math.Sin(turn);
        return path.ConvertAll(p => ((cos * (p.X - meanX)) - (sin * (p.Y - meanY)), (sin * (p.X - meanX)) + (cos * (p.Y - meanY))));
    }

    /// <summary>Each pixel gets the share of it that the nearest piece of the path covers.</summary>
    private static double[] DrawPath(List<(double X, double Y)> path, int canvas, int lineWidth)
    {
        var image = new double[canvas * canvas];
        double half = lineWidth / 2.0, reach = half + 0.5, centre = canvas / 2.0;
        for (int i = 0; i < path.Count; i++)
        {
            (double ax, double ay) = path[Math.Max(0, i - 1)];
            (double bx, double by) = path[i];
            (ax, ay, bx, by) = (ax + centre, ay + centre, bx + centre, by + centre);
            int top = Pixel(Math.Min(ay, by) - reach), bottom = Pixel(Math.Max(ay, by) + reach);
            int left = Pixel(Math.Min(ax, bx) - reach), right = Pixel(Math.Max(ax, bx) + reach);
            for (int row = top; row <= bottom; row++)
            {
                for (int column = left; column <= right; column++)
                {
                    double cover = Math.Clamp(reach - Distance(column + 0.5, row + 0.5, ax, ay, bx, by), 0, 1);
                    ref double value = ref image[(row * canvas) + column];
                    value = Math.Max(value, cover);
                }
            }
        }
        return image;

        int Pixel(double position) => (int)Math.Clamp(Math.Floor(position), 0, canvas - 1);
    }

    private static double Distance(double x, double y, double ax, double ay, double bx, double by)
    {
        double dx = bx - ax, dy = by - ay, square = (dx * dx) + (dy * dy);
        double along = square == 0 ? 0 : Math.Clamp((((x - ax) * dx) + ((y - ay) * dy)) / square, 0, 1);
        return Math.Sqrt(Math.Pow(x - ax - (along * dx), 2) + Math.Pow(y - ay - (along * dy), 2));
    }

    /// <summary>M image Mᵀ of a square image.</summary>
    private static double[] Separable(double[,] m, double[] image, int size)
    {
        int rows = m.GetLength(0);
        var half = new double[rows * size];
        for (int i = 0; i < rows; i++)
        {
            for (int k = 0; k < size; k++)
            {
                if (m[i, k] == 0) continue;
                for (int j = 0; j < size; j++) half[(i * size) + j] += m[i, k] * image[(k * size) + j];
            }
        }
        var result = new double[rows * rows];
        for (int j = 0; j < rows; j++)
        {
            for (int k = 0; k < size; k++)
            {
                if (m[j, k] == 0) continue;
                for (int i = 0; i < rows; i++) result[(i * rows) + j] += m[j, k] * half[(i * size) + k];
            }
        }
        return result;
    }
}
