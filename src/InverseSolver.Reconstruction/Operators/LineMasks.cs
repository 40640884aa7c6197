namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Lines of k-space that are measured, zero frequency at width / 2: a fully measured centre with others beside it. Of partial Fourier the lines below
/// the cut are left out, but for the centre. All are of length width; null where they cannot be had.
/// </summary>
public static class LineMasks
{
    /// <summary>As many lines as a share of them: max(1, round(fraction · width)).</summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="fraction">In [0, 1].</param>
    public static long Centre(long width, double fraction) => Math.Max(1, (long)Math.Round(fraction * width));

    /// <summary>Random lines beside the centre, round(width / acceleration) in all.</summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="acceleration">Lines of k-space over lines measured.</param>
    /// <param name="centre">Lines in the centre.</param>
    /// <param name="seed">Seed of the lines.</param>
    /// <param name="partialFourier">Share of k-space, from its upper end on, that is measured at all.</param>
    public static bool[]? Random(long width, double acceleration, long centre, long seed, double partialFourier = 1)
    {
        if (Start(width, centre, partialFourier, out long[] others) is not { } mask || More(width, acceleration, centre, others) is not { } more) return null;
        foreach (long i in new SplitMix64(seed).Choose(more, others.LongLength)) mask[others[i]] = true;
        return mask;
    }

    /// <summary>Lines beside the centre that are as equally spaced as they can be, round(width / acceleration) in all.</summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="acceleration">Lines of k-space over lines measured.</param>
    /// <param name="centre">Lines in the centre.</param>
    /// <param name="partialFourier">Share of k-space, from its upper end on, that is measured at all.</param>
    public static bool[]? Equispaced(long width, double acceleration, long centre, double partialFourier = 1)
    {
        if (Start(width, centre, partialFourier, out long[] others) is not { } mask || More(width, acceleration, centre, others) is not { } more) return null;
        // The middle of each of `more` equal shares: symmetric, and never the same line twice.
        for (long i = 0; i < more; i++) mask[others[((2 * i) + 1) * others.LongLength / (2 * more)]] = true;
        return mask;
    }

    /// <summary>Every n-th line beside the centre, as a scanner measures: offset, offset + spacing…, whether or not they fall into the centre.</summary>
    /// <param name="width">Lines of the whole k-space.</param>
    /// <param name="spacing">From one line to the next.</param>
    /// <param name="offset">The first of them, below <paramref name="spacing"/>.</param>
    /// <param name="centre">Lines in the centre.</param>
    /// <param name="partialFourier">Share of k-space, from its upper end on, that is measured at all.</param>
    public static bool[]? Spaced(long width, long spacing, long offset, long centre, double partialFourier = 1)
    {
        if (Start(width, centre, partialFourier, out long[] others) is not { } mask) return null;
        foreach (long i in others.Where(i => i % spacing == offset)) mask[i] = true;
        return mask;
    }

    // The centre, and the lines beside it that may be measured.
    private static bool[]? Start(long width, long centre, double partialFourier, out long[] others)
    {
        others = [];
        if (centre > width) return null;
        var mask = new bool[width];
        // As many lines on either side of width / 2; with an even number one more below, where the Nyquist frequency is.
        for (long i = 0; i < centre; i++) mask[(width / 2) - (centre / 2) + i] = true;
        long cut = width - (long)Math.Ceiling(partialFourier * width);
        others = [.. Enumerable.Range(0, (int)width).Where(i => !mask[i] && i >= cut).Select(i => (long)i)];
        return mask;
    }

    // Lines beside the centre; null where they are fewer than none or more than there are.
    private static long? More(long width, double acceleration, long centre, long[] others)
    {
        long more = (long)Math.Round(width / acceleration) - centre;
        return more >= 0 && more <= others.LongLength ? more : null;
    }
}
