using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// The raw image of a camera with a Bayer filter, (1, height, width): each pixel has one of the three colours of an unknown image (Bayer, US patent
/// 3,971,065, 1976).
/// </summary>
/// <param name="Pattern">The colours of the upper left 2 x 2 pixels.</param>
public sealed record Demosaicking(BayerPattern Pattern = BayerPattern.Rggb) : Problem
{
    internal static ProblemDescription Description { get; } = new("demosaicking", new(Best: "redDiff", Quick: "dcdp", Recommendation.Unmeasured))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["demosaicking"] = _ => new Demosaicking() },
    };

    internal override bool IsImage => true;

    internal override string GreyMeasurement => "a mosaic has 1";

    internal override long[] MeasurementShape(long[] image) => [1, image[1], image[2]];

    internal override long[] ImageShape(long[] measurement) => [3, measurement[1], measurement[2]];

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[0] != 3) throw new InvalidInputException(field, $"A mosaic is of images with 3 channels, this one has {image[0]}.");
    }

    // Neighbours are of other colours, so the four pixels of a pattern are planes of their own.
    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y)
    {
        (int width, int rows, int columns) = (y.Shape[2], y.Shape[1] / 2, y.Shape[2] / 2);
        if (rows == 0 || columns == 0) throw NoiseEstimate.TooFew();
        float[] planes = [.. from top in (int[])[0, 1] from left in (int[])[0, 1] from i in Enumerable.Range(0, rows) from j in Enumerable.Range(0, columns)
                             select y.Values[(((2 * i) + top) * width) + (2 * j) + left]];
        return NoiseEstimate.OfImage(new ArrayData([4, rows, columns], planes), arrays);
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) => new BayerOperator(image[1], image[2], Pattern, device);
}

/// <summary>The colours of the upper left 2 x 2 pixels of a Bayer filter, row by row.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BayerPattern>))]
public enum BayerPattern
{
    /// <summary>Red, green; green, blue.</summary>
    [JsonStringEnumMemberName("rggb")] Rggb,

    /// <summary>Blue, green; green, red.</summary>
    [JsonStringEnumMemberName("bggr")] Bggr,

    /// <summary>Green, red; blue, green.</summary>
    [JsonStringEnumMemberName("grbg")] Grbg,

    /// <summary>Green, blue; red, green.</summary>
    [JsonStringEnumMemberName("gbrg")] Gbrg,
}

/// <summary>y = Σ_c m_c · x_c, m_c being 1 at the pixels of colour c: A Aᵀ = 1.</summary>
public sealed class BayerOperator : LinearOperator
{
    // Bilinear interpolation of a channel from its own pixels.
    private static readonly float[] Tent = [0.5f, 1, 0.5f];

    private readonly Tensor _mask;      // (1, 3, height, width)

    /// <summary>Describes the filter.</summary>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="pattern">The colours of the upper left 2 x 2 pixels.</param>
    /// <param name="device">Where it computes.</param>
    public BayerOperator(long height, long width, BayerPattern pattern, Device device)
        : base("demosaicking", [3, height, width], [1, height, width], height * width)
    {
        string colours = pattern switch
        {
            BayerPattern.Rggb => "rggb",
            BayerPattern.Bggr => "bggr",
            BayerPattern.Grbg => "grbg",
            _ => "gbrg",
        };
        var values = new float[3 * height * width];
        for (long i = 0; i < height * width; i++)
        {
            char colour = colours[(int)((i / width % 2 * 2) + (i % width % 2))];
            values[("rgb".IndexOf(colour) * height * width) + i] = 1;
        }

        using var scope = torch.NewDisposeScope();
        _mask = Own(torch.copy_of(values, 1, 3, height, width).to(device));
    }

    internal override double? RowPower => 1;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => (x * _mask).sum([1], keepdim: true);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => y * _mask;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => x0 + AdjointCore(y - ApplyCore(x0)) / (1 + rho);

    // Bilinear demosaicking.
    private protected override Tensor DirectCore(Tensor y) => Interpolated(y * _mask) / Interpolated(_mask).clamp(min: 1e-6);

    // The sums of the 3 x 3 neighbours' values, weighted by their nearness.
    private Tensor Interpolated(Tensor x)
    {
        Tensor padded = torch.zeros([x.size(0), 3, Domain[1] + 2, Domain[2] + 2], device: x.device);
        padded.narrow(2, 1, Domain[1]).narrow(3, 1, Domain[2]).copy_(x);
        Tensor sum = torch.zeros_like(x);
        for (int i = 0; i < 3; i++)
        {
            for (int j = 0; j < 3; j++) sum = sum + padded.narrow(2, i, Domain[1]).narrow(3, j, Domain[2]) * (Tent[i] * Tent[j]);
        }

        return sum;
    }
}
