using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// DDPM with data consistency at every step, for MRI: Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models" (NeurIPS 2020), algorithm 2, in which
/// the measured lines of k-space replace those of every clean estimate, as in Song, Shen, Xing, Ermon, "Solving Inverse Problems in Medical Imaging with
/// Score-Based Generative Models" (ICLR 2022). In the latent space of an autoencoder: docs/decisions/0010.
/// </summary>
/// <remarks>
/// The step is DDPM's posterior q(z' | z, ẑ₀). On pixels the measured lines of z then are those of √ᾱ y + √(1-ᾱ) n at every level, by induction, which is
/// what replacing them in z itself, noise included, would give; and it needs no k-space of a latent.
/// </remarks>
public sealed class DdpmConsistency : DiffusionSolver
{
    private readonly DdpmConsistencyParameters _p;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public DdpmConsistency(SolverInput input, DdpmConsistencyParameters parameters)
        : base(input, parameters) => (_p, Schedule) = (parameters, new DdimSchedule(input.Model, parameters.Steps));

    /// <inheritdoc/>
    public override int Steps => Schedule.Steps;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step, downTo: 1))
        {
            Tensor x = ReplaceKSpace(Denoise(state.Latent, t), t), z0 = Model.Encode(x);
            (double clean, double noisy, double deviation) = Posterior(t);
            state.Latent = z0 * clean + state.Latent * noisy + state.NoiseLike(z0) * deviation;
            yield return new SolverStep("sampling", x);
        }

        DdimStep last = Schedule[0];
        state.Image = DataConsistency.Finish(Denoise(state.Latent, last), x => ReplaceKSpace(x, last));
        yield return new SolverStep("final", state.Image);
    }

    internal override IEnumerable<ModelCalls> StepCalls() =>
        [.. Enumerable.Repeat(new ModelCalls(1, 0, 1, 0, 1), Steps - 1), new ModelCalls(1, 0, 1, 0, 0)];

    private Tensor Denoise(Tensor z, DdimStep t) => Model.Decode(t.X0(z, Model.PredictNoise(z, t.Timestep)));

    // Of a real image the measured lines and their mirror images are replaced.
    private Tensor ReplaceKSpace(Tensor x0, DdimStep t) => _p.DataStep == DataStep.Paper
        ? ((LinearOperator)A).Prox(x0, Y, 0)
        : DataConsistency.Solve(x0, DataConsistency.ErrorCorrelation(t.AlphaCumprod));

    /// <summary>q(z' | z, z₀) = N(clean z₀ + noisy z, deviation²), from a step to the next (Ho and others, eq. 6 and 7).</summary>
    internal static (double Clean, double Noisy, double Deviation) Posterior(DdimStep t)
    {
        double a = t.AlphaCumprod, prev = t.AlphaCumprodPrev, alpha = a / prev;
        return (Math.Sqrt(prev) * (1 - alpha) / (1 - a), Math.Sqrt(alpha) * (1 - prev) / (1 - a), Math.Sqrt((1 - alpha) * (1 - prev) / (1 - a)));
    }
}

/// <summary>Parameters of <see cref="DdpmConsistency"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DdpmConsistencyParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DdpmConsistencyParameters() => Samples = 8;

    /// <summary>DDPM steps, one network call each.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>The data step; <c>paper</c> replaces the measured lines of k-space.</summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>All of DDPM's steps, measured lines replaced.</summary>
    internal static DdpmConsistencyParameters Paper { get; } = new() { Samples = 1, Steps = 1000, DataStep = DataStep.Paper, FinalProximalStep = false };

    /// <summary>The paper's method with fewer steps.</summary>
    internal static DdpmConsistencyParameters PaperFast { get; } = Paper with { Steps = 100 };

    /// <summary>Eight samples of a short run. The proximal step stands in place of the replaced lines of k-space.</summary>
    internal static DdpmConsistencyParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU, with two samples. The proximal step stands in place of the replaced lines of k-space.</summary>
    internal static DdpmConsistencyParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "ddpmConsistency",
        "DDPM with k-space consistency",
        "Ho, Jain, Abbeel: Denoising Diffusion Probabilistic Models. NeurIPS 2020. Measured lines replaced after Song, Shen, Xing, Ermon: Solving " +
        "Inverse Problems in Medical Imaging with Score-Based Generative Models. ICLR 2022.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new DdpmConsistency(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is CartesianMri ? null : "DDPM with k-space consistency is for MRI: it replaces the measured lines of k-space.";
}
