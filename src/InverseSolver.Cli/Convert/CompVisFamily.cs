namespace InverseSolver.Cli.Convert;

/// <summary>
/// Settings that the published models of a kind share and that do not follow from their tensors. Null where these models differ, so that the setting must be
/// stated.
/// </summary>
/// <param name="Name">For people.</param>
/// <param name="Heads">The heads of attention.</param>
/// <param name="LatentScale">The scale of latents.</param>
/// <param name="Betas">First and last β.</param>
/// <param name="BetaSchedule">The schedule of β between them.</param>
/// <param name="Prediction">The quantity that the denoiser predicts.</param>
/// <param name="AttentionOrder">The order of q, k and v of several heads in one matrix.</param>
/// <param name="Steps">Training timesteps.</param>
/// <param name="IsPixels">True where there is no autoencoder.</param>
internal sealed record CompVisFamily(
    string Name, AttentionHeads? Heads, double? LatentScale, (double Start, double End)? Betas, string? BetaSchedule, string? Prediction,
    string? AttentionOrder = "old", int? Steps = 1000, bool IsPixels = false)
{
    private static readonly (double, double) LatentDiffusion = (0.0015, 0.0195), StableDiffusion = (0.00085, 0.012);

    /// <summary>The kind of a checkpoint.</summary>
    /// <param name="unet">Its denoiser.</param>
    /// <param name="autoencoder">Its first stage; null for a model of pixels.</param>
    /// <param name="classes">True where its context is a table of classes.</param>
    internal static CompVisFamily Of(CompVisUNet unet, CompVisAutoencoder? autoencoder, bool classes)
    {
        const string Scaled = "scaled_linear", Epsilon = "epsilon";
        if (autoencoder is null)
        {
            // Published models share only the quantity that they predict.
            return new("guided diffusion on pixels", null, 1, null, null, Epsilon, AttentionOrder: null, Steps: null, IsPixels: true);
        }

        // Latents of a codebook are not scaled; those of a KL autoencoder are, by a factor of each model's own.
        double? unscaled = autoencoder.Quantised ? 1 : null;
        return unet.ContextChannels switch
        {
            768 when !autoencoder.Quantised => new("Stable Diffusion 1", new(8, null), 0.18215, StableDiffusion, Scaled, Epsilon),

            // 2-base predicts the noise, 2 at 768 pixels v: their tensors are alike.
            1024 when !autoencoder.Quantised => new("Stable Diffusion 2", new(null, 64), 0.18215, StableDiffusion, Scaled, null),
            1280 when !autoencoder.Quantised => new("latent diffusion with a text", new(8, null), 0.18215, StableDiffusion, Scaled, Epsilon),
            not null when classes =>
                new("latent diffusion with classes", autoencoder.Downsampling == 4 ? new(1, null) : new(null, 32), unscaled, LatentDiffusion, Scaled, Epsilon),
            not null => new("latent diffusion with a context", null, unscaled, null, Scaled, Epsilon),
            null when autoencoder.Quantised => new("unconditional latent diffusion, codebook", new(null, 32), 1, LatentDiffusion, Scaled, Epsilon),
            null => new("unconditional latent diffusion, KL", new(8, null), null, null, Scaled, Epsilon),
        };
    }
}
