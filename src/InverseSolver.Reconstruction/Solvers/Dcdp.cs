using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// DCDP: Li, Kwon, Liang, Alkhouri, Ravishankar, Qu, "Decoupled Data Consistency with Diffusion Purification for Image Restoration"
/// (2024). Rounds of two decoupled steps: data consistency moves the estimate towards the measurement, then purification adds noise up to a time T_k,
/// falling from round to round, and takes it away with the diffusion model. The model is never differentiated.
/// </summary>
/// <remarks>
/// Models in pixel space are purified as in the paper's pixel version, which clips clean estimates to the model's range, latent models
/// as in DCDP-LDM. A state holds x where the data step works on the image, z where it works on the latent.
/// </remarks>
public sealed class Dcdp : DiffusionSolver
{
    private const string Estimate = "x";
    private const double Momentum = 0.9;

    private readonly DcdpParameters _p;
    private readonly int[] _times;
    private readonly bool _isPixelSpace;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public Dcdp(SolverInput input, DcdpParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        _times = PurificationTimes.Of(parameters.Schedule, parameters.Rounds, parameters.FirstTime, parameters.LastTime);
        _isPixelSpace = Model.Info.LatentDownsampling == 1;
    }

    /// <summary>The rounds.</summary>
    public override int Steps => _times.Length;

    private bool IsLatent => _p.DataStep == DataStep.Paper && _p.Space == DcdpSpace.Latent;

    private bool ReturnsConsistent => _p.Result == DcdpResult.Consistent || (_p.Result == DcdpResult.ByNoise && Sigma == 0);

    /// <summary>A grey image, which is 0 on the paper's [-1,1], or pure noise in the latent space.</summary>
    public override SolverState Start(params long[] seeds)
    {
        if (IsLatent)
        {
            return base.Start(seeds);
        }

        SolverState state = SolverState.Start(seeds, Y.device);
        state[Estimate] = torch.full([seeds.Length, .. A.Domain], 0.5, device: Y.device);
        return state;
    }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        for (int k = state.Step; k < _times.Length - 1; k++)
        {
            Tensor v = ApplyDataConsistency(state, k), z = Purify(Model.Encode(v), _times[k], state);
            if (IsLatent)
            {
                state.Latent = z;
                yield return new SolverStep("latent", v);
            }
            else
            {
                state[Estimate] = Model.Decode(z);
                yield return new SolverStep("pixel", state[Estimate]);
            }
        }

