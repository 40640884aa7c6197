using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Random coefficients of an orthonormal transform of the image, whose pixels were given random signs before. y holds the transform's coefficients,
/// (channels, rows, columns), zeros where nothing was measured; the same positions and signs in all channels.
/// </summary>
/// <param name="Fraction">Coefficients measured over pixels of the image.</param>
/// <param name="Transform">The transform.</param>
/// <param name="Seed">Seed of positions and signs.</param>
/// <param name="Height">Rows of the image, where they are no power of two; with <c>hadamard</c> only.</param>
/// <param name="Width">Columns of the image, where they are no power of two; with <c>hadamard</c> only.</param>
public sealed record CompressedSensing(
    [property: Range(0.001, 1.0)] double Fraction = 0.25,
    SensingTransform Transform = SensingTransform.Hadamard,
    [property: Range(0, long.MaxValue)] long Seed = 0,
    [property: Range(1, 16384)] int? Height = null,
    [property: Range(1, 16384)] int? Width = null) : Problem
{
    internal static ProblemDescription Description { get; } = new("compressedSensing", new("redDiff", "totalVariation"))
    {
        Standard = new Dictionary<string, Func<long, Problem>>
        {
            ["hadamard25"] = seed => new CompressedSensing(0.25, SensingTransform.Hadamard, seed),
            ["cosines25"] = seed => new CompressedSensing(0.25, SensingTransform.Cosine, seed),
        },
    };

    internal override string? PhotonRefusal => "Coefficients of either sign are no counts of photons; give sigma alone.";

    internal override string? NoiseRefusal => "The random signs spread the image over all coefficients, so its noise cannot be told from it.";

    internal override long[] MeasurementShape(long[] image) => [image[0], .. SensingOperator.Coefficients(this, image[1], image[2])];

    internal override long[] ImageShape(long[] measurement) => [measurement[0], Height ?? measurement[1], Width ?? measurement[2]];

    internal override void CheckParameters(string field)
    {
        if (Transform != SensingTransform.Cosine) return;
        if (Height is not null) throw new InvalidInputException($"{field}.height", "The cosine transform has the image's own size.");
        if (Width is not null) throw new InvalidInputException($"{field}.width", "The cosine transform has the image's own size.");
    }

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (Transform != SensingTransform.Hadamard) return;
        long[] padded = SensingOperator.Coefficients(this, image[1], image[2]);
        if ((Height ?? padded[0]) != image[1]) throw new InvalidInputException($"{problemField}.height", $"The image has {image[1]} rows.");
        if ((Width ?? padded[1]) != image[2]) throw new InvalidInputException($"{problemField}.width", $"The image has {image[2]} columns.");
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new SensingOperator(image[0], image[1], image[2], this, device);
}

/// <summary>An orthonormal transform.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SensingTransform>))]
public enum SensingTransform
{
    /// <summary>Walsh and Hadamard's, of the image padded with zeros to powers of two.</summary>
    [JsonStringEnumMemberName("hadamard")] Hadamard,

    /// <summary>The discrete cosine transform (DCT-II), of the image's own size.</summary>
    [JsonStringEnumMemberName("dct")] Cosine,
}

/// <summary>
/// y = M (L (s x) Rᵀ): pixels with random signs s, a separable transform L ⊗ R with orthonormal columns, and a mask of its coefficients. Without padding A
/// Aᵀ = M, which gives the proximal step in closed form; else it is solved by conjugate gradients.
/// </summary>
public sealed class SensingOperator : LinearOperator
{
    private readonly Tensor _left, _rightT;      // L (rows, height), Rᵀ (width, columns)
    private readonly Tensor _signs;             // (height, width)
    private readonly Tensor _mask, _measured, _zero;
    private readonly bool _orthonormal;

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
        _orthonormal = (rows, columns) == (height, width);
        Func<long, double[,]> transform = problem.Transform == SensingTransform.Hadamard ? Hadamard : Cosine;
        _left = Own(Fourier.Matrix(transform(rows)).narrow(1, 0, height).contiguous().to(ScalarType.Float32, device));
        _rightT = Own(Fourier.Matrix(transform(columns)).narrow(1, 0, width).transpose(0, 1).contiguous().to(ScalarType.Float32, device));

        var random = new SplitMix64(problem.Seed);
        var chosen = new float[rows * columns];
        foreach (long i in random.Choose(Count(problem, height, width), rows * columns)) chosen[i] = 1;
        var s = new float[height * width];
        for (long i = 0; i < s.LongLength; i++) s[i] = (random.Next() >> 63) == 0 ? 1 : -1;
        _signs = Own(torch.copy_of(s, height, width).to(device));
        _mask = Own(torch.copy_of(chosen, rows, columns).to(device));
        _measured = Own(_mask.gt(0.5));
        _zero = Own(torch.zeros([1], ScalarType.Float32, device));
    }

    internal override double? RowPower => _orthonormal ? 1 : null;

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
    protected override Tensor ApplyCore(Tensor x) => _left.Matmul(x * _signs).Matmul(_rightT) * _mask;

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => _left.transpose(0, 1).Matmul(y * _mask).Matmul(_rightT.transpose(0, 1)) * _signs;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) =>
        _orthonormal ? x0 + AdjointCore(y - ApplyCore(x0)) / (1 + rho) : ProxByConjugateGradients(x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(_measured, y, _zero);

    private static long Count(CompressedSensing problem, long height, long width) => Math.Max(1, (long)Math.Round(problem.Fraction * height * width));

    private static long PowerOfTwo(long size) => (long)System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)size);
}
