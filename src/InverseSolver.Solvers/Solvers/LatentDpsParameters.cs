using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="LatentDps"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record LatentDpsParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public LatentDpsParameters() => Samples = 4;

    /// <summary>Steps of the sampler.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 50;

    /// <summary>DDIM's eta: 0 = deterministic, 1 = as noisy as DDPM.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; }

    /// <summary>ζ, the length of the gradient step on the papers' [-1,1] scale.</summary>
    [Range(0.0, 1000.0)] public double Scale { get; init; } = 1;

    /// <summary>Whether the step follows half the squared norm of the residual instead of the norm, so that it shortens with the residual.</summary>
    public bool Squared { get; init; } = true;

    /// <summary>Whether ζ is multiplied by ᾱ, as in ReSample's code.</summary>
    public bool ScaleByAbar { get; init; } = true;

    /// <summary>Whether the gradient also passes the noise prediction, which costs about as much again.</summary>
    public bool ThroughNetwork { get; init; }

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Scale > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Squared), nameof(ScaleByAbar), nameof(ThroughNetwork)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(Denoiser: ThroughNetwork, Decoder: true, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new LatentDps(input, this);
}

/// <summary>Presets of <see cref="LatentDps"/>.</summary>
public static class LatentDpsPresets
{
    /// <summary>The authors' settings (ζ of most of their tasks) with the gradient through the whole chain.</summary>
    public static LatentDpsParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 1000,
        Eta = 1,
        Scale = 0.3,
        Squared = false,
        ScaleByAbar = false,
        ThroughNetwork = true,
        FinalProximalStep = false,
    };

    /// <summary>Four samples of a short run, guided through the decoder only.</summary>
    public static LatentDpsParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: one sample and fewer steps.</summary>
    public static LatentDpsParameters Fast { get; } = new() { Samples = 1, Steps = 30 };
}
