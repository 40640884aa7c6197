using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Operators;
using InverseSolver.Torch;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// FAST-DIPS: "Fast and Stable Diffusion Inverse Solver" (ICLR 2026). At each noise level one denoising gives an anchor; a few ADMM steps move it as
/// little as possible until it lies in the ball around the measurement, min ‖x - x_d‖² so that ‖A(x) - y‖ ≤ ε, ε² = m σ²; the result is noised to
/// the next level. Early levels correct the image, those below a switch the latent, through the decoder.
/// </summary>
/// <remarks>
/// One ADMM step: v is A(x) + u projected onto the ball; x goes along the negative gradient g of ‖x - x_d‖²/2 + (ρ/2)‖A(x) - v + u‖² by the
/// analytic length ‖g‖²/(‖g‖² + ρ‖J g‖²); u grows by A(x) - v. (The paper has 1/γ before ‖x - x_d‖²/2; only γ ρ matters, which is ρ here.)
/// With <see cref="ConstrainedAdmmParameters.ErrorMetric"/> the distance to the anchor is measured as its error is correlated,
/// (x - x_d)ᵀ C⁻¹ (x - x_d): with x = x_d + C w the gradient by w is C g, g = w + ρ Jᵀ(A(x) - v + u), so only C is needed.
/// </remarks>
public sealed class ConstrainedAdmm : Solver
{
    // J g by a finite difference where A ∘ D or A has no linear form: root mean square of the displacement.
    private const double Displacement = 1e-2;

    private readonly ConstrainedAdmmParameters _p;
    private readonly DdimGrid _grid;
    private readonly DataConsistency _consistency;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public ConstrainedAdmm(SolverInput input, ConstrainedAdmmParameters parameters)
        : base(input)
    {
        _p = parameters;
        _grid = new DdimGrid(Model.Abar, parameters.Steps);
        _consistency = new DataConsistency(input, parameters);
    }

    /// <summary>One for each level, and one that decodes.</summary>
    public override int Steps => _grid.Steps + 1;

    /// <summary>Pure noise, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int i)
    {
        if (i == _grid.Steps)
        {
            Tensor x = Calls.Decode(state.Latent);
            state.Image = _p.FinalProximalStep ? _consistency.Finish(x, _p.FinalCorrelation) : x;
            return ("final", state.Image);
        }

        int index = _grid.Steps - 1 - i;
        double a = _grid.Abar[index], next = index == 0 ? 1 : _grid.AbarBefore[index];
        Tensor anchor = _grid.Clean(state.Latent, Calls.PredictNoise(state.Latent, _grid.Timestep[index]), index), z0;
        Tensor? estimate = null;
        bool inPixels = Math.Sqrt((1 - a) / a) >= _p.SigmaSwitch;
        if (inPixels)
        {
            estimate = CorrectImage(Calls.Decode(anchor), _p.ErrorMetric ? DataConsistency.ErrorCorrelation(a) : 0);
            z0 = Calls.Encode(estimate);
        }
        else
        {
            z0 = CorrectLatent(anchor);
        }

        state.Latent = z0 * Math.Sqrt(next) + state.Noise(z0.shape[1..]) * Math.Sqrt(1 - next);
        return (inPixels ? "pixel" : "latent", estimate);
    }

    // ADMM on the image, in the metric of correlation r; 0 is the plain distance.
    internal Tensor CorrectImage(Tensor anchor, double r)
    {
        Tensor rows = GaussianConditioning.Correlation(A.Domain[1], r, anchor.device), columns = GaussianConditioning.Correlation(A.Domain[2], r, anchor.device);
        Tensor x = anchor.clone(), w = torch.zeros_like(x), y = A.Measured(Y), predicted = A.Apply(x), u = torch.zeros_like(predicted);
        for (int k = 0; k < _p.PixelIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Calls.ThrowIfCancelled();
            Tensor v = Project(predicted + u, y);
            Tensor g = w + A.Gradient(x, v - u) * _p.Penalty, cg = rows.matmul(g).matmul(columns);
            Tensor length = StepLength(Dot(g, cg), ForwardOperator.SquaresPerItem(Forward(x, predicted, cg)));
            w.sub_(g * length);
            x.sub_(cg * length);
            predicted.copy_(A.Apply(x));
            u.add_(predicted - v);
        }

        return x;
    }

    // The same on the latent, with A ∘ D for A.
    internal Tensor CorrectLatent(Tensor anchor)
    {
        Tensor z = anchor.clone(), y = A.Measured(Y), u = torch.zeros_like(y);
        for (int k = 0; k < _p.LatentIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor predicted = y, v = y;
            (_, Tensor back) = Calls.DecodeVjp(z, x =>
            {
                // A(x) of the step before, which u still lacks, is known only now.
                predicted = A.Apply(x).MoveToOuterDisposeScope();
                if (k > 0)
                {
                    u.add_(predicted);
                }

                v = Project(predicted + u, y).MoveToOuterDisposeScope();
                return A.Gradient(x, v - u);
            });
            Tensor g = z - anchor + back * _p.Penalty, g2 = Dot(g, g);
            Tensor h = (Displacement * Math.Sqrt(g.numel() / (double)g.size(0))) / g2.sqrt().clamp(min: 1e-12);
            Tensor moved = A.Apply(Calls.Decode(z + g * h.reshape(-1, 1, 1, 1))) - predicted;
            z.sub_(g * StepLength(g2, ForwardOperator.SquaresPerItem(moved) / h.square()));
            u.sub_(v);
        }

        return z;
    }

    // The nearest point to p in the ball of radius ε around y; every item its own.
    internal Tensor Project(Tensor p, Tensor y)
    {
        Tensor difference = p - y, distance = ForwardOperator.SquaresPerItem(difference).sqrt().clamp(min: 1e-20);
        Tensor share = (Math.Sqrt(Expected) / distance).clamp(max: 1).reshape([-1, .. Enumerable.Repeat(1L, A.Range.Count)]);
        return y + difference * share;
    }

    // ‖g‖²/(‖g‖² + ρ‖J g‖²).
    private Tensor StepLength(Tensor g2, Tensor jg2) => (g2 / (g2 + jg2 * _p.Penalty).clamp(min: 1e-30)).reshape(-1, 1, 1, 1);

    // J d at x.
    private Tensor Forward(Tensor x, Tensor predicted, Tensor d)
    {
        if (A is LinearOperator)
        {
            return A.Apply(d);
        }

        double h = Displacement / Math.Max(1e-12, Math.Sqrt(d.square().mean().ToDouble()));
        return (A.Apply(x + d * h) - predicted) / h;
    }

    private static Tensor Dot(Tensor a, Tensor b) => (a * b).reshape(a.size(0), -1).sum([1]);

    // A decoder gradient counts as two.
    private protected override double Work(int step)
    {
        if (step == _grid.Steps)
        {
            return 1;
        }

        double a = _grid.Abar[_grid.Steps - 1 - step];
        return Math.Sqrt((1 - a) / a) >= _p.SigmaSwitch ? 4 : 1 + 3 * _p.LatentIterations;
    }
}
