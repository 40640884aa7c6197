namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Single-coil Cartesian MRI of a real image: y = M F(p x), F the centred orthonormal transform, p = exp(iφ), M a mask.
/// Without a phase AᵀA is diagonal in k-space, with weights w(k) = (M(k) + M(−k)) / 2, because the image's spectrum is symmetric;
/// with one the proximal step is solved by conjugate gradients.
/// </summary>
public sealed class CartesianMriOperator : LinearOperator
{
    // With ρ = 0 AᵀA has eigenvalues near 0, and further steps only amplify the rounding of y.
    private const double ExactTolerance = 1e-5, Tolerance = 1e-6;
    private const int Iterations = 200;

    private readonly Tensor mask;       // (height, width), 1 where measured
    private readonly Tensor measured;   // the same as bool
    private readonly Tensor weights;    // w
    private readonly Tensor zero;
    private readonly Tensor? phase;     // p, (height, width)

    /// <summary>Describes a scan.</summary>
    /// <param name="height">Height of image and k-space.</param>
    /// <param name="width">Width of image and k-space.</param>
    /// <param name="mask">Row-major, height · width, frequency 0 at (height / 2, width / 2); true where measured.</param>
    /// <param name="phase">φ in radians, row-major, height · width; null for a real image.</param>
    /// <param name="device">Where it computes.</param>
    public CartesianMriOperator(long height, long width, bool[] mask, float[]? phase, Device device)
        : base("mri", [1, height, width], [height, width], 2 * mask.LongCount(m => m), isComplexRange: true)
    {
        using var scope = torch.NewDisposeScope();
        this.mask = Own(torch.copy_of(Array.ConvertAll(mask, m => m ? 1f : 0f), [height, width]).to(device));
        measured = Own(this.mask.gt(0.5));
        weights = Own(torch.copy_of(Weights(mask, height, width), [height, width]).to(device));
        zero = Own(torch.zeros([1], ScalarType.ComplexFloat32, device));
        if (phase is null) return;
        Tensor angle = torch.copy_of(phase, [height, width]).to(device);
        this.phase = Own(torch.complex(angle.cos(), angle.sin()));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x)
    {
        Tensor image = x.squeeze(1);
        return Fourier.Centred(phase is null ? torch.complex(image, torch.zeros_like(image)) : image * phase) * mask;
    }

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y)
    {
        Tensor image = Fourier.CentredInverse(y * mask);
        return (phase is null ? image : image * phase.conj()).real.unsqueeze(1);
    }

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho)
    {
        Tensor gradient = AdjointCore(y - ApplyCore(x0));
        if (phase is not null)
        {
            return x0 + ConjugateGradients.Solve(
                d => AdjointCore(ApplyCore(d)) + d * rho, gradient, rho == 0 ? ExactTolerance : Tolerance, Iterations);
        }
        Tensor normal = weights + rho;
        // With ρ = 0 nothing of the gradient stands where w is 0, so any divisor will do there.
        Tensor divisor = torch.where(normal.gt(0), normal, torch.ones_like(normal));
        Tensor spectrum = Fourier.Centred(torch.complex(gradient, torch.zeros_like(gradient))) / divisor;
        return x0 + Fourier.CentredInverse(spectrum).real;
    }

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(measured, y, zero);

    private static float[] Weights(bool[] mask, long height, long width)
    {
        var weights = new float[mask.LongLength];
        for (long i = 0; i < weights.LongLength; i++)
        {
            long row = Opposite(i / width, height), column = Opposite(i % width, width);
            weights[i] = ((mask[i] ? 1f : 0f) + (mask[(row * width) + column] ? 1f : 0f)) / 2;
        }
        return weights;
    }

    // The index of frequency −k, k = index − size / 2; an even size's Nyquist frequency is its own opposite.
    private static long Opposite(long index, long size) => ((2 * (size / 2)) - index + size) % size;
}
