using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>y = w · x over the three channels: A Aᵀ = ‖w‖² 1.</summary>
public sealed class LuminanceOperator : LinearOperator
{
    private readonly Tensor weights;   // (1, 3, 1, 1)
    private readonly double power;     // ‖w‖²

    /// <summary>Describes the merging.</summary>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="luminance">The weights.</param>
    /// <param name="device">Where it computes.</param>
    public LuminanceOperator(long height, long width, Luminance luminance, Device device)
        : base("colourisation", [3, height, width], [1, height, width], height * width)
    {
        using var scope = torch.NewDisposeScope();
        float[] w = luminance == Luminance.Mean ? [1 / 3f, 1 / 3f, 1 / 3f] : [0.299f, 0.587f, 0.114f];
        weights = Own(torch.copy_of(w, 1, 3, 1, 1).to(device));
        power = w.Sum(value => (double)value * value);
    }

    internal override double? RowPower => power;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => (x * weights).sum([1], keepdim: true);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => y * weights;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => x0 + AdjointCore(y - ApplyCore(x0)) / (power + rho);

    // Grey: the coloured image of least energy would be darker in the channels of small weight.
    private protected override Tensor DirectCore(Tensor y) => y.repeat(1, 3, 1, 1);
}
