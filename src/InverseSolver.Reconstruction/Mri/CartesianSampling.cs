using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Positions of the Cartesian grid.</summary>
internal sealed class CartesianSampling : KSpaceSampling
{
    private static readonly long[] Plane = [-2, -1];

    private readonly Tensor _mask;       // (rows, columns), frequency 0 in the middle
    private readonly Tensor _measured;   // the same as bool
    private readonly Tensor _density;    // frequency 0 first
    private readonly Tensor _zero;
    private readonly bool _lines;        // whether whole columns are measured, or nothing of them

    /// <summary>Describes a sampling.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="mask">Row-major, frequency 0 at (rows / 2, columns / 2).</param>
    /// <param name="device">Where it computes.</param>
    public CartesianSampling(long rows, long columns, bool[] mask, Device device)
    {
        (Range, Samples) = ([rows, columns], mask.LongCount(m => m));
        NetAcceleration = mask.LongLength / (double)Samples;
        Mask = new ArrayData([(int)rows, (int)columns], Array.ConvertAll(mask, m => m ? 1f : 0f));
        _lines = Enumerable.Range(0, mask.Length).All(i => mask[i] == mask[i % (int)columns]);
        using var scope = torch.NewDisposeScope();
        _mask = torch.copy_of(Array.ConvertAll(mask, m => m ? 1f : 0f), [rows, columns]).to(device).DetachFromDisposeScope();
        _measured = _mask.gt(0.5).DetachFromDisposeScope();
        _density = torch.fft.ifftshift(_mask, Plane).contiguous().DetachFromDisposeScope();
        _zero = torch.zeros([1], ScalarType.ComplexFloat32, device).DetachFromDisposeScope();
    }

    /// <summary>1 where measured, (rows, columns), frequency 0 in the middle.</summary>
    public ArrayData Mask { get; }

    /// <inheritdoc/>
    public override long[] Range { get; }

    /// <inheritdoc/>
    public override long Samples { get; }

    /// <inheritdoc/>
    public override Tensor Density => _density;

    /// <inheritdoc/>
    public override double NetAcceleration { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor images) => Fourier.Centred(images) * _mask;

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor samples) => Fourier.CentredInverse(samples * _mask);

    /// <inheritdoc/>
    /// <remarks>
    /// Shifts of the image only turn phases in k-space, which the mask leaves alone: none is needed. Along whole lines transform and inverse cancel.
    /// </remarks>
    public override Tensor Normal(Tensor images) => _lines
        ? torch.fft.ifft(torch.fft.fft_(images, dim: -1) * _density.select(0, 0), dim: -1)
        : torch.fft.ifft2(torch.fft.fft2(images) * _density);

    /// <inheritdoc/>
    public override Tensor Measured(Tensor samples) => torch.where(_measured, samples, _zero);

    /// <inheritdoc/>
    public override Tensor Direct(Tensor samples) => Adjoint(samples);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _mask.Dispose();
        _measured.Dispose();
        _density.Dispose();
        _zero.Dispose();
    }
}
