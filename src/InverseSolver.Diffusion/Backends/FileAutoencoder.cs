using InverseSolver.Diffusion.Networks;

namespace InverseSolver.Diffusion.Backends;

/// <summary>An autoencoder of which one half lies in a file, or both; the other may be a network of libtorch's.</summary>
internal sealed class FileAutoencoder : Autoencoder
{
    private readonly NetworkFile? encoder, decoder;
    private readonly Autoencoder? own;

    /// <summary>Takes over files and network, and tries the files on images of the smallest size.</summary>
    /// <param name="encoder">The encoder's file; null where <paramref name="own"/> encodes.</param>
    /// <param name="decoder">The decoder's file; null where <paramref name="own"/> decodes.</param>
    /// <param name="own">The network that stands in for a half without a file.</param>
    /// <param name="shape">What it must do.</param>
    /// <param name="multiple">Height and width of the smallest latent.</param>
    /// <exception cref="InvalidModelException">A file does not do what is said of it; the caller still owns all three.</exception>
    internal FileAutoencoder(NetworkFile? encoder, NetworkFile? decoder, Autoencoder? own, AutoencoderShape shape, int multiple)
    {
        (this.encoder, this.decoder, this.own) = (encoder, decoder, own);
        (InChannels, OutChannels, LatentChannels, Downsampling, ScalingFactor) = (shape.Channels, shape.Channels, shape.LatentChannels, shape.Downsampling, shape.Scale);
        using DisposeScope scope = torch.NewDisposeScope();
        (long height, long width) = shape.FixedSize ?? (multiple * Downsampling, multiple * Downsampling);
        long h = height / Downsampling, w = width / Downsampling;
        encoder?.Check((torch.zeros([2, InChannels, height, width], ScalarType.Float32, Device), null, null, null), [2, LatentChannels, h, w], [2, 2 * LatentChannels, h, w]);
        decoder?.Check((torch.zeros([2, LatentChannels, h, w], ScalarType.Float32, Device), null, null, null), [2, OutChannels, height, width]);
    }

    public override Device Device => (encoder ?? decoder)!.Device;

    public override long WeightBytes => (encoder?.Bytes ?? 0) + (decoder?.Bytes ?? 0) + (own?.WeightBytes ?? 0);

    public override Tensor Encode(Tensor x)
    {
        if (encoder is null)
        {
            return own!.Encode(x);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor latent = encoder.Run(x);

        // Of a distribution's moments the first half is its mean.
        return (latent.size(1) == LatentChannels ? latent : latent.narrow(1, 0, LatentChannels).contiguous()).MoveToOuterDisposeScope();
    }

    public override Tensor Decode(Tensor z) => decoder is null ? own!.Decode(z) : decoder.Run(z);

    private protected override void DisposeCore()
    {
        encoder?.Dispose();
        decoder?.Dispose();
        own?.Dispose();
    }
}
