using System.Globalization;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli.Demo;

/// <summary>One slice with one problem.</summary>
/// <param name="ProblemName">The problem's name in <see cref="StandardProblems"/>.</param>
/// <param name="Problem">The problem.</param>
/// <param name="Slice">The slice's name.</param>
/// <param name="Truth">The slice, (1, height, width) on [0,1].</param>
/// <param name="Seed">Seed of mask, noise and solver.</param>
internal sealed record DemoJob(string ProblemName, Problem Problem, string Slice, ArrayData Truth, long Seed)
{
    /// <summary>Standard problems that the demonstration solves.</summary>
    internal static IReadOnlyList<string> Problems { get; } = ["randomInpainting", "gaussianDeblurring", "superResolution4", "mri4"];

    internal string Name => $"{ProblemName}-{Slice}";

    /// <summary>Every problem on one of the slices in turn, or on every slice.</summary>
    /// <param name="volume">A magnitude volume of a head.</param>
    /// <param name="slices"><c>plane</c> for the middle slice, or <c>plane:index</c>.</param>
    /// <param name="problems">Names of problems.</param>
    /// <param name="everySlice">Whether every problem is solved on every slice.</param>
    /// <param name="seed">The first job's seed; the others count on.</param>
    internal static DemoJob[] Plan(Volume volume, IReadOnlyList<string> slices, IReadOnlyList<string> problems, bool everySlice, long seed)
    {
        var head = new BrainSlices(volume);
        (string Name, ArrayData Image)[] images = [.. slices.Select(slice => Prepare(volume, head, slice))];
        return [.. Enumerable.Range(0, problems.Count * (everySlice ? images.Length : 1)).Select(i =>
        {
            string problem = problems[everySlice ? i / images.Length : i];
            (string slice, ArrayData image) = images[i % images.Length];
            return new DemoJob(problem, StandardProblems.Get(problem, seed + i), slice, image, seed + i);
        })];
    }

    private static (string Name, ArrayData Image) Prepare(Volume volume, BrainSlices head, string slice)
    {
        string[] parts = slice.Split(':');
        int index = -1;
        if (parts.Length > 2 || !Enum.TryParse(parts[0], ignoreCase: true, out Plane plane) || !Enum.IsDefined(plane)
            || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)))
        {
            throw new CommandException($"'{slice}' is no slice: axial, coronal or sagittal was expected, with or without :index.");
        }

        int count = volume.SliceCount(plane);
        index = parts.Length == 2 ? index : count / 2;
        if (index < 0 || index >= count)
        {
            throw new CommandException($"'{slice}' is no slice of this volume: its {parts[0]} slices are 0 to {count - 1}.");
        }

        Image image = head.Prepare(plane, index);
        return ($"{plane.ToString().ToLowerInvariant()}{index}", new ArrayData([image.Channels, image.Height, image.Width], image.Values));
    }
}
