using System.ComponentModel.DataAnnotations;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// An image of few grey levels: y = round((x + n) (levels - 1)) / (levels - 1), clipped to [0,1]. An image agrees with y where it would be rounded to it.
/// </summary>
/// <param name="Levels">Number of levels, 0 and 1 among them.</param>
public sealed record Quantisation([property: Range(2, 65536)] int Levels = 8) : Problem
{
    internal static ProblemDescription Description { get; } = new("quantisation", new("dcdp", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["quantisation8"] = _ => new Quantisation(8) },
    };

    internal override bool IsLinear => false;

    internal override bool IsImage => true;

    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfRounding(1.0 / (Levels - 1));

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) => QuantisationOperator.Levels(image, Levels, device);

    internal override string? PhotonRefusal => QuantisationOperator.PhotonRefusal;
}

/// <summary>
/// A decoded JPEG file: blocks of 8 x 8 pixels, their cosine coefficients rounded to multiples of the standard tables (ITU-T T.81, annex K) at a quality;
/// colours as YCbCr without subsampling. An image agrees with y where its coefficients would be rounded to y's. Height and width are multiples of 8.
/// </summary>
/// <param name="Quality">The encoder's quality, as libjpeg counts it.</param>
public sealed record Jpeg([property: Range(1, 100)] int Quality = 10) : Problem
{
    internal static ProblemDescription Description { get; } = new("jpeg", new("redDiff", "dcdp"))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["jpeg10"] = _ => new Jpeg(10) },
    };

    internal override bool IsLinear => false;

    internal override bool IsImage => true;

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[1] % 8 != 0 || image[2] % 8 != 0)
        {
            throw new InvalidInputException(field, $"Height {image[1]} and width {image[2]} must be multiples of 8.");
        }
    }

    // The cells that coefficients were rounded from are part of A, noise within them leaves no trace, and with as much noise as they are wide solvers are worse
    // (docs/results.md).
    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfRounding(NoiseEstimate.EightBit);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) => QuantisationOperator.Jpeg(image, Quality, device);

    internal override string? PhotonRefusal => QuantisationOperator.PhotonRefusal;
}

/// <summary>
/// Coefficients T x rounded to multiples of their steps, T an invertible affine transform: y = T⁻¹(q round(T x / q)). An image agrees with y where its
/// coefficients lie in the cells around y's; the residual of a coefficient is its signed distance to its cell, whose gradient is that of a projection onto
/// a convex set. All components count as measured, so with little noise the residual lies well below m σ².
/// </summary>
public sealed class QuantisationOperator : NonlinearOperator
{
    internal const string PhotonRefusal =
        "The residual of a rounded value is its distance to what it was rounded from, which no count's variance scales; give sigma alone.";

    private const int Block = 8;

