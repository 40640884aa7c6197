using System.Text.Json.Nodes;

namespace InverseSolver.Cli.Convert;

/// <summary>The first stage of latent-diffusion (Rombach and others 2022) as AutoencoderKL, or with a codebook as VQModel.</summary>
internal sealed class CompVisAutoencoder
{
    private const string Codebook = "quantize.embedding.weight";
    private readonly CheckpointPart _part;
    private readonly int _levels, _layers;

    internal CompVisAutoencoder(CheckpointPart part)
    {
        _part = part;
        _levels = part.Count("encoder.down");
        _layers = part.Count("encoder.down.0.block");
        if (_levels == 0 || _layers == 0 || part.Count("decoder.up") != _levels)
        {
            throw part.Strange("its first stage is not an autoencoder of latent-diffusion (encoder.down, decoder.up)");
        }

        LatentChannels = part.Size("post_quant_conv.weight", 1);
        Quantised = part.Has(Codebook);
    }

    internal int LatentChannels { get; }

    /// <summary>True where it has a codebook.</summary>
    internal bool Quantised { get; }

    internal int Downsampling => 1 << (_levels - 1);

    /// <summary>Loss networks and averages, which are not part of the model.</summary>
    internal static bool IsLeftOut(string name) =>
        name.StartsWith("loss.", StringComparison.Ordinal) || name.StartsWith("model_ema.", StringComparison.Ordinal);

    /// <param name="scale">The scale of the encoder's latent.</param>
    internal ConvertedNetwork Convert(double scale)
    {
        var network = new ConvertedNetwork(_part, Config(scale));
        foreach (string side in (string[])["encoder", "decoder"])
        {
            network.Layer($"{side}.conv_in", $"{side}.conv_in");
            Block(network, $"{side}.mid.block_1", $"{side}.mid_block.resnets.0");
            if (_part.Has($"{side}.mid.attn_1.q.weight"))
            {
                Attention(network, $"{side}.mid.attn_1", $"{side}.mid_block.attentions.0");
            }

            Block(network, $"{side}.mid.block_2", $"{side}.mid_block.resnets.1");
            network.Layer($"{side}.norm_out", $"{side}.conv_norm_out");
            network.Layer($"{side}.conv_out", $"{side}.conv_out");
        }

        for (int level = 0; level < _levels; level++)
        {
            // The way up counts from the full size here, and from the lowest level in the package.
            Level(network, $"encoder.down.{level}", $"encoder.down_blocks.{level}", _layers, level < _levels - 1 ? "downsample" : null);
            Level(network, $"decoder.up.{level}", $"decoder.up_blocks.{_levels - 1 - level}", _layers + 1, level > 0 ? "upsample" : null);
        }

        network.Layer("quant_conv", "quant_conv");
        network.Layer("post_quant_conv", "post_quant_conv");
        if (Quantised)
        {
            network.Tensor(Codebook, Codebook);
        }

        _part.Ignore(IsLeftOut);
        _part.Finish();
        return network;
    }

    private void Level(ConvertedNetwork network, string from, string to, int count, string? resampler)
    {
        for (int i = 0; i < count; i++)
        {
            Block(network, $"{from}.block.{i}", $"{to}.resnets.{i}");
            if (_part.Has($"{from}.attn.{i}.q.weight"))
            {
                Attention(network, $"{from}.attn.{i}", $"{to}.attentions.{i}");
            }
        }

        if (resampler is not null)
        {
            network.Layer($"{from}.{resampler}.conv", $"{to}.{resampler}rs.0.conv");
        }
    }

    private void Block(ConvertedNetwork network, string from, string to)
    {
        foreach (string name in (string[])["norm1", "conv1", "norm2", "conv2"])
        {
            network.Layer($"{from}.{name}", $"{to}.{name}");
        }

        if (_part.Has($"{from}.nin_shortcut.weight"))
        {
            network.Layer($"{from}.nin_shortcut", $"{to}.conv_shortcut");
        }
    }

    private static void Attention(ConvertedNetwork network, string from, string to)
    {
        network.Layer($"{from}.norm", $"{to}.group_norm");
        foreach (string name in (string[])["q", "k", "v"])
        {
            network.Matrix($"{from}.{name}", $"{to}.to_{name}");
        }

        network.Matrix($"{from}.proj_out", $"{to}.to_out.0");
    }

    private JsonObject Config(double scale)
    {
        int encoded = _part.Size("encoder.conv_out.weight", 0);
        int width = Quantised ? encoded : encoded / 2;
        if (!Quantised && width != LatentChannels)
        {
            throw _part.Strange($"its autoencoder has {width} channels before its latent of {LatentChannels}; they must be the same");
        }

        var config = new JsonObject
        {
            ["_class_name"] = Quantised ? "VQModel" : "AutoencoderKL",
            ["in_channels"] = _part.Size("encoder.conv_in.weight", 1),
            ["out_channels"] = _part.Size("decoder.conv_out.weight", 0),
            ["down_block_types"] = new JsonArray(
                [.. Enumerable.Range(0, _levels).Select(level =>
                    (JsonNode)(HasAttention("encoder.down", level) ? "AttnDownEncoderBlock2D" : "DownEncoderBlock2D"))]),
            ["up_block_types"] = new JsonArray(
                [.. Enumerable.Range(0, _levels).Reverse().Select(level =>
                    (JsonNode)(HasAttention("decoder.up", level) ? "AttnUpDecoderBlock2D" : "UpDecoderBlock2D"))]),
            ["block_out_channels"] = new JsonArray(
                [.. Enumerable.Range(0, _levels).Select(level => (JsonNode)_part.Size($"encoder.down.{level}.block.0.conv1.weight", 0))]),
            ["layers_per_block"] = _layers,
            ["act_fn"] = "silu",
            ["latent_channels"] = width,
            ["norm_num_groups"] = 32,
            ["scaling_factor"] = scale,
        };
        if (!_part.Has("encoder.mid.attn_1.q.weight"))
        {
            config["mid_block_add_attention"] = false;
        }

        if (Quantised)
        {
            config["num_vq_embeddings"] = _part.Size(Codebook, 0);
            config["vq_embed_dim"] = LatentChannels;
        }

        return config;
    }

    private bool HasAttention(string side, int level) => _part.Has($"{side}.{level}.attn.0.q.weight");
}
