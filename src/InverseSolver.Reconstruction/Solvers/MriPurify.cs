using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// MRI purification, after Alkhouri, Liang, Wang, Qu, Ravishankar, "Robust Physics-based Deep MRI Reconstruction Via Diffusion Purification" (2023): the
/// aliased image is diffused a part of the way and denoised again, which takes from it what no image has, and the measured lines of k-space are put back.
/// Several such rounds, each from a lower noise level. In the latent space of an autoencoder: docs/decisions/0010.
/// </summary>
public sealed class MriPurify : DiffusionSolver
{
    private readonly MriPurifyParameters _p;
    private readonly int _rounds;
    private readonly double _start;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public MriPurify(SolverInput input, MriPurifyParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        bool coils = input.A.HasCoils;
        (_rounds, _start) = (parameters.Rounds ?? (coils ? 2 : 20), parameters.Start ?? (coils ? 0.3 : 0.8));
    }

    /// <summary>Network calls of all rounds.</summary>
    public override int Steps => _rounds * _p.StepsPerRound;

    /// <summary>The latent of the aliased image: Aᵀ y, along a trajectory with density compensation.</summary>
    public override SolverState Start(params long[] seeds)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        SolverState state = SolverState.Start(seeds, Y.device);
        state.Latent = Model.Encode(A.Direct(Y));
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int round = state.Step / _p.StepsPerRound; round < _rounds; round++)
        {
            DdimSchedule schedule = RoundSchedule(round);
            foreach (DdimStep t in schedule.From(state.Step % _p.StepsPerRound, downTo: 1))
            {
                (Tensor z0, Tensor epsilon) = Denoise(state, t);
                state.Latent = t.Ddim(z0, epsilon);
                yield return new SolverStep("denoising", null);
            }

            Tensor x0 = Model.Decode(Denoise(state, schedule[0]).Z0);
            if (round < _rounds - 1)
            {
                Tensor x = ReplaceKSpace(x0, schedule);
                state.Latent = Model.Encode(x);
                yield return new SolverStep("k-space", x);
            }
            else
            {
                state.Image = DataConsistency.Finish(x0, x => ReplaceKSpace(x, schedule));
                yield return new SolverStep("final", state.Image);
            }
        }
    }

    internal override ModelCalls StartCalls => new(0, 0, 0, 0, 1);

    internal override IEnumerable<ModelCalls> StepCalls() => Enumerable.Range(1, Steps).Select(step =>
        step % _p.StepsPerRound != 0 ? new ModelCalls(1, 0, 0, 0, 0) : new ModelCalls(1, 0, 1, 0, step < Steps ? 1 : 0));

    // A round's first step adds the noise that its steps take away.
    private (Tensor Z0, Tensor Epsilon) Denoise(SolverState state, DdimStep t)
    {
        Tensor z = t.Step > 0 ? state.Latent : t.Level.AddNoise(state.Latent, state.NoiseLike(state.Latent)), epsilon = Model.PredictNoise(z, t.Timestep);
        return (t.X0(z, epsilon), epsilon);
    }

    // The timesteps of a round; its last step arrives at the image.
    private DdimSchedule RoundSchedule(int round) =>
        new(Model.AlphasCumprod, [.. Enumerable.Range(0, _p.StepsPerRound).Reverse().Select(step => Timestep(round, step))], end: 1);

    /// <summary>Rounds begin at start (rounds - round) / rounds of the schedule; the steps of a round fall evenly from there towards 0.</summary>
    internal int Timestep(int round, int step)
    {
        double begin = _start * (_rounds - round) / _rounds, share = (double)(_p.StepsPerRound - step) / _p.StepsPerRound;
        return (int)Math.Round(begin * share * (Model.AlphasCumprod.Length - 1), MidpointRounding.AwayFromZero);
    }

    // The error of the estimate is that of the level where its round began.
    private Tensor ReplaceKSpace(Tensor x0, DdimSchedule schedule) => _p.DataStep == DataStep.Paper
        ? ((LinearOperator)A).Prox(x0, Y, 0)
        : DataConsistency.Solve(x0, DataConsistency.ErrorCorrelation(schedule.From(0).First().AlphaCumprod));
}

/// <summary>Parameters of <see cref="MriPurify"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record MriPurifyParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public MriPurifyParameters() => Samples = 8;

    /// <summary>
    /// Noise level that the first round diffuses to, as a share of the schedule; later rounds begin at evenly falling levels. Null: 0.8, of multi-coil
    /// data 0.3.
    /// </summary>
    [Range(0.01, 1.0)] public double? Start { get; init; } = 0.8;

    /// <summary>Rounds of diffusing, denoising and putting the measured k-space back. Null: 20, of multi-coil data 2.</summary>
    [Range(1, 1000)] public int? Rounds { get; init; } = 30;

    /// <summary>DDIM steps of each round, one network call each.</summary>
    [Range(1, 1000)] public int StepsPerRound { get; init; } = 1;

    /// <summary>The data consistency step; <c>paper</c> replaces the measured k-space.</summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>The released code: from the prior, and the measured k-space put back after each of 150 steps.</summary>
    internal static MriPurifyParameters Paper { get; } = new()
    {
        Samples = 1,
        Start = 1,
        Rounds = 150,
        DataStep = DataStep.Paper,
        FinalProximalStep = false,
    };

    /// <summary>The released code with fewer steps.</summary>
    internal static MriPurifyParameters PaperFast { get; } = Paper with { Rounds = 50 };

    /// <summary>Eight samples of a short run. The proximal step stands in place of the replaced k-space.</summary>
    internal static MriPurifyParameters Balanced { get; } = new();

    /// <summary>
    /// One sample; of multi-coil data two network calls: what is left of their aliasing needs no more (docs/results.md). The proximal step stands in place of
    /// the replaced k-space.
    /// </summary>
    internal static MriPurifyParameters Fast { get; } = new() { Samples = 1, Start = null, Rounds = null };

    internal static SolverDescription Description { get; } = new(
        "mriPurify",
        "MRI purification",
        "Alkhouri, Liang, Wang, Qu, Ravishankar: Robust Physics-based Deep MRI Reconstruction Via Diffusion Purification. 2023.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new MriPurify(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is CartesianMri or ParallelMri ? null : "MRI purification is for MRI: it starts from the aliased image and puts the measured k-space back.";
}
