using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// RED-diff: Mardani, Song, Kautz, Vahdat, "A Variational Perspective on Solving Inverse Problems with Diffusion Models" (ICLR 2024), algorithm 1. Adam
/// on one sample μ, whose gradient has two parts: the measurement's, and at timesteps from the noisiest down λ w(t) (ε(√ᾱ μ + √(1-ᾱ) n, t) - n).
/// In the latent space of an autoencoder μ is the latent, and the measurement's gradient comes through the decoder: docs/decisions/0010.
/// </summary>
public sealed class RedDiff : DiffusionSolver
{
    private const double Beta1 = 0.9, Beta2 = 0.99, Epsilon = 1e-8;

    private readonly RedDiffParameters _p;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public RedDiff(SolverInput input, RedDiffParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <summary>Adam's, and one for what comes after them.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    /// <summary>
    /// The latent of the image that is nearest to grey, in the metric of an estimate from pure noise, and explains the measurement: a regularised A⁺ y.
    /// </summary>
    public override SolverState Start(params long[] seeds)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        SolverState state = SolverState.Start(seeds, Y.device);
        Tensor grey = torch.full([seeds.Length, .. A.Domain], 0.5, ScalarType.Float32, Y.device);
        state.Latent = Model.Encode(DataConsistency.Solve(grey, DataConsistency.ErrorCorrelation(Schedule[Schedule.Steps - 1].AlphaCumprod)));
        state["mean"] = torch.zeros_like(state.Latent);
        state["square"] = torch.zeros_like(state.Latent);
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            (Tensor x, Tensor byData) = MeasurementGradient(state.Latent);
            Tensor gradient = byData * _p.MeasurementWeight + PriorGradient(state.Latent, t, state) * _p.Lambda;
            state.Latent = AdamStep(state, gradient, t.Step + 1);
            yield return new SolverStep("sampling", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    /// <summary>w(t) of s = √((1-ᾱ)/ᾱ).</summary>
    internal static double Weight(TimestepWeight kind, DiffusionLevel level)
    {
        double s = level.Sigma;
        return kind switch
        {
            TimestepWeight.Sqrt => Math.Sqrt(s),
            TimestepWeight.Square => s * s,
            TimestepWeight.Log => Math.Log(s + 1),
            TimestepWeight.TruncLinear => Math.Min(s, 1),
            TimestepWeight.Const => 1,
            _ => s,
        };
    }

    // ∇_μ w(t) mean((ε̂ - n) μ), ε̂ - n being constant.
    internal Tensor PriorGradient(Tensor mu, DdimStep t, SolverState state)
    {
        Tensor n = state.NoiseLike(mu);
        Tensor epsilon = Model.PredictNoise(t.Level.AddNoise(mu, n), t.Timestep);
        return (epsilon - n) * (Weight(_p.Weight, t.Level) * mu.size(0) / mu.numel());
    }

    // The image of μ and ∇_μ of half the mean squared residual on [-1,1]. There the residual is twice ours, and so is its derivative: 4 Jᵀ Aᵀ r / elements.
    internal (Tensor Image, Tensor Gradient) MeasurementGradient(Tensor mu) => Model.DecodeVjp(mu, x => A.Gradient(x, Y) * (4 / Elements));

    // Kingma and Ba (2015), step k counted from 1; its moments are part of the state.
    private Tensor AdamStep(SolverState state, Tensor gradient, int k)
    {
        Tensor mean = state["mean"] = state["mean"] * Beta1 + gradient * (1 - Beta1);
        Tensor square = state["square"] = state["square"] * Beta2 + gradient.square() * (1 - Beta2);
        Tensor denominator = (square / (1 - Math.Pow(Beta2, k))).sqrt() + Epsilon;
        return state.Latent - mean / denominator * (_p.LearningRate / (1 - Math.Pow(Beta1, k)));
    }

    internal override ModelCalls StartCalls => new(0, 0, 0, 0, 1);

    internal override IEnumerable<ModelCalls> StepCalls() =>
        [.. Enumerable.Repeat(new ModelCalls(1, 0, 0, 1, 0), Schedule.Steps), new ModelCalls(0, 0, 1, 0, 0)];
}

/// <summary>Parameters of <see cref="RedDiff"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record RedDiffParameters : DiffusionParameters
{
    /// <summary>Steps of Adam, one network call each, at timesteps from the noisiest down.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 250;

    /// <summary>Adam's learning rate, in units of the latent.</summary>
    [Range(1e-6, 10.0)] public double LearningRate { get; init; } = 0.1;

    /// <summary>Weight of the prior.</summary>
    [Range(0.0, 1e6)] public double Lambda { get; init; } = 0.03;

    /// <summary>Weight of the measurement.</summary>
    [Range(0.0, 1e6)] public double MeasurementWeight { get; init; } = 1;

    /// <summary>The weight of the prior as a function of the timestep's noise s = sqrt((1 - abar) / abar).</summary>
    public TimestepWeight Weight { get; init; } = TimestepWeight.TruncLinear;

    /// <summary>The authors' settings.</summary>
    internal static RedDiffParameters Paper { get; } = new() { Steps = 1000, Lambda = 0.25, Weight = TimestepWeight.Linear, FinalProximalStep = false };

    /// <summary>The paper's method with a quarter of the steps.</summary>
    internal static RedDiffParameters PaperFast { get; } = Paper with { Steps = 250 };

    /// <summary>A quarter of the steps; no weight above that of the measurement's own scale, which Adam would remember for a hundred steps.</summary>
    internal static RedDiffParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU.</summary>
    internal static RedDiffParameters Fast { get; } = new() { Steps = 100 };

    internal static SolverDescription Description { get; } = new(
        "redDiff",
        "RED-diff",
        "Mardani, Song, Kautz, Vahdat: A Variational Perspective on Solving Inverse Problems with Diffusion Models. ICLR 2024.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => true;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Lambda > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Weight)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: true, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new RedDiff(input, this);
}

/// <summary>The weight of the prior as a function of a timestep's noise s.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TimestepWeight>))]
public enum TimestepWeight
{
    /// <summary>s.</summary>
    [JsonStringEnumMemberName("linear")] Linear,

    /// <summary>The square root of s.</summary>
    [JsonStringEnumMemberName("sqrt")] Sqrt,

    /// <summary>s squared.</summary>
    [JsonStringEnumMemberName("square")] Square,

    /// <summary>log(s + 1).</summary>
    [JsonStringEnumMemberName("log")] Log,

    /// <summary>s, and 1 where it is larger.</summary>
    [JsonStringEnumMemberName("truncLinear")] TruncLinear,

    /// <summary>1.</summary>
    [JsonStringEnumMemberName("const")] Const,
}
