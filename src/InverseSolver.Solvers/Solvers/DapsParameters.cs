using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="Daps"/>. The defaults are the preset <c>balanced</c>. Noise levels σ are noise over signal in the latent.</summary>
public sealed record DapsParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DapsParameters() => Samples = 8;

    /// <summary>Noise levels.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 20;

    /// <summary>The first, largest level.</summary>
    [Range(0.1, 150.0)] public double SigmaMax { get; init; } = 10;

    /// <summary>The last level before none.</summary>
    [Range(1e-3, 0.1)] public double SigmaMin { get; init; } = 0.1;

    /// <summary>Euler steps of the probability-flow ODE at each level.</summary>
    [Range(1, 100)] public int OdeSteps { get; init; } = 1;

    /// <summary>The level at which the ODE ends.</summary>
    [Range(0.0001, 0.1)] public double OdeSigmaMin { get; init; } = 1e-3;

    /// <summary>How the estimate takes the measurement in.</summary>
    public DapsStep Step { get; init; } = DapsStep.Proximal;

    /// <summary>Steps of Hamiltonian Monte Carlo at each level, each a decoder gradient.</summary>
    [Range(1, 10_000)] public int HmcSteps { get; init; } = 38;

    /// <summary>Their rate at the first level, on the [-1,1] scale.</summary>
    [Range(1e-9, 1.0)] public double HmcRate { get; init; } = 8.4e-6;

    /// <summary>The share of the rate towards which it falls until the last level.</summary>
    [Range(0.0, 1.0)] public double HmcRateRatio { get; init; } = 0.013;

    /// <summary>What is kept of the velocity from step to step.</summary>
    [Range(0.0, 1.0)] public double HmcMomentum { get; init; } = 0.92;

    /// <summary>τ of the likelihood exp(-‖y - A(x)‖²/τ²), on the [-1,1] scale.</summary>
    [Range(1e-6, 10.0)] public double HmcTau { get; init; } = 0.01;

    private protected override bool HasProximalSteps => Step == DapsStep.Proximal;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Step == DapsStep.HamiltonianMonteCarlo ? base.WithoutEffect()
        : [.. base.WithoutEffect(), nameof(HmcSteps), nameof(HmcRate), nameof(HmcRateRatio), nameof(HmcMomentum), nameof(HmcTau)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: Step == DapsStep.HamiltonianMonteCarlo, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Daps(input, this);
}

/// <summary>How the estimate takes the measurement in.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DapsStep>))]
public enum DapsStep
{
    /// <summary>One proximal step in pixel space, encoded.</summary>
    [JsonStringEnumMemberName("proximal")] Proximal,

    /// <summary>Hamiltonian Monte Carlo in the latent space.</summary>
    [JsonStringEnumMemberName("hamiltonianMonteCarlo")] HamiltonianMonteCarlo,
}

/// <summary>Presets of <see cref="Daps"/>.</summary>
public static class DapsPresets
{
    /// <summary>The authors' settings for random inpainting; they tuned the four numbers of the Monte Carlo steps for every task and model.</summary>
    public static DapsParameters Paper { get; } =
        new() { Samples = 1, Steps = 50, OdeSteps = 2, Step = DapsStep.HamiltonianMonteCarlo, FinalProximalStep = false };

    /// <summary>Eight samples, proximal steps.</summary>
    public static DapsParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples.</summary>
    public static DapsParameters Fast { get; } = new() { Samples = 2 };
}
