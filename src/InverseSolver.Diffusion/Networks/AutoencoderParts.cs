using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The options that both autoencoder classes share.</summary>
internal sealed class AutoencoderOptions
{
    private const double NormEps = 1e-6;

    internal AutoencoderOptions(NetworkConfig config)
    {
        Channels = config.Ints("block_out_channels", [64]);
        Layers = config.Int("layers_per_block", 1);
        Resnet = new ResnetOptions(Activation.Read(config, "act_fn", "silu"), config.Int("norm_num_groups", 32), NormEps);
        InChannels = config.Int("in_channels", 3);
        OutChannels = config.Int("out_channels", 3);
        MidAttention = config.Bool("mid_block_add_attention", true);
        DownTypes = UNetBuilder.ReadTypes(config, "down_block_types", Channels.Length, ["DownEncoderBlock2D"], "DownEncoderBlock2D", "AttnDownEncoderBlock2D");
        UpTypes = UNetBuilder.ReadTypes(config, "up_block_types", Channels.Length, ["UpDecoderBlock2D"], "UpDecoderBlock2D", "AttnUpDecoderBlock2D");
        config.Ignore("sample_size", "force_upcast");
    }

    internal int[] Channels { get; }

    internal int Layers { get; }

    internal ResnetOptions Resnet { get; }

    internal int InChannels { get; }

    internal int OutChannels { get; }

    internal bool MidAttention { get; }

    internal string[] DownTypes { get; }

    internal string[] UpTypes { get; }

    internal int Downsampling => 1 << (Channels.Length - 1);

    internal MidBlock Mid(WeightScope w)
    {
        int channels = Channels[^1];
        var first = new ResnetBlock2D(w.At("resnets.0"), channels, channels, Resnet);
        ISpatialMixer? mixer = MidAttention ? Attention(w.At("attentions.0"), channels) : null;
        return new MidBlock([first, new ResnetBlock2D(w.At("resnets.1"), channels, channels, Resnet)], [mixer]);
    }

    /// <summary>Attention in an autoencoder has one head.</summary>
    internal AttentionBlock Attention(WeightScope w, int channels) => new(w, channels, channels, Resnet.Groups, Resnet.Eps);
}

/// <summary>From an image to a latent's moments.</summary>
internal sealed class Encoder
{
    private readonly Conv2d _convIn, _convOut;
    private readonly DownBlock[] _blocks;
    private readonly MidBlock _mid;
    private readonly GroupNorm _norm;

    internal Encoder(WeightScope w, AutoencoderOptions options, int outChannels)
    {
        int[] channels = options.Channels;
        _convIn = new Conv2d(w.At("conv_in"), options.InChannels, channels[0], 3, padding: 1);
        _blocks = [.. channels.Select((outs, i) => Level(w.At("down_blocks", i), options, i))];
        _mid = options.Mid(w.At("mid_block"));
        _norm = new GroupNorm(w.At("conv_norm_out"), options.Resnet.Groups, channels[^1], options.Resnet.Eps);
        _convOut = new Conv2d(w.At("conv_out"), channels[^1], outChannels, 3, padding: 1);
    }

    internal Tensor Forward(Tensor x)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = _convIn.Forward(x);
        foreach (DownBlock block in _blocks)
        {
            Tensor before = h;
            h = block.Forward(h, null, null, null);
            before.Dispose();
        }

        Tensor low = _mid.Forward(h, null, null);
        h.Dispose();
        return _convOut.Forward(Activation.Silu.Consume(_norm.Forward(low))).MoveToOuterDisposeScope();
    }

    private static DownBlock Level(WeightScope w, AutoencoderOptions options, int i)
    {
        int ins = options.Channels[Math.Max(0, i - 1)], outs = options.Channels[i];
        bool attention = options.DownTypes[i] == "AttnDownEncoderBlock2D";
        return new DownBlock
        {
            Resnets = [.. Enumerable.Range(0, options.Layers).Select(j => new ResnetBlock2D(w.At("resnets", j), j == 0 ? ins : outs, outs, options.Resnet))],
            Mixers = attention ? [.. Enumerable.Range(0, options.Layers).Select(j => options.Attention(w.At("attentions", j), outs))] : [],
            Downsample = i < options.Channels.Length - 1 ? new Downsample2D(w.At("downsamplers.0"), outs, padding: 0) : null,
        };
    }
}

/// <summary>From a latent to an image.</summary>
internal sealed class Decoder
{
    private readonly Conv2d _convIn, _convOut;
    private readonly MidBlock _mid;
    private readonly UpBlock[] _blocks;
    private readonly GroupNorm _norm;

    internal Decoder(WeightScope w, AutoencoderOptions options, int latentChannels)
    {
        int[] channels = options.Channels;
        _convIn = new Conv2d(w.At("conv_in"), latentChannels, channels[^1], 3, padding: 1);
        _mid = options.Mid(w.At("mid_block"));
        _blocks = [.. channels.Select((_, i) => Level(w.At("up_blocks", i), options, i))];
        _norm = new GroupNorm(w.At("conv_norm_out"), options.Resnet.Groups, channels[0], options.Resnet.Eps);
        _convOut = new Conv2d(w.At("conv_out"), channels[0], options.OutChannels, 3, padding: 1);
    }

    internal Tensor Forward(Tensor z)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = _mid.Forward(_convIn.Forward(z), null, null);
        foreach (UpBlock block in _blocks)
        {
            h = block.Forward(h, null, null, null);
        }

        Tensor normal = _norm.Forward(h);
        h.Dispose();
        return _convOut.Forward(Activation.Silu.Consume(normal)).MoveToOuterDisposeScope();
    }

    private static UpBlock Level(WeightScope w, AutoencoderOptions options, int i)
    {
        int[] reversed = [.. options.Channels.Reverse()];
        int ins = reversed[Math.Max(0, i - 1)], outs = reversed[i], count = options.Layers + 1;
        bool attention = options.UpTypes[i] == "AttnUpDecoderBlock2D";
        return new UpBlock
        {
            Resnets = [.. Enumerable.Range(0, count).Select(j => new ResnetBlock2D(w.At("resnets", j), j == 0 ? ins : outs, outs, options.Resnet))],
            Mixers = attention ? [.. Enumerable.Range(0, count).Select(j => options.Attention(w.At("attentions", j), outs))] : [],
            Upsample = i < reversed.Length - 1 ? new Upsample2D(w.At("upsamplers.0"), outs) : null,
        };
    }
}
