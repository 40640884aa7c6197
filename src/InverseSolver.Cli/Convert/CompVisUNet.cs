using System.Text.Json.Nodes;

namespace InverseSolver.Cli.Convert;

/// <summary>
/// The UNet of latent-diffusion and guided-diffusion (Dhariwal and Nichol 2021; Rombach and others 2022) as UNet2DModel, or with a context as
/// UNet2DConditionModel. Its shape is read from names and shapes of the tensors; only the split of attention into heads does not follow from them.
/// </summary>
internal sealed class CompVisUNet
{
    private readonly CheckpointPart _part;
    private readonly int _perLevel;

    internal CompVisUNet(CheckpointPart part)
    {
        _part = part;
        int down = part.Count("input_blocks"), up = part.Count("output_blocks");
        Levels = 1 + Enumerable.Range(0, up).Count(i => UpModule(i) is not null);
        _perLevel = up / Levels;
        if (down != up || up % Levels != 0 || _perLevel < 2 || part.Peek("input_blocks.0.0.weight").Shape is not [_, _, 3, 3])
        {
            throw part.Strange($"{down} input_blocks and {up} output_blocks on {Levels} levels are not a UNet of latent-diffusion");
        }

        InChannels = part.Size("input_blocks.0.0.weight", 1);
        OutChannels = part.Size("out.2.weight", 0);
        Channels = [.. Enumerable.Range(0, Levels).Select(level => part.Size($"{Down(level, 0)}.0.out_layers.3.weight", 0))];
        ScaleShift = part.Size($"{Down(0, 0)}.0.emb_layers.1.weight", 0) == 2 * Channels[0];
        ResizeByBlocks = part.Has($"input_blocks.{_perLevel}.0.in_layers.0.weight") && Levels > 1;
        ContextChannels = part.Has("middle_block.1.transformer_blocks.0.attn2.to_k.weight")
            ? part.Size("middle_block.1.transformer_blocks.0.attn2.to_k.weight", 1)
            : null;
        if (part.Has("label_emb.weight"))
        {
            Classes = part.Size("label_emb.weight", 0);
        }
    }

    internal int Levels { get; }

    internal int InChannels { get; }

    /// <summary>Twice <see cref="InChannels"/> where a variance was learned too.</summary>
    internal int OutChannels { get; }

    internal int[] Channels { get; }

    internal bool ScaleShift { get; }

    /// <summary>True where the size changes by residual blocks.</summary>
    internal bool ResizeByBlocks { get; }

    /// <summary>Width of the context; null without one.</summary>
    internal int? ContextChannels { get; }

    /// <summary>Classes that are added to the time; null without.</summary>
    internal int? Classes { get; }

    internal int LayersPerLevel => _perLevel - 1;

    internal bool LinearProjection => _part.Has("middle_block.1.proj_in.weight") && _part.Peek("middle_block.1.proj_in.weight").Shape.Length == 2;

    /// <summary>True where one matrix holds q, k and v of several heads, whose order does not follow from shapes.</summary>
    internal bool HasSeveralHeads(AttentionHeads heads) =>
        ContextChannels is null && Enumerable.Range(0, Levels).Any(level => (HasMixer(level) || level == Levels - 1) && heads.Of(Channels[level], _part) > 1);

