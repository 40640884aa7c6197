using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="ConstrainedAdmm"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record ConstrainedAdmmParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public ConstrainedAdmmParameters() => Samples = 8;

    /// <summary>Noise levels.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>ADMM steps of a level that corrects the image.</summary>
    [Range(1, 10_000)] public int PixelIterations { get; init; } = 20;

    /// <summary>ADMM steps of a level that corrects the latent, each a decoder gradient and a decode.</summary>
    [Range(1, 10_000)] public int LatentIterations { get; init; } = 3;

    /// <summary>Levels of less noise over signal than this correct the latent.</summary>
    [Range(0.0, 1000.0)] public double SigmaSwitch { get; init; }

    /// <summary>ρ, ADMM's penalty, for distances on [0,1]; it changes the way, not the end.</summary>
    [Range(1e-6, 1e6)] public double Penalty { get; init; } = 10;

    /// <summary>Whether the image's distance to its anchor is measured as the anchor's error is correlated.</summary>
    public bool ErrorMetric { get; init; } = true;

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => SigmaSwitch > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(LatentIterations)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: SigmaSwitch > 0, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new ConstrainedAdmm(input, this);
}

/// <summary>Presets of <see cref="ConstrainedAdmm"/>.</summary>
public static class ConstrainedAdmmPresets
{
    /// <summary>The published method; the number of levels and steps is ours, the authors' was not available.</summary>
    public static ConstrainedAdmmParameters Paper { get; } =
        new() { Samples = 1, Steps = 50, PixelIterations = 5, LatentIterations = 5, SigmaSwitch = 1, ErrorMetric = false, FinalProximalStep = false };

    /// <summary>Eight samples, corrected as images only, in the metric of the estimate's error.</summary>
    public static ConstrainedAdmmParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer levels.</summary>
    public static ConstrainedAdmmParameters Fast { get; } = new() { Samples = 2, Steps = 20 };
}
