namespace InverseSolver.Diffusion.Checkpoints;

/// <summary>What a checkpoint does not say of itself. What is null comes from the checkpoint, its config or the kind of model that it is, in this order.</summary>
public sealed record ConversionOptions
{
    /// <summary>What the model's own configuration file says.</summary>
    public CompVisConfig? Config { get; init; }

    /// <summary>Whether to take the weights as trained, not their moving average, where the checkpoint has both.</summary>
    public bool Raw { get; init; }

    /// <summary>Heads of every attention in the denoiser; excludes <see cref="HeadChannels"/>.</summary>
    public int? Heads { get; init; }

    /// <summary>Channels of every head in the denoiser.</summary>
    public int? HeadChannels { get; init; }

    /// <summary>What latents are multiplied by, above 0.</summary>
    public double? LatentScale { get; init; }

    /// <summary>epsilon, v_prediction or sample.</summary>
    public string? Prediction { get; init; }

    /// <summary>The first β, in (0, 1); with <see cref="BetaEnd"/>.</summary>
    public double? BetaStart { get; init; }

    /// <summary>The last β, in (0, 1).</summary>
    public double? BetaEnd { get; init; }

    /// <summary>The class that a class-conditional model is told, from 0.</summary>
    public int? ClassLabel { get; init; }

    /// <summary>A safetensors file with the tensor embedding (L, D), and perhaps unconditional, for a model with a text as its context.</summary>
    public string? Conditioning { get; init; }

    /// <summary>Refuses contradictions and values out of range.</summary>
    internal void Check()
    {
        if (Heads is not null && HeadChannels is not null)
        {
            throw new InvalidModelException("--heads and --head-channels say the same thing: give one of them.");
        }

        if (Heads is < 1 or > 1024 || HeadChannels is < 1 or > 1024)
        {
            throw new InvalidModelException("--heads and --head-channels lie in 1 to 1024.");
        }

        if (LatentScale is not null and not (> 0 and < double.PositiveInfinity))
        {
            throw new InvalidModelException("--latent-scale must be positive.");
        }

        if (Prediction is not (null or "epsilon" or "v_prediction" or "sample"))
        {
            throw new InvalidModelException("--prediction is epsilon, v_prediction or sample.");
        }

        if (BetaStart is null != BetaEnd is null || BetaStart is not null and not (> 0 and < 1) || BetaEnd is not null and not (> 0 and < 1))
        {
            throw new InvalidModelException("--beta-start and --beta-end go together, both above 0 and below 1.");
        }
    }
}
