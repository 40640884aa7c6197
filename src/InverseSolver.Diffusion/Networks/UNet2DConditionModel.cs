using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The UNet2DConditionModel of diffusers: a UNet whose transformers look at a context, as Stable Diffusion has it.</summary>
public sealed class UNet2DConditionModel : UNet
{
    private readonly Linear? _contextProjection;

    private UNet2DConditionModel(NetworkWeights weights, Linear? contextProjection)
        : base(weights) => _contextProjection = contextProjection;

    internal static UNet2DConditionModel Build(NetworkConfig config, NetworkWeights weights)
    {
        WeightScope root = weights.Root;
        int[] channels = config.Ints("block_out_channels", [320, 640, 1280, 1280]);
        int levels = channels.Length;
        Activation activation = Activation.Read(config, "act_fn", "silu");
        int groups = config.Int("norm_num_groups", 32);
        double eps = config.Number("norm_eps", 1e-5);
        bool scaleShift = config.OneOf("resnet_time_scale_shift", "default", "default", "scale_shift") == "scale_shift";
        bool fourier = config.OneOf("time_embedding_type", "positional", "positional", "fourier") == "fourier";
        RefuseUnsupported(config);

        int timeWidth = config.OptionalInt("time_embedding_dim") ?? (fourier ? 2 : 4) * channels[0];
        if (fourier && timeWidth % 2 != 0)
        {
            throw config.Error("time_embedding_dim", "must be even");
        }

        int featureCount = fourier ? timeWidth : channels[0];
        TimestepFeatures features = fourier
            ? TimestepFeatures.Fourier(root.At("time_proj"), timeWidth / 2, logarithm: false, cosineFirst: config.Bool("flip_sin_to_cos", true))
            : TimestepFeatures.Positional(weights, config, channels[0], defaultShift: 0, defaultFlip: true);
        config.Ignore("freq_shift");
        ClassEmbedding? classes = ClassEmbedding.Read(root, config, features, featureCount, timeWidth, activation, conditional: true);
        int resnetTimeWidth = config.Bool("class_embeddings_concat", false) ? 2 * timeWidth : timeWidth;
        var options = new ResnetOptions(activation, groups, eps, resnetTimeWidth, scaleShift);

        int[] contexts = config.PerLevel("cross_attention_dim", levels) ?? Enumerable.Repeat(config.IsNull("cross_attention_dim") ? 0 : 1280, levels).ToArray();
        if (contexts.Distinct().Count() > 1 || contexts[0] == 0)
        {
            throw config.Error("cross_attention_dim", "must be one number, the same for all blocks");
        }

        var transformers = new TransformerOptions(contexts[0], groups, config.Bool("use_linear_projection", false));
        var builder = new UNetBuilder(root, channels, options)
        {
            DownsamplePadding = config.Int("downsample_padding", 1, 0, 16),
            ResizingOutputScale = config.Number("resnet_out_scale_factor", 1),
            ResizingSkipTimeActivation = config.Bool("resnet_skip_time_act", false),
            Transformers = transformers,
        };
        Level[] down = Levels(config, channels, out Level[] up);
        (int? contextChannels, Linear? projection) = ReadContextProjection(config, root, contexts[0]);
        int inChannels = config.Int("in_channels", 4), outChannels = config.Int("out_channels", 4);
        int kernelIn = OddKernel(config, "conv_in_kernel"), kernelOut = OddKernel(config, "conv_out_kernel");
        return new UNet2DConditionModel(weights, projection)
        {
            InChannels = inChannels,
            OutChannels = outChannels,
            SizeMultiple = 1 << (levels - 1),
            MatchSkipSizes = true,
            ContextChannels = contextChannels,
            CenterInput = config.Bool("center_input_sample", false),
            ConvIn = new Conv2d(root.At("conv_in"), inChannels, channels[0], kernelIn, padding: kernelIn / 2),
            TimeFeatures = features,
            TimeEmbedding = new TimestepEmbedding(
                root.At("time_embedding"), featureCount, timeWidth, activation, Activation.ReadOptional(config, "timestep_post_act")),
            TimeActivation = Activation.ReadOptional(config, "time_embedding_act_fn"),
            ClassEmbedding = classes,
            DownBlocks = builder.Down(down),
            MidBlock = Mid(config, root.At("mid_block"), channels[^1], down[^1], options, transformers),
            UpBlocks = builder.Up(up),
            NormOut = new GroupNorm(root.At("conv_norm_out"), groups, channels[0], eps),
            OutActivation = activation,
            ConvOut = new Conv2d(root.At("conv_out"), channels[0], outChannels, kernelOut, padding: kernelOut / 2),
        };
    }

