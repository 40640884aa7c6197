using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// Regularised least squares: argmin ‖A x − y‖² + w ‖∇x‖² by conjugate gradients (Phillips 1962; Tikhonov 1963), w by the discrepancy principle (Morozov:
/// On the solution of functional equations by the method of regularization. Soviet Math. Dokl. 7, 1966): of a grid the largest weight that leaves
/// ‖A x − y‖² ≤ δ m σ².
/// </summary>
/// <remarks>
/// A step is one weight, from the last one's solution on; an item that has found its weight stays. The grid is quarter decades from 10 ‖A‖² to 10⁻⁵ ‖A‖²:
/// in these units a weight means the same whatever the measurement's scale is. An item that no weight explains gets the smallest one. With σ = 0 the image is
/// projected on those that explain y.
/// </remarks>
public sealed class SmoothLeastSquares : Solver
{
    private readonly LeastSquaresParameters _p;
    private readonly LinearOperator _a;
    private readonly double[] _weights;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public SmoothLeastSquares(SolverInput input, LeastSquaresParameters parameters)
        : base(input)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        _weights = parameters.Weight is { } weight ? [weight] : Grid(OperatorNorm.Squared(_a, Y.device));
    }

    /// <inheritdoc/>
    public override int Steps => _weights.Length;

    /// <inheritdoc/>
    public override SolverState Start(params long[] seeds)
    {
        SolverState state = SolverState.Start(seeds, Y.device);
        state["x"] = torch.zeros([seeds.Length, .. A.Domain], device: Y.device);
        state["found"] = torch.zeros([seeds.Length, 1, 1, 1], device: Y.device);
        return state;
    }

    /// <summary>The weights that are tried, largest first.</summary>
    internal static double[] Grid(double norm2) => [.. Enumerable.Range(0, 25).Select(i => norm2 * Math.Pow(10, 1 - i / 4.0))];

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int k = state.Step; k < _weights.Length; k++)
        {
            Tensor found = state["found"];
            if (found.min().ToDouble() == 0)
            {
                Tensor solved = LeastSquares.Solve(_a, Y, _weights[k], state["x"], _p.Iterations, Model.ThrowIfCancelled);
                state["x"] = torch.where(found.gt(0), state["x"], solved);
                Tensor explained = A.Residual2(state["x"], Y).le(_p.Discrepancy * Expected).to(ScalarType.Float32);
                state["found"] = torch.maximum(found, explained.reshape(-1, 1, 1, 1));
            }

            if (k < _weights.Length - 1)
            {
                yield return new SolverStep("weights", state["x"]);
            }
        }

        state.Image = Sigma == 0 ? _a.Prox(state["x"], Y, 0) : state["x"].clone();
        yield return new SolverStep("final", state.Image);
    }
}

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

    internal static SolverDescription Description { get; } = new(
        "leastSquares",
        "Regularised least squares",
        "Phillips: A technique for the numerical solution of certain integral equations of the first kind. JACM 9, 1962; weight: Morozov: On the " +
        "solution of functional equations by the method of regularization. Soviet Math. Dokl. 7, 1966.",
        Paper, Balanced, Fast);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new SmoothLeastSquares(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "Least squares needs a linear problem: it solves one linear system for each weight.";

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Weight is null ? [] : [nameof(Discrepancy)];
}
