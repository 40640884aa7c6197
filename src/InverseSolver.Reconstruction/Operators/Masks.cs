namespace InverseSolver.Reconstruction.Operators;

/// <summary>Masks, row-major, true where measured. The same arguments give the same mask everywhere.</summary>
public static class Masks
{
    /// <summary>An image with a rectangle missing; the rectangle must lie inside.</summary>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="top">First missing row.</param>
    /// <param name="left">First missing column.</param>
    /// <param name="rows">Rows missing.</param>
    /// <param name="columns">Columns missing.</param>
    public static bool[] Box(long height, long width, long top, long left, long rows, long columns)
    {
        var mask = new bool[height * width];
        for (long i = 0; i < mask.LongLength; i++)
        {
            long row = i / width, column = i % width;
            mask[i] = row < top || row >= top + rows || column < left || column >= left + columns;
        }
        return mask;
    }

    /// <summary>An image with round(fraction · height · width) pixels missing (half to even).</summary>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="fraction">Share of the pixels that is missing, in [0,1].</param>
    /// <param name="seed">Seed of the positions.</param>
    public static bool[] Random(long height, long width, double fraction, long seed)
    {
        var mask = new bool[height * width];
        Array.Fill(mask, true);
        long missing = (long)Math.Round(fraction * height * width);
        foreach (long i in new SplitMix64(seed).Choose(missing, mask.LongLength)) mask[i] = false;
        return mask;
    }

    /// <summary>
    /// Lines of k-space with zero frequency at width / 2: max(1, round(centreFraction · width)) in the centre and random ones beside it,
    /// round(width / acceleration) in all.
    /// </summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="acceleration">Lines of k-space over lines measured.</param>
    /// <param name="centreFraction">Share of the lines that forms the centre.</param>
    /// <param name="seed">Seed of the lines.</param>
    /// <returns>Of length width; null where the centre alone has more lines than the acceleration allows.</returns>
    public static bool[]? RandomLines(long width, double acceleration, double centreFraction, long seed) =>
        LineMasks.Random(width, acceleration, LineMasks.Centre(width, centreFraction), seed);

    /// <summary>The same with lines as equally spaced as the ones outside of the centre can be.</summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="acceleration">Lines of k-space over lines measured.</param>
    /// <param name="centreFraction">Share of the lines that forms the centre.</param>
    /// <returns>Of length width; null where the centre alone has more lines than the acceleration allows.</returns>
    public static bool[]? EquispacedLines(long width, double acceleration, double centreFraction) =>
        LineMasks.Equispaced(width, acceleration, LineMasks.Centre(width, centreFraction));

    /// <summary>Positions over measured positions, the centre included.</summary>
    /// <param name="mask">True where measured.</param>
    public static double NetAcceleration(bool[] mask) => (double)mask.LongLength / mask.LongCount(m => m);
}
