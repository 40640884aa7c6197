using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Operators;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// ReSample: Song, Kwon, Zhang, Hu, Qu, Shen, "Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency"
/// (ICLR 2024). DDIM in the latent space; every step is followed by a Latent-DPS gradient step; from a third of the way on, every few
/// steps the clean estimate is made consistent with the measurement (first as an image, later as a latent) and mapped back to the
/// current noise level by stochastic resampling.
/// </summary>
/// <remarks>
/// Images are on [0,1] here and on [-1,1] in the paper: residuals, hence r and dr/dx, are twice as large there, which is where the
/// factors 2 and 4 below come from. Items of a batch have their own seeds, residual norms and stops.
/// </remarks>
public sealed class ReSample : Solver
{
    private readonly ReSampleParameters _p;
    private readonly DdimGrid _grid;
    private readonly DataConsistency _consistency;

    // The authors add noise to all of y, also where nothing was measured, and their residuals count it; ours are without it, whatever stands there. This is its expected square.
    private readonly double _unmeasured;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public ReSample(SolverInput input, ReSampleParameters parameters)
        : base(input)
    {
        _p = parameters;
        _grid = new DdimGrid(Model, parameters.Steps, parameters.ReferenceTimesteps);
        _consistency = new DataConsistency(input, parameters);
        _unmeasured = Math.Max(0, (A.IsComplexRange ? 2 : 1) * Elements - A.MeasuredComponents) * Sigma * Sigma;
    }

    /// <summary>DDIM's, and one for what comes after them.</summary>
    public override int Steps => _grid.Steps + 1;

    /// <summary>Pure noise, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int i)
    {
        if (i == _grid.Steps)
        {
            state.Image = _consistency.Finish(Calls.Decode(LatentConsistency(state.Latent, _p.FinalLatentIterations)));
            return ("final", state.Image);
        }

        int index = _grid.Steps - 1 - i;
        (Tensor zNext, Tensor z0) = Ddim(state.Latent, _grid.Timestep[index], index, state);
        string stage = "sampling";
        Tensor? estimate = null;
        if (_p.LdpsScale > 0)
        {
            (zNext, estimate) = LdpsStep(zNext, z0, index);
        }

        if (IsEvent(index))
        {
            (stage, z0) = (IsPixelEvent(index) ? "pixel" : "latent", TimeTravel(zNext, z0, i, state));
            Tensor zConsistent;
            if (IsPixelEvent(index))
            {
                estimate = PixelConsistency(Calls.Decode(z0), DataConsistency.ErrorCorrelation(_grid.Abar[index]));
                zConsistent = Calls.Encode(estimate);
            }
            else
            {
                zConsistent = LatentConsistency(z0, _p.LatentIterations);
            }

            zNext = Resample(zConsistent, zNext, index, state);
        }

        state.Latent = zNext;
        return (stage, estimate);
    }

    /// <summary>w and v of E[z] = w √ᾱ' z* + (1-w) z_t, Var z = v: the product of N(√ᾱ' z*, 1-ᾱ') and N(z_t, σ²) (Proposition 1).</summary>
    internal (double Sigma, double Weight, double Variance) Resampling(int index)
    {
        double a = _grid.Abar[index], before = _grid.AbarBefore[index];
        double sigma = _p.Gamma * (1 - before) / (1 - a) * (1 - a / before);
        return (sigma, sigma / (sigma + 1 - before), sigma * (1 - before) / (sigma + 1 - before));
    }

    internal bool IsEvent(int index) =>
        index > 0 && index % _p.ConsistencyEvery == 0 && index <= _grid.Steps - Count(1 - _p.ConsistencyStart);

    internal bool IsPixelEvent(int index) => index >= Count(_p.LatentFraction);

