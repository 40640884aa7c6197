namespace InverseSolver.Reconstruction.Operators;

/// <summary>y = mask · x, the same pixels in all channels: inpainting, and denoising where everything is measured.</summary>
public sealed class MaskOperator : LinearOperator
{
    private readonly Tensor mask;      // (1, 1, height, width), 1 where measured
    private readonly Tensor measured;  // the same as bool
    private readonly Tensor zero;

    /// <summary>Pixels are missing where the mask is false.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="mask">Row-major, height · width; true where measured.</param>
    /// <param name="device">Where it computes.</param>
    public MaskOperator(long channels, long height, long width, bool[] mask, Device device)
        : this("inpainting", [channels, height, width], mask, device)
    {
    }

    private MaskOperator(string name, long[] shape, bool[] mask, Device device)
        : base(name, shape, shape, shape[0] * mask.LongCount(m => m))
    {
        using var scope = torch.NewDisposeScope();
        float[] values = Array.ConvertAll(mask, m => m ? 1f : 0f);
        this.mask = Own(torch.copy_of(values, [1, 1, shape[1], shape[2]]).to(device));
        measured = Own(this.mask.gt(0.5));
        zero = Own(torch.zeros([1], ScalarType.Float32, device));
    }

    /// <summary>y = x.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="device">Where it computes.</param>
    public static MaskOperator Denoising(long channels, long height, long width, Device device)
    {
        var all = new bool[height * width];
        Array.Fill(all, true);
        return new MaskOperator("denoising", [channels, height, width], all, device);
    }

    internal override double? RowPower => 1;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => x * mask;

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => y * mask;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) =>
        rho == 0 ? torch.where(measured, y, x0) : (y + x0 * rho) / (mask + rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(measured, y, zero);

    private protected override Tensor IdealCore(Tensor x) => x.clone();
}
