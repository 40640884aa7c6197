using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>A grey image, (1, height, width), of an unknown coloured one.</summary>
/// <param name="Weights">The weights with which the channels were merged.</param>
public sealed record Colourisation(Luminance Weights = Luminance.Rec601) : Problem
{
    internal static ProblemDescription Description { get; } = new("colourisation", new("redDiff", "dcdp", Recommendation.Unmeasured))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["colourisation"] = _ => new Colourisation() },
    };

    internal override bool IsImage => true;

    internal override string GreyMeasurement => "the measurement of a colourisation has 1";

    internal override long[] MeasurementShape(long[] image) => [1, image[1], image[2]];

    internal override long[] ImageShape(long[] measurement) => [3, measurement[1], measurement[2]];

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[0] != 3) throw new InvalidInputException(field, "Colourisation is of images with 3 channels.");
    }

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new LuminanceOperator(image[1], image[2], Weights, device);
}

/// <summary>The weights of red, green and blue.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Luminance>))]
public enum Luminance
{
    /// <summary>0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).</summary>
    [JsonStringEnumMemberName("rec601")] Rec601,

    /// <summary>(R + G + B) / 3.</summary>
    [JsonStringEnumMemberName("mean")] Mean,
}

/// <summary>y = w · x over the three channels: A Aᵀ = ‖w‖² 1.</summary>
public sealed class LuminanceOperator : LinearOperator
{
    private readonly Tensor _weights;   // (1, 3, 1, 1)
    private readonly double _power;     // ‖w‖²

    /// <summary>Describes the merging.</summary>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="luminance">The weights.</param>
    /// <param name="device">Where it computes.</param>
    public LuminanceOperator(long height, long width, Luminance luminance, Device device)
        : base("colourisation", [3, height, width], [1, height, width], height * width)
    {
        using var scope = torch.NewDisposeScope();
        float[] w = luminance == Luminance.Mean ? [1 / 3f, 1 / 3f, 1 / 3f] : [0.299f, 0.587f, 0.114f];
        _weights = Own(torch.copy_of(w, 1, 3, 1, 1).to(device));
        _power = w.Sum(value => (double)value * value);
    }

    internal override double? RowPower => _power;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => (x * _weights).sum([1], keepdim: true);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => y * _weights;

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => x0 + AdjointCore(y - ApplyCore(x0)) / (_power + rho);

    // Grey: the coloured image of least energy would be darker in the channels of small weight.
    private protected override Tensor DirectCore(Tensor y) => y.repeat(1, 3, 1, 1);
}
