using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// LatentDAPS: Zhang, Chu, Berner, Meng, Anandkumar, Song, "Improving Diffusion Inverse Problem Solving with Decoupled Noise Annealing" (CVPR
/// 2025). For noise levels σ that fall: a few Euler steps of the probability-flow ODE give a clean estimate ẑ₀; a posterior step around it gives
/// z₀|y; new noise of the next, lower level is added to that. Successive levels are tied by z₀|y only.
/// </summary>
/// <remarks>
/// The posterior step is Hamiltonian Monte Carlo through the decoder, on exp(-‖y - A(D(z))‖²/τ² - ‖z - ẑ₀‖²/2σ²) and the papers' [-1,1] scale,
/// where the squared residual is four times ours. Or, as <see cref="DataStep.Proximal"/>, the mean of the posterior in pixel space, encoded: no
/// gradients, and for linear problems better by decibels at much less cost. Levels are the model's own: each σ is moved to the timestep whose
/// √((1-ᾱ)/ᾱ) is nearest. (The authors' code wraps the LDM in another schedule, so that there σ = 10 is timestep 676 instead of 737.)
/// </remarks>
public sealed class Daps : DiffusionSolver
{
    private const double Rho = 7;

    private readonly DapsParameters _p;
    private readonly int[] _levels;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public Daps(SolverInput input, DapsParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        _levels = [.. Levels(parameters.SigmaMax, parameters.SigmaMin, parameters.Steps).Select(Timestep)];
    }

    /// <summary>One for each level, and one that decodes.</summary>
    public override int Steps => _levels.Length + 1;

    /// <summary>Noise of the first level, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds)
    {
        SolverState state = base.Start(seeds);
        state.Latent.mul_(Math.Sqrt(1 - Model.AlphasCumprod[_levels[0]]));
        return state;
    }

    /// <summary>(σ_max^(1/ρ) + k/(n-1) (σ_min^(1/ρ) - σ_max^(1/ρ)))^ρ, k = 0 ... n-1, ρ = 7 (Karras and others 2022, eq. 5).</summary>
    internal static double[] Levels(double max, double min, int count)
    {
        double from = Math.Pow(max, 1 / Rho), to = Math.Pow(min, 1 / Rho);
        return [.. Enumerable.Range(0, count).Select(k => count == 1 ? max : Math.Pow(from + (to - from) * k / (count - 1), Rho))];
    }

