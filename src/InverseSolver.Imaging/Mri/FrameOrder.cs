namespace InverseSolver.Imaging;

/// <summary>The images that a scan's lines belong to, in order: contrasts, phases, repetitions and sets, and within each the slices.</summary>
internal sealed class FrameOrder
{
    private readonly Dictionary<(int, int, int, int, int), int> _index = [];

    internal FrameOrder(IEnumerable<Acquisition> lines)
    {
        Dictionary<(int, int, int, int, int), Acquisition> first = [];
        foreach (Acquisition line in lines) first.TryAdd(Key(line), line);
        Lines = [.. first.OrderBy(pair => pair.Key).Select(pair => pair.Value)];
        foreach (Acquisition line in Lines) _index.Add(Key(line), _index.Count);
        Slices = [.. Lines.Select(line => line.Slice).Distinct().Order()];
    }

    /// <summary>For each image the line of it that comes first in the file.</summary>
    internal IReadOnlyList<Acquisition> Lines { get; }

    /// <summary>The slice counters that occur.</summary>
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
