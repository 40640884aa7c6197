using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The unconditional (or class-conditional) UNet2DModel of diffusers.</summary>
public sealed class UNet2DModel : UNet
{
    private UNet2DModel(NetworkWeights weights)
        : base(weights)
    {
    }

    internal static UNet2DModel Build(NetworkConfig config, NetworkWeights weights)
    {
        WeightScope root = weights.Root;
        int[] channels = config.Ints("block_out_channels", [224, 448, 672, 896]);
        int levels = channels.Length, layers = config.Int("layers_per_block", 2);
        Activation activation = Activation.Read(config, "act_fn", "silu");
        int groups = config.Int("norm_num_groups", 32);
        double eps = config.Number("norm_eps", 1e-5);
        bool scaleShift = config.OneOf("resnet_time_scale_shift", "default", "default", "scale_shift") == "scale_shift";
        bool fourier = config.OneOf("time_embedding_type", "positional", "positional", "fourier") == "fourier";

        // One number in diffusers; a list, one number for each level, serves networks that have so many heads everywhere.
        int[] headChannels = config.IsNull("attention_head_dim")
            ? channels
            : config.PerLevel("attention_head_dim", levels) ?? [.. Enumerable.Repeat(8, levels)];

        // num_train_timesteps is for a table of times that was learned, which is refused.
        config.Ignore("sample_size", "dropout", "flip_sin_to_cos", "freq_shift", "num_train_timesteps");

        int timeWidth = config.OptionalInt("time_embedding_dim") ?? 4 * channels[0], featureCount = fourier ? 2 * channels[0] : channels[0];
        TimestepFeatures features = fourier
            ? TimestepFeatures.Fourier(root.At("time_proj"), channels[0], logarithm: true, cosineFirst: false)
            : TimestepFeatures.Positional(weights, config, channels[0], defaultShift: 0, defaultFlip: true);
        var options = new ResnetOptions(activation, groups, eps, timeWidth, scaleShift);
        var builder = new UNetBuilder(root, channels, options)
        {
            DownsamplePadding = config.Int("downsample_padding", 1, 0, 16),
            AttentionDownByResnet = config.OneOf("downsample_type", "conv", "conv", "resnet") == "resnet",
            AttentionUpByResnet = config.OneOf("upsample_type", "conv", "conv", "resnet") == "resnet",
        };
        string[] down = UNetBuilder.ReadTypes(
            config, "down_block_types", levels, ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"], UNetBuilder.PlainDown);
        string[] up = UNetBuilder.ReadTypes(
            config, "up_block_types", levels, ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"], UNetBuilder.PlainUp);
        int inChannels = config.Int("in_channels", 3), outChannels = config.Int("out_channels", 3);
        return new UNet2DModel(weights)
        {
            InChannels = inChannels,
            OutChannels = outChannels,
            SizeMultiple = 1 << (levels - 1),
            CenterInput = config.Bool("center_input_sample", false),
            DivideByTime = fourier,
            ConvIn = new Conv2d(root.At("conv_in"), inChannels, channels[0], 3, padding: 1),
            TimeFeatures = features,
            TimeEmbedding = new TimestepEmbedding(root.At("time_embedding"), featureCount, timeWidth, Activation.Silu),
            ClassEmbedding = ClassEmbedding.Read(root, config, features, featureCount, timeWidth, Activation.Silu, conditional: false),
            DownBlocks = builder.Down([.. down.Select((type, i) => new Level(type, layers, headChannels[i]))]),
            MidBlock = Mid(config, root.At("mid_block"), channels[^1], headChannels[^1], options),
            UpBlocks = builder.Up([.. up.Select((type, i) => new Level(type, layers, headChannels[levels - 1 - i]))]),
            NormOut = new GroupNorm(root.At("conv_norm_out"), groups, channels[0], eps),
            ConvOut = new Conv2d(root.At("conv_out"), channels[0], outChannels, 3, padding: 1),
        };
    }

    private static MidBlock? Mid(NetworkConfig config, WeightScope w, int channels, int headChannels, ResnetOptions options)
    {
        double scale = config.Number("mid_block_scale_factor", 1);
        bool attention = config.Bool("add_attention", true);
        int groups = config.Int("attn_norm_num_groups", options.Groups);
        config.OneOf("mid_block_type", "UNetMidBlock2D", "UNetMidBlock2D");
        if (config.IsNull("mid_block_type"))
        {
            return null;
        }

        ResnetOptions o = options with { OutputScale = scale };
        var first = new ResnetBlock2D(w.At("resnets.0"), channels, channels, o);

        // With scale_shift the original leaves this attention without normalisation, unless an option of later versions sets it.
        ISpatialMixer? mixer = attention
            ? new AttentionBlock(w.At("attentions.0"), channels, headChannels, groups, options.Eps, scale, normOptional: options.ScaleShift)
            : null;
        return new MidBlock([first, new ResnetBlock2D(w.At("resnets.1"), channels, channels, o)], [mixer]);
    }
}