    /// <summary>The timestep whose noise, over signal, is nearest to σ on a logarithmic scale.</summary>
    internal int Timestep(double sigma)
    {
        int nearest = 0;
        for (int t = 1; t < Model.AlphasCumprod.Length; t++)
        {
            nearest = Math.Abs(Math.Log(SigmaAt(t) / sigma)) < Math.Abs(Math.Log(SigmaAt(nearest) / sigma)) ? t : nearest;
        }

        return nearest;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int k = state.Step; k < _levels.Length; k++)
        {
            Tensor z0 = Denoise(state.Latent, _levels[k]), z0y;
            Tensor? x = null;
            if (_p.DataStep == DataStep.Proximal)
            {
                x = DataConsistency.Solve(Model.Decode(z0), DataConsistency.ErrorCorrelation(Model.AlphasCumprod[_levels[k]]));
                z0y = Model.Encode(x);
            }
            else
            {
                z0y = HamiltonianMonteCarlo(z0, k, state);
            }

            // The last level is followed by none.
            var next = new DiffusionLevel(k + 1 < _levels.Length ? Model.AlphasCumprod[_levels[k + 1]] : 1);
            state.Latent = next.AddNoise(z0y, state.NoiseLike(z0));
            yield return new SolverStep(x is null ? "sampling" : "consistency", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    // Euler steps of dz̃/dσ = ε along the same kind of levels, z̃ = z / √ᾱ = z₀ + σ n.
    internal Tensor Denoise(Tensor z, int t)
    {
        double[] levels = Levels(SigmaAt(t), Math.Min(_p.OdeSigmaMin, SigmaAt(t)), _p.OdeSteps + 1);
        int[] at = [.. levels.Select(Timestep)];
        Tensor scaled = z / Math.Sqrt(Model.AlphasCumprod[t]);
        for (int j = 0; j < _p.OdeSteps; j++)
        {
            double next = j + 1 < _p.OdeSteps ? SigmaAt(at[j + 1]) : levels[^1];
            scaled += Model.PredictNoise(scaled * Math.Sqrt(Model.AlphasCumprod[at[j]]), at[j]) * (next - SigmaAt(at[j]));
        }

        return scaled;
    }

    // v ← m v + √h ∇ log p + √(2(1-m)) n; z ← z + √h v, from ẑ₀ and a random v.
    internal Tensor HamiltonianMonteCarlo(Tensor z0, int k, SolverState state)
    {
        double h = _p.HmcRate * (1 + (double)k / _levels.Length * (_p.HmcRateRatio - 1)), m = _p.HmcMomentum;
        double sigma = SigmaAt(_levels[k]);
        Tensor z = z0.clone(), v = state.NoiseLike(z0);
        for (int i = 0; i < _p.HmcSteps; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            (_, Tensor gradient) = Model.DecodeVjp(z, x => LikelihoodGradient(x) * (4 / (_p.HmcTau * _p.HmcTau)));
            v.mul_(m).add_((z0 - z) / (sigma * sigma) - gradient, Math.Sqrt(h)).add_(state.NoiseLike(z0), Math.Sqrt(2 * (1 - m)));
            z.add_(v, Math.Sqrt(h));
        }

        return z;
    }

    // ∇ ‖A(x) - y‖² at the clipped image, which does not change with what lies outside of [0,1].
    private Tensor LikelihoodGradient(Tensor x) =>
        A.Gradient(x.clamp(0, 1), Y) * 2 * x.ge(0).logical_and(x.le(1)).to(ScalarType.Float32);

    private double SigmaAt(int t) => new DiffusionLevel(Model.AlphasCumprod[t]).Sigma;

    internal override IEnumerable<ModelCalls> StepCalls() =>
    [
        .. Enumerable.Repeat(
            _p.DataStep == DataStep.Proximal ? new ModelCalls(_p.OdeSteps, 0, 1, 0, 1) : new ModelCalls(_p.OdeSteps, 0, 0, _p.HmcSteps, 0), _levels.Length),
        new ModelCalls(0, 0, 1, 0, 0),
    ];
}

/// <summary>Parameters of <see cref="Daps"/>. The defaults are the preset <c>balanced</c>. Noise levels σ are noise over signal in the latent.</summary>
public sealed record DapsParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DapsParameters() => Samples = 8;

    /// <summary>Noise levels.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 20;

    /// <summary>The first, largest level.</summary>
    [Range(0.1, 150.0)] public double SigmaMax { get; init; } = 10;

    /// <summary>The last level before none.</summary>
    [Range(1e-3, 0.1)] public double SigmaMin { get; init; } = 0.1;

    /// <summary>Euler steps of the probability-flow ODE at each level.</summary>
    [Range(1, 100)] public int OdeSteps { get; init; } = 1;

    /// <summary>The level at which the ODE ends.</summary>
    [Range(0.0001, 0.1)] public double OdeSigmaMin { get; init; } = 1e-3;

    /// <summary>
    /// The posterior step around the clean estimate; <c>paper</c> is Hamiltonian Monte Carlo in the latent space, <c>proximal</c> one step on the image,
    /// encoded.
    /// </summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>Steps of Hamiltonian Monte Carlo at each level, each a decoder gradient.</summary>
    [Range(1, 10_000)] public int HmcSteps { get; init; } = 38;

    /// <summary>Their rate at the first level, on the [-1,1] scale.</summary>
    [Range(1e-9, 1.0)] public double HmcRate { get; init; } = 8.4e-6;

    /// <summary>The share of the rate towards which it falls until the last level.</summary>
    [Range(0.0, 1.0)] public double HmcRateRatio { get; init; } = 0.013;

    /// <summary>The share of the velocity that is kept from step to step.</summary>
    [Range(0.0, 1.0)] public double HmcMomentum { get; init; } = 0.92;

    /// <summary>τ of the likelihood exp(-‖y - A(x)‖²/τ²), on the [-1,1] scale.</summary>
    [Range(1e-6, 10.0)] public double HmcTau { get; init; } = 0.01;

    /// <summary>The authors' settings for random inpainting; they tuned the four numbers of the Monte Carlo steps for every task and model.</summary>
    internal static DapsParameters Paper { get; } =
        new() { Samples = 1, Steps = 50, OdeSteps = 2, DataStep = DataStep.Paper, FinalProximalStep = false };

    /// <summary>The paper's method with fewer levels and Monte Carlo steps.</summary>
    internal static DapsParameters PaperFast { get; } = Paper with { Steps = 20, HmcSteps = 15 };

    /// <summary>Eight samples. The proximal step stands in place of the paper's Hamiltonian Monte Carlo.</summary>
    internal static DapsParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU, with two samples. The proximal step stands in place of the paper's Hamiltonian Monte Carlo.</summary>
    internal static DapsParameters Fast { get; } = new() { Samples = 2 };

    internal static SolverDescription Description { get; } = new(
        "daps",
        "LatentDAPS",
        "Zhang, Chu, Berner, Meng, Anandkumar, Song: Improving Diffusion Inverse Problem Solving with Decoupled Noise Annealing. CVPR 2025.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => DataStep == DataStep.Paper ? base.WithoutEffect()
        : [.. base.WithoutEffect(), nameof(HmcSteps), nameof(HmcRate), nameof(HmcRateRatio), nameof(HmcMomentum), nameof(HmcTau)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: DataStep == DataStep.Paper, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Daps(input, this);
}
