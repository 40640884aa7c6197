using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// DiffPIR: Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool, "Denoising Diffusion Models for Plug-and-Play Image Restoration" (CVPR Workshops 2023),
/// algorithm 1. Every clean estimate takes a proximal step towards the measurement and goes to the next noise level with a mixture of the noise
/// that then explains the current sample and of new noise. In the latent space of an autoencoder: docs/decisions/0010. The run starts from pure noise;
/// the authors' starts from the noised measurement, of which √ᾱ of the last timestep, about 0.01, is left.
/// </summary>
public sealed class DiffPir : DiffusionSolver
{
    // The authors' smallest noise level of a measurement, on [-1,1].
    private const double SmallestSigma = 1e-3;

    private readonly DiffPirParameters _p;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public DiffPir(SolverInput input, DiffPirParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        Schedule = parameters.Spacing == StepSpacing.Quadratic
            ? new DdimSchedule(Model.AlphasCumprod, DdimSchedule.Quadratic(Model.AlphasCumprod.Length, parameters.Steps), Model.AlphasCumprod[0])
            : new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <inheritdoc/>
    public override int Steps => Schedule.Steps;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step, downTo: 1))
        {
            Tensor x = Prox(Denoise(state.Latent, t), t);
            state.Latent = Next(state.Latent, Model.Encode(x), t, state);
            yield return new SolverStep("sampling", x);
        }

        DdimStep last = Schedule[0];
        state.Image = DataConsistency.Finish(Denoise(state.Latent, last), x => Prox(x, last));
        yield return new SolverStep("final", state.Image);
    }

    internal override IEnumerable<ModelCalls> StepCalls() =>
        [.. Enumerable.Repeat(new ModelCalls(1, 0, 1, 0, 1), Steps - 1), new ModelCalls(1, 0, 1, 0, 0)];

    private Tensor Denoise(Tensor z, DdimStep t) => Model.Decode(t.X0(z, Model.PredictNoise(z, t.Timestep)));

    internal Tensor Prox(Tensor x0, DdimStep t) => _p.DataStep == DataStep.Paper && A is LinearOperator linear
        ? linear.Prox(x0, Y, Rho(t.AlphaCumprod))
        : DataConsistency.Solve(x0, DataConsistency.ErrorCorrelation(t.AlphaCumprod));

    // ρ ‖x - x₀‖² keeps the estimate with ρ = λ σ_n²/σ_t². σ_t, of the latent, is on [-1,1], and there σ_n is twice ours; ρ itself has no unit where
    // A keeps the image's.
    internal double Rho(double alphaCumprod)
    {
        double sigmaN = Math.Max(SmallestSigma, 2 * Sigma);
        return _p.Lambda * sigmaN * sigmaN * alphaCumprod / (1 - alphaCumprod);
    }

    // ẑ₀ with the noise level of the next index: √(1-ζ) of the noise that leads from ẑ₀ to z, √ζ of new noise.
    internal Tensor Next(Tensor z, Tensor z0, DdimStep t, SolverState state)
    {
        double variance = 1 - t.AlphaCumprodPrev;
        Tensor next = z0 * Math.Sqrt(t.AlphaCumprodPrev) + t.Level.Epsilon(z, z0) * Math.Sqrt(variance * (1 - _p.Zeta));
        return _p.Zeta > 0 ? next.add_(state.NoiseLike(z), Math.Sqrt(variance * _p.Zeta)) : next;
    }
}

/// <summary>Parameters of <see cref="DiffPir"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DiffPirParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DiffPirParameters() => Samples = 8;

    /// <summary>Steps, one network call each.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Spacing of the steps.</summary>
    public StepSpacing Spacing { get; init; } = StepSpacing.Linear;

    /// <summary>
    /// Share of new noise in the variance of each step's noise; the authors have 0.1 for deblurring, 0.25 for super-resolution, 1 for inpainting.
    /// </summary>
    [Range(0.0, 1.0)] public double Zeta { get; init; } = 1;

    /// <summary>Weight of the clean estimate in the data step <c>paper</c>.</summary>
    [Range(1e-6, 1e6)] public double Lambda { get; init; } = 1;

    /// <summary>
    /// The data step; <c>paper</c> is the authors' proximal step in the plain metric, with rho = lambda sigma_n^2 / sigma_t^2, for linear problems only:
    /// others always take <c>proximal</c>, and the report says so.
    /// </summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>The authors' settings, with the share of new noise that they have for super-resolution.</summary>
    internal static DiffPirParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 100,
        Spacing = StepSpacing.Quadratic,
        Zeta = 0.25,
        DataStep = DataStep.Paper,
        FinalProximalStep = false,
    };

    /// <summary>The paper's method with fewer steps.</summary>
    internal static DiffPirParameters PaperFast { get; } = Paper with { Steps = 50 };

    /// <summary>Eight samples of a short run. The proximal step in the metric of the error stands in place of the paper's.</summary>
    internal static DiffPirParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU, with two samples. The proximal step in the metric of the error stands in place of the paper's.</summary>
    internal static DiffPirParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "diffPir",
        "DiffPIR",
        "Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool: Denoising Diffusion Models for Plug-and-Play Image Restoration. CVPR Workshops 2023.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override DataStep? DataStepOn(Problem problem) => problem.IsLinear ? DataStep : DataStep.Proximal;

    private protected override bool HasProximalSteps => true;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => DataStep == DataStep.Paper ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Lambda)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new DiffPir(input, this);
}

/// <summary>Spacing of the steps of a run among the training timesteps.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StepSpacing>))]
public enum StepSpacing
{
    /// <summary>Evenly.</summary>
    [JsonStringEnumMemberName("linear")] Linear,

    /// <summary>Their squares evenly: most steps where there is much noise.</summary>
    [JsonStringEnumMemberName("quadratic")] Quadratic,
}
