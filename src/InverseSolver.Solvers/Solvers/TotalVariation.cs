using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Mri;
using InverseSolver.Solvers.Operators;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// Total variation (Rudin, Osher, Fatemi: Nonlinear total variation based noise removal algorithms. Physica D 60, 1992): argmin ½ ‖A x − y‖² + w TV(x),
/// TV(x) = Σ |∇x| over the pixels, |∇x| over both directions and all channels, by ADMM (Goldstein, Osher: The split Bregman method for L1-regularized problems. SIAM J. Imaging
/// Sci. 2, 2009) with conjugate gradients.
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
        _weight = parameters.Weight ?? TotalVariationParameters.WeightFor(Sigma, OperatorNorm.Squared(_a, Y.device)) * (A is SenseOperator ? SenseOperator.SparsityGain : 1);
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

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int step)
    {
        double rho = _weight / _p.Threshold;
        Tensor x = state["x"], right = _a.Adjoint(Y) + Differences.Adjoint(state["d"] - state["u"]) * rho;
        x = x + ConjugateGradients.Solve(Normal, right - Normal(x), _p.Tolerance, _p.Iterations);

        Tensor v = Differences.Of(x) + state["u"];
        Tensor length = v.square().sum([1, 2], true).sqrt();
        Tensor d = v * (1 - _p.Threshold / length.clamp(min: _p.Threshold));
        state["u"] = v - d;
        state["d"] = d;
        state["x"] = x;
        if (step < Steps - 1)
        {
            return ("iterations", x);
        }

        state.Image = Sigma == 0 ? _a.Prox(x, Y, 0) : x.clone();
        return ("final", state.Image);

        Tensor Normal(Tensor image)
        {
            Calls.ThrowIfCancelled();
            return _a.Adjoint(_a.Apply(image)) + Differences.Normal(image) * rho;
        }
    }
}
