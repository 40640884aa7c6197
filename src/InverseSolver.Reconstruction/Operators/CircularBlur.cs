namespace InverseSolver.Reconstruction.Operators;

/// <summary>Convolution with any kernel on an image that repeats itself: a product in the Fourier domain, so that everything has a closed form.</summary>
public sealed class CircularBlur : LinearOperator
{
    private readonly Tensor _transfer;     // K, (height, width / 2 + 1)
    private readonly Tensor _power;        // |K|²
    private readonly Tensor _inverse;      // 1 / K, 0 below the cut-off

    /// <summary>Convolution (not correlation); the kernel's centre is element (rows / 2, columns / 2).</summary>
    /// <param name="name">What errors call it.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="kernel">Any size, also above the image's.</param>
    /// <param name="device">Where it computes.</param>
    public CircularBlur(string name, long channels, long height, long width, double[,] kernel, Device device)
        : base(name, [channels, height, width], [channels, height, width], channels * height * width)
    {
        using var scope = torch.NewDisposeScope();
        Tensor k = Fourier.Transfer(kernel, height, width), squares = k.real.square() + k.imag.square();
        Tensor seen = squares.ge(squares.max() * (RelativeCutoff * RelativeCutoff));
        Tensor reciprocal = torch.where(seen, k.reciprocal(), torch.zeros_like(k));
        _transfer = Own(k.to(ScalarType.ComplexFloat32, device));
        _power = Own(squares.to(ScalarType.Float32, device));
        _inverse = Own(reciprocal.to(ScalarType.ComplexFloat32, device));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Filter(x, _transfer);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => Filter(y, _transfer.conj());

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) =>
        x0 + Filter(y - ApplyCore(x0), rho == 0 ? _inverse : _transfer.conj() / (_power + rho));

    private Tensor Filter(Tensor x, Tensor filter) => Fourier.Filter(x, filter, Domain[1], Domain[2]);
}
