using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// DDNM, and DDNM+ for noisy measurements: Wang, Yu, Zhang, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model" (ICLR 2023),
/// algorithms 1 and 2, with the time travel of RePaint (Lugmayr and others, CVPR 2022). The measurement replaces the part of each clean estimate that
/// A sees, x̂₀ = x₀ + λ A⁺(y - A x₀); its null space stays the model's. In the latent space of an autoencoder: docs/decisions/0010.
/// </summary>
public sealed class Ddnm : DiffusionSolver
{
    private readonly DdnmParameters _p;
    private readonly LinearOperator _a;
    private readonly int[] _visits;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public Ddnm(SolverInput input, DdnmParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
        _visits = Visits(parameters.Steps, parameters.TravelLength, parameters.TravelRepeat);
    }

    /// <summary>Network calls: those of the schedule, and those of the stretches that are run again.</summary>
    public override int Steps => _visits.Length;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int i = state.Step; i < _visits.Length - 1; i++)
        {
            (DdimStep t, DdimStep next) = (Schedule[_visits[i]], Schedule[_visits[i + 1]]);
            Tensor epsilon = Model.PredictNoise(state.Latent, t.Timestep);
            Tensor x = RangeNullSpace(Model.Decode(t.X0(state.Latent, epsilon)), t.AlphaCumprod, t.AlphaCumprodPrev), z0 = Model.Encode(x);
            bool isForward = next.Index < t.Index;
            state.Latent = isForward
                ? z0 * Math.Sqrt(t.AlphaCumprodPrev) + Noise(epsilon, t.AlphaCumprodPrev, state)
                : next.Level.AddNoise(z0, state.NoiseLike(z0));
            yield return new SolverStep(isForward ? "sampling" : "travel", x);
        }

        // Even where the sampler ends without noise: the measurement's has to fit into that of the next level.
        DdimStep last = Schedule[_visits[^1]];
        double end = Math.Min(last.AlphaCumprodPrev, Model.AlphasCumprod[0]);
        Tensor x0 = Model.Decode(last.X0(state.Latent, Model.PredictNoise(state.Latent, last.Timestep)));
        state.Image = DataConsistency.Finish(x0, x => RangeNullSpace(x, last.AlphaCumprod, end));
        yield return new SolverStep("final", state.Image);
    }

    internal override IEnumerable<ModelCalls> StepCalls() =>
        [.. Enumerable.Repeat(new ModelCalls(1, 0, 1, 0, 1), Steps - 1), new ModelCalls(1, 0, 1, 0, 0)];

    /// <summary>
    /// The indices that the network is called at, in order: down from steps - 1 to 0, and from every multiple of the length that lies at least one
    /// length below the start back up by it, repeat - 1 times.
    /// </summary>
    internal static int[] Visits(int steps, int length, int repeat)
    {
        var visits = new List<int>();
        var left = Enumerable.Range(0, steps).ToDictionary(k => k, k => k % length == 0 && k < steps - length ? repeat - 1 : 0);
        for (int at = steps - 1; at >= 0; at--)
        {
            visits.Add(at);
            if (at > 0 && left[at - 1]-- > 0)
            {
                at += length;
            }
        }

        return [.. visits];
    }

    // DDNM+: what A⁺ brings of the measurement's noise, √ᾱ' λ σ_y, must fit into the noise of the next level, √(1-ᾱ'); γ is the variance that is left for
    // new noise. ᾱ' is the next level's; σ_y is on [-1,1] and so twice ours.
    internal (double Lambda, double Gamma) Share(double prev)
    {
        double carried = Math.Sqrt(prev) * 2 * Sigma, level = Math.Sqrt(1 - prev);
        return carried <= level ? (1, 1 - prev - carried * carried) : (level / carried, 0);
    }

    // A singular value s below 1 brings the noise divided by s. A⁺ is regularised to gains s/(s²+ρ) ≤ 1/(2√ρ), with which that fits, too; σ = 0 leaves A⁺.
    internal double Rho(double prev) => prev * Sigma * Sigma / (1 - prev);

    internal Tensor RangeNullSpace(Tensor x0, double alphaCumprod, double prev)
    {
        if (_p.DataStep == DataStep.Proximal)
        {
            return DataConsistency.Solve(x0, DataConsistency.ErrorCorrelation(alphaCumprod));
        }

        (double lambda, _) = Share(prev);
        return x0 + (_a.Prox(x0, Y, Rho(prev)) - x0) * lambda;
    }

    private Tensor Noise(Tensor epsilon, double prev, SolverState state)
    {
        double level = Math.Sqrt(_p.DataStep == DataStep.Paper ? Share(prev).Gamma : 1 - prev);
        Tensor noise = epsilon * (level * Math.Sqrt(1 - _p.Eta * _p.Eta));
        return _p.Eta > 0 ? noise.add_(state.NoiseLike(epsilon), level * _p.Eta) : noise;
    }
}

/// <summary>Parameters of <see cref="Ddnm"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DdnmParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DdnmParameters() => Samples = 8;

    /// <summary>Noise levels; the network is called once at each, and again on every way that travel repeats.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Share of new noise: 0 = deterministic, 1 = only new noise.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; } = 1;

    /// <summary>Steps that time travel goes back.</summary>
    [Range(1, 1000)] public int TravelLength { get; init; } = 4;

    /// <summary>Number of times that each stretch is run; 1 = no time travel.</summary>
    [Range(1, 100)] public int TravelRepeat { get; init; } = 2;

    /// <summary>The data step; <c>paper</c> replaces what A sees by A+ y (DDNM+'s lambda and gamma for noise).</summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>The authors' settings.</summary>
    internal static DdnmParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 100,
        Eta = 0.85,
        TravelLength = 1,
        TravelRepeat = 1,
        DataStep = DataStep.Paper,
        FinalProximalStep = false,
    };

    /// <summary>The paper's method with fewer steps.</summary>
    internal static DdnmParameters PaperFast { get; } = Paper with { Steps = 50 };

    /// <summary>Eight samples of a short run. The proximal step stands in place of the paper's A⁺.</summary>
    internal static DdnmParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU, with two samples. The proximal step stands in place of the paper's A⁺.</summary>
    internal static DdnmParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "ddnm",
        "DDNM",
        "Wang, Yu, Zhang: Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model. ICLR 2023.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => TravelRepeat > 1 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(TravelLength)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Ddnm(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "DDNM needs a linear problem: it splits an image into what the measurement sees and what it does not.";
}
