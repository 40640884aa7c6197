using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Which pixels or positions of k-space a problem uses.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Measured">Row-major, true where used.</param>
/// <param name="OfMeasurement">Whether its planes are the measurement's, and not those between two parts of a composition.</param>
internal sealed record UsedMask(int Rows, int Columns, bool[] Measured, bool OfMeasurement)
{
    /// <summary>The mask of a checked problem, of a composition the last one; null where there is none.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="image">(channels, height, width) of its image.</param>
    /// <param name="parts">Its arrays.</param>
    public static UsedMask? Of(Problem problem, long[] image, ProblemParts parts)
    {
        if (problem is not Composition composition) return parts.Mask is { } mask ? new((int)image[1], (int)image[2], mask, OfMeasurement: true) : null;
        UsedMask? last = null;
        for (int i = 0; i < composition.Parts.Count; i++)
        {
            if (Of(composition.Parts[i], image, parts.Parts![i]) is { } used) last = used with { OfMeasurement = i == composition.Parts.Count - 1 };
            image = ProblemShapes.Measurement(composition.Parts[i], image);
        }

        return last;
    }

    /// <summary>As an image, 1 where used: (1, height, width), or of frames with masks of their own (frames, 1, height, width).</summary>
    public static ArrayData? Together(IReadOnlyList<UsedMask?> frames)
    {
        if (frames[0] is not { } first) return null;
        if (frames.All(frame => frame!.Measured.AsSpan().SequenceEqual(first.Measured))) return Image(first);
        return FrameStack.Stack([.. frames.Select(frame => Image(frame!))]);
    }

    private static ArrayData Image(UsedMask mask) => new([1, mask.Rows, mask.Columns], Array.ConvertAll(mask.Measured, measured => measured ? 1f : 0f));
}
