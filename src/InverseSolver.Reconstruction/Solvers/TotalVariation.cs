using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// Total variation (Rudin, Osher, Fatemi: Nonlinear total variation based noise removal algorithms. Physica D 60, 1992): argmin ½ ‖A x − y‖² + w TV(x),
/// TV(x) = Σ |∇x| over the pixels, |∇x| over both directions and all channels, by ADMM (Goldstein, Osher: The split Bregman method for L1-regularized
/// problems. SIAM J. Imaging Sci. 2, 2009) with conjugate gradients.
/// </summary>
/// <remarks>
/// With d = ∇x, ADMM's ρ is w over the threshold θ on |∇x|, so that only θ, in units of the image, sets its pace: x ← argmin ½ ‖A x − y‖² + ρ/2 ‖∇x − d + u‖²,
/// d ← shrink(∇x + u, θ), u ← u + ∇x − d. With σ = 0 the image is projected on those that explain y.
/// </remarks>
public sealed class TotalVariation : Solver
{
    private readonly TotalVariationParameters _p;
    private readonly LinearOperator _a;
    private readonly double _weight;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public TotalVariation(SolverInput input, TotalVariationParameters parameters)
        : base(input)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        _weight = parameters.Weight
            ?? OperatorNorm.PenaltyWeight(Sigma, OperatorNorm.Squared(_a, Y.device)) * _a.SparsityGain;
    }

    /// <inheritdoc/>
    public override int Steps => _p.Steps;

    /// <inheritdoc/>
    public override SolverState Start(params long[] seeds)
    {
        SolverState state = SolverState.Start(seeds, Y.device);
        state["x"] = torch.zeros([seeds.Length, .. A.Domain], device: Y.device);
        state["d"] = torch.zeros([seeds.Length, 2, .. A.Domain], device: Y.device);
        state["u"] = torch.zeros([seeds.Length, 2, .. A.Domain], device: Y.device);
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        double rho = _weight / _p.Threshold;
        for (int k = state.Step; k < Steps; k++)
        {
            Tensor x = state["x"], right = _a.Adjoint(Y) + Differences.Adjoint(state["d"] - state["u"]) * rho;
            x = x + ConjugateGradients.Solve(Normal, right - Normal(x), _p.Tolerance, _p.Iterations);

            Tensor v = Differences.Of(x) + state["u"];
            Tensor length = v.square().sum([1, 2], true).sqrt();
            Tensor d = v * (1 - _p.Threshold / length.clamp(min: _p.Threshold));
            state["u"] = v - d;
            state["d"] = d;
            state["x"] = x;
            if (k < Steps - 1)
            {
                yield return new SolverStep("iterations", x);
            }
        }

        state.Image = Sigma == 0 ? _a.Prox(state["x"], Y, 0) : state["x"].clone();
        yield return new SolverStep("final", state.Image);

        Tensor Normal(Tensor image)
        {
            Model.ThrowIfCancelled();
            return _a.Adjoint(_a.Apply(image)) + Differences.Normal(image) * rho;
        }
    }
}

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

    internal static SolverDescription Description { get; } = new(
        "totalVariation",
        "Total variation",
        "Rudin, Osher, Fatemi: Nonlinear total variation based noise removal algorithms. Physica D 60, 1992; by ADMM: Goldstein, Osher: The split " +
        "Bregman method for L1-regularized problems. SIAM J. Imaging Sci. 2, 2009.",
        Paper, Balanced, Fast);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TotalVariation(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "Total variation needs a linear problem here: each of its steps solves a linear system.";
}
