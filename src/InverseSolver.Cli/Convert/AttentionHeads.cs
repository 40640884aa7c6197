namespace InverseSolver.Cli.Convert;

/// <summary>How a denoiser's attention is split into heads, which no shape of its weights tells: so many heads everywhere, or heads of so many channels.</summary>
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
