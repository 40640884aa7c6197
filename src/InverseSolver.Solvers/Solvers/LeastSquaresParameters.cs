using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="SmoothLeastSquares"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record LeastSquaresParameters : SolverParameters
{
    /// <summary>w of ‖A x − y‖² + w ‖∇x‖², in units of y² over x²; null: by the discrepancy principle.</summary>
    [Range(1e-12, 1e12)] public double? Weight { get; init; }

    /// <summary>δ: which part of m σ² the residual may keep, where the weight is chosen.</summary>
    [Range(0.01, 10.0)] public double Discrepancy { get; init; } = 1;

    /// <summary>Conjugate gradients for each weight, at most.</summary>
    [Range(1, 10_000)] public int Iterations { get; init; } = 150;

    /// <summary>Morozov's principle as it is.</summary>
    internal static LeastSquaresParameters Paper { get; } = new() { Discrepancy = 1 };

    /// <summary>The defaults.</summary>
    internal static LeastSquaresParameters Balanced { get; } = new();

    /// <summary>Fewer iterations.</summary>
    internal static LeastSquaresParameters Fast { get; } = new() { Iterations = 50 };

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new SmoothLeastSquares(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "Least squares needs a linear problem: it solves one linear system for each weight.";

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Weight is null ? [] : [nameof(Discrepancy)];
}
