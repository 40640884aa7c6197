using InverseSolver.Diffusion.Weights;
using InverseSolver.Torch;

namespace InverseSolver.Diffusion.Networks;

/// <summary>An autoencoder on images in [-1,1].</summary>
public abstract class Autoencoder : IDisposable
{
    private readonly NetworkWeights weights;

    private protected Autoencoder(NetworkWeights weights) => this.weights = weights;

    /// <summary>Channels of the image.</summary>
    public int InChannels { get; private protected init; }

    /// <summary>Channels of the decoded image.</summary>
    public int OutChannels { get; private protected init; }

    /// <summary>Channels of the latent.</summary>
    public int LatentChannels { get; private protected init; }

    /// <summary>Height and width of the image over those of the latent.</summary>
    public int Downsampling { get; private protected init; }

    /// <summary>What the denoiser's latents are multiplied by; null where the config does not say.</summary>
    public double? ScalingFactor { get; private protected init; }

    /// <summary>Where the weights are.</summary>
    public Device Device => weights.Device;

    /// <summary>Bytes of the weights.</summary>
    public long WeightBytes => weights.Bytes;

    /// <summary>The latent of an image, before quantisation and without the scaling factor; its mean where the encoder gives a distribution.</summary>
    /// <param name="x">(N, in, H, W) in [-1,1], H and W multiples of <see cref="Downsampling"/>.</param>
    public abstract Tensor Encode(Tensor x);

    /// <summary>The image of a latent.</summary>
    /// <param name="z">(N, latent, h, w), without the scaling factor.</param>
    public abstract Tensor Decode(Tensor z);

    /// <inheritdoc/>
    public void Dispose()
    {
        weights.Dispose();
        GC.SuppressFinalize(this);
    }
}
