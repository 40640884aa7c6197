using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The VQModel of diffusers: the decoder sees each latent pixel replaced by the nearest entry of a codebook.</summary>
public sealed class VQModel : Autoencoder
{
    private readonly NetworkWeights _weights;
    private readonly Encoder _encoder;
    private readonly Decoder _decoder;
    private readonly Conv2d _quantConv, _postQuantConv;
    private readonly Tensor _codebook;
    private readonly Tensor _halfSquares;

    private VQModel(NetworkWeights weights, Encoder encoder, Decoder decoder, Conv2d quantConv, Conv2d postQuantConv, Tensor codebook)
    {
        _weights = weights;
        _encoder = encoder;
        _decoder = decoder;
        _quantConv = quantConv;
        _postQuantConv = postQuantConv;
        _codebook = codebook;
        _halfSquares = weights.Own(half_squares(codebook));
    }

    /// <inheritdoc/>
    public override Device Device => _weights.Device;

    /// <inheritdoc/>
    public override long WeightBytes => _weights.Bytes;

    internal static VQModel Build(NetworkConfig config, NetworkWeights weights)
    {
        WeightScope root = weights.Root;
        var options = new AutoencoderOptions(config);
        int latent = config.Int("latent_channels", 3);
        int code = config.OptionalInt("vq_embed_dim") ?? latent;
        int codes = config.Int("num_vq_embeddings", 256, 1, 1 << 24);
        config.OneOf("norm_type", "group", "group");
        config.Refuse("lookup_from_codebook");
        return new VQModel(
            weights,
            new Encoder(root.At("encoder"), options, latent),
            new Decoder(root.At("decoder"), options, latent),
            new Conv2d(root.At("quant_conv"), latent, code, 1),
            new Conv2d(root.At("post_quant_conv"), code, latent, 1),
            root.Take("quantize.embedding.weight", codes, code))
        {
            InChannels = options.InChannels,
            OutChannels = options.OutChannels,
            LatentChannels = code,
            Downsampling = options.Downsampling,
            ScalingFactor = config.Has("scaling_factor") ? config.Number("scaling_factor", 1) : null,
        };
    }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor x)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return _quantConv.Forward(_encoder.Forward(x)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>Quantises; the gradient passes the quantiser as if it were not there.</remarks>
    public override Tensor Decode(Tensor z)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return DecodeNotQuantized(Quantize(z)).MoveToOuterDisposeScope();
    }

    /// <summary>The image of a latent as it is, without the codebook.</summary>
    public Tensor DecodeNotQuantized(Tensor z)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return _decoder.Forward(_postQuantConv.Forward(z)).MoveToOuterDisposeScope();
    }

    /// <summary>The nearest codebook entry of every latent pixel, with the gradient of the identity.</summary>
    /// <param name="z">(N, code, h, w).</param>
    public Tensor Quantize(Tensor z) => vector_quantize(z, _codebook, _halfSquares);

    private protected override void DisposeCore() => _weights.Dispose();
}
