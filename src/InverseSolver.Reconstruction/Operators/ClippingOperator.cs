namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// y = clip(gain x + n, low, high). Pixels of the measurement at a limit are censored: their residual is how far gain x falls short of it, 0 beyond it; they do
/// not count as measured. All other pixels are known not to be clipped, so theirs is gain x − y.
/// </summary>
public sealed class ClippingOperator : NonlinearOperator
{
    private readonly double gain, low, high;
    private readonly Tensor? atLow, atHigh;      // (1, channels, height, width)

    /// <summary>Describes a detector and which of its pixels are at a limit.</summary>
    /// <param name="name">What errors call it.</param>
    /// <param name="shape">(channels, height, width).</param>
    /// <param name="gain">Above 0.</param>
    /// <param name="low">The lower limit.</param>
    /// <param name="high">The upper limit.</param>
    /// <param name="censored">−1 at the lower limit, 1 at the upper one, else 0, row-major; null where nothing is measured yet.</param>
    /// <param name="device">Where it computes.</param>
    public ClippingOperator(string name, long[] shape, double gain, double low, double high, sbyte[]? censored, Device device)
        : base(name, shape, shape, censored?.LongCount(side => side == 0) ?? shape.Aggregate(1L, (a, b) => a * b))
    {
        (this.gain, this.low, this.high) = (gain, low, high);
        if (censored is null) return;
        using var scope = torch.NewDisposeScope();
        Tensor sides = torch.copy_of(Array.ConvertAll(censored, side => (float)side), [1, .. shape]).to(device);
        atLow = Own(sides.lt(-0.5));
        atHigh = Own(sides.gt(0.5));
    }

    /// <summary>Which pixels of a measurement are at a limit, or within the margin of it.</summary>
    internal static sbyte[] Censored(float[] y, double low, double high, double margin) =>
        Array.ConvertAll(y, value => (sbyte)(value >= (float)(high - margin) ? 1 : value <= (float)(low + margin) ? -1 : 0));

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor residual = ResidualCore(x, y);
        // Where no pixel is known to be censored those that x itself drives beyond a limit say nothing.
        Tensor inside = atHigh is null
            ? (x * gain).clamp(low, high).eq(x * gain)
            : torch.where(atHigh.logical_or(atLow!), residual.ne(0), torch.ones_like(residual).gt(0));
        Tensor slope = inside.to(ScalarType.Float32) * gain;
        return new Linearisation(residual, v => v * slope, w => w * slope);
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => (x * gain).clamp(low, high);

    /// <inheritdoc/>
    protected override Tensor MeasureCore(Tensor x, Tensor noise) => (x * gain + noise).clamp(low, high);

    private protected override Tensor ResidualCore(Tensor x, Tensor y)
    {
        if (atHigh is null) return ApplyCore(x) - y;
        Tensor linear = x * gain;
        return torch.where(atHigh, (linear - high).clamp(max: 0), torch.where(atLow!, (linear - low).clamp(min: 0), linear - y));
    }

    private protected override Tensor IdealCore(Tensor x) => x * gain;

    private protected override Tensor DirectCore(Tensor y) => y / gain;
}
