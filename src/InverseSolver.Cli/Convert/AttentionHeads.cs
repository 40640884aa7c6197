namespace InverseSolver.Cli.Convert;

/// <summary>
/// The heads of a denoiser's attention, which do not follow from the shapes of its weights: a number of heads, or a number of channels for each head.
/// </summary>
internal sealed record AttentionHeads(int? Heads, int? Channels)
{
    internal int Of(int width, CheckpointPart part)
    {
        int heads = Heads ?? width / Channels!.Value;
        return heads > 0 && width % heads == 0 && (Channels is null || heads * Channels == width)
            ? heads
            : throw part.Strange($"attention over {width} channels cannot be split into {this} (--heads, --head-channels)");
    }

    public override string ToString() => Heads is not null ? $"{Heads} head{(Heads == 1 ? "" : "s")}" : $"heads of {Channels} channels";
}