    // One DDIM step (Song, Meng, Ermon 2021, eq. 12): the next latent and the clean estimate that events start from.
    internal (Tensor Next, Tensor Clean) Ddim(Tensor z, int timestep, int index, SolverState state)
    {
        double a = _grid.Abar[index], before = _grid.AbarBefore[index];
        double s = _p.Eta * Math.Sqrt((1 - before) / (1 - a) * (1 - a / before));
        Tensor e = Calls.PredictNoise(z, timestep);
        Tensor z0 = (z - e * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor next = z0 * Math.Sqrt(before) + e * Math.Sqrt(Math.Max(0, 1 - before - s * s));
        if (s > 0)
        {
            next.add_(state.Noise(Shape(z)), s);
        }

        return (next, _p.Tweedie == Tweedie.Exact ? z0 : (z - e * (1 - a)) / Math.Sqrt(a));
    }

    // z ← z_next - s ᾱ ∇_z ‖y - A(D(ẑ₀))‖. The noise prediction carries no gradient, so ∇_z = ∇_ẑ₀ / √ᾱ.
    internal (Tensor Next, Tensor Estimate) LdpsStep(Tensor zNext, Tensor z0, int index)
    {
        (Tensor image, Tensor gradient) = Calls.DecodeVjp(z0, x =>
        {
            Tensor norm = (A.Residual2(x, Y) + _unmeasured).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);
            return A.Gradient(x, Y) / norm;
        });
        return (zNext - gradient * (2 * _p.LdpsScale * Math.Sqrt(_grid.Abar[index])), image);
    }

    // A few more DDIM steps without guidance; only the clean estimate of the last one is used.
    internal Tensor TimeTravel(Tensor z, Tensor z0, int i, SolverState state)
    {
        int n = _grid.Steps;
        for (int k = i; k < Math.Min(i + _p.TravelSteps, n - 1); k++)
        {
            int at = n - 2 - k;
            (z, z0) = Ddim(z, _grid.Timestep[at], _p.TravelOffByOne ? at + 1 : at, state);
        }

        return z0;
    }

    internal Tensor PixelConsistency(Tensor x0, double correlation)
    {
        if (_p.Pixel == PixelStep.Proximal)
        {
            return _consistency.Solve(x0, correlation);
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

            Calls.ThrowIfCancelled();
        }

        return (u + 1) / 2;
    }

    // AdamW on mean ‖y - A(D(z))‖² over the [-1,1] scale, from z0.
    internal Tensor LatentConsistency(Tensor z0, int iterations)
    {
        Tensor z = z0.clone();
        using var optimizer = new AdamW([z], _p.LatentLearningRate, weight_decay: _p.WeightDecay);
        var stop = new ItemStop(z.size(0), iterations, _p.Window);
        for (int k = 0; k < iterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            double[] residual2 = [];
            (_, Tensor gradient) = Calls.DecodeVjp(z, x =>
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
            stop.Observe(k, residual2, Enough);
        }

        if (!stop.All)
        {
            using Tensor before = stop.Any ? variable.clone() : variable.alias();
            optimizer.step(gradient);
            stop.Restore(variable, before);
        }

        if (!testFirst)
        {
            stop.Observe(k, residual2, Enough);
        }

        return !stop.All;
    }

    // The product of the two Gaussians of Proposition 1, sampled.
    internal Tensor Resample(Tensor zConsistent, Tensor zt, int index, SolverState state)
    {
        (_, double weight, double variance) = Resampling(index);
        Tensor noise = state.Noise(Shape(zt));
        return zConsistent * (weight * Math.Sqrt(_grid.AbarBefore[index])) + zt * (1 - weight) + noise * Math.Sqrt(variance);
    }

    private bool Enough(double residual2) => _p.DiscrepancyFactor is { } factor
        ? residual2 <= factor * factor * Expected
        : 4 * (residual2 + _unmeasured) / Elements < 1e-6;

    private static long[] Shape(Tensor z) => z.shape[1..];

    // How many of the run's steps a fraction is; the reference rounds down.
    private int Count(double fraction) => (int)Math.Floor(_grid.Steps * fraction + 1e-9);

    // A decoder gradient counts as two.
    private protected override double Work(int step)
    {
        if (step == _grid.Steps)
        {
            return 2 * _p.FinalLatentIterations + 1;
        }

        int index = _grid.Steps - 1 - step;
        double work = _p.LdpsScale > 0 ? 3 : 1;
        return !IsEvent(index) ? work : work + _p.TravelSteps + (IsPixelEvent(index) ? 2 : 2 * _p.LatentIterations);
    }
}

/// <summary>
/// Parameters of <see cref="ReSample"/>. The defaults are the preset <c>balanced</c>; <c>paper</c> is what the authors published, quirks
/// of their code included. Fractions of the steps count in DDIM indices, which fall from steps - 1 (noise) to 0 (image).
/// </summary>
public sealed record ReSampleParameters : DiffusionParameters
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

