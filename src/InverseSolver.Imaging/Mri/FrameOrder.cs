namespace InverseSolver.Imaging;

/// <summary>
/// The images that a scan's lines belong to, in order: contrasts, phases, repetitions and sets, and within each the slices in the order of their positions.
/// </summary>
internal sealed class FrameOrder
{
    private readonly Dictionary<(int, int, int, int, int), int> _index = [];

    internal FrameOrder(IsmrmrdScan scan)
    {
        Dictionary<(int, int, int, int, int), Acquisition> first = [];
        foreach (Acquisition line in scan.Image) first.TryAdd(Key(line), line);
        // The partitions of a 3-D scan follow the turned direction, and slabs follow their partitions.
        Slices = SliceGeometry.InSpace(first.Values, scan.IsTurned && scan.Encoding.Encoded.Z.Size > 1);
        if (!Slices.Order().SequenceEqual(Slices)) scan.Routine.Add("The slices are in the order of their positions, not of the file's counters.");
        Lines = [.. first.Values.OrderBy(line => (line.Contrast, line.Phase, line.Repetition, line.Set)).ThenBy(SliceOf)];
        foreach (Acquisition line in Lines) _index.Add(Key(line), _index.Count);
        Details = scan.Header.Sequence.Describe(Lines, scan.Remarks);
    }

    /// <summary>For each image, its first line in the file.</summary>
    internal IReadOnlyList<Acquisition> Lines { get; }

    /// <summary>For each image, its details from the header.</summary>
    internal IReadOnlyList<FrameDetails?> Details { get; }

    /// <summary>The slice counters that occur, in the order of the slices' places.</summary>
    internal IReadOnlyList<int> Slices { get; }

    internal int Of(Acquisition line) => _index[Key(line)];

    internal int SliceOf(Acquisition line)
    {
        for (int i = 0; i < Slices.Count; i++)
            if (Slices[i] == line.Slice) return i;
        return -1;
    }

    private static (int, int, int, int, int) Key(Acquisition line) => (line.Contrast, line.Phase, line.Repetition, line.Set, line.Slice);
}
