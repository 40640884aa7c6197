using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Parallel-beam computed tomography of a square image: a sparse matrix, the same for all channels. Its proximal step is solved by conjugate gradients.</summary>
public sealed class TomographyOperator : LinearOperator
{
    /// <summary>Pixels times angles at most: the matrix then takes about 2 GiB.</summary>
    internal const long MaxSamples = 1L << 25;

    private const int NormIterations = 20;

    private readonly SparseMatrix matrix;
    private readonly Tensor ramp;           // (width, width), symmetric
    private readonly double scale;          // of the filtered back-projection
    private readonly int size;
    private readonly double attenuation;

    /// <summary>Describes a scan.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="size">Height and width of the image, and detectors.</param>
    /// <param name="problem">Angles and projector.</param>
    /// <param name="device">Where it computes.</param>
    public TomographyOperator(long channels, int size, ComputedTomography problem, Device device)
        : base("ct", [channels, size, size], [channels, problem.Angles, size], channels * problem.Angles * size)
    {
        this.size = size;
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        Func<double, int, (int[], float[])[]> project = problem.Projector == Projector.Mean ? ProjectionGeometry.Means : ProjectionGeometry.LineIntegrals;
        matrix = new SparseMatrix([.. ProjectionGeometry.Angles(problem).AsParallel().AsOrdered().SelectMany(angle => project(angle, size))], (long)size * size, device, Own);
        ramp = Own(torch.copy_of(Ramp(size), size, size).to(device));
        double unit = 1.0 / size;
        if (problem.Projector == Projector.Radon)
        {
            unit = 1 / Norm(device);
            matrix.Scale(unit);
        }

        // The inversion formula is an integral over half a turn; more angles than that see everything twice.
        double span = problem.EndDegrees - problem.StartDegrees;
        // Of y as of a mean over the image's width, whatever the projector's unit is.
        attenuation = problem.Attenuation / (size * unit);
        scale = span * Math.PI / 180 / problem.Angles * Math.Min(1, 180 / span) / (unit * unit);
    }

    internal override double? Attenuation => attenuation;

    /// <summary>Filtered back-projection with the ramp filter (Ram and Lak 1971; Kak and Slaney 1988, eq. 3.61).</summary>
    private protected override Tensor DirectCore(Tensor y) => AdjointCore(y.Matmul(ramp)) * scale;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) =>
        matrix.Apply(x.reshape(-1, (long)size * size)).reshape(x.size(0), x.size(1), -1, size);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) =>
        matrix.Transposed(y.reshape(y.size(0) * y.size(1), -1)).reshape(y.size(0), y.size(1), size, size);

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);

    // The band-limited ramp as a convolution of a line with itself zero outside.
    private static float[] Ramp(int size)
    {
        var filter = new float[size * size];
        for (int i = 0; i < filter.Length; i++)
        {
            int distance = Math.Abs((i / size) - (i % size));
            filter[i] = distance == 0 ? 0.25f : distance % 2 == 0 ? 0 : (float)(-1 / (Math.PI * Math.PI * distance * distance));
        }

        return filter;
    }

    // By power iteration from a constant image; the leading singular vector is smooth and nowhere negative.
    private double Norm(Device device)
    {
        Tensor x = torch.full([1, (long)size * size], 1.0 / size).to(device);
        double norm = 0;
        for (int i = 0; i < NormIterations; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor next = matrix.Transposed(matrix.Apply(x));
            double squared = next.norm().ToDouble();
            x.copy_(next / squared);
            norm = Math.Sqrt(squared);
        }

        return norm;
    }
}
