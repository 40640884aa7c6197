using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// ReSample: Song, Kwon, Zhang, Hu, Qu, Shen, "Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency"
/// (ICLR 2024). DDIM in the latent space; every few steps the clean estimate is made consistent with the measurement (first as an image,
/// later as a latent) and mapped back to the current noise level by stochastic resampling. As the authors' code does it (<c>paper</c>),
/// each step is followed by a Latent-DPS gradient step, and data consistency begins a third of the way on; <c>balanced</c> and <c>fast</c>
/// have neither, and the proximal step in place of the optimizations.
/// </summary>
/// <remarks>
/// Images are on [0,1] here and on [-1,1] in the paper: residuals, hence r and dr/dx, are twice as large there, which is where the
/// factors 2 and 4 below come from. Items of a batch have their own seeds, residual norms and stops.
/// </remarks>
public sealed class ReSample : DiffusionSolver
{
    private readonly ReSampleParameters _p;

    // The expected squared residual of the unmeasured entries, σ² each: the authors' y holds noise there, which Residual2 leaves out (docs/decisions/0029).
    private readonly double _unmeasuredResidual2;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public ReSample(SolverInput input, ReSampleParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        Schedule = new DdimSchedule(input.Model, parameters.Steps, parameters.ReferenceTimesteps);
        _unmeasuredResidual2 = Math.Max(0, (A.IsComplexRange ? 2 : 1) * Elements - A.MeasuredComponents) * Sigma * Sigma;
    }

    /// <summary>DDIM's, and one for what comes after them.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            string stage = "sampling";
            Tensor? x = null;
            (Tensor z, Tensor z0) = Ddim(state.Latent, t, state);
            if (_p.LdpsScale > 0)
            {
                (z, x) = LatentDps(z, z0, t);
            }

            if (IsPixelEvent(t.Index))
            {
                stage = "pixel";
                x = PixelOptimization(Model.Decode(TimeTravel(z, z0, t, state)), DataConsistency.ErrorCorrelation(t.AlphaCumprod));
                z = StochasticResample(Model.Encode(x), z, t, state);
            }
            else if (IsLatentEvent(t.Index))
            {
                stage = "latent";
                z = StochasticResample(LatentOptimization(TimeTravel(z, z0, t, state), _p.LatentIterations), z, t, state);
            }

