namespace InverseSolver.Reconstruction.Mri;

/// <summary>Samples along a trajectory.</summary>
internal sealed class TrajectorySampling : KSpaceSampling
{
    private readonly Nufft nufft;
    private readonly ToeplitzNormal normal;
    private readonly Tensor weights, density;

    /// <summary>Describes a sampling.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">(samples, 2), as for <see cref="Nufft"/>.</param>
    /// <param name="device">Where it computes.</param>
    public TrajectorySampling(long rows, long columns, double[,] trajectory, Device device)
    {
        nufft = new Nufft(rows, columns, trajectory, device);
        normal = new ToeplitzNormal(rows, columns, trajectory, null, device);
        weights = DensityCompensation.Weights(rows, columns, trajectory, device).DetachFromDisposeScope();
        var counts = new float[rows * columns];
        for (long j = 0; j < nufft.Samples; j++)
        {
            (long row, long column) = (Nearest(trajectory[j, 0], rows), Nearest(trajectory[j, 1], columns));
            counts[(row * columns) + column]++;
        }
        using Tensor host = torch.copy_of(counts, rows, columns);
        density = host.to(device).clone().DetachFromDisposeScope();
        NetAcceleration = rows * columns / (double)nufft.Samples;
    }

    /// <inheritdoc/>
    public override long[] Range => [nufft.Samples];

    /// <inheritdoc/>
    public override long Samples => nufft.Samples;

    /// <inheritdoc/>
    public override Tensor Density => density;

    /// <inheritdoc/>
    public override double NetAcceleration { get; }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor images) => nufft.Forward(images);

    /// <inheritdoc/>
    public override Tensor Adjoint(Tensor samples) => nufft.Adjoint(samples);

    /// <inheritdoc/>
    public override Tensor Normal(Tensor images) => normal.Apply(images);

    /// <inheritdoc/>
    public override Tensor Measured(Tensor samples) => samples;

    /// <inheritdoc/>
    public override Tensor Direct(Tensor samples) => nufft.Adjoint(samples, weights);

    /// <inheritdoc/>
    public override void Dispose()
    {
        nufft.Dispose();
        normal.Dispose();
        weights.Dispose();
        density.Dispose();
    }

    // The nearest frequency of the grid, frequency 0 first.
    private static long Nearest(double frequency, long size) => (((long)Math.Round(frequency) % size) + size) % size;
}