        Tensor x = ApplyDataConsistency(state, _times.Length - 1);
        state.Image = DataConsistency.Finish(ReturnsConsistent ? x : Model.Decode(Purify(Model.Encode(x), _times[^1], state)));
        yield return new SolverStep("final", state.Image);
    }

    private Tensor ApplyDataConsistency(SolverState state, int round) =>
        IsLatent ? Model.Decode(LatentConsistency(state.Latent)) : PixelConsistency(state[Estimate], round);

    internal Tensor PixelConsistency(Tensor x, int round)
    {
        if (_p.DataStep == DataStep.Proximal)
        {
            // The grey start is as far from the image as an estimate from pure noise.
            double a = Model.AlphasCumprod[round == 0 ? ^1 : _times[round - 1] - 1];
            return DataConsistency.Solve(x, DataConsistency.ErrorCorrelation(a));
        }

        return Descend(x, at => (A.Residual2(at, Y).ToDoubles(), A.Gradient(at, Y)));
    }

    // On the paper's [-1,1] the residual and the decoder's Jacobian are twice as large, hence their product four times.
    internal Tensor LatentConsistency(Tensor z) => Descend(z, at =>
    {
        double[] residual2 = [];
        (_, Tensor gradient) = Model.DecodeVjp(at, x =>
        {
            residual2 = A.Residual2(x, Y).ToDoubles();
            return A.Gradient(x, Y) * 4;
        });
        return (residual2, gradient);
    });

    // Gradient descent with momentum, anew in each round, each item until it explains its measurement up to the noise.
    private Tensor Descend(Tensor start, Func<Tensor, (double[] Residual2, Tensor Gradient)> evaluate)
    {
        Tensor v = start.clone();
        using var optimizer = new SGD([v], _p.StepSize, Momentum);
        var stop = new ItemStop(v.size(0), _p.Iterations, window: int.MaxValue);
        for (int i = 0; i < _p.Iterations; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            (double[] residual2, Tensor gradient) = evaluate(v);
            if (!residual2.All(double.IsFinite))
            {
                throw new InvalidInputException("solver.parameters.stepSize", "The gradient steps diverged; a smaller step is needed.");
            }

            stop.Observe(i, residual2, r => r <= _p.DiscrepancyFactor * _p.DiscrepancyFactor * Expected);
            if (stop.All)
            {
                break;
            }

            using Tensor before = stop.Any ? v.clone() : v.alias();
            optimizer.step(gradient);
            stop.Restore(v, before);
            Model.ThrowIfCancelled();
        }

        return v;
    }

    /// <summary>Adds the noise of timestep T - 1 and takes it away.</summary>
    internal Tensor Purify(Tensor z, int time, SolverState state)
    {
        var level = new DiffusionLevel(Model.AlphasCumprod[time - 1]);
        Tensor noise = state.NoiseLike(z);
        if (_p.Purifier == Purifier.Consistency)
        {
            return Model.ConsistencyFunction(z + noise * level.Sigma, level.Sigma);
        }

        // In pixel space the noise of time 1 is taken away as if it were that of time 2, as in the reference.
        Tensor noisy = level.AddNoise(z, noise);
        time = _isPixelSpace ? Math.Max(2, time) : time;
        return _p.Purifier == Purifier.Tweedie ? Denoise(noisy, DdimTo([time - 1], 1)[0]).X0
            : _isPixelSpace ? Ddim(noisy, DdimTo(PurificationTimes.OfImages(time, _p.DdimSteps), 1))
            : Ddim(noisy, DdimTo(PurificationTimes.OfLatents(time, _p.DdimSteps), Model.AlphasCumprod[0]));
    }

    private DdimSchedule DdimTo(int[] timesteps, double end) => new(Model.AlphasCumprod, timesteps, end);

    private Tensor Ddim(Tensor z, DdimSchedule schedule)
    {
        foreach (DdimStep t in schedule.From(0))
        {
            (Tensor z0, Tensor epsilon) = Denoise(z, t);
            z = t.Ddim(z0, epsilon);
        }

        return z;
    }

    // Tweedie's clean estimate and the noise that goes with it.
    private (Tensor X0, Tensor Epsilon) Denoise(Tensor z, DdimStep t)
    {
        Tensor epsilon = Model.PredictNoise(z, t.Timestep), z0 = t.X0(z, epsilon);
        if (!_isPixelSpace)
        {
            return (z0, epsilon);
        }

        z0 = z0.clamp(-1, 1);
        return (z0, t.Level.Epsilon(z, z0));
    }

    internal override IEnumerable<ModelCalls> StepCalls() => _times.Select((time, k) =>
    {
        // The decode of the data step, and that of the purified latent, which the last round leaves out where it returns the consistent image.
        bool last = k == _times.Length - 1, purifies = !last || !ReturnsConsistent;
        int decodes = IsLatent ? 1 + (last && purifies ? 1 : 0) : purifies ? 1 : 0;
        int time2 = _isPixelSpace ? Math.Max(2, time) : time;
        int network = _p.Purifier == Purifier.Ddim ? Math.Min(_p.DdimSteps, time2) : 1;
        return new ModelCalls(purifies ? network : 0, 0, decodes, IsLatent ? _p.Iterations : 0, purifies ? 1 : 0);
    });
}

