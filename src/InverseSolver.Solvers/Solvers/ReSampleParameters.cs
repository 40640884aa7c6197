using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;

namespace InverseSolver.Solvers.Solvers;

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
