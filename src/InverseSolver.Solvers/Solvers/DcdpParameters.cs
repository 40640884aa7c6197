using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="Dcdp"/>. The defaults are the preset <c>balanced</c>; <see cref="DcdpPresets"/> says what the others are.</summary>
public sealed record DcdpParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DcdpParameters() => Samples = 8;

    /// <summary>Rounds of one data step and one purification each.</summary>
    [Range(2, 1000)] public int Rounds { get; init; } = 20;

    /// <summary>Purification time of the first round; a time T adds the noise of the model's timestep T - 1.</summary>
    [Range(1, 1000)] public int FirstTime { get; init; } = 1000;

    /// <summary>Purification time of the last round; 0 counts as 1.</summary>
    [Range(0, 1000)] public int LastTime { get; init; }

    /// <summary>How the purification time falls from the first to the last.</summary>
    public PurificationSchedule Schedule { get; init; }

    /// <summary>How the noise is taken away again.</summary>
    public Purifier Purifier { get; init; } = Purifier.Tweedie;

    /// <summary>DDIM steps of a purification at most, with the purifier <c>ddim</c>; a purification time T takes no more than T.</summary>
    [Range(2, 1000)] public int DdimSteps { get; init; } = 20;

    /// <summary>How an estimate is made consistent with the measurement.</summary>
    public DcdpData Data { get; init; }

    /// <summary>Gradient steps of a data step, with <c>pixel</c> and <c>latent</c>.</summary>
    [Range(1, 100_000)] public int Iterations { get; init; } = 100;

    /// <summary>
    /// Length of a gradient step on 1/2 ||A(x) - y||^2: the papers' 2 lr/N for a learning rate lr on the mean over N elements of y. Steps on
    /// the image diverge from 3.8 / ||A||^2 on.
    /// </summary>
    [Range(1e-9, 1e6)] public double StepSize { get; init; } = Normalised(1e5, 196_608);

    /// <summary>Gradient steps end when the sum of squared residuals is at most this squared times m sigma^2; null: never before they are all done.</summary>
    [Range(0.0, 100.0)] public double? DiscrepancyFactor { get; init; } = 1;

    /// <summary>Which image of the last round is the result.</summary>
    public DcdpResult Result { get; init; }

    /// <summary>The step on ½‖A x − y‖² that a learning rate on the mean squared residual over N elements means: 2 lr/N.</summary>
    /// <remarks>The same on [0,1] as on the papers' [-1,1], where an image, its residual and hence its gradient are all twice as large.</remarks>
    internal static double Normalised(double learningRate, long elements) => 2 * learningRate / elements;

    private protected override bool HasProximalSteps => Data == DcdpData.Proximal;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
    [
        .. base.WithoutEffect(),
        .. Data == DcdpData.Proximal ? [nameof(Iterations), nameof(StepSize), nameof(DiscrepancyFactor)] : Array.Empty<string>(),
        .. Purifier == Purifier.Ddim ? Array.Empty<string>() : [nameof(DdimSteps)],
        .. Schedule == PurificationSchedule.Constant ? [nameof(LastTime)] : Array.Empty<string>(),
    ];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(false, Decoder: Data == DcdpData.Latent, false);

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

/// <summary>How <see cref="Dcdp"/> takes noise away.</summary>
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

/// <summary>The data step of <see cref="Dcdp"/>.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DcdpData>))]
public enum DcdpData
{
    /// <summary>One proximal step on the image; where A is not linear, gradient steps with settings of their own.</summary>
    [JsonStringEnumMemberName("proximal")] Proximal,

    /// <summary>Gradient descent with momentum 0.9 on the image, from 0.5 everywhere.</summary>
    [JsonStringEnumMemberName("pixel")] Pixel,

    /// <summary>Gradient descent with momentum 0.9 on the latent, through the decoder, from noise.</summary>
    [JsonStringEnumMemberName("latent")] Latent,
}

/// <summary>Which image of its last round <see cref="Dcdp"/> returns.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DcdpResult>))]
public enum DcdpResult
{
    /// <summary>The consistent one where sigma is 0, else the purified one.</summary>
    [JsonStringEnumMemberName("byNoise")] ByNoise,

    /// <summary>What the last data step gave; the last purification is left out.</summary>
    [JsonStringEnumMemberName("consistent")] Consistent,

    /// <summary>What the last purification gave.</summary>
    [JsonStringEnumMemberName("purified")] Purified,
}

/// <summary>Presets of <see cref="Dcdp"/>.</summary>
public static class DcdpPresets
{
    /// <summary>
    /// The authors' settings for deblurring: steps on the image, version I. They have others for other problems; of super-resolution x4 and inpainting by a latent
    /// model <c>data</c> = <c>latent</c>, with <c>stepSize</c> 0.163 and with 20 rounds of 50 steps of 0.0102 from time 500.
    /// </summary>
    public static DcdpParameters Paper { get; } = new()
    {
        Samples = 1,
        Rounds = 10,
        FirstTime = 400,
        LastTime = 0,
        Purifier = Purifier.Ddim,
        Data = DcdpData.Pixel,
        Iterations = 100,
        StepSize = DcdpParameters.Normalised(1e5, 196_608),
        DiscrepancyFactor = null,
        FinalProximalStep = false,
    };

    /// <summary>
    /// Eight samples of version II with proximal data steps, from nearly pure noise on. Version I takes 20 times the network calls, and its images, each
    /// a draw rather than a mean, are further from the truth by mean square.
    /// </summary>
    public static DcdpParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: as <see cref="Balanced"/>, with four samples of half the rounds.</summary>
    public static DcdpParameters Fast { get; } = new() { Samples = 4, Rounds = 10, FirstTime = 700 };
}