            state.Latent = z;
            yield return new SolverStep(stage, x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(LatentOptimization(state.Latent, _p.DataStep == DataStep.Paper ? _p.FinalLatentIterations : 0)));
        yield return new SolverStep("final", state.Image);
    }

    internal bool IsPixelEvent(int index) => IsEvent(index) && !OptimizesLatent(index);

    internal bool IsLatentEvent(int index) => IsEvent(index) && OptimizesLatent(index);

    private bool OptimizesLatent(int index) => _p.DataStep == DataStep.Paper && index < StepsIn(_p.LatentFraction);

    internal bool IsEvent(int index) => index > 0 && index % _p.ConsistencyEvery == 0 && index <= Schedule.Steps - StepsIn(1 - _p.ConsistencyStart);

    // One DDIM step: the next latent, and the clean estimate that events start from.
    internal (Tensor Z, Tensor Z0) Ddim(Tensor z, DdimStep t, SolverState state)
    {
        Tensor epsilon = Model.PredictNoise(z, t.Timestep), z0 = t.X0(z, epsilon);
        Tensor next = t.Ddim(z0, epsilon, _p.Eta, state.NoiseLike);
        return (next, _p.Tweedie == Tweedie.Exact ? z0 : (z - epsilon * (1 - t.AlphaCumprod)) / Math.Sqrt(t.AlphaCumprod));
    }

    // z ← z - s ᾱ ∇_z ‖y - A(D(ẑ₀))‖. The noise prediction carries no gradient, so ∇_z = ∇_ẑ₀ / √ᾱ.
    internal (Tensor Z, Tensor Image) LatentDps(Tensor z, Tensor z0, DdimStep t)
    {
        (Tensor image, Tensor gradient) = Model.DecodeVjp(z0, x =>
        {
            Tensor norm = (A.Residual2(x, Y) + _unmeasuredResidual2).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);
            return A.Gradient(x, Y) / norm;
        });
        return (z - gradient * (2 * _p.LdpsScale * Math.Sqrt(t.AlphaCumprod)), image);
    }

    // The authors' time travel, which is not RePaint's: DDIM steps ahead without guidance, of which only the last clean estimate is used.
    internal Tensor TimeTravel(Tensor z, Tensor z0, DdimStep t, SolverState state)
    {
        for (int index = t.Index - 1; index >= Math.Max(0, t.Index - _p.TravelSteps); index--)
        {
            DdimStep s = Schedule[index];
            (z, z0) = Ddim(z, _p.TravelOffByOne ? Schedule[index + 1] with { Timestep = s.Timestep } : s, state);
        }

        return z0;
    }

    internal Tensor PixelOptimization(Tensor x0, double correlation)
    {
        if (_p.DataStep == DataStep.Proximal)
        {
            return DataConsistency.Solve(x0, correlation);
        }

        // AdamW on the [-1,1] image, loss = mean of the squared residuals there.
        Tensor u = x0 * 2 - 1;
        using var optimizer = new AdamW([u], _p.PixelLearningRate, weight_decay: _p.WeightDecay);
        var stop = new ItemStop(Y.size(0), _p.PixelIterations, window: int.MaxValue);
        for (int k = 0; k < _p.PixelIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor x = (u + 1) / 2;
            if (!Optimise(optimizer, u, A.Gradient(x, Y) * (4.0 / Elements), k, A.Residual2(x, Y).ToDoubles(), stop))
            {
                break;
            }

            Model.ThrowIfCancelled();
        }

        return (u + 1) / 2;
    }

    // AdamW on mean ‖y - A(D(z))‖² over the [-1,1] scale, from z0.
    internal Tensor LatentOptimization(Tensor z0, int iterations)
    {
        Tensor z = z0.clone();
        using var optimizer = new AdamW([z], _p.LatentLearningRate, weight_decay: _p.WeightDecay);
        var stop = new ItemStop(z.size(0), iterations, _p.Window);
        for (int k = 0; k < iterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            double[] residual2 = [];
            (_, Tensor gradient) = Model.DecodeVjp(z, x =>
            {
                residual2 = A.Residual2(x, Y).ToDoubles();
                return A.Gradient(x, Y) * (8.0 / Elements);
            });
            if (!Optimise(optimizer, z, gradient, k, residual2, stop))
            {
                break;
            }
        }

        return z;
    }

    // One update, and whether any item goes on. By the discrepancy principle an item stops where it is good enough; the reference updates it once more.
    private bool Optimise(AdamW optimizer, Tensor variable, Tensor gradient, int k, double[] residual2, ItemStop stop)
    {
        bool testFirst = _p.DiscrepancyFactor is not null;
        if (testFirst)
        {
            stop.Observe(k, residual2, IsExplained);
        }

        if (!stop.All)
        {
            using Tensor before = stop.Any ? variable.clone() : variable.alias();
            optimizer.step(gradient);
            stop.Restore(variable, before);
        }

        if (!testFirst)
        {
            stop.Observe(k, residual2, IsExplained);
        }

        return !stop.All;
    }

    private bool IsExplained(double residual2) => _p.DiscrepancyFactor is { } factor
        ? residual2 <= factor * factor * Expected
        : 4 * (residual2 + _unmeasuredResidual2) / Elements < 1e-6;

    // The product of the two Gaussians of Proposition 1, sampled.
    internal Tensor StochasticResample(Tensor z0y, Tensor z, DdimStep t, SolverState state)
    {
        (_, double weight, double variance) = Resampling(t);
        Tensor noise = state.NoiseLike(z);
        return z0y * (weight * Math.Sqrt(t.AlphaCumprodPrev)) + z * (1 - weight) + noise * Math.Sqrt(variance);
    }

    /// <summary>w and v of E[z] = w √ᾱ' z* + (1-w) z_t, Var z = v: the product of N(√ᾱ' z*, 1-ᾱ') and N(z_t, σ²) (Proposition 1).</summary>
    internal (double Sigma, double Weight, double Variance) Resampling(DdimStep t)
    {
        double a = t.AlphaCumprod, prev = t.AlphaCumprodPrev, sigma = _p.Gamma * (1 - prev) / (1 - a) * (1 - a / prev);
        return (sigma, sigma / (sigma + 1 - prev), sigma * (1 - prev) / (sigma + 1 - prev));
    }

    // Steps of the run in a fraction; the reference rounds down.
    private int StepsIn(double fraction) => (int)Math.Floor(Schedule.Steps * fraction + 1e-9);

    internal override IEnumerable<ModelCalls> StepCalls() =>
    [
        .. Schedule.From(0).Select(t =>
        {
            bool pixel = IsPixelEvent(t.Index), latent = IsLatentEvent(t.Index);
            return new ModelCalls(
                1 + (pixel || latent ? Math.Min(_p.TravelSteps, t.Index) : 0), 0, pixel ? 1 : 0,
                (_p.LdpsScale > 0 ? 1 : 0) + (latent ? _p.LatentIterations : 0), pixel ? 1 : 0);
        }),
        new ModelCalls(0, 0, 1, _p.DataStep == DataStep.Paper ? _p.FinalLatentIterations : 0, 0),
    ];
}

