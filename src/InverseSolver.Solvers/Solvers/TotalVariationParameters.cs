using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="TotalVariation"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record TotalVariationParameters : SolverParameters
{
    /// <summary>w of ½ ‖A x − y‖² + w TV(x), in units of y² over x; null: 5 σ².</summary>
    [Range(1e-12, 1e12)] public double? Weight { get; init; }

    /// <summary>Steps of ADMM.</summary>
    [Range(1, 10_000)] public int Steps { get; init; } = 80;

    /// <summary>Conjugate gradients in each step, at most.</summary>
    [Range(1, 1000)] public int Iterations { get; init; } = 15;

    /// <summary>Relative residual at which conjugate gradients stop.</summary>
    [Range(1e-8, 0.1)] public double Tolerance { get; init; } = 1e-4;

    /// <summary>θ, below which a step's differences of neighbouring pixels become 0, on [0,1]: it changes the pace only, not the result.</summary>
    [Range(1e-6, 1.0)] public double Threshold { get; init; } = 0.02;

    /// <summary>Near convergence.</summary>
    internal static TotalVariationParameters Paper { get; } = new() { Steps = 400, Iterations = 30, Tolerance = 1e-5 };

    /// <summary>The defaults.</summary>
    internal static TotalVariationParameters Balanced { get; } = new();

    /// <summary>Half the steps.</summary>
    internal static TotalVariationParameters Fast { get; } = new() { Steps = 40 };

    /// <summary>
    /// w = 5 σ²: the mode of the posterior where the penalty's density is exp(-5 TV(x)) on [0,1], whatever A's scale is; within 0.1 dB of the best over five kinds of problems (docs/decisions/0011).
    /// Noise below 10⁻³ ‖A‖ counts as that much: with none the weight only decides the pace.
    /// </summary>
    internal static double WeightFor(double sigma, double norm2) => 5 * Math.Max(sigma * sigma, 1e-6 * norm2);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TotalVariation(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "Total variation needs a linear problem here: each of its steps solves a linear system.";
}