    /// <param name="heads">The heads of attention.</param>
    /// <param name="blockwise">True where all heads' q precede all heads' k and v; else q, k and v of one head follow each other.</param>
    internal ConvertedNetwork Convert(AttentionHeads heads, bool blockwise)
    {
        if (OutChannels != InChannels && OutChannels != 2 * InChannels)
        {
            throw _part.Strange(
                $"the denoiser goes from {InChannels} to {OutChannels} channels: "
                    + "it was trained with images beside the latent (inpainting, super-resolution), which is not supported");
        }

        if (_part.Has("label_emb.0.0.weight"))
        {
            throw _part.Strange("the denoiser takes vectors beside the time (label_emb.0), as SDXL and unCLIP do; such models are not supported");
        }

        var network = new ConvertedNetwork(_part, Config(heads));
        network.Layer("time_embed.0", "time_embedding.linear_1");
        network.Layer("time_embed.2", "time_embedding.linear_2");
        network.Layer("input_blocks.0.0", "conv_in");
        if (Classes is not null)
        {
            network.Tensor("label_emb.weight", "class_embedding.weight");
        }

        for (int level = 0; level < Levels; level++)
        {
            WayDown(network, level, heads, blockwise);
            WayUp(network, level, heads, blockwise);
        }

        Block(network, "middle_block.0", "mid_block.resnets.0");
        Mixer(network, "middle_block.1", "mid_block.attentions.0", Channels[^1], heads, blockwise);
        Block(network, "middle_block.2", "mid_block.resnets.1");
        network.Layer("out.0", "conv_norm_out");

        // The second half is a variance, which no solver uses.
        network.FirstRows("out.2", "conv_out", InChannels);
        _part.Finish();
        return network;
    }

    private void WayDown(ConvertedNetwork network, int level, AttentionHeads heads, bool blockwise)
    {
        for (int layer = 0; layer < LayersPerLevel; layer++)
        {
            Block(network, $"{Down(level, layer)}.0", $"down_blocks.{level}.resnets.{layer}");
            if (HasMixer(level))
            {
                Mixer(network, $"{Down(level, layer)}.1", $"down_blocks.{level}.attentions.{layer}", Channels[level], heads, blockwise);
            }
        }

        if (level < Levels - 1)
        {
            string from = $"{Down(level, LayersPerLevel)}.0", to = $"down_blocks.{level}.downsamplers.0";
            if (ResizeByBlocks)
            {
                Block(network, from, to);
            }
            else
            {
                network.Layer($"{from}.op", $"{to}.conv");
            }
        }
    }

    /// <param name="network">Gets the tensors.</param>
    /// <param name="step">The level, counted from the lowest one.</param>
    /// <param name="heads">The heads of attention.</param>
    /// <param name="blockwise">As in <see cref="Convert"/>.</param>
    private void WayUp(ConvertedNetwork network, int step, AttentionHeads heads, bool blockwise)
    {
        int level = Levels - 1 - step;
        for (int layer = 0; layer < _perLevel; layer++)
        {
            string from = $"output_blocks.{step * _perLevel + layer}";
            Block(network, $"{from}.0", $"up_blocks.{step}.resnets.{layer}");
            if (HasMixer(level))
            {
                Mixer(network, $"{from}.1", $"up_blocks.{step}.attentions.{layer}", Channels[level], heads, blockwise);
            }
        }

        if (level > 0)
        {
            int block = step * _perLevel + LayersPerLevel;
            int module = UpModule(block)
                ?? throw _part.Strange($"output_blocks.{block} does not change the size, as the last block of a level does");
            string from = $"output_blocks.{block}.{module}";
            string to = $"up_blocks.{step}.upsamplers.0";
            if (ResizeByBlocks)
            {
                Block(network, from, to);
            }
            else
            {
                network.Layer($"{from}.conv", $"{to}.conv");
            }
        }
    }

    private void Block(ConvertedNetwork network, string from, string to)
    {
        network.Layer($"{from}.in_layers.0", $"{to}.norm1");
        network.Layer($"{from}.in_layers.2", $"{to}.conv1");
        network.Layer($"{from}.emb_layers.1", $"{to}.time_emb_proj");
        network.Layer($"{from}.out_layers.0", $"{to}.norm2");
        network.Layer($"{from}.out_layers.3", $"{to}.conv2");
        if (_part.Has($"{from}.skip_connection.weight"))
        {
            network.Layer($"{from}.skip_connection", $"{to}.conv_shortcut");
        }
    }

