using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// y = M (L (s x) Rᵀ): pixels with random signs s, a separable transform L ⊗ R with orthonormal columns, and a mask of its coefficients. Without padding A Aᵀ = M, which
/// gives the proximal step in closed form; else it is solved by conjugate gradients.
/// </summary>
public sealed class SensingOperator : LinearOperator
{
    private readonly Tensor left, rightT;      // L (rows, height), Rᵀ (width, columns)
    private readonly Tensor signs;             // (height, width)
    private readonly Tensor mask, measured, zero;
    private readonly bool orthonormal;

    /// <summary>Draws positions and signs.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="problem">Share, transform and seed.</param>
    /// <param name="device">Where it computes.</param>
    public SensingOperator(long channels, long height, long width, CompressedSensing problem, Device device)
        : base("compressedSensing", [channels, height, width], [channels, .. Coefficients(problem, height, width)], channels * Count(problem, height, width))
    {
        using var scope = torch.NewDisposeScope();
        (long rows, long columns) = (Range[1], Range[2]);
        orthonormal = (rows, columns) == (height, width);
        Func<long, double[,]> transform = problem.Transform == SensingTransform.Hadamard ? Hadamard : Cosine;
        left = Own(Fourier.Matrix(transform(rows)).narrow(1, 0, height).contiguous().to(ScalarType.Float32, device));
        rightT = Own(Fourier.Matrix(transform(columns)).narrow(1, 0, width).transpose(0, 1).contiguous().to(ScalarType.Float32, device));

        var random = new SplitMix64(problem.Seed);
        var chosen = new float[rows * columns];
        foreach (long i in random.Choose(Count(problem, height, width), rows * columns)) chosen[i] = 1;
        var s = new float[height * width];
        for (long i = 0; i < s.LongLength; i++) s[i] = (random.Next() >> 63) == 0 ? 1 : -1;
        signs = Own(torch.copy_of(s, height, width).to(device));
        mask = Own(torch.copy_of(chosen, rows, columns).to(device));
        measured = Own(mask.gt(0.5));
        zero = Own(torch.zeros([1], ScalarType.Float32, device));
    }

    internal override double? RowPower => orthonormal ? 1 : null;

    /// <summary>Rows and columns of the transform of an image.</summary>
    internal static long[] Coefficients(CompressedSensing problem, long height, long width) =>
        problem.Transform == SensingTransform.Cosine ? [height, width] : [PowerOfTwo(height), PowerOfTwo(width)];

    /// <summary>The orthonormal matrix of Walsh and Hadamard, in Sylvester's order; the size is a power of two.</summary>
    internal static double[,] Hadamard(long size)
    {
        var matrix = new double[size, size];
        double unit = 1 / Math.Sqrt(size);
        for (long i = 0; i < size; i++)
        {
            for (long j = 0; j < size; j++) matrix[i, j] = long.PopCount(i & j) % 2 == 0 ? unit : -unit;
        }

        return matrix;
    }

    /// <summary>The orthonormal DCT-II: rows are frequencies.</summary>
    internal static double[,] Cosine(long size)
    {
        var matrix = new double[size, size];
        for (long k = 0; k < size; k++)
        {
            for (long j = 0; j < size; j++) matrix[k, j] = Math.Sqrt((k == 0 ? 1.0 : 2.0) / size) * Math.Cos(Math.PI * ((2 * j) + 1) * k / (2.0 * size));
        }

        return matrix;
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => left.Matmul(x * signs).Matmul(rightT) * mask;

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => left.transpose(0, 1).Matmul(y * mask).Matmul(rightT.transpose(0, 1)) * signs;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) =>
        orthonormal ? x0 + AdjointCore(y - ApplyCore(x0)) / (1 + rho) : ProxByConjugateGradients(x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(measured, y, zero);

    private static long Count(CompressedSensing problem, long height, long width) => Math.Max(1, (long)Math.Round(problem.Fraction * height * width));

    private static long PowerOfTwo(long size) => (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)size);
}
