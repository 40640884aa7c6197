using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="RedDiff"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record RedDiffParameters : DiffusionParameters
{
    /// <summary>Steps of Adam, one network call each, at timesteps from the noisiest down.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 250;

    /// <summary>Adam's learning rate, in units of the latent.</summary>
    [Range(1e-6, 10.0)] public double LearningRate { get; init; } = 0.1;

    /// <summary>Weight of the prior.</summary>
    [Range(0.0, 1e6)] public double Lambda { get; init; } = 0.03;

    /// <summary>Weight of the measurement.</summary>
    [Range(0.0, 1e6)] public double MeasurementWeight { get; init; } = 1;

    /// <summary>How the prior's weight depends on the timestep's noise s = sqrt((1 - abar) / abar).</summary>
    public TimestepWeight Weight { get; init; } = TimestepWeight.TruncLinear;

    /// <summary>The authors' settings.</summary>
    internal static RedDiffParameters Paper { get; } = new() { Steps = 1000, Lambda = 0.25, Weight = TimestepWeight.Linear, FinalProximalStep = false };

    /// <summary>A quarter of the steps; no weight above that of the measurement's own scale, which Adam would remember for a hundred steps.</summary>
    internal static RedDiffParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU.</summary>
    internal static RedDiffParameters Fast { get; } = new() { Steps = 100 };

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => true;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Lambda > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Weight)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: true, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new RedDiff(input, this);
}

/// <summary>How the prior's weight depends on a timestep's noise s.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TimestepWeight>))]
public enum TimestepWeight
{
    /// <summary>s.</summary>
    [JsonStringEnumMemberName("linear")] Linear,

    /// <summary>The square root of s.</summary>
    [JsonStringEnumMemberName("sqrt")] Sqrt,

    /// <summary>s squared.</summary>
    [JsonStringEnumMemberName("square")] Square,

    /// <summary>log(s + 1).</summary>
    [JsonStringEnumMemberName("log")] Log,

    /// <summary>s, and 1 where it is larger.</summary>
    [JsonStringEnumMemberName("truncLinear")] TruncLinear,

    /// <summary>1.</summary>
    [JsonStringEnumMemberName("const")] Const,
}