    private protected override Tensor? PreparedContext(Tensor? context) => _contextProjection?.Forward(context!) ?? context;

    private static void RefuseUnsupported(NetworkConfig config)
    {
        string[] unsupported =
        [
            "dual_cross_attention", "addition_embed_type", "addition_time_embed_dim", "time_cond_proj_dim", "cross_attention_norm",
            "reverse_transformer_layers_per_block",
        ];
        foreach (string name in unsupported)
        {
            config.Refuse(name);
        }

        config.Refuse("attention_type", "default");

        // upcast_attention only asks for single precision where attention is computed; the computation here is at least as exact.
        config.Ignore("sample_size", "dropout", "addition_embed_type_num_heads", "upcast_attention", "mid_block_only_cross_attention");
    }

    // A kernel of even width would change the size.
    private static int OddKernel(NetworkConfig config, string option)
    {
        int kernel = config.Int(option, 3, 1, 99);
        return kernel % 2 == 1 ? kernel : throw config.Error(option, "must be odd");
    }

    private static Level[] Levels(NetworkConfig config, int[] channels, out Level[] up)
    {
        int levels = channels.Length;
        string[] downTypes = UNetBuilder.ReadTypes(
            config, "down_block_types", levels, ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
            [.. UNetBuilder.PlainDown, "CrossAttnDownBlock2D"]);
        string[] upTypes = UNetBuilder.ReadTypes(
            config, "up_block_types", levels, ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
            [.. UNetBuilder.PlainUp, "CrossAttnUpBlock2D"]);
        int[] layers = config.PerLevel("layers_per_block", levels) ?? Enumerable.Repeat(2, levels).ToArray();
        int[] transformerLayers = config.PerLevel("transformer_layers_per_block", levels) ?? Enumerable.Repeat(1, levels).ToArray();
        bool[] onlyCross = config.FlagPerLevel("only_cross_attention", levels);

        // By a slip of the first version attention_head_dim means the number of heads wherever num_attention_heads is not given.
        int[]? headDim = config.IsNull("attention_head_dim") ? null : config.PerLevel("attention_head_dim", levels) ?? Enumerable.Repeat(8, levels).ToArray();
        int[] heads = config.PerLevel("num_attention_heads", levels) ?? headDim
            ?? throw config.Error("attention_head_dim", "is null, and so is num_attention_heads");

        // Plain attention uses attention_head_dim unchanged, and on the way up in the order of the way down.
        up = [.. Enumerable.Range(0, levels).Select(i =>
        {
            int j = levels - 1 - i;
            return new Level(upTypes[i], layers[j], headDim?[i] ?? channels[j], heads[j], transformerLayers[j], onlyCross[j]);
        })];
        return [.. Enumerable.Range(0, levels).Select(i =>
            new Level(downTypes[i], layers[i], headDim?[i] ?? channels[i], heads[i], transformerLayers[i], onlyCross[i]))];
    }

    private static MidBlock? Mid(NetworkConfig config, WeightScope w, int channels, Level lowest, ResnetOptions options, TransformerOptions transformers)
    {
        double scale = config.Number("mid_block_scale_factor", 1);
        if (config.IsNull("mid_block_type"))
        {
            return null;
        }

        config.OneOf("mid_block_type", "UNetMidBlock2DCrossAttn", "UNetMidBlock2DCrossAttn");
        ResnetOptions o = options with { OutputScale = scale };
        return new MidBlock(
            [new ResnetBlock2D(w.At("resnets.0"), channels, channels, o), new ResnetBlock2D(w.At("resnets.1"), channels, channels, o)],
            [new Transformer2D(w.At("attentions.0"), channels, lowest.Heads, lowest.TransformerLayers, onlyCrossAttention: false, transformers)]);
    }

    // encoder_hid_dim: a matrix that takes the context to the width that the transformers expect.
    private static (int? Channels, Linear? Projection) ReadContextProjection(NetworkConfig config, WeightScope root, int width)
    {
        int? hidden = config.OptionalInt("encoder_hid_dim");
        string? type = config.Text("encoder_hid_dim_type", null);
        if (type is not (null or "text_proj"))
        {
            throw config.Error("encoder_hid_dim_type", $"is {InvalidModelException.Quote(type)}, which is not supported");
        }

        if (hidden is null)
        {
            return type is null ? (width, null) : throw config.Error("encoder_hid_dim", "is missing, but encoder_hid_dim_type is 'text_proj'");
        }

        return (hidden, new Linear(root.At("encoder_hid_proj"), hidden.Value, width));
    }
}
