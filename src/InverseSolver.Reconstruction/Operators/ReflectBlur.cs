using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Convolution with any kernel on an image that is mirrored at its borders: A = S K E with E the extension by the mirror, K a circular
/// convolution on the extended image and S the part that no wrap-around reaches. Its proximal step is solved by conjugate gradients.
/// </summary>
public sealed class ReflectBlur : LinearOperator
{
    private readonly Tensor extendRows;       // E in the rows, (fullHeight, height), of zeros and ones
    private readonly Tensor extendColumnsT;
    private readonly Tensor transfer;         // K
    private readonly long top, left, fullHeight, fullWidth;

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
        (top, left) = (rows - 1 - (rows / 2), columns - 1 - (columns / 2));
        (fullHeight, fullWidth) = (Fourier.FastSize(height + rows - 1), Fourier.FastSize(width + columns - 1));
        extendRows = Own(Fourier.Matrix(Borders.Extension(height, top, fullHeight, rows, Boundary.Reflect)).to(ScalarType.Float32, device));
        Tensor extendColumns = Fourier.Matrix(Borders.Extension(width, left, fullWidth, columns, Boundary.Reflect));
        extendColumnsT = Own(extendColumns.transpose(0, 1).contiguous().to(ScalarType.Float32, device));
        transfer = Own(Fourier.Transfer(kernel, fullHeight, fullWidth).to(ScalarType.ComplexFloat32, device));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x)
    {
        Tensor blurred = Fourier.Filter(extendRows.Matmul(x).Matmul(extendColumnsT), transfer, fullHeight, fullWidth);
        return blurred.narrow(2, top, Domain[1]).narrow(3, left, Domain[2]);
    }

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y)
    {
        Tensor padded = torch.nn.functional.pad(y, [left, fullWidth - left - Domain[2], top, fullHeight - top - Domain[1]]);
        Tensor spread = Fourier.Filter(padded, transfer.conj(), fullHeight, fullWidth);
        return extendRows.transpose(0, 1).Matmul(spread).Matmul(extendColumnsT.transpose(0, 1));
    }

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);
}
