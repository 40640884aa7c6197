using InverseSolver.Diffusion;

namespace InverseSolver.Cli.Convert;

/// <summary>Settings that a checkpoint may lack. A null setting comes from the checkpoint, its config or the kind of the model, in this order.</summary>
public sealed record ConversionOptions
{
    /// <summary>The model's original configuration file.</summary>
    public CompVisConfig? Config { get; init; }

    /// <summary>True to take the weights as trained, not their moving average, where the checkpoint has both.</summary>
    public bool Raw { get; init; }

    /// <summary>Heads of every attention in the denoiser; excludes <see cref="HeadChannels"/>.</summary>
    public int? Heads { get; init; }

    /// <summary>Channels of every head in the denoiser.</summary>
    public int? HeadChannels { get; init; }

    /// <summary>
    /// The order of q, k and v of several heads in one matrix: old, with q, k and v of each head together, or new, with q of all heads, then k, then v
    /// (use_new_attention_order).
    /// </summary>
    public string? AttentionOrder { get; init; }

    /// <summary>The scale of latents, above 0.</summary>
    public double? LatentScale { get; init; }

    /// <summary>epsilon, v_prediction or sample.</summary>
    public string? Prediction { get; init; }

    /// <summary>
    /// The schedule of β from the first to the last: linear, scaled_linear (linear in its root) or cosine (Nichol and Dhariwal 2021), which has no first and
    /// last.
    /// </summary>
    public string? BetaSchedule { get; init; }

    /// <summary>Training timesteps, 1 to 100,000.</summary>
    public int? Steps { get; init; }

    /// <summary>True where a denoiser of pixels with other than 1000 timesteps takes t · 1000 / steps (rescale_timesteps).</summary>
    public bool? RescaleTimesteps { get; init; }

    /// <summary>The first β, in (0, 1); with <see cref="BetaEnd"/>.</summary>
    public double? BetaStart { get; init; }

    /// <summary>The last β, in (0, 1).</summary>
    public double? BetaEnd { get; init; }

    /// <summary>The class for a class-conditional model, from 0.</summary>
    public int? ClassLabel { get; init; }

    /// <summary>A safetensors file with the tensor embedding (L, D), and perhaps unconditional, for a model with a text as its context.</summary>
    public string? Conditioning { get; init; }

    /// <summary>Refuses contradictions and values out of range.</summary>
    internal void Check()
    {
        if (Heads is not null && HeadChannels is not null)
        {
            throw new InvalidModelException("--heads and --head-channels exclude each other: give one of them.");
        }

        if (Heads is < 1 or > 1024 || HeadChannels is < 1 or > 1024)
        {
            throw new InvalidModelException("--heads and --head-channels must be from 1 to 1024.");
        }

        if (LatentScale is not null and not (> 0 and < double.PositiveInfinity))
        {
            throw new InvalidModelException("--latent-scale must be positive.");
        }

        if (Prediction is not (null or "epsilon" or "v_prediction" or "sample"))
        {
            throw new InvalidModelException("--prediction must be epsilon, v_prediction or sample.");
        }

        if (AttentionOrder is not (null or "old" or "new"))
        {
            throw new InvalidModelException("--attention-order must be old or new.");
        }

        if (BetaSchedule is not (null or "linear" or "scaled_linear" or "cosine"))
        {
            throw new InvalidModelException("--beta-schedule must be linear, scaled_linear or cosine.");
        }

        if (BetaSchedule == "cosine" && BetaStart is not null)
        {
            throw new InvalidModelException("--beta-start and --beta-end have no effect where --beta-schedule is cosine: leave them out.");
        }

        if (Steps is < 1 or > 100_000)
        {
            throw new InvalidModelException("--steps must be from 1 to 100000.");
        }

        if (BetaStart is null != BetaEnd is null || BetaStart is not null and not (> 0 and < 1) || BetaEnd is not null and not (> 0 and < 1))
        {
            throw new InvalidModelException("--beta-start and --beta-end must be given together, both above 0 and below 1.");
        }
    }
}
