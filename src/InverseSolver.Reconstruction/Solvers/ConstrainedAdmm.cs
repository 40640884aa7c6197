using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// After FAST-DIPS: Kim, Shin, Lim, "FAST-DIPS: Adjoint-Free Analytic Steps and Hard-Constrained Likelihood Correction for Diffusion-Prior Inverse
/// Problems" (ICLR 2026, arXiv:2603.01591). At each noise level one denoising gives an anchor; a few ADMM steps move it as little as possible until it
/// lies in the ball around the measurement, min ‖x - x_d‖² so that ‖A(x) - y‖ ≤ ε, ε² = m σ²; the result is noised to the next level. Early levels
/// correct the image, those below a switch the latent, through the decoder.
/// </summary>
/// <remarks>
/// One ADMM step, with r = A(x) - y: v is r + u projected onto the ball around 0; x goes along the negative gradient g of ‖x - x_d‖²/2 + (ρ/2)‖r - v + u‖²
/// by the analytic length ‖g‖²/(‖g‖² + ρ‖J g‖²); u grows by r - v. (The paper has 1/γ before ‖x - x_d‖²/2; only γ ρ matters, which is ρ here. Its backtracking,
/// which guards the length where A is not linear, is left out, and so is every number of its experiments: those of <c>paper</c> are ours.)
/// With <see cref="DataStep.Proximal"/> only images are corrected, and the distance to the anchor is measured as its error is correlated,
/// (x - x_d)ᵀ C⁻¹ (x - x_d): with x = x_d + C w the gradient by w is C g, g = w + ρ Jᵀ(r - v + u), so only C is needed.
/// </remarks>
public sealed class ConstrainedAdmm : DiffusionSolver
{
    // J g by a finite difference, through the decoder and where A gives no Jacobian: root mean square of the displacement.
    private const double Displacement = 1e-2;

