namespace InverseSolver.Diffusion.Networks;

/// <summary>An autoencoder on images in [-1,1].</summary>
public abstract class Autoencoder : IDisposable
{
    /// <summary>Channels of the image.</summary>
    public int InChannels { get; private protected init; }

    /// <summary>Channels of the decoded image.</summary>
    public int OutChannels { get; private protected init; }

    /// <summary>Channels of the latent.</summary>
    public int LatentChannels { get; private protected init; }

    /// <summary>Height and width of the image over those of the latent.</summary>
    public int Downsampling { get; private protected init; }

    /// <summary>The scale of the denoiser's latents; null where the config does not state it.</summary>
    public double? ScalingFactor { get; private protected init; }

    /// <summary>The device of the arguments.</summary>
    public abstract Device Device { get; }

    /// <summary>Bytes of the weights.</summary>
    public abstract long WeightBytes { get; }

    /// <summary>The latent of an image, before quantisation and without the scaling factor; its mean where the encoder gives a distribution.</summary>
    /// <param name="x">(N, in, H, W) in [-1,1], H and W multiples of <see cref="Downsampling"/>.</param>
    public abstract Tensor Encode(Tensor x);

    /// <summary>The image of a latent.</summary>
    /// <param name="z">(N, latent, h, w), without the scaling factor.</param>
    public abstract Tensor Decode(Tensor z);

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeCore();
        GC.SuppressFinalize(this);
    }

    private protected abstract void DisposeCore();
}