/// <summary>Parameters of <see cref="Dcdp"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DcdpParameters : DataStepParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DcdpParameters() => Samples = 8;

    /// <summary>Rounds of one data step and one purification each.</summary>
    [Range(2, 1000)] public int Rounds { get; init; } = 20;

    /// <summary>Purification time of the first round; a time T adds the noise of the model's timestep T - 1.</summary>
    [Range(1, 1000)] public int FirstTime { get; init; } = 1000;

    /// <summary>Purification time of the last round; 0 counts as 1.</summary>
    [Range(0, 1000)] public int LastTime { get; init; }

    /// <summary>The fall of the purification time from the first to the last.</summary>
    public PurificationSchedule Schedule { get; init; }

    /// <summary>The way in which the noise is taken away again.</summary>
    public Purifier Purifier { get; init; } = Purifier.Tweedie;

    /// <summary>DDIM steps of a purification at most, with the purifier <c>ddim</c>; a purification time T takes no more than T.</summary>
    [Range(2, 1000)] public int DdimSteps { get; init; } = 20;

    /// <summary>The data step; <c>paper</c> descends along the gradient with momentum 0.9.</summary>
    public override DataStep DataStep { get; init; } = DataStep.Proximal;

    /// <summary>The space in which the data step <c>paper</c> descends.</summary>
    public DcdpSpace Space { get; init; }

    /// <summary>Gradient steps of a data step <c>paper</c>.</summary>
    [Range(1, 100_000)] public int Iterations { get; init; } = 100;

    /// <summary>
    /// Length of a gradient step on 1/2 ||A(x) - y||^2: the papers' 2 lr/N for a learning rate lr on the mean over N elements of y. Steps on
    /// the image diverge from 3.8 / ||A||^2 on.
    /// </summary>
    [Range(1e-9, 1e6)] public double StepSize { get; init; } = Normalised(1e5, 196_608);

    /// <summary>
    /// Gradient steps end when the sum of squared residuals is at most this squared times m sigma^2; null: never before they are all done.
    /// </summary>
    [Range(0.0, 100.0)] public double? DiscrepancyFactor { get; init; } = 1;

    /// <summary>The image of the last round that is the result.</summary>
    public DcdpResult Result { get; init; }

    /// <summary>
    /// The authors' settings for deblurring: steps on the image, version I. They have others for other problems; of super-resolution x4 and inpainting by a
    /// latent model <c>space</c> = <c>latent</c>, with <c>stepSize</c> 0.163 and with 20 rounds of 50 steps of 0.0102 from time 500.
    /// </summary>
    internal static DcdpParameters Paper { get; } = new()
    {
        Samples = 1,
        Rounds = 10,
        FirstTime = 400,
        LastTime = 0,
        Purifier = Purifier.Ddim,
        DataStep = DataStep.Paper,
        Iterations = 100,
        StepSize = Normalised(1e5, 196_608),
        DiscrepancyFactor = null,
        FinalProximalStep = false,
    };

    /// <summary>The paper's gradient steps and version I with half the DDIM steps of a purification.</summary>
    internal static DcdpParameters PaperFast { get; } = Paper with { DdimSteps = 10 };

    /// <summary>
    /// Eight samples of version II, from nearly pure noise on. The proximal step stands in place of the paper's gradient steps. Version I takes 20 times the
    /// network calls, and its images, each a draw rather than a mean, are further from the truth by mean square.
    /// </summary>
    internal static DcdpParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: four samples of half the rounds. The proximal step stands in place of the paper's gradient steps.</summary>
    internal static DcdpParameters Fast { get; } = new() { Samples = 4, Rounds = 10, FirstTime = 700 };

    internal static SolverDescription Description { get; } = new(
        "dcdp",
        "DCDP",
        "Li, Kwon, Liang, Alkhouri, Ravishankar, Qu: Decoupled Data Consistency with Diffusion Purification for Image Restoration. arXiv:2403.06054, " +
        "2024.",
        Paper, PaperFast, Balanced, Fast);

    /// <summary>The step on ½‖A x − y‖² that a learning rate on the mean squared residual over N elements means: 2 lr/N.</summary>
    /// <remarks>The same on [0,1] as on the papers' [-1,1], where an image, its residual and hence its gradient are all twice as large.</remarks>
    internal static double Normalised(double learningRate, long elements) => 2 * learningRate / elements;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
    [
        .. base.WithoutEffect(),
        .. DataStep == DataStep.Proximal ? [nameof(Space), nameof(Iterations), nameof(StepSize), nameof(DiscrepancyFactor)] : Array.Empty<string>(),
        .. Purifier == Purifier.Ddim ? Array.Empty<string>() : [nameof(DdimSteps)],
        .. Schedule == PurificationSchedule.Constant ? [nameof(LastTime)] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: DataStep == DataStep.Paper && Space == DcdpSpace.Latent, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Dcdp(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        Purifier == Purifier.Consistency && !model.HasConsistencyNetwork
            ? $"The model '{model.Id}' has no consistency network; the purifiers 'ddim' and 'tweedie' need none."
            : Math.Max(FirstTime, LastTime) > model.TrainTimesteps
                ? $"The model '{model.Id}' has {model.TrainTimesteps} timesteps; a purification time cannot be larger."
                : null;
}

/// <summary>The way in which <see cref="Dcdp"/> takes noise away.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Purifier>))]
public enum Purifier
{
    /// <summary>DDIM back to the image (version I).</summary>
    [JsonStringEnumMemberName("ddim")] Ddim,

    /// <summary>The clean estimate at once, by Tweedie's formula (version II).</summary>
    [JsonStringEnumMemberName("tweedie")] Tweedie,

    /// <summary>One call of the model's consistency network.</summary>
    [JsonStringEnumMemberName("consistency")] Consistency,
}

/// <summary>The space in which the gradient steps of <see cref="Dcdp"/> descend.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DcdpSpace>))]
public enum DcdpSpace
{
    /// <summary>That of images, from 0.5 everywhere.</summary>
    [JsonStringEnumMemberName("pixel")] Pixel,

    /// <summary>That of latents, through the decoder, from noise.</summary>
    [JsonStringEnumMemberName("latent")] Latent,
}

/// <summary>The image of its last round that <see cref="Dcdp"/> returns.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DcdpResult>))]
public enum DcdpResult
{
    /// <summary>The consistent one where sigma is 0, else the purified one.</summary>
    [JsonStringEnumMemberName("byNoise")] ByNoise,

    /// <summary>The result of the last data step; the last purification is left out.</summary>
    [JsonStringEnumMemberName("consistent")] Consistent,

    /// <summary>The result of the last purification.</summary>
    [JsonStringEnumMemberName("purified")] Purified,
}