    private readonly ConstrainedAdmmParameters _p;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public ConstrainedAdmm(SolverInput input, ConstrainedAdmmParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <summary>One for each level, and one that decodes.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            Tensor anchor = t.X0(state.Latent, Model.PredictNoise(state.Latent, t.Timestep)), z0;
            Tensor? x = null;
            if (IsInPixels(t))
            {
                x = CorrectImage(Model.Decode(anchor), _p.DataStep == DataStep.Proximal ? DataConsistency.ErrorCorrelation(t.AlphaCumprod) : 0);
                z0 = Model.Encode(x);
            }
            else
            {
                z0 = CorrectLatent(anchor);
            }

            // The last level is followed by none.
            DiffusionLevel next = t.Index == 0 ? new DiffusionLevel(1) : t.Prev;
            state.Latent = next.AddNoise(z0, state.NoiseLike(z0));
            yield return new SolverStep(x is null ? "latent" : "pixel", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    private bool IsInPixels(DdimStep t) => _p.DataStep == DataStep.Proximal || t.Level.Sigma >= _p.SigmaSwitch;

    // ADMM on the image, in the metric of correlation r; 0 is the plain distance.
    internal Tensor CorrectImage(Tensor anchor, double r)
    {
        Tensor rows = MetricProx.Correlation(A.Domain[1], r, anchor.device);
        Tensor columns = MetricProx.Correlation(A.Domain[2], r, anchor.device);
        Tensor x = anchor.clone(), w = torch.zeros_like(x), y = A.Measured(Y), u = torch.zeros_like(y);
        for (int k = 0; k < _p.PixelIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Model.ThrowIfCancelled();
            Linearisation at = Linearise(x, y);
            if (k > 0)
            {
                u.add_(at.Residual);
            }

            Tensor v = Project(at.Residual + u);
            Tensor g = w + at.Adjoint(at.Residual - v + u) * _p.Penalty, cg = rows.Matmul(g).Matmul(columns);
            Tensor length = StepLength(Dot(g, cg), ForwardOperator.SquaresPerItem(at.Apply(cg)));
            w.sub_(g * length);
            x.sub_(cg * length);
            u.sub_(v);
        }

        return x;
    }

    // The same on the latent, with r ∘ D for r.
    internal Tensor CorrectLatent(Tensor anchor)
    {
        Tensor z = anchor.clone(), y = A.Measured(Y), u = torch.zeros_like(y);
        for (int k = 0; k < _p.LatentIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor residual = y, v = y;
            (_, Tensor back) = Model.DecodeVjp(z, x =>
            {
                // The residual after the step before, which u still lacks, is known only now.
                Linearisation at = Linearise(x, y);
                residual = at.Residual.MoveToOuterDisposeScope();
                if (k > 0)
                {
                    u.add_(residual);
                }

                v = Project(residual + u).MoveToOuterDisposeScope();
                return at.Adjoint(residual - v + u);
            });
            Tensor g = z - anchor + back * _p.Penalty, g2 = Dot(g, g);
            Tensor h = (Displacement * Math.Sqrt(g.numel() / (double)g.size(0))) / g2.sqrt().clamp(min: 1e-12);
            Tensor moved = Linearise(Model.Decode(z + g * h.reshape(-1, 1, 1, 1)), y).Residual - residual;
            z.sub_(g * StepLength(g2, ForwardOperator.SquaresPerItem(moved) / h.square()));
            u.sub_(v);
        }

        return z;
    }

    // r(x) and its Jacobian. Where A(x) is rounded or clipped r is the distance to what y may stand for, and r, not A(x), is what an image must keep small.
    private Linearisation Linearise(Tensor x, Tensor y)
    {
        if (A is NonlinearOperator nonlinear && nonlinear.Linearise(x, y) is { } known)
        {
            return known;
        }

        Tensor predicted = A.Apply(x);
        return A is LinearOperator linear
            ? new Linearisation(predicted - y, linear.Apply, linear.Adjoint)
            : new Linearisation(predicted - y, d => Difference(x, predicted, d), w => A.Gradient(x, predicted - w));
    }

    // The nearest residual to p in the ball of radius ε; every item its own.
    internal Tensor Project(Tensor p)
    {
        Tensor size = ForwardOperator.SquaresPerItem(p).sqrt().clamp(min: 1e-20);
        return p * (Math.Sqrt(Expected) / size).clamp(max: 1).reshape([-1, .. Enumerable.Repeat(1L, A.Range.Count)]);
    }

    // ‖g‖²/(‖g‖² + ρ‖J g‖²).
    private Tensor StepLength(Tensor g2, Tensor jg2) => (g2 / (g2 + jg2 * _p.Penalty).clamp(min: 1e-30)).reshape(-1, 1, 1, 1);

    // J d at x.
    private Tensor Difference(Tensor x, Tensor predicted, Tensor d)
    {
        double h = Displacement / Math.Max(1e-12, Math.Sqrt(d.square().mean().ToDouble()));
        return (A.Apply(x + d * h) - predicted) / h;
    }

    private static Tensor Dot(Tensor a, Tensor b) => (a * b).reshape(a.size(0), -1).sum([1]);

    internal override IEnumerable<ModelCalls> StepCalls() =>
    [
        .. Schedule.From(0).Select(t => IsInPixels(t)
            ? new ModelCalls(1, 0, 1, 0, 1)
            : new ModelCalls(1, 0, _p.LatentIterations, _p.LatentIterations, 0)),
        new ModelCalls(0, 0, 1, 0, 0),
    ];
}

/// <summary>Parameters of <see cref="ConstrainedAdmm"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record ConstrainedAdmmParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public ConstrainedAdmmParameters() => Samples = 8;

    /// <summary>Noise levels.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>ADMM steps of a level that corrects the image.</summary>
    [Range(1, 10_000)] public int PixelIterations { get; init; } = 20;

    /// <summary>ADMM steps of a level that corrects the latent, each a decoder gradient and a decode.</summary>
    [Range(1, 10_000)] public int LatentIterations { get; init; } = 3;

    /// <summary>Levels of less noise over signal than this correct the latent, with the data step <c>paper</c>.</summary>
    [Range(0.0, 1000.0)] public double SigmaSwitch { get; init; }

    /// <summary>ρ, ADMM's penalty, for distances on [0,1]; it changes the way, not the end.</summary>
    [Range(1e-6, 1e6)] public double Penalty { get; init; } = 10;

    /// <summary>
    /// The data step; <c>paper</c> seeks the nearest image, and below <c>sigmaSwitch</c> the nearest latent, that explains y, <c>proximal</c> the nearest
    /// image in the metric of the anchor's correlated error, by the same ADMM.
    /// </summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>The published method; the number of levels and steps is ours, the authors' was not available.</summary>
    internal static ConstrainedAdmmParameters Paper { get; } =
        new() { Samples = 1, Steps = 50, PixelIterations = 5, LatentIterations = 5, SigmaSwitch = 1, DataStep = DataStep.Paper, FinalProximalStep = false };

    /// <summary>The published method with fewer levels.</summary>
    internal static ConstrainedAdmmParameters PaperFast { get; } = Paper with { Steps = 25 };

    /// <summary>Eight samples, corrected as images only. The metric of the estimate's error stands in place of the paper's distance.</summary>
    internal static ConstrainedAdmmParameters Balanced { get; } = new();

    /// <summary>
    /// Seconds on a CPU: two samples and fewer levels, corrected as images only. The metric of the estimate's error stands in place of the paper's distance.
    /// </summary>
    internal static ConstrainedAdmmParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "constrainedAdmm",
        "FAST-DIPS",
        "After Kim, Shin, Lim: FAST-DIPS: Adjoint-Free Analytic Steps and Hard-Constrained Likelihood Correction for Diffusion-Prior Inverse Problems. " +
        "ICLR 2026, arXiv:2603.01591.",
        Paper, PaperFast, Balanced, Fast);

    // ADMM in the metric of the error is no proximal step, and assumes no standard deviation.
    private protected override bool HasProximalSteps => false;

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
    [
        .. base.WithoutEffect(),
        .. DataStep == DataStep.Paper ? Array.Empty<string>() : [nameof(SigmaSwitch)],
        .. CorrectsLatents ? Array.Empty<string>() : [nameof(LatentIterations)],
    ];

    private bool CorrectsLatents => DataStep == DataStep.Paper && SigmaSwitch > 0;

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: CorrectsLatents, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new ConstrainedAdmm(input, this);
}
