using InverseSolver.Diffusion.Networks;

namespace InverseSolver.Diffusion.Backends;

/// <summary>An autoencoder with one half or both in files; the other half may be a network of libtorch.</summary>
internal sealed class FileAutoencoder : Autoencoder
{
    private readonly NetworkFile? _encoder, _decoder;
    private readonly Autoencoder? _network;

    /// <summary>Takes over files and network, and tries the files on images of the smallest size.</summary>
    /// <param name="encoder">The encoder's file; null where <paramref name="network"/> encodes.</param>
    /// <param name="decoder">The decoder's file; null where <paramref name="network"/> decodes.</param>
    /// <param name="network">The network for a half without a file.</param>
    /// <param name="shape">The required shapes.</param>
    /// <param name="multiple">Height and width of the smallest latent.</param>
    /// <exception cref="InvalidModelException">A file does not conform to its description; the caller still owns all three.</exception>
    internal FileAutoencoder(NetworkFile? encoder, NetworkFile? decoder, Autoencoder? network, AutoencoderShape shape, int multiple)
    {
        (_encoder, _decoder, _network) = (encoder, decoder, network);
        (InChannels, OutChannels, LatentChannels, Downsampling, ScalingFactor) = (
            shape.Channels, shape.Channels, shape.LatentChannels, shape.Downsampling, shape.Scale);
        using DisposeScope scope = torch.NewDisposeScope();
        (long height, long width) = shape.FixedSize ?? (multiple * Downsampling, multiple * Downsampling);
        long h = height / Downsampling, w = width / Downsampling;
        encoder?.Check(
            (torch.zeros([2, InChannels, height, width], ScalarType.Float32, Device), null, null, null), [2, LatentChannels, h, w],
            [2, 2 * LatentChannels, h, w]);
        decoder?.Check((torch.zeros([2, LatentChannels, h, w], ScalarType.Float32, Device), null, null, null), [2, OutChannels, height, width]);
    }

    public override Device Device => (_encoder ?? _decoder)!.Device;

    public override long WeightBytes => (_encoder?.Bytes ?? 0) + (_decoder?.Bytes ?? 0) + (_network?.WeightBytes ?? 0);

    public override Tensor Encode(Tensor x)
    {
        if (_encoder is null)
        {
            return _network!.Encode(x);
        }

        using DisposeScope scope = torch.NewDisposeScope();
        Tensor latent = _encoder.Run(x);

        // Of a distribution's moments the first half is its mean.
        return (latent.size(1) == LatentChannels ? latent : latent.narrow(1, 0, LatentChannels).contiguous()).MoveToOuterDisposeScope();
    }

    public override Tensor Decode(Tensor z) => _decoder is null ? _network!.Decode(z) : _decoder.Run(z);

    private protected override void DisposeCore()
    {
        _encoder?.Dispose();
        _decoder?.Dispose();
        _network?.Dispose();
    }
}
