using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="Psld"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record PsldParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public PsldParameters() => Samples = 4;

    /// <summary>DDIM steps.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 40;

    /// <summary>DDIM's eta: 0 = deterministic, 1 = as noisy as DDPM.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; } = 1;

    /// <summary>ω, the length of the measurement's step, on the [-1,1] scale.</summary>
    [Range(0.0, 1000.0)] public double Omega { get; init; } = 1;

    /// <summary>γ, the length of the gluing step.</summary>
    [Range(0.0, 1000.0)] public double Gamma { get; init; } = 0.1;

    /// <summary>Whether the steps follow half the squared norms, so that they shorten with what is left and do not depend on the image's size.</summary>
    public bool Squared { get; init; } = true;

    /// <summary>
    /// Whether the step is multiplied by ᾱ. At the noisy end the gradient through the network is a small difference divided by √ᾱ, mostly the
    /// network's own error, and long steps along it ruin short runs.
    /// </summary>
    public bool ScaleByAbar { get; init; } = true;

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Omega > 0 || Gamma > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Squared), nameof(ScaleByAbar)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => ModelGradients.All;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Psld(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "PSLD solves linear problems only: it needs the adjoint of the forward model.";
}

/// <summary>Presets of <see cref="Psld"/>.</summary>
public static class PsldPresets
{
    /// <summary>The authors' settings; of their ω the larger one, as they advise.</summary>
    public static PsldParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 1000,
        Eta = 0,
        Omega = 0.9,
        Gamma = 0.1,
        Squared = false,
        ScaleByAbar = false,
        FinalProximalStep = false,
    };

    /// <summary>Four samples of a short run.</summary>
    public static PsldParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer steps.</summary>
    public static PsldParameters Fast { get; } = new() { Samples = 2, Steps = 20 };
}