    private void Mixer(ConvertedNetwork network, string from, string to, int width, AttentionHeads split, bool blockwise)
    {
        if (ContextChannels is not null)
        {
            network.All(from, to);
            return;
        }

        int heads = split.Of(width, _part);
        long size = width / heads;
        network.Layer($"{from}.norm", $"{to}.group_norm");
        string[] names = ["to_q", "to_k", "to_v"];
        for (int i = 0; i < 3; i++)
        {
            // The older order has q, k and v of the first head, then those of the second one, and so on.
            (long, long)[] rows = blockwise ? [((long)i * width, width)] : [.. Enumerable.Range(0, heads).Select(head => ((3L * head + i) * size, size))];
            network.Matrix($"{from}.qkv", $"{to}.{names[i]}", rows);
        }

        network.Matrix($"{from}.proj_out", $"{to}.to_out.0");
    }

    private JsonObject Config(AttentionHeads heads)
    {
        bool context = ContextChannels is not null;
        if (context && (ResizeByBlocks || ScaleShift || Classes is not null))
        {
            throw _part.Strange("a context together with residual blocks that change the size, scale-shift normalisation or classes is not supported");
        }

        int[] counts = [.. Channels.Select((width, level) => HasMixer(level) || level == Levels - 1 ? heads.Of(width, _part) : 1)];
        int[] sizes = [.. Channels.Select((width, level) => width / counts[level])];
        var config = new JsonObject
        {
            ["_class_name"] = context ? "UNet2DConditionModel" : "UNet2DModel",
            ["in_channels"] = InChannels,
            ["out_channels"] = InChannels,
            ["block_out_channels"] = List(Channels),
            ["layers_per_block"] = LayersPerLevel,
            ["down_block_types"] = Types("Down"),
            ["up_block_types"] = new JsonArray([.. Types("Up").Reverse().Select(type => (JsonNode)type!.GetValue<string>())]),
            ["attention_head_dim"] = context ? List(counts) : heads.Channels is { } fixedSize ? fixedSize : List(sizes),
            ["norm_num_groups"] = 32,
            ["norm_eps"] = 1e-5,
            ["act_fn"] = "silu",
            ["flip_sin_to_cos"] = true,
            ["freq_shift"] = 0,
            ["resnet_time_scale_shift"] = ScaleShift ? "scale_shift" : "default",
        };
        if (context)
        {
            config["cross_attention_dim"] = ContextChannels;
            config["use_linear_projection"] = LinearProjection;
            config["transformer_layers_per_block"] = List([.. Enumerable.Range(0, Levels).Select(TransformerLayers)]);
        }
        else
        {
            string resizer = ResizeByBlocks ? "resnet" : "conv";
            config["downsample_type"] = resizer;
            config["upsample_type"] = resizer;
            config["num_class_embeds"] = Classes;
        }

        return config;
    }

    private JsonArray Types(string way) => new([.. Enumerable.Range(0, Levels).Select(level => (JsonNode)(
        !HasMixer(level) ? ResizeByBlocks ? $"Resnet{way}sampleBlock2D" : $"{way}Block2D"
        : ContextChannels is not null ? $"CrossAttn{way}Block2D" : $"Attn{way}Block2D"))]);

    private int TransformerLayers(int level)
    {
        string path = HasMixer(level) ? $"{Down(level, 0)}.1" : "middle_block.1";
        return Math.Max(1, _part.Count($"{path}.transformer_blocks"));
    }

    private bool HasMixer(int level) => _part.Has($"{Down(level, 0)}.1.norm.weight");

    // Module 1, or 2 behind an attention.
    private int? UpModule(int block)
    {
        int[] found = [.. Enumerable.Range(1, 2).Where(i =>
            _part.Has($"output_blocks.{block}.{i}.conv.weight") || _part.Has($"output_blocks.{block}.{i}.in_layers.0.weight"))];
        return found.Length > 0 ? found[0] : null;
    }

    private string Down(int level, int layer) => $"input_blocks.{1 + level * _perLevel + layer}";

    private static JsonArray List(int[] numbers) => new([.. numbers.Select(number => (JsonNode)number)]);
}
