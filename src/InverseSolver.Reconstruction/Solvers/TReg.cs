using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// TReg: Kim, Park, Chung, Ye, "Regularization by Texts for Latent Diffusion Inverse Solvers" (ICLR 2025), without its text. Every few steps the
/// clean estimate is decoded, made consistent by conjugate gradients, encoded and mixed with the estimate by ᾱ':
/// ẑ₀' = ᾱ' z_y + (1-ᾱ') ẑ₀; then z' = √ᾱ' ẑ₀' + (1-ᾱ') ε + √(1-ᾱ') √ᾱ' n. Nothing is differentiated.
/// </summary>
/// <remarks>
/// The models here are unconditional: classifier-free guidance and the optimisation of the null text (adaptive negation), which the paper's title
/// speaks of, need a text-conditioned model and are left out. The weight of (AᵀA + w) x = Aᵀy + w x₀ is the same on [0,1] as on the paper's
/// [-1,1]. The authors' code takes the ᾱ of the timestep before; here a timestep has its own.
/// </remarks>
public sealed class TReg : DiffusionSolver
{
    private readonly TRegParameters _p;
    private readonly LinearOperator _a;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public TReg(SolverInput input, TRegParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <summary>The sampler's, and one that decodes.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            Tensor epsilon = Model.PredictNoise(state.Latent, t.Timestep), z0 = t.X0(state.Latent, epsilon);
            if (!IsEvent(t.Step))
            {
                state.Latent = t.Ddim(z0, epsilon);
                yield return new SolverStep("sampling", null);
                continue;
            }

            double prev = t.AlphaCumprodPrev;
            Tensor x = Prox(Model.Decode(z0), t.AlphaCumprod);
            Tensor mixed = Model.Encode(x) * prev + z0 * (1 - prev);

            // The two noises' variances add up to 1 - ᾱ'.
            Tensor noise = state.NoiseLike(z0);
            state.Latent = mixed * Math.Sqrt(prev) + epsilon * (1 - prev) + noise * Math.Sqrt((1 - prev) * prev);
            yield return new SolverStep("consistency", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    internal bool IsEvent(int step) => step % _p.ConsistencyEvery == 0 && step < _p.ConsistencyEnd * Schedule.Steps - 1e-9;

    // argmin ‖A x - y‖² + w ‖x - x₀‖² by a few conjugate gradients from x₀.
    internal Tensor Prox(Tensor x0, double alphaCumprod)
    {
        if (_p.DataStep == DataStep.Proximal)
        {
            return DataConsistency.Solve(x0, DataConsistency.ErrorCorrelation(alphaCumprod));
        }

        Tensor residual = _a.Measured(Y) - _a.Apply(x0);
        return x0 + ConjugateGradients.Solve(
            d => _a.Adjoint(_a.Apply(d)) + d * _p.Weight, _a.Adjoint(residual), tolerance: 1e-7, _p.ConjugateGradients);
    }

    internal override IEnumerable<ModelCalls> StepCalls() =>
    [
        .. Schedule.From(0).Select(t => IsEvent(t.Step) ? new ModelCalls(1, 0, 1, 0, 1) : new ModelCalls(1, 0, 0, 0, 0)),
        new ModelCalls(0, 0, 1, 0, 0),
    ];
}

/// <summary>Parameters of <see cref="TReg"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record TRegParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public TRegParameters() => Samples = 8;

    /// <summary>Steps of the sampler.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Steps, counted from noise, that this divides are made consistent.</summary>
    [Range(1, 1000)] public int ConsistencyEvery { get; init; } = 1;

    /// <summary>The fraction of the steps, counted from noise, after which no step is made consistent any more.</summary>
    [Range(0.0, 1.0)] public double ConsistencyEnd { get; init; } = 1;

    /// <summary>The data step; <c>paper</c> is a few conjugate gradients from the estimate.</summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>Conjugate gradients of a data step <c>paper</c>.</summary>
    [Range(1, 10_000)] public int ConjugateGradients { get; init; } = 5;

    /// <summary>w of ‖A x - y‖² + w ‖x - x₀‖², which they minimise.</summary>
    [Range(0.0, 1e6)] public double Weight { get; init; } = 1e-4;

    /// <summary>The authors' settings.</summary>
    internal static TRegParameters Paper { get; } =
        new() { Samples = 1, Steps = 200, ConsistencyEvery = 3, ConsistencyEnd = 0.85, DataStep = DataStep.Paper, FinalProximalStep = false };

    /// <summary>The paper's method with fewer steps.</summary>
    internal static TRegParameters PaperFast { get; } = Paper with { Steps = 100 };

    /// <summary>
    /// Eight samples of a short run that is made consistent at every step. The proximal step stands in place of the paper's conjugate gradients.
    /// </summary>
    internal static TRegParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer steps. The proximal step stands in place of the paper's conjugate gradients.</summary>
    internal static TRegParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "treg",
        "TReg (without text)",
        "Kim, Park, Chung, Ye: Regularization by Texts for Latent Diffusion Inverse Solvers. ICLR 2025.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
        DataStep == DataStep.Paper ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(ConjugateGradients), nameof(Weight)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TReg(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "TReg solves linear problems only: it needs the adjoint of the forward model.";
}
