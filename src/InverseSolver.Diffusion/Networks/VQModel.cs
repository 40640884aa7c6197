using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The VQModel of diffusers: the decoder sees each latent pixel replaced by the nearest entry of a codebook.</summary>
public sealed class VQModel : Autoencoder
{
    private readonly NetworkWeights weights;
    private readonly Encoder encoder;
    private readonly Decoder decoder;
    private readonly Conv2d quantConv, postQuantConv;
    private readonly Tensor codebook;
    private readonly Tensor halfSquares;

    private VQModel(NetworkWeights weights, Encoder encoder, Decoder decoder, Conv2d quantConv, Conv2d postQuantConv, Tensor codebook)
    {
        this.weights = weights;
        this.encoder = encoder;
        this.decoder = decoder;
        this.quantConv = quantConv;
        this.postQuantConv = postQuantConv;
        this.codebook = codebook;
        using DisposeScope scope = torch.NewDisposeScope();
        halfSquares = weights.Own(codebook.square().sum([1]) * 0.5);
    }

    /// <inheritdoc/>
    public override Device Device => weights.Device;

    /// <inheritdoc/>
    public override long WeightBytes => weights.Bytes;

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
        return quantConv.Forward(encoder.Forward(x)).MoveToOuterDisposeScope();
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
        return decoder.Forward(postQuantConv.Forward(z)).MoveToOuterDisposeScope();
    }

    /// <summary>The nearest codebook entry of every latent pixel, with the gradient of the identity.</summary>
    /// <param name="z">(N, code, h, w).</param>
    public Tensor Quantize(Tensor z)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor codes;
        using (torch.no_grad())
        {
            // argmin ||z - e||² = argmax <z, e> - ||e||²/2, in pieces that keep the table of products small.
            Tensor pixels = z.detach().permute(0, 2, 3, 1).reshape(-1, z.size(1));
            long step = Math.Max(1, (1L << 24) / codebook.size(0));
            Tensor[] indices = [.. pixels.split(step).Select(Nearest)];
            codes = codebook.index_select(0, torch.cat(indices)).reshape(z.size(0), z.size(2), z.size(3), z.size(1)).permute(0, 3, 1, 2).contiguous();
        }

        return (z.requires_grad ? z + (codes - z.detach()) : codes).MoveToOuterDisposeScope();
    }

    private protected override void DisposeCore() => weights.Dispose();

    private Tensor Nearest(Tensor pixels)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return (pixels.Matmul(codebook.t()) - halfSquares).argmax(1).MoveToOuterDisposeScope();
    }
}