/// <summary>
/// Parameters of <see cref="ReSample"/>. The defaults are the preset <c>balanced</c>; <c>paper</c> is what the authors published, quirks
/// of their code included. Fractions of the steps count in DDIM indices, which fall from steps - 1 (noise) to 0 (image).
/// </summary>
public sealed record ReSampleParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public ReSampleParameters() => Samples = 8;

    /// <summary>DDIM steps.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>DDIM's eta: 0 = deterministic, 1 = as noisy as DDPM.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; }

    /// <summary>gamma of the resampling variance.</summary>
    [Range(0.0, 1e6)] public double Gamma { get; init; } = 40;

    /// <summary>Consistency events happen at the indices that this divides.</summary>
    [Range(1, 1000)] public int ConsistencyEvery { get; init; } = 1;

    /// <summary>Consistency events begin at this fraction of the steps, counted from the image.</summary>
    [Range(0.0, 1.0)] public double ConsistencyStart { get; init; } = 1;

    /// <summary>
    /// With the data step <c>paper</c>, events below this fraction of the steps, counted from the image, optimise the latent; those above it the image.
    /// </summary>
    [Range(0.0, 1.0)] public double LatentFraction { get; init; }

    /// <summary>DDIM steps of the time travel before each event.</summary>
    [Range(0, 100)] public int TravelSteps { get; init; }

    /// <summary>Length of the gradient step of Latent-DPS at every DDIM step, times abar; 0 leaves it out.</summary>
    [Range(0.0, 100.0)] public double LdpsScale { get; init; }

    /// <summary>
    /// The data step of the events; <c>paper</c> optimises the image and, below <c>latentFraction</c>, the latent by AdamW, <c>proximal</c> takes one step on
    /// the image. Latent-DPS, time travel and resampling have parameters of their own.
    /// </summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>Iterations of the image's optimiser at most, with the data step <c>paper</c>.</summary>
    [Range(1, 100_000)] public int PixelIterations { get; init; } = 2000;

    /// <summary>Its learning rate, on the [-1,1] scale.</summary>
    [Range(1e-6, 10.0)] public double PixelLearningRate { get; init; } = 1e-2;

    /// <summary>Iterations of the latent's optimiser at most, per event.</summary>
    [Range(0, 100_000)] public int LatentIterations { get; init; }

    /// <summary>Its learning rate.</summary>
    [Range(1e-6, 10.0)] public double LatentLearningRate { get; init; } = 5e-3;

    /// <summary>Weight decay of both optimisers (AdamW's; 0 is Adam).</summary>
    [Range(0.0, 1.0)] public double WeightDecay { get; init; }

    /// <summary>The latent's optimiser gives up when its loss was lower this many iterations ago.</summary>
    [Range(1, 100_000)] public int Window { get; init; } = 200;

    /// <summary>Iterations of the latent's optimiser after the last DDIM step.</summary>
    [Range(0, 100_000)] public int FinalLatentIterations { get; init; }

    /// <summary>
    /// An optimiser stops when the sum of squared residuals is at most this squared times m sigma^2 (the discrepancy principle); null:
    /// when the mean squared residual on the [-1,1] scale is below 1e-6, as in the reference. There the mean runs over all of y, and what was not measured
    /// counts with sigma^2.
    /// </summary>
    [Range(0.0, 100.0)] public double? DiscrepancyFactor { get; init; } = 1;

    /// <summary>The formula of the clean estimate that events start from.</summary>
    public Tweedie Tweedie { get; init; } = Tweedie.Exact;

    /// <summary>
    /// True for the reference's timesteps 1, 1 + c, 1 + 2c, ..., where the steps are the model's timesteps divided by a whole c; the last then lies below
    /// the schedule's end. Else, and for other numbers of steps, they are even up to it. With 500 of 1000 the two are the same.
    /// </summary>
    public bool ReferenceTimesteps { get; init; }

    /// <summary>True to pair each timestep of the time travel with the coefficients of the step before, as the reference does.</summary>
    public bool TravelOffByOne { get; init; }

    /// <summary>The authors' settings, quirks of their code included.</summary>
    internal static ReSampleParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 500,
        ReferenceTimesteps = true,
        ConsistencyEvery = 10,
        ConsistencyStart = 2.0 / 3,
        LatentFraction = 1.0 / 3,
        TravelSteps = 5,
        TravelOffByOne = true,
        LdpsScale = 0.5,
        DataStep = DataStep.Paper,
        PixelIterations = 2000,
        LatentIterations = 500,
        FinalLatentIterations = 500,
        WeightDecay = 0.01,
        DiscrepancyFactor = null,
        FinalProximalStep = false,
        Tweedie = Tweedie.Reference,
    };

    /// <summary>
    /// The paper's method in half a minute on a CPU: Latent-DPS at every step, time travel, optimisations of image and latent, resampling. Fewer steps, events
    /// and iterations than <see cref="Paper"/>, a longer step of the latent's optimiser, and no quirks of the authors' code, which grow with the steps' length.
    /// </summary>
    internal static ReSampleParameters PaperFast { get; } = Paper with
    {
        Steps = 50,
        ReferenceTimesteps = false,
        ConsistencyEvery = 5,
        TravelSteps = 2,
        TravelOffByOne = false,
        PixelIterations = 200,
        LatentIterations = 40,
        LatentLearningRate = 2e-2,
        FinalLatentIterations = 40,
        Tweedie = Tweedie.Exact,
    };

    /// <summary>
    /// Eight samples of a short run that is consistent at every step. The proximal step stands in place of the paper's optimisations; Latent-DPS and time
    /// travel are off.
    /// </summary>
    internal static ReSampleParameters Balanced { get; } = new();

    /// <summary>
    /// Seconds on a CPU, with two samples and fewer steps. The proximal step stands in place of the paper's optimisations; Latent-DPS and time travel are off.
    /// </summary>
    internal static ReSampleParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "reSample",
        "ReSample",
        "Song, Kwon, Zhang, Hu, Qu, Shen: Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency. ICLR 2024.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect()
    {
        bool isPaper = DataStep == DataStep.Paper;
        return
        [
            .. base.WithoutEffect(),
            .. isPaper ? Array.Empty<string>()
                :
                [
                    nameof(PixelIterations), nameof(PixelLearningRate), nameof(LatentFraction), nameof(FinalLatentIterations), nameof(WeightDecay),
                    nameof(DiscrepancyFactor),
                ],
            .. isPaper && LatentFraction > 0 ? Array.Empty<string>() : [nameof(LatentIterations)],
            .. OptimisesLatents ? Array.Empty<string>() : [nameof(LatentLearningRate), nameof(Window)],
            .. TravelSteps > 0 ? Array.Empty<string>() : [nameof(TravelOffByOne)],
        ];
    }

    private bool OptimisesLatents => DataStep == DataStep.Paper && ((LatentFraction > 0 && LatentIterations > 0) || FinalLatentIterations > 0);

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: LdpsScale > 0 || OptimisesLatents, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new ReSample(input, this);
}

/// <summary>The formula of the clean estimate.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Tweedie>))]
public enum Tweedie
{
    /// <summary>Tweedie's: (z - √(1-ᾱ) ε) / √ᾱ.</summary>
    [JsonStringEnumMemberName("exact")] Exact,

    /// <summary>The reference code's: (z - (1-ᾱ) ε) / √ᾱ.</summary>
    [JsonStringEnumMemberName("reference")] Reference,
}
