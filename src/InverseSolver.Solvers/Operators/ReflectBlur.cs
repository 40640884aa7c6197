using InverseSolver.Solvers.Problems;
using InverseSolver.Torch;

namespace InverseSolver.Solvers.Operators;

/// <summary>
/// Convolution with any kernel on an image that is mirrored at its borders: A = S K E with E the extension by the mirror, K a circular
/// convolution on the extended image and S the part that no wrap-around reaches. Its proximal step is solved by conjugate gradients.
/// </summary>
public sealed class ReflectBlur : LinearOperator
{
    // With ρ = 0 the iteration stops here and at few steps: further ones only amplify the rounding of y.
    private const double ExactTolerance = RelativeCutoff, Tolerance = 1e-6;
    private const int ExactIterations = 200, Iterations = 500;

    private readonly Tensor extendRows;       // E in the rows, (height + rows − 1, height), of zeros and ones
    private readonly Tensor extendColumnsT;
    private readonly Tensor transfer;         // K
    private readonly long rows, columns;

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
        rows = kernel.GetLength(0);
        columns = kernel.GetLength(1);
        extendRows = Own(Extension(height, rows));
        extendColumnsT = Own(Extension(width, columns).transpose(0, 1).contiguous());
        transfer = Own(Fourier.Transfer(kernel, height + rows - 1, width + columns - 1).to(device, ScalarType.ComplexFloat32));

        Tensor Extension(long size, long taps) =>
            Fourier.Matrix(Borders.Extension(size, Before(taps), taps - 1 - Before(taps), Boundary.Reflect)).to(device, ScalarType.Float32);
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x)
    {
        Tensor blurred = Filter(extendRows.matmul(x).matmul(extendColumnsT), transfer);
        return blurred.narrow(2, Before(rows), Domain[1]).narrow(3, Before(columns), Domain[2]);
    }

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y)
    {
        long top = Before(rows), left = Before(columns);
        Tensor padded = torch.nn.functional.pad(y, [left, columns - 1 - left, top, rows - 1 - top]);
        return extendRows.transpose(0, 1).matmul(Filter(padded, transfer.conj())).matmul(extendColumnsT.transpose(0, 1));
    }

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho)
    {
        Tensor gradient = AdjointCore(y - ApplyCore(x0));
        return x0 + ConjugateGradients.Solve(
            d => rho == 0 ? AdjointCore(ApplyCore(d)) : AdjointCore(ApplyCore(d)) + d * rho,
            gradient, rho == 0 ? ExactTolerance : Tolerance, rho == 0 ? ExactIterations : Iterations);
    }

    // Convolution reads (taps − 1 − centre) pixels before a position, with the centre at taps / 2.
    private static long Before(long taps) => taps - 1 - (taps / 2);

    private Tensor Filter(Tensor x, Tensor filter) => Fourier.Filter(x, filter, Domain[1] + rows - 1, Domain[2] + columns - 1);
}
