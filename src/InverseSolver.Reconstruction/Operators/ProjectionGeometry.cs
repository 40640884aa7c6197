using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Which pixels of a square image a projection reads, and with which weights: rows of sparse matrices, detector by detector.</summary>
internal static class ProjectionGeometry
{
    /// <summary>The angles in radians, equally spaced, the end excluded.</summary>
    public static double[] Angles(ComputedTomography problem) =>
        [.. Enumerable.Range(0, problem.Angles)
            .Select(k => (problem.StartDegrees + ((problem.EndDegrees - problem.StartDegrees) * k / problem.Angles)) * Math.PI / 180)];

    /// <summary>
    /// Line integrals by Joseph's method (An improved algorithm for reprojecting rays through pixel images, 1982), in pixels: a ray x cos θ + y sin θ = t
    /// meets each row (or column, whichever it crosses more steeply) once, where the image is interpolated between two pixels. t = s − (size − 1) / 2 from
    /// the centre, x to the right, y upwards.
    /// </summary>
    /// <param name="angle">θ in radians.</param>
    /// <param name="size">Pixels of a side, and detectors.</param>
    public static (int[] Columns, float[] Weights)[] LineIntegrals(double angle, int size)
    {
        (double sin, double cos) = Snapped(angle);
        double centre = (size - 1) / 2.0;
        bool rowwise = Math.Abs(cos) >= Math.Abs(sin);
        double length = 1 / (rowwise ? Math.Abs(cos) : Math.Abs(sin));
        return Detectors(size, (detector, add) =>
        {
            double t = detector - centre;
            for (int line = 0; line < size; line++)
            {
                double position = rowwise
                    ? ((t - ((centre - line) * sin)) / cos) + centre
                    : centre - ((t - ((line - centre) * cos)) / sin);
                double below = Math.Floor(position), share = position - below;
                Add((int)below, (1 - share) * length);
                Add((int)below + 1, share * length);

                void Add(int across, double weight)
                {
                    if (across < 0 || across >= size) return;
                    add(rowwise ? (line * size) + across : (across * size) + line, weight);
                }
            }
        });
    }

    /// <summary>
    /// The ReSample paper's projector: the image, continued periodically, is turned by bilinear interpolation around (size / 2, size / 2), and a detector
    /// is the mean of a column.
    /// </summary>
    /// <param name="angle">θ in radians.</param>
    /// <param name="size">Pixels of a side, and detectors.</param>
    public static (int[] Columns, float[] Weights)[] Means(double angle, int size)
    {
        (double sin, double cos) = Snapped(angle);
        return Detectors(size, (detector, add) =>
        {
            double u = ((double)detector / size) - 0.5;
            for (int line = 0; line < size; line++)
            {
                double v = ((double)line / size) - 0.5;
                double column = ((u * cos) - (v * sin) + 0.5) * size, row = ((u * sin) + (v * cos) + 0.5) * size;
                double left = Math.Floor(column), top = Math.Floor(row), right = column - left, down = row - top;
                Add(top, left, (1 - down) * (1 - right));
                Add(top, left + 1, (1 - down) * right);
                Add(top + 1, left, down * (1 - right));
                Add(top + 1, left + 1, down * right);
            }

            void Add(double row, double column, double weight) => add((Wrapped(row) * size) + Wrapped(column), weight / size);

            int Wrapped(double position) => (((int)position % size) + size) % size;
        });
    }

    // Sines and cosines of right angles are exact, so that no entry of rounding only arises.
    private static (double Sin, double Cos) Snapped(double angle)
    {
        (double sin, double cos) = Math.SinCos(angle);
        return (Math.Abs(sin) < 1e-15 ? 0 : sin, Math.Abs(cos) < 1e-15 ? 0 : cos);
    }

    private static (int[] Columns, float[] Weights)[] Detectors(int size, Action<int, Action<int, double>> trace)
    {
        var rows = new (int[], float[])[size];
        var columns = new List<int>(4 * size);
        var weights = new List<float>(4 * size);
        for (int detector = 0; detector < size; detector++)
        {
            columns.Clear();
            weights.Clear();
            trace(detector, (column, weight) =>
            {
                if (weight < 1e-12) return;
                columns.Add(column);
                weights.Add((float)weight);
            });
            rows[detector] = ([.. columns], [.. weights]);
        }

        return rows;
    }
}
