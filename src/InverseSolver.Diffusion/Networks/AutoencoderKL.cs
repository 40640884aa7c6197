using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The AutoencoderKL of diffusers: its encoder gives mean and log-variance of the latent.</summary>
public sealed class AutoencoderKL : Autoencoder
{
    private readonly NetworkWeights _weights;
    private readonly Encoder _encoder;
    private readonly Decoder _decoder;
    private readonly Conv2d? _quantConv, _postQuantConv;

    private AutoencoderKL(NetworkWeights weights, Encoder encoder, Decoder decoder, Conv2d? quantConv, Conv2d? postQuantConv)
    {
        _weights = weights;
        _encoder = encoder;
        _decoder = decoder;
        _quantConv = quantConv;
        _postQuantConv = postQuantConv;
    }

    /// <inheritdoc/>
    public override Device Device => _weights.Device;

    /// <inheritdoc/>
    public override long WeightBytes => _weights.Bytes;

    internal static AutoencoderKL Build(NetworkConfig config, NetworkWeights weights)
    {
        WeightScope root = weights.Root;
        var options = new AutoencoderOptions(config);
        int latent = config.Int("latent_channels", 4);
        config.Refuse("latents_mean");
        config.Refuse("latents_std");
        if (config.Number("shift_factor", 0) is not 0 and var shift)
        {
            throw config.Error("shift_factor", FormattableString.Invariant($"is {shift}, which is not supported: the latent is scaled, not shifted"));
        }

        bool hasQuant = config.Bool("use_quant_conv", true), hasPostQuant = config.Bool("use_post_quant_conv", true);
        return new AutoencoderKL(
            weights,
            new Encoder(root.At("encoder"), options, 2 * latent),
            new Decoder(root.At("decoder"), options, latent),
            hasQuant ? new Conv2d(root.At("quant_conv"), 2 * latent, 2 * latent, 1) : null,
            hasPostQuant ? new Conv2d(root.At("post_quant_conv"), latent, latent, 1) : null)
        {
            InChannels = options.InChannels,
            OutChannels = options.OutChannels,
            LatentChannels = latent,
            Downsampling = options.Downsampling,
            ScalingFactor = config.Number("scaling_factor", 0.18215),
        };
    }

    /// <summary>The distribution of the latent: mean and log-variance, the latter within [-30, 20].</summary>
    public (Tensor Mean, Tensor LogVariance) EncodeMoments(Tensor x)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor moments = _encoder.Forward(x);
        moments = _quantConv?.Forward(moments) ?? moments;
        Tensor[] halves = moments.chunk(2, 1);
        return (halves[0].contiguous().MoveToOuterDisposeScope(), clamp_log_variance(halves[1]).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override Tensor Encode(Tensor x)
    {
        (Tensor mean, Tensor logVariance) = EncodeMoments(x);
        logVariance.Dispose();
        return mean;
    }

    /// <inheritdoc/>
    public override Tensor Decode(Tensor z)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        return _decoder.Forward(_postQuantConv?.Forward(z) ?? z).MoveToOuterDisposeScope();
    }

    private protected override void DisposeCore() => _weights.Dispose();
}
