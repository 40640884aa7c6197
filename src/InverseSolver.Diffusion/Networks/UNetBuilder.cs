using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>The blocks of one level of a network.</summary>
/// <param name="Type">The block's class name in the config.</param>
/// <param name="Layers">Residual blocks on the way down; the way up has one more.</param>
/// <param name="HeadChannels">Channels of a head of plain attention.</param>
/// <param name="Heads">Heads of a transformer.</param>
/// <param name="TransformerLayers">Blocks in each transformer.</param>
/// <param name="OnlyCrossAttention">True where the first attention of a transformer looks at the context too.</param>
internal sealed record Level(string Type, int Layers, int HeadChannels, int Heads = 1, int TransformerLayers = 1, bool OnlyCrossAttention = false);

/// <summary>Builds the levels that both UNet classes share, by the class names in their configs.</summary>
internal sealed class UNetBuilder(WeightScope root, int[] channels, ResnetOptions options)
{
    internal static readonly string[] PlainDown = ["DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"];
    internal static readonly string[] PlainUp = ["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"];

    internal required int DownsamplePadding { get; init; }

    /// <summary>True where levels with plain attention change the size by a residual block.</summary>
    internal bool AttentionDownByResnet { get; init; }

    internal bool AttentionUpByResnet { get; init; }

    /// <summary>Set for the levels that change the size by a residual block of their own.</summary>
    internal double ResizingOutputScale { get; init; } = 1;

    internal bool ResizingSkipTimeActivation { get; init; }

    internal TransformerOptions? Transformers { get; init; }

    /// <summary>Reads a list of block names and refuses those that are not supported.</summary>
    internal static string[] ReadTypes(NetworkConfig config, string option, int levels, string[] fallback, params string[] allowed)
    {
        string[] types = config.Texts(option, fallback);
        if (types.FirstOrDefault(t => !allowed.Contains(t)) is { } unknown)
        {
            throw config.Error(option, $"names {InvalidModelException.Quote(unknown)}, which is not supported (only {string.Join(", ", allowed)})");
        }

        return types.Length == levels ? types : throw config.Error(option, $"names {types.Length} blocks, but block_out_channels has {levels}");
    }

    internal DownBlock[] Down(Level[] levels) => [.. levels.Select((level, i) =>
    {
        WeightScope w = root.At("down_blocks", i);
        int inChannels = channels[Math.Max(0, i - 1)], outChannels = channels[i];
        ResnetOptions o = OptionsOf(level);
        bool last = i == levels.Length - 1;
        bool byResnet = level.Type == "ResnetDownsampleBlock2D" || (level.Type == "AttnDownBlock2D" && AttentionDownByResnet);
        return new DownBlock
        {
            Resnets = [.. Enumerable.Range(0, level.Layers).Select(j =>
                new ResnetBlock2D(w.At("resnets", j), j == 0 ? inChannels : outChannels, outChannels, o))],
            Mixers = [.. Enumerable.Range(0, level.Layers).Select(j => Mixer(w.At("attentions", j), level, outChannels)).OfType<ISpatialMixer>()],
            Downsample = last || byResnet ? null : new Downsample2D(w.At("downsamplers.0"), outChannels, DownsamplePadding),
            DownsampleResnet = !last && byResnet ? new ResnetBlock2D(w.At("downsamplers.0"), outChannels, outChannels, o, Resize.Half) : null,
        };
    })];

    /// <param name="levels">The levels on the way up, the lowest first; <see cref="Level.Layers"/> counts as on the way down.</param>
    internal UpBlock[] Up(Level[] levels) => [.. levels.Select((level, i) =>
    {
        WeightScope w = root.At("up_blocks", i);
        int[] reversed = [.. channels.Reverse()];
        int previous = reversed[Math.Max(0, i - 1)], outChannels = reversed[i], skipBelow = reversed[Math.Min(i + 1, reversed.Length - 1)];
        ResnetOptions o = OptionsOf(level);
        int count = level.Layers + 1;
        bool last = i == levels.Length - 1;
        bool byResnet = level.Type == "ResnetUpsampleBlock2D" || (level.Type == "AttnUpBlock2D" && AttentionUpByResnet);
        return new UpBlock
        {
            Resnets = [.. Enumerable.Range(0, count).Select(j => new ResnetBlock2D(
                w.At("resnets", j), (j == 0 ? previous : outChannels) + (j == count - 1 ? skipBelow : outChannels), outChannels, o))],
            Mixers = [.. Enumerable.Range(0, count).Select(j => Mixer(w.At("attentions", j), level, outChannels)).OfType<ISpatialMixer>()],
            Upsample = last || byResnet ? null : new Upsample2D(w.At("upsamplers.0"), outChannels),
            UpsampleResnet = !last && byResnet ? new ResnetBlock2D(w.At("upsamplers.0"), outChannels, outChannels, o, Resize.Double) : null,
        };
    })];

    private ResnetOptions OptionsOf(Level level) => level.Type is "ResnetDownsampleBlock2D" or "ResnetUpsampleBlock2D"
        ? options with { OutputScale = ResizingOutputScale, SkipTimeActivation = ResizingSkipTimeActivation }
        : options;

    private ISpatialMixer? Mixer(WeightScope w, Level level, int width) => level.Type switch
    {
        "AttnDownBlock2D" or "AttnUpBlock2D" => new AttentionBlock(w, width, level.HeadChannels, options.Groups, options.Eps),
        "CrossAttnDownBlock2D" or "CrossAttnUpBlock2D" =>
            new Transformer2D(w, width, level.Heads, level.TransformerLayers, level.OnlyCrossAttention, Transformers!),
        _ => null,
    };
}
