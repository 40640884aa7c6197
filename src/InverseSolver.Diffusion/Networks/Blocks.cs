using InverseSolver.Diffusion.Weights;

namespace InverseSolver.Diffusion.Networks;

/// <summary>One level on the way down: residual blocks, each perhaps with a mixer behind it, and perhaps a step to half the size.</summary>
internal sealed class DownBlock
{
    internal required ResnetBlock2D[] Resnets { get; init; }

    /// <summary>One for each residual block, or empty.</summary>
    internal ISpatialMixer[] Mixers { get; init; } = [];

    internal Downsample2D? Downsample { get; init; }

    /// <summary>A residual block that halves the size, in place of <see cref="Downsample"/>.</summary>
    internal ResnetBlock2D? DownsampleResnet { get; init; }

    /// <param name="h">(N, C, H, W); left as it is.</param>
    /// <param name="time">Time embedding.</param>
    /// <param name="context">Context of the transformers.</param>
    /// <param name="skips">Receives every intermediate result, in the caller's scope; null where they are not needed.</param>
    internal Tensor Forward(Tensor h, Tensor? time, Tensor? context, Stack<Tensor>? skips)
    {
        Tensor start = h;
        for (int i = 0; i < Resnets.Length; i++)
        {
            h = Next(h, Resnets[i].Forward(h, time), dispose: skips is null && !ReferenceEquals(h, start));
            if (Mixers.Length > 0)
            {
                h = Next(h, Mixers[i].Forward(h, context), dispose: true);
            }

            skips?.Push(h);
        }

        if (Downsample is not null || DownsampleResnet is not null)
        {
            h = Next(h, Downsample?.Forward(h) ?? DownsampleResnet!.Forward(h, time), dispose: skips is null);
            skips?.Push(h);
        }

        return h;
    }

    private static Tensor Next(Tensor before, Tensor after, bool dispose)
    {
        if (dispose)
        {
            before.Dispose();
        }

        return after;
    }
}

/// <summary>The lowest level: a residual block, then mixers (or none) and residual blocks in turn.</summary>
internal sealed class MidBlock(ResnetBlock2D[] resnets, ISpatialMixer?[] mixers)
{
    internal Tensor Forward(Tensor h, Tensor? time, Tensor? context)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        h = resnets[0].Forward(h, time);
        for (int i = 0; i < mixers.Length; i++)
        {
            h = resnets[i + 1].Forward(mixers[i]?.Forward(h, context) ?? h, time);
        }

        return h.MoveToOuterDisposeScope();
    }
}

/// <summary>One level on the way up: residual blocks that also see the results from the way down, mixers, and perhaps a step to twice the size.</summary>
internal sealed class UpBlock
{
    internal required ResnetBlock2D[] Resnets { get; init; }

    /// <summary>One for each residual block, or empty.</summary>
    internal ISpatialMixer[] Mixers { get; init; } = [];

    internal Upsample2D? Upsample { get; init; }

    /// <summary>A residual block that doubles the size, in place of <see cref="Upsample"/>.</summary>
    internal ResnetBlock2D? UpsampleResnet { get; init; }

    /// <param name="h">(N, C, H, W); disposed.</param>
    /// <param name="time">Time embedding.</param>
    /// <param name="context">Context of the transformers.</param>
    /// <param name="skips">Results from the way down, the last one first; those used are disposed. Null in an autoencoder.</param>
    /// <param name="matchSkip">True where the step up goes to the size of the next skip rather than to twice the size.</param>
    internal Tensor Forward(Tensor h, Tensor? time, Tensor? context, Stack<Tensor>? skips, bool matchSkip = false)
    {
        for (int i = 0; i < Resnets.Length; i++)
        {
            if (skips is not null)
            {
                h = Joined(h, skips.Pop());
            }

            h = Next(h, Resnets[i].Forward(h, time));
            if (Mixers.Length > 0)
            {
                h = Next(h, Mixers[i].Forward(h, context));
            }
        }

        if (Upsample is not null)
        {
            h = Next(h, Upsample.Forward(h, matchSkip && skips!.TryPeek(out Tensor? skip) ? (skip.size(2), skip.size(3)) : null));
        }
        else if (UpsampleResnet is not null)
        {
            h = Next(h, UpsampleResnet.Forward(h, time));
        }

        return h;
    }

    private static Tensor Joined(Tensor h, Tensor skip)
    {
        if (h.size(2) != skip.size(2) || h.size(3) != skip.size(3))
        {
            throw new ArgumentException(
                $"The network cannot run at this size: {h.size(2)}x{h.size(3)} does not match {skip.size(2)}x{skip.size(3)} on the way up.");
        }

        Tensor joined = torch.cat([h, skip], 1);
        h.Dispose();
        skip.Dispose();
        return joined;
    }

    private static Tensor Next(Tensor before, Tensor after)
    {
        before.Dispose();
        return after;
    }
}
