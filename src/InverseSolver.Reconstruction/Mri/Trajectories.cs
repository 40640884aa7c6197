namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Trajectories for simulation: (samples, 2), frequencies along rows and along columns in cycles per field of view, one readout after the other.
/// They reach the edges of both dimensions: on an image that is not square they are circles and lines in cycles per pixel.
/// </summary>
public static class Trajectories
{
    /// <summary>π/φ, 111.25°, after which any number of spokes lies almost evenly (Winkelmann and others 2007).</summary>
    public static readonly double GoldenAngle = Math.PI * (Math.Sqrt(5) - 1) / 2;

    /// <summary>Spokes through frequency 0, evenly over half a turn, the first one along the rows' frequency.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="spokes">Number of spokes.</param>
    /// <param name="samples">Samples of a spoke, from −1/2 of the band on; sample samples/2 is frequency 0.</param>
    public static double[,] Radial(long rows, long columns, int spokes, int samples) => Spokes(rows, columns, spokes, samples, Math.PI / spokes);

    /// <summary>Spokes through frequency 0, each turned by <see cref="GoldenAngle"/> against the one before.</summary>
    /// <inheritdoc cref="Radial"/>
    public static double[,] GoldenRadial(long rows, long columns, int spokes, int samples) => Spokes(rows, columns, spokes, samples, GoldenAngle);

    /// <summary>Archimedean spirals from frequency 0 outwards at constant linear speed, evenly turned against each other.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="interleaves">Number of spirals; times turns it should be at least half the larger image size, else the scan is undersampled.</param>
    /// <param name="samples">Samples of a spiral.</param>
    /// <param name="turns">Turns of a spiral.</param>
    public static double[,] Spiral(long rows, long columns, int interleaves, int samples, double turns)
    {
        double last = 2 * Math.PI * turns;
        double[] angles = [.. Enumerable.Range(0, samples).Select(s => AngleAfter(ArcLength(last) * s / samples))];
        return Polar(rows, columns, interleaves, samples, (i, s) => (angles[s] / last / 2, angles[s] + (2 * Math.PI * i / interleaves)));
    }

    // Of r = θ from 0 to θ.
    private static double ArcLength(double angle) => ((angle * Math.Sqrt(1 + (angle * angle))) + Math.Asinh(angle)) / 2;

    // The inverse by Newton's method, from above a convex function's root, hence without overshooting.
    private static double AngleAfter(double length)
    {
        double angle = Math.Min(length, Math.Sqrt(2 * length));
        for (int i = 0; i < 8; i++) angle -= (ArcLength(angle) - length) / Math.Sqrt(1 + (angle * angle));
        return angle;
    }

    private static double[,] Spokes(long rows, long columns, int spokes, int samples, double step) =>
        Polar(rows, columns, spokes, samples, (i, s) => ((double)(s - (samples / 2)) / samples, i * step));

    // Radius in cycles per pixel, at most 1/2, and angle of each sample of each readout.
    private static double[,] Polar(long rows, long columns, int readouts, int samples, Func<int, int, (double Radius, double Angle)> at)
    {
        var trajectory = new double[(long)readouts * samples, 2];
        for (int i = 0; i < readouts; i++)
        {
            for (int s = 0; s < samples; s++)
            {
                (double radius, double angle) = at(i, s);
                long j = ((long)i * samples) + s;
                trajectory[j, 0] = radius * Math.Cos(angle) * rows;
                trajectory[j, 1] = radius * Math.Sin(angle) * columns;
            }
        }

        return trajectory;
    }
}
