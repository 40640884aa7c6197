using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// The phase of a low-resolution image (Noll, Nishimura, Macovski: Homodyne detection in magnetic resonance imaging, 1991): of an image without a prior,
/// which has it from all frequencies that are measured on both sides of the centre.
/// </summary>
internal static class SmoothPhase
{
    // Share of the frequencies on either side: what varies faster is left to the joint estimate.
    private const double Band = 0.25;

    /// <summary>exp(iφ), complex (N, rows, columns).</summary>
    /// <param name="images">Complex (N, rows, columns).</param>
    /// <param name="mask">Row-major, which frequencies were measured; null: all around the centre.</param>
    public static Tensor Of(Tensor images, bool[]? mask)
    {
        using var scope = torch.NewDisposeScope();
        (long rows, long columns) = (images.size(1), images.size(2));
        double down = Math.Min(Band * rows, mask is null ? rows : Symmetric(rows, i => Measured(mask, columns, row: i))) + 1;
        double across = Math.Min(Band * columns, mask is null ? columns : Symmetric(columns, i => Measured(mask, columns, column: i))) + 1;
        Tensor taper = Hann(rows, down).unsqueeze(1) * Hann(columns, across);
        Tensor smooth = Fourier.CentredInverse(Fourier.Centred(images) * taper.to(images.device)), size = smooth.abs();
        return torch.where(size.gt(0), smooth / size.clamp(min: float.Epsilon), torch.ones_like(smooth)).MoveToOuterDisposeScope();
    }

    // Half the extent that is reached on both sides of the centre.
    private static long Symmetric(long size, Func<long, bool> measured)
    {
        long centre = size / 2, below = 0, above = 0;
        for (long i = 0; i < size; i++)
        {
            if (!measured(i)) continue;
            below = Math.Max(below, centre - i);
            above = Math.Max(above, i - centre);
        }

        return Math.Min(below, above);
    }

    private static bool Measured(bool[] mask, long columns, long? row = null, long? column = null)
    {
        long rows = mask.LongLength / columns;
        if (row is { } r) return Enumerable.Range(0, (int)columns).Any(c => mask[(r * columns) + c]);
        return Enumerable.Range(0, (int)rows).Any(i => mask[(i * columns) + column!.Value]);
    }

    private static Tensor Hann(long size, double half) =>
        torch.copy_of(
            [.. Enumerable.Range(0, (int)size)
                .Select(i => Math.Abs(i - (size / 2)) < half ? (float)(0.5 * (1 + Math.Cos(Math.PI * (i - (size / 2)) / half))) : 0f)],
            size);
}
