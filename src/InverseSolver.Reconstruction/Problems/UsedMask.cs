namespace InverseSolver.Reconstruction.Problems;

/// <summary>The pixels or positions of k-space that a problem uses.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Measured">Row-major, true where used.</param>
/// <param name="OfMeasurement">True where its planes are the measurement's, false where they lie between two parts of a composition.</param>
internal sealed record UsedMask(int Rows, int Columns, bool[] Measured, bool OfMeasurement)
{
    /// <summary>The measured entries of a plane of the measurement, row-major; null where all are.</summary>
    public bool[]? OfEntries => OfMeasurement ? Measured : null;

    /// <summary>As an image, 1 where used: (1, height, width), or of frames with masks of their own (frames, 1, height, width).</summary>
    public static ArrayData? Together(IReadOnlyList<UsedMask?> frames)
    {
        if (frames[0] is not { } first) return null;
        if (frames.All(frame => frame!.Measured.AsSpan().SequenceEqual(first.Measured))) return Image(first);
        return FrameStack.Stack([.. frames.Select(frame => Image(frame!))]);
    }

    private static ArrayData Image(UsedMask mask) => new([1, mask.Rows, mask.Columns], Array.ConvertAll(mask.Measured, measured => measured ? 1f : 0f));
}
