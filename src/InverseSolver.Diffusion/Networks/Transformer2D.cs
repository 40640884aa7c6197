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
    private readonly GroupNorm norm;
    private readonly Linear? linearIn, linearOut;
    private readonly Conv2d? convIn, convOut;
    private readonly TransformerBlock[] blocks;

    internal Transformer2D(WeightScope w, int channels, int heads, int layers, bool onlyCrossAttention, TransformerOptions options)
    {
        int headChannels = channels / heads;
        if (headChannels == 0)
        {
            throw w.Error($"{channels} channels cannot be split into {heads} attention heads");
        }

        int inner = heads * headChannels;
        norm = new GroupNorm(w.At("norm"), options.Groups, channels, NormEps);
        if (options.LinearProjection)
        {
            linearIn = new Linear(w.At("proj_in"), channels, inner);
            linearOut = new Linear(w.At("proj_out"), inner, channels);
        }
        else
        {
            convIn = new Conv2d(w.At("proj_in"), channels, inner, 1);
            convOut = new Conv2d(w.At("proj_out"), inner, channels, 1);
        }

        blocks = [.. Enumerable.Range(0, layers).Select(i =>
            new TransformerBlock(w.At("transformer_blocks", i), inner, heads, headChannels, options.ContextChannels, onlyCrossAttention))];
    }

    public Tensor Forward(Tensor x, Tensor? context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = norm.Forward(x);
        h = convIn is null ? linearIn!.Forward(Tokens(h)) : Tokens(convIn.Forward(h));
        foreach (TransformerBlock block in blocks)
        {
            h = block.Forward(h, context!);
        }

        h = convOut is null ? Map(linearOut!.Forward(h), x) : convOut.Forward(Map(h, x));
        return (h + x).MoveToOuterDisposeScope();
    }

    private static Tensor Tokens(Tensor map) => map.flatten(2).transpose(1, 2);

    private static Tensor Map(Tensor tokens, Tensor like) => tokens.transpose(1, 2).reshape(tokens.size(0), tokens.size(2), like.size(2), like.size(3));
}

/// <summary>Self-attention, attention over the context, and a gated feed-forward layer, each with a shortcut.</summary>
internal sealed class TransformerBlock
{
    private readonly LayerNorm norm1, norm2, norm3;
    private readonly Attention attention1, attention2;
    private readonly Linear gate, output;
    private readonly bool onlyCrossAttention;

    internal TransformerBlock(WeightScope w, int channels, int heads, int headChannels, int contextChannels, bool onlyCrossAttention)
    {
        this.onlyCrossAttention = onlyCrossAttention;
        norm1 = new LayerNorm(w.At("norm1"), channels);
        attention1 = new Attention(w.At("attn1"), channels, onlyCrossAttention ? contextChannels : channels, heads, headChannels, bias: false);
        norm2 = new LayerNorm(w.At("norm2"), channels);
        attention2 = new Attention(w.At("attn2"), channels, contextChannels, heads, headChannels, bias: false);
        norm3 = new LayerNorm(w.At("norm3"), channels);
        gate = new Linear(w.At("ff.net.0.proj"), channels, 8 * channels);
        output = new Linear(w.At("ff.net.2"), 4 * channels, channels);
    }

    internal Tensor Forward(Tensor x, Tensor context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor h = attention1.Forward(norm1.Forward(x), onlyCrossAttention ? context : null) + x;
        h = attention2.Forward(norm2.Forward(h), context) + h;
        Tensor[] parts = gate.Forward(norm3.Forward(h)).chunk(2, -1);
        return (output.Forward(parts[0] * gelu(parts[1])) + h).MoveToOuterDisposeScope();
    }
}
