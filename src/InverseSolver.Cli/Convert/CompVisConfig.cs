namespace InverseSolver.Cli.Convert;

/// <summary>The values of a configuration file of latent-diffusion that tensors do not tell. Null where it does not say.</summary>
public sealed record CompVisConfig
{
    /// <summary>Heads of every attention in the denoiser (num_heads).</summary>
    public int? Heads { get; init; }

    /// <summary>Channels of every head (num_head_channels); it goes before <see cref="Heads"/>, as in the original.</summary>
    public int? HeadChannels { get; init; }

    /// <summary>True where all heads' q precede all heads' k and v (use_new_attention_order).</summary>
    public bool? NewAttentionOrder { get; init; }

    /// <summary>The scale of latents (scale_factor).</summary>
    public double? LatentScale { get; init; }

    /// <summary>The first β (linear_start).</summary>
    public double? BetaStart { get; init; }

    /// <summary>The last β (linear_end).</summary>
    public double? BetaEnd { get; init; }

    /// <summary>linear, scaled_linear or cosine (beta_schedule, where they are called sqrt_linear, linear and cosine).</summary>
    public string? BetaSchedule { get; init; }

    /// <summary>Training timesteps (timesteps).</summary>
    public int? Steps { get; init; }

    /// <summary>epsilon, v_prediction or sample (parameterization).</summary>
    public string? Prediction { get; init; }

    /// <summary>Height and width of the latents that it was trained on (image_size).</summary>
    public int? LatentSize { get; init; }
}
