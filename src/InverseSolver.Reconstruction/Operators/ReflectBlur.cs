using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Convolution with any kernel on an image that is mirrored at its borders: A = S K E with E the extension by the mirror, K a circular
/// convolution on the extended image and S the part that no wrap-around reaches. Its proximal step is solved by conjugate gradients.
/// </summary>
public sealed class ReflectBlur : LinearOperator
{
    private readonly Tensor _extendRows;       // E in the rows, (fullHeight, height), of zeros and ones
    private readonly Tensor _extendColumnsT;
    private readonly Tensor _transfer;         // K
    private readonly long _top, _left, _fullHeight, _fullWidth;

    /// <summary>Convolution (not correlation); the kernel's centre is element (rows / 2, columns / 2).</summary>
    /// <param name="name">What errors call it.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="kernel">Any size, also above the image's.</param>
    /// <param name="device">Where it computes.</param>
    public ReflectBlur(string name, long channels, long height, long width, double[,] kernel, Device device)
        : base(name, [channels, height, width], [channels, height, width], channels * height * width)
    {
        using var scope = torch.NewDisposeScope();
        long rows = kernel.GetLength(0), columns = kernel.GetLength(1);
        // Convolution with the centre at taps / 2 reads taps − 1 − taps / 2 pixels before a position.
        (_top, _left) = (rows - 1 - (rows / 2), columns - 1 - (columns / 2));
        (_fullHeight, _fullWidth) = (Fourier.FastSize(height + rows - 1), Fourier.FastSize(width + columns - 1));
        _extendRows = Own(Fourier.Matrix(Borders.Extension(height, _top, _fullHeight, rows, Boundary.Reflect)).to(ScalarType.Float32, device));
        Tensor extendColumns = Fourier.Matrix(Borders.Extension(width, _left, _fullWidth, columns, Boundary.Reflect));
        _extendColumnsT = Own(extendColumns.transpose(0, 1).contiguous().to(ScalarType.Float32, device));
        _transfer = Own(Fourier.Transfer(kernel, _fullHeight, _fullWidth).to(ScalarType.ComplexFloat32, device));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x)
    {
        Tensor blurred = Fourier.Filter(_extendRows.Matmul(x).Matmul(_extendColumnsT), _transfer, _fullHeight, _fullWidth);
        return blurred.narrow(2, _top, Domain[1]).narrow(3, _left, Domain[2]);
    }

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y)
    {
        Tensor padded = torch.nn.functional.pad(y, [_left, _fullWidth - _left - Domain[2], _top, _fullHeight - _top - Domain[1]]);
        Tensor spread = Fourier.Filter(padded, _transfer.conj(), _fullHeight, _fullWidth);
        return _extendRows.transpose(0, 1).Matmul(spread).Matmul(_extendColumnsT.transpose(0, 1));
    }

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);
}
