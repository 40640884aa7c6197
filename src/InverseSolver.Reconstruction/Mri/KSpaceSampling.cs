namespace InverseSolver.Reconstruction.Mri;

/// <summary>Which samples of the coil images' Fourier transforms were measured: the part M F of y = M F S x.</summary>
internal abstract class KSpaceSampling : IDisposable
{
    /// <summary>Shape of one coil's samples.</summary>
    public abstract long[] Range { get; }

    /// <summary>Complex samples that were measured, of one coil.</summary>
    public abstract long Samples { get; }

    /// <summary>Sampling density: samples at each frequency of the Cartesian grid, (rows, columns), frequency 0 first.</summary>
    public abstract Tensor Density { get; }

    /// <summary>Positions of the Cartesian grid over samples measured.</summary>
    public abstract double NetAcceleration { get; }

    /// <summary>M F x of coil images.</summary>
    /// <param name="images">Complex (N, coils, rows, columns).</param>
    /// <returns>(N, coils, range), 0 where nothing was measured.</returns>
    public abstract Tensor Forward(Tensor images);

    /// <summary>FᴴM y.</summary>
    /// <param name="samples">(N, coils, range).</param>
    public abstract Tensor Adjoint(Tensor samples);

    /// <summary>FᴴM F x.</summary>
    /// <param name="images">Complex (N, coils, rows, columns).</param>
    public abstract Tensor Normal(Tensor images);

    /// <summary>y with 0 where nothing was measured.</summary>
    /// <param name="samples">(N, coils, range).</param>
    public abstract Tensor Measured(Tensor samples);

    /// <summary>Coil images without a prior: the zero-filled transform, or gridding with density compensation.</summary>
    /// <param name="samples">(N, coils, range).</param>
    public abstract Tensor Direct(Tensor samples);

    /// <inheritdoc/>
    public abstract void Dispose();
}
