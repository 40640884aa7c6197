namespace InverseSolver.Reconstruction.Mri;

/// <summary>Samples along a trajectory.</summary>
internal sealed class TrajectorySampling : KSpaceSampling
{
    private readonly Nufft _nufft;
    private readonly ToeplitzNormal _normal;
    private readonly Tensor _weights, _density;

    /// <summary>Describes a sampling.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">(samples, 2), as for <see cref="Nufft"/>.</param>
    /// <param name="device">Where it computes.</param>
    public TrajectorySampling(long rows, long columns, double[,] trajectory, Device device)
    {
        _nufft = new Nufft(rows, columns, trajectory, device);
        _normal = new ToeplitzNormal(rows, columns, trajectory, null, device);
        _weights = DensityCompensation.Weights(rows, columns, trajectory, device).DetachFromDisposeScope();
        var counts = new float[rows * columns];
        for (long j = 0; j < _nufft.Samples; j++)
        {
            (long row, long column) = (Nearest(trajectory[j, 0], rows), Nearest(trajectory[j, 1], columns));
            counts[(row * columns) + column]++;
        }
        using Tensor host = torch.copy_of(counts, rows, columns);
        _density = host.to(device).clone().DetachFromDisposeScope();
        NetAcceleration = rows * columns / (double)_nufft.Samples;
    }

    /// <inheritdoc/>
    public override long[] Range => [_nufft.Samples];

    /// <inheritdoc/>
    public override long Samples => _nufft.Samples;

    /// <inheritdoc/>
    public override Tensor Density => _density;

    /// <inheritdoc/>
    public override double NetAcceleration { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor images) => _nufft.Forward(images);

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor samples) => _nufft.Adjoint(samples);

    /// <inheritdoc/>
    public override Tensor Normal(Tensor images) => _normal.Apply(images);

    /// <inheritdoc/>
    public override Tensor Measured(Tensor samples) => samples;

    /// <inheritdoc/>
    public override Tensor Direct(Tensor samples) => _nufft.Adjoint(samples, _weights);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _nufft.Dispose();
        _normal.Dispose();
        _weights.Dispose();
        _density.Dispose();
    }

    // The nearest frequency of the grid, frequency 0 first.
    private static long Nearest(double frequency, long size) => (((long)Math.Round(frequency) % size) + size) % size;
}