    /// <summary>Events below this fraction of the steps, counted from the image, optimise the latent; those above it the image.</summary>
    [Range(0.0, 1.0)] public double LatentFraction { get; init; }

    /// <summary>DDIM steps of the time travel before each event.</summary>
    [Range(0, 100)] public int TravelSteps { get; init; }

    /// <summary>Length of the gradient step of Latent-DPS at every DDIM step, times abar; 0 leaves it out.</summary>
    [Range(0.0, 100.0)] public double LdpsScale { get; init; }

    /// <summary>How the image is made consistent.</summary>
    public PixelStep Pixel { get; init; } = PixelStep.Proximal;

    /// <summary>Iterations of the image's optimiser at most, with <c>adamW</c>.</summary>
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
    /// when the mean squared residual on the [-1,1] scale is below 1e-6, as in the reference. There the mean runs over all of y, and what was not measured counts with sigma^2.
    /// </summary>
    [Range(0.0, 100.0)] public double? DiscrepancyFactor { get; init; } = 1;

    /// <summary>The formula of the clean estimate that events start from.</summary>
    public Tweedie Tweedie { get; init; } = Tweedie.Exact;

    /// <summary>
    /// Whether the timesteps are the reference's 1, 1 + c, 1 + 2c, ..., where the steps are the model's timesteps divided by a whole c; the last then lies below
    /// the schedule's end. Else, and for other numbers of steps, they are even up to it. With 500 of 1000 the two are the same.
    /// </summary>
    public bool ReferenceTimesteps { get; init; }

    /// <summary>Whether time travel pairs each timestep with the coefficients of the step before, as the reference does.</summary>
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
        Pixel = PixelStep.AdamW,
        PixelIterations = 2000,
        LatentIterations = 500,
        FinalLatentIterations = 500,
        WeightDecay = 0.01,
        DiscrepancyFactor = null,
        FinalProximalStep = false,
        Tweedie = Tweedie.Reference,
    };

    /// <summary>Eight samples of a short run that is consistent at every step by proximal steps.</summary>
    internal static ReSampleParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: as <see cref="Balanced"/>, with two samples and fewer steps.</summary>
    internal static ReSampleParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "reSample",
        "ReSample",
        "Song, Kwon, Zhang, Hu, Qu, Shen: Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency. ICLR 2024.",
        Paper, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect()
    {
        bool adamW = Pixel == PixelStep.AdamW, latentStage = LatentFraction > 0 && LatentIterations > 0, latent = latentStage || FinalLatentIterations > 0;
        return
        [
            .. base.WithoutEffect(),
            .. adamW ? Array.Empty<string>() : [nameof(PixelIterations), nameof(PixelLearningRate)],
            .. LatentFraction > 0 ? Array.Empty<string>() : [nameof(LatentIterations)],
            .. latent ? Array.Empty<string>() : [nameof(LatentLearningRate), nameof(Window)],
            .. latent || adamW ? Array.Empty<string>() : [nameof(WeightDecay), nameof(DiscrepancyFactor)],
            .. TravelSteps > 0 ? Array.Empty<string>() : [nameof(TravelOffByOne)],
        ];
    }

    private protected override bool HasProximalSteps => Pixel == PixelStep.Proximal;

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: LdpsScale > 0 || FinalLatentIterations > 0 || (LatentFraction > 0 && LatentIterations > 0), false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new ReSample(input, this);
}

/// <summary>How the image is made consistent with its measurement.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PixelStep>))]
public enum PixelStep
{
    /// <summary>One exact proximal step.</summary>
    [JsonStringEnumMemberName("proximal")] Proximal,

    /// <summary>AdamW on the mean squared residual.</summary>
    [JsonStringEnumMemberName("adamW")] AdamW,
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
