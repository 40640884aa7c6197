using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="TReg"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record TRegParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public TRegParameters() => Samples = 8;

    /// <summary>Steps of the sampler.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Steps, counted from noise, that this divides are made consistent.</summary>
    [Range(1, 1000)] public int ConsistencyEvery { get; init; } = 1;

    /// <summary>The fraction of the steps, counted from noise, after which no step is made consistent any more.</summary>
    [Range(0.0, 1.0)] public double ConsistencyEnd { get; init; } = 1;

    /// <summary>Conjugate gradients of a consistency step; 0: the proximal step in the metric of the estimate's error instead.</summary>
    [Range(0, 10_000)] public int ConjugateGradients { get; init; }

    /// <summary>w of ‖A x - y‖² + w ‖x - x₀‖², which the conjugate gradients minimise.</summary>
    [Range(0.0, 1e6)] public double Weight { get; init; } = 1e-4;

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => ConjugateGradients == 0;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => ConjugateGradients > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Weight)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TReg(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "TReg solves linear problems only: it needs the adjoint of the forward model.";
}

/// <summary>Presets of <see cref="TReg"/>.</summary>
public static class TRegPresets
{
    /// <summary>The authors' settings.</summary>
    public static TRegParameters Paper { get; } =
        new() { Samples = 1, Steps = 200, ConsistencyEvery = 3, ConsistencyEnd = 0.85, ConjugateGradients = 5, FinalProximalStep = false };

    /// <summary>Eight samples of a short run that is made consistent at every step, in the metric of the estimate's error.</summary>
    public static TRegParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer steps.</summary>
    public static TRegParameters Fast { get; } = new() { Samples = 2, Steps = 20 };
}