    private static readonly int[] LuminanceTable =
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ];

    private static readonly int[] ChrominanceTable =
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    ];

    private static readonly double[,] ToYCbCr = { { 0.299, 0.587, 0.114 }, { -0.168736, -0.331264, 0.5 }, { 0.5, -0.418688, -0.081312 } };

    private readonly Tensor _steps;                        // (1, channels, height, width) or (1)
    private readonly Tensor? _cosines, _colours, _coloursBack, _shift;   // with blocks only: (8, 8), (3, 3), (3, 3), (1, channels, 1, 1)
    private readonly double? _top;                         // the highest level, without blocks

    private QuantisationOperator(string name, long[] shape, Device device, int quality, int levels)
        : base(name, shape, shape, shape.Aggregate(1L, (a, b) => a * b))
    {
        using var scope = torch.NewDisposeScope();
        if (levels > 0)
        {
            _top = 1;
            _steps = Own(torch.full([1], 1.0 / (levels - 1)).to(device));
            return;
        }

        _steps = Own(Steps(quality, shape).to(device));
        _cosines = Own(Fourier.Matrix(SensingOperator.Cosine(Block)).to(ScalarType.Float32, device));
        _shift = Own(torch.copy_of((ReadOnlySpan<float>)(shape[0] == 1 ? [128 / 255f] : [128 / 255f, 0, 0]), 1, shape[0], 1, 1).to(device));
        if (shape[0] == 1) return;
        _colours = Own(Fourier.Matrix(ToYCbCr).to(ScalarType.Float32, device));
        _coloursBack = Own(torch.linalg.inv(Fourier.Matrix(ToYCbCr)).to(ScalarType.Float32, device));
    }

    /// <summary>Pixels rounded to levels from 0 to 1.</summary>
    /// <param name="shape">(channels, height, width).</param>
    /// <param name="levels">At least 2.</param>
    /// <param name="device">Where it computes.</param>
    public static QuantisationOperator Levels(long[] shape, int levels, Device device) => new("quantisation", shape, device, 0, levels);

    /// <summary>JPEG's rounding of cosine coefficients.</summary>
    /// <param name="shape">(channels, height, width), height and width multiples of 8.</param>
    /// <param name="quality">1 to 100.</param>
    /// <param name="device">Where it computes.</param>
    public static QuantisationOperator Jpeg(long[] shape, int quality, Device device) => new("jpeg", shape, device, quality, 0);

    /// <summary>A standard table at a quality, as libjpeg scales it (row-major, 64 entries).</summary>
    internal static int[] Table(bool chrominance, int quality)
    {
        int scale = quality < 50 ? 5000 / quality : 200 - (2 * quality);
        return Array.ConvertAll(chrominance ? ChrominanceTable : LuminanceTable, entry => Math.Clamp(((entry * scale) + 50) / 100, 1, 255));
    }

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor residual = ResidualCore(x, y), outside = residual.ne(0).to(ScalarType.Float32);
        return new Linearisation(residual, v => Linear(v) * outside, w => LinearAdjoint(w * outside));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Inverse(Rounded(Coefficients(x)));

    /// <inheritdoc/>
    protected override Tensor MeasureCore(Tensor x, Tensor noise) => ApplyCore(x + noise);

    private protected override Tensor ResidualCore(Tensor x, Tensor y)
    {
        Tensor coefficients = Coefficients(x), centre = Rounded(Coefficients(y)).detach();
        Tensor lower = centre - _steps / 2, upper = centre + _steps / 2;
        if (_top is { } highest)
        {
            // Beyond the range everything is rounded to its ends.
            lower = torch.where(centre.le(0), torch.full([1], double.NegativeInfinity, device: x.device), lower);
            upper = torch.where(centre.ge(highest), torch.full([1], double.PositiveInfinity, device: x.device), upper);
        }

        return coefficients - torch.minimum(torch.maximum(coefficients, lower), upper);
    }

    private protected override Tensor DirectCore(Tensor y) => y;

    private static Tensor Steps(int quality, long[] shape)
    {
        Tensor luminance = Tiled(Table(false, quality));
        return shape[0] == 1 ? luminance : torch.cat([luminance, Tiled(Table(true, quality)), Tiled(Table(true, quality))], 1);

        Tensor Tiled(int[] table) =>
            torch.copy_of(Array.ConvertAll(table, entry => entry / 255f), 1, 1, Block, Block).repeat(1, 1, shape[1] / Block, shape[2] / Block);
    }

    private Tensor Rounded(Tensor coefficients)
    {
        Tensor rounded = (coefficients / _steps).round() * _steps;
        return _top is { } highest ? rounded.clamp(0, highest) : rounded;
    }

    private Tensor Coefficients(Tensor x) => _cosines is null ? x : Cosines(Colours(x, _colours) - _shift!, _cosines);

    private Tensor Inverse(Tensor c) => _cosines is null ? c : Colours(Cosines(c, _cosines.transpose(0, 1)) + _shift!, _coloursBack);

    private Tensor Linear(Tensor v) => _cosines is null ? v : Cosines(Colours(v, _colours), _cosines);

    private Tensor LinearAdjoint(Tensor w) => _cosines is null ? w : Colours(Cosines(w, _cosines.transpose(0, 1)), _colours?.transpose(0, 1));

    // D B Dᵀ of every block B.
    private static Tensor Cosines(Tensor x, Tensor d)
    {
        long[] s = x.shape;
        Tensor rows = d.Matmul(x.reshape(s[0], s[1], s[2] / Block, Block, s[3]));
        return rows.reshape(s[0], s[1], s[2], s[3] / Block, Block).Matmul(d.transpose(0, 1)).reshape(s);
    }

    private static Tensor Colours(Tensor x, Tensor? matrix) =>
        matrix is null ? x : matrix.Matmul(x.reshape(x.size(0), 3, -1)).reshape(x.shape);
}
