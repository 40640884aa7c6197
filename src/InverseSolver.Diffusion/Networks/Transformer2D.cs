using InverseSolver.Diffusion.Weights;
using static InverseSolver.Diffusion.Networks.LayerFunctions;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The options that all transformers of a network share.</summary>
/// <param name="ContextChannels">D of the context.</param>
/// <param name="Groups">Groups of the first normalisation.</param>
/// <param name="LinearProjection">True where the projections in and out are stored as matrices instead of 1x1 convolutions.</param>
internal sealed record TransformerOptions(int ContextChannels, int Groups, bool LinearProjection);

/// <summary>Transformer blocks over all positions of a feature map, with a context.</summary>
internal sealed class Transformer2D : ISpatialMixer
{
    private const double NormEps = 1e-6;
    private readonly GroupNorm _norm;
    private readonly Linear? _linearIn, _linearOut;
    private readonly Conv2d? _convIn, _convOut;
    private readonly TransformerBlock[] _blocks;

    internal Transformer2D(WeightScope w, int channels, int heads, int layers, bool onlyCrossAttention, TransformerOptions options)
    {
        int headChannels = channels / heads;
        if (headChannels == 0)
        {
            throw w.Error($"{channels} channels cannot be split into {heads} attention heads");
        }

        int inner = heads * headChannels;
        _norm = new GroupNorm(w.At("norm"), options.Groups, channels, NormEps);
        if (options.LinearProjection)
        {
            _linearIn = new Linear(w.At("proj_in"), channels, inner);
            _linearOut = new Linear(w.At("proj_out"), inner, channels);
        }
        else
        {
            _convIn = new Conv2d(w.At("proj_in"), channels, inner, 1);
            _convOut = new Conv2d(w.At("proj_out"), inner, channels, 1);
        }

        _blocks = [.. Enumerable.Range(0, layers).Select(i =>
            new TransformerBlock(w.At("transformer_blocks", i), inner, heads, headChannels, options.ContextChannels, onlyCrossAttention))];
    }

    public Tensor Forward(Tensor x, Tensor? context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = _norm.Forward(x);
        h = _convIn is null ? _linearIn!.Forward(Tokens(h)) : Tokens(_convIn.Forward(h));
        foreach (TransformerBlock block in _blocks)
        {
            h = block.Forward(h, context!);
        }

        h = _convOut is null ? Map(_linearOut!.Forward(h), x) : _convOut.Forward(Map(h, x));
        return (h + x).MoveToOuterDisposeScope();
    }

    private static Tensor Tokens(Tensor map) => map.flatten(2).transpose(1, 2);

    private static Tensor Map(Tensor tokens, Tensor like) => tokens.transpose(1, 2).reshape(tokens.size(0), tokens.size(2), like.size(2), like.size(3));
}

/// <summary>Self-attention, attention over the context, and a gated feed-forward layer, each with a shortcut.</summary>
internal sealed class TransformerBlock
{
    private readonly LayerNorm _norm1, _norm2, _norm3;
    private readonly Attention _attention1, _attention2;
    private readonly Linear _gate, _output;
    private readonly bool _onlyCrossAttention;

    internal TransformerBlock(WeightScope w, int channels, int heads, int headChannels, int contextChannels, bool onlyCrossAttention)
    {
        _onlyCrossAttention = onlyCrossAttention;
        _norm1 = new LayerNorm(w.At("norm1"), channels);
        _attention1 = new Attention(w.At("attn1"), channels, onlyCrossAttention ? contextChannels : channels, heads, headChannels, bias: false);
        _norm2 = new LayerNorm(w.At("norm2"), channels);
        _attention2 = new Attention(w.At("attn2"), channels, contextChannels, heads, headChannels, bias: false);
        _norm3 = new LayerNorm(w.At("norm3"), channels);
        _gate = new Linear(w.At("ff.net.0.proj"), channels, 8 * channels);
        _output = new Linear(w.At("ff.net.2"), 4 * channels, channels);
    }

    internal Tensor Forward(Tensor x, Tensor context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = _attention1.Forward(_norm1.Forward(x), _onlyCrossAttention ? context : null) + x;
        h = _attention2.Forward(_norm2.Forward(h), context) + h;
        Tensor[] parts = _gate.Forward(_norm3.Forward(h)).chunk(2, -1);
        return (_output.Forward(parts[0] * gelu(parts[1])) + h).MoveToOuterDisposeScope();
    }
}
