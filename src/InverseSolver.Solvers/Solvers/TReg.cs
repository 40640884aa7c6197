using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Operators;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

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
public sealed class TReg : Solver
{
    private readonly TRegParameters _p;
    private readonly LinearOperator _a;
    private readonly DdimGrid _grid;
    private readonly DataConsistency _consistency;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public TReg(SolverInput input, TRegParameters parameters)
        : base(input)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        _grid = new DdimGrid(Model, parameters.Steps);
        _consistency = new DataConsistency(input, parameters);
    }

    /// <summary>The sampler's, and one that decodes.</summary>
    public override int Steps => _grid.Steps + 1;

    /// <summary>Pure noise, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int i)
    {
        if (i == _grid.Steps)
        {
            state.Image = _consistency.Finish(Calls.Decode(state.Latent));
            return ("final", state.Image);
        }

        int index = _grid.Steps - 1 - i;
        Tensor e = Calls.PredictNoise(state.Latent, _grid.Timestep[index]), z0 = _grid.Clean(state.Latent, e, index);
        if (!IsEvent(i))
        {
            state.Latent = _grid.Next(z0, e, index, eta: 0, state);
            return ("sampling", null);
        }

        double before = _grid.AbarBefore[index];
        Tensor xy = Consistent(Calls.Decode(z0), _grid.Abar[index]);
        Tensor mixed = Calls.Encode(xy) * before + z0 * (1 - before);

        // The two noises' variances add up to 1 - ᾱ'.
        Tensor noise = state.Noise(z0.shape[1..]);
        state.Latent = mixed * Math.Sqrt(before) + e * (1 - before) + noise * Math.Sqrt((1 - before) * before);
        return ("consistency", xy);
    }

    internal bool IsEvent(int step) => step % _p.ConsistencyEvery == 0 && step < _p.ConsistencyEnd * _grid.Steps - 1e-9;

    // argmin ‖A x - y‖² + w ‖x - x₀‖² by a few conjugate gradients from x₀.
    internal Tensor Consistent(Tensor x0, double abar)
    {
        if (_p.ConjugateGradients == 0)
        {
            return _consistency.Solve(x0, DataConsistency.ErrorCorrelation(abar));
        }

        Tensor residual = _a.Measured(Y) - _a.Apply(x0);
        return x0 + ConjugateGradients.Solve(
            d => _a.Adjoint(_a.Apply(d)) + d * _p.Weight, _a.Adjoint(residual), tolerance: 1e-7, _p.ConjugateGradients);
    }

    private protected override double Work(int step) => step < _grid.Steps && IsEvent(step) ? 4 : 1;
}

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

    /// <summary>The authors' settings.</summary>
    internal static TRegParameters Paper { get; } =
        new() { Samples = 1, Steps = 200, ConsistencyEvery = 3, ConsistencyEnd = 0.85, ConjugateGradients = 5, FinalProximalStep = false };

    /// <summary>Eight samples of a short run that is made consistent at every step, in the metric of the estimate's error.</summary>
    internal static TRegParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer steps.</summary>
    internal static TRegParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "treg",
        "TReg (without text)",
        "Kim, Park, Chung, Ye: Regularization by Texts for Latent Diffusion Inverse Solvers. ICLR 2025.",
        Paper, Balanced, Fast);

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
