using System.ComponentModel.DataAnnotations;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// A detector that saturates: y = clip(gain x + n, 0, 1), n before the clipping. Of a pixel at a limit only that is used which it says: that the image is
/// not below (not above) it.
/// </summary>
/// <param name="Gain">Brightness of the exposure over that of the image.</param>
/// <param name="Margin">Values this near to a limit count as clipped; about 3 sigma where the noise came after the clipping.</param>
public sealed record HighDynamicRange(
    [property: Range(0.01, 100.0)] double Gain = 2,
    [property: Range(0.0, 0.49)] double Margin = 0) : Problem
{
    internal static ProblemDescription Description { get; } = new("hdr", new("constrainedAdmm", "constrainedAdmm"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["hdr"] = _ => new HighDynamicRange() },
    };

    internal override bool IsLinear => false;

    internal override bool IsImage => true;

    internal override bool DependsOnMeasurement => true;

    internal override OperatorArrays WithMeasurement(OperatorArrays arrays, ArrayData y) => ClippingOperator.Censored(y, 0, 1, Margin);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new ClippingOperator("hdr", image, Gain, 0, 1, arrays.Censored, device);
}

/// <summary>Clipped measurements: y = clip(x + n, low, high), n before the clipping; pixels at a limit are used as with <c>hdr</c>.</summary>
/// <param name="Low">The lower limit.</param>
/// <param name="High">The upper limit.</param>
/// <param name="Margin">Values this near to a limit count as clipped; about 3 sigma where the noise came after the clipping.</param>
public sealed record Clipping(
    [property: Range(-1e3, 1e3)] double Low = 0.1,
    [property: Range(-1e3, 1e3)] double High = 0.6,
    [property: Range(0.0, 0.49)] double Margin = 0) : Problem
{
    internal static ProblemDescription Description { get; } = new("clipping", new("redDiff", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["clipping"] = _ => new Clipping() },
    };

    internal override bool IsLinear => false;

    internal override bool IsImage => true;

    internal override bool DependsOnMeasurement => true;

    internal override void CheckParameters(string field)
    {
        if (High - Low > 2 * Margin) return;
        throw new InvalidInputException($"{field}.high", "The upper limit lies above the lower one by more than two margins.");
    }

    internal override OperatorArrays WithMeasurement(OperatorArrays arrays, ArrayData y) =>
        ClippingOperator.Censored(y, Low, High, Margin);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new ClippingOperator("clipping", image, 1, Low, High, arrays.Censored, device);
}

/// <summary>
/// y = clip(gain x + n, low, high). Pixels of the measurement at a limit are censored: their residual is how far gain x falls short of it, 0 beyond it; they do
/// not count as measured. All other pixels are known not to be clipped, so theirs is gain x − y.
/// </summary>
public sealed class ClippingOperator : NonlinearOperator
{
    private readonly double _gain, _low, _high;
    private readonly Tensor? _atLow, _atHigh;      // (1, channels, height, width)

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
        (_gain, _low, _high) = (gain, low, high);
        if (censored is null) return;
        using var scope = torch.NewDisposeScope();
        Tensor sides = torch.copy_of(Array.ConvertAll(censored, side => (float)side), [1, .. shape]).to(device);
        _atLow = Own(sides.lt(-0.5));
        _atHigh = Own(sides.gt(0.5));
    }

    /// <summary>The pixels of a measurement that are at a limit or within the margin of it: −1 at the lower, 1 at the upper one, else 0.</summary>
    internal static sbyte[] Censored(float[] y, double low, double high, double margin) =>
        Array.ConvertAll(y, value => (sbyte)(value >= (float)(high - margin) ? 1 : value <= (float)(low + margin) ? -1 : 0));

    /// <summary>The same of a measurement that must have a pixel at no limit.</summary>
    /// <exception cref="InvalidInputException">All pixels are clipped.</exception>
    internal static OperatorArrays Censored(ArrayData y, double low, double high, double margin)
    {
        sbyte[] censored = Censored(y.Values, low, high, margin);
        return censored.Contains((sbyte)0)
            ? new(Censored: censored)
            : throw new InvalidInputException("files.measurement", "All of its values are clipped.");
    }

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor residual = ResidualCore(x, y);
        // Where no pixel is known to be censored those that x itself drives beyond a limit say nothing.
        Tensor inside = _atHigh is null
            ? (x * _gain).clamp(_low, _high).eq(x * _gain)
            : torch.where(_atHigh.logical_or(_atLow!), residual.ne(0), torch.ones_like(residual).gt(0));
        Tensor slope = inside.to(ScalarType.Float32) * _gain;
        return new Linearisation(residual, v => v * slope, w => w * slope);
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => (x * _gain).clamp(_low, _high);

    /// <inheritdoc/>
    protected override Tensor MeasureCore(Tensor x, Tensor noise) => (x * _gain + noise).clamp(_low, _high);

    private protected override Tensor ResidualCore(Tensor x, Tensor y)
    {
        if (_atHigh is null) return ApplyCore(x) - y;
        Tensor linear = x * _gain;
        return torch.where(_atHigh, (linear - _high).clamp(max: 0), torch.where(_atLow!, (linear - _low).clamp(min: 0), linear - y));
    }

    private protected override Tensor IdealCore(Tensor x) => x * _gain;

    private protected override Tensor DirectCore(Tensor y) => y / _gain;
}
