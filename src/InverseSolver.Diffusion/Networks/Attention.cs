using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>Something that mixes all positions of a feature map, perhaps with a context.</summary>
internal interface ISpatialMixer
{
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="context">(N, L, D), where the mixer takes one.</param>
    public Tensor Forward(Tensor x, Tensor? context);
}

/// <summary>Multi-head attention of tokens (N, T, C) over a context (N, L, D) or over themselves.</summary>
internal sealed class Attention
{
    private readonly Linear _query, _key, _value, _output;
    private readonly int _heads;

    internal Attention(WeightScope w, int channels, int contextChannels, int heads, int headChannels, bool bias)
    {
        _heads = heads;
        int inner = heads * headChannels;

        // Up to version 0.15 the layers had other names.
        bool old = !w.Has("to_q.weight") && w.Has("query.weight");
        _query = new Linear(w.At(old ? "query" : "to_q"), channels, inner, bias);
        _key = new Linear(w.At(old ? "key" : "to_k"), contextChannels, inner, bias);
        _value = new Linear(w.At(old ? "value" : "to_v"), contextChannels, inner, bias);
        _output = new Linear(w.At(old ? "proj_attn" : "to_out.0"), inner, channels);
    }

    internal Tensor Forward(Tensor tokens, Tensor? context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        context ??= tokens;
        Tensor q = Split(_query.Forward(tokens)), k = Split(_key.Forward(context)), v = Split(_value.Forward(context));
        Tensor mixed = scaled_dot_product_attention(q, k, v);
        return _output.Forward(mixed.transpose(1, 2).flatten(2)).MoveToOuterDisposeScope();
    }

    // (N, T, heads * c) -> (N, heads, T, c)
    private Tensor Split(Tensor x) => x.reshape(x.size(0), x.size(1), _heads, x.size(2) / _heads).transpose(1, 2);
}

/// <summary>Self-attention over all positions of a feature map, with its own normalisation and a shortcut.</summary>
internal sealed class AttentionBlock : ISpatialMixer
{
    private readonly GroupNorm? _norm;
    private readonly Attention _attention;
    private readonly double _outputScale;

    /// <param name="w">The block's weights.</param>
    /// <param name="channels">C.</param>
    /// <param name="headChannels">Channels of one head.</param>
    /// <param name="groups">Groups of the normalisation.</param>
    /// <param name="eps">ε of the normalisation.</param>
    /// <param name="outputScale">The divisor of the sum with the shortcut.</param>
    /// <param name="normOptional">True where the normalisation may be absent from the weights.</param>
    internal AttentionBlock(WeightScope w, int channels, int headChannels, int groups, double eps, double outputScale = 1, bool normOptional = false)
    {
        int heads = channels / headChannels;
        if (heads == 0)
        {
            throw w.Error($"attention heads of {headChannels} channels do not fit into {channels} channels (attention_head_dim)");
        }

        bool absent = normOptional && !w.Has("group_norm.weight") && !w.Has("group_norm.bias");
        _norm = absent ? null : new GroupNorm(w.At("group_norm"), groups, channels, eps);
        _attention = new Attention(w, channels, channels, heads, headChannels, bias: true);
        _outputScale = outputScale;
    }

    public Tensor Forward(Tensor x, Tensor? context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor tokens = (_norm?.Forward(x) ?? x).flatten(2).transpose(1, 2);
        Tensor mixed = _attention.Forward(tokens, null).transpose(1, 2).reshape(x.shape);
        Tensor sum = mixed + x;
        return (_outputScale == 1 ? sum : sum / _outputScale).MoveToOuterDisposeScope();
    }
}
