namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// The phase of an MR image from the fully measured centre of its k-space: the angle of the low-resolution image that the centre, tapered by a
/// Hann window, gives (Noll, Nishimura, Macovski: Homodyne detection in magnetic resonance imaging, 1991).
/// </summary>
public static class PhaseEstimate
{
    /// <summary>The phase in radians, row-major, height · width.</summary>
    /// <param name="kSpace">Measured k-space, complex (height, width), frequency 0 at (height / 2, width / 2).</param>
    /// <param name="mask">Row-major; true where measured.</param>
    /// <returns>Null where the centre of k-space is not measured fully over at least 3 × 3 frequencies.</returns>
    public static float[]? FromCentre(ArrayData kSpace, bool[] mask)
    {
        long height = kSpace.Shape[0], width = kSpace.Shape[1], columns = 0;
        while (columns + 1 <= (width - 1) / 2 && Measured(columns + 1)) columns++;
        long rows = RowsFor(columns);
        if (columns < 1 || rows < 1) return null;

        var centre = new float[kSpace.Values.Length];
        for (long v = -rows; v <= rows; v++)
        {
            for (long u = -columns; u <= columns; u++)
            {
                double taper = Hann(v, rows) * Hann(u, columns);
                long i = 2 * Index(v, u);
                centre[i] = (float)(taper * kSpace.Values[i]);
                centre[i + 1] = (float)(taper * kSpace.Values[i + 1]);
            }
        }
        using var scope = torch.NewDisposeScope();
        return Fourier.CentredInverse(new ArrayData(kSpace.Shape, centre, true).ToTensor(torch.CPU)).angle().ToFloats();

        // As wide a band of frequencies in the rows, so that the resolution is the same in both directions.
        long RowsFor(long halfWidth) => Math.Min((height - 1) / 2, (long)Math.Round(halfWidth * (double)height / width));

        bool Measured(long halfWidth)
        {
            long halfHeight = RowsFor(halfWidth);
            for (long v = -halfHeight; v <= halfHeight; v++)
            {
                for (long u = -halfWidth; u <= halfWidth; u++)
                {
                    if (!mask[Index(v, u)]) return false;
                }
            }
            return true;
        }

        long Index(long v, long u) => (((height / 2) + v) * width) + (width / 2) + u;
    }

    private static double Hann(long frequency, long half) => 0.5 * (1 + Math.Cos(Math.PI * frequency / (half + 1)));
}
