using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>
/// Sequences: a stack of frames or slices with one more, leading, dimension than a single measurement has. Every frame is a problem of its own with its own
/// seed; a file with as many planes as there are frames has one for each.
/// </summary>
internal static class FrameStack
{
    /// <summary>True where a measurement is a stack, be it of one frame.</summary>
    public static bool IsStack(Problem problem, ArrayData measurement) => measurement.Shape.Length == problem.Rank + 1;

    /// <summary>A request for each frame. Reads the arrays' shapes only after it has checked them.</summary>
    /// <exception cref="InvalidInputException">The truth has another number of frames, or an array's shape does not agree with its values.</exception>
    public static IReadOnlyList<ReconstructionRequest> Split(ReconstructionRequest request)
    {
        ProblemChecks.CheckArray(request.Measurement, "files.measurement");
        if (!IsStack(request.Problem, request.Measurement))
        {
            return [request];
        }

        int count = request.Measurement.Shape[0];
        if (request.Truth is { } truth)
        {
            ProblemChecks.CheckArray(truth, "files.truth");
            if (truth.Shape is not [var given, _, _, _] || given != count)
            {
                throw new InvalidInputException(
                    "files.truth",
                    $"Its shape is {ProblemChecks.Text(truth.Shape)}; the measurement is a stack of {count} frames, "
                        + $"so the truth is ({count}, channels, height, width).");
            }
        }

        foreach ((string name, ArrayData file) in request.Files)
        {
            ProblemChecks.CheckArray(file, $"files.{name}");
        }

        return [.. Enumerable.Range(0, count).Select(i => request with
        {
            Measurement = request.Measurement.Frame(i),
            Files = request.Files.ToDictionary(file => file.Key, file => IsForFrames(file.Key, file.Value, count) ? file.Value.Frame(i) : file.Value),
            Truth = request.Truth is { } whole ? whole.Frame(i) : null,
            Seed = Seed(request.Seed, i),
        })];
    }

    /// <summary>
    /// True where frames share their operator: nothing of it comes from the measurement (with counted photons its weights do) or from a file with a plane
    /// for each frame.
    /// </summary>
    public static bool ShareOperator(ReconstructionRequest request) =>
        !request.Problem.DependsOnMeasurement && request.Photons is null
        && !request.Files.Any(file => IsForFrames(file.Key, file.Value, request.Measurement.Shape[0]));

    /// <summary>Seed of a frame; the first one has the request's own, the others one that JSON numbers hold exactly everywhere.</summary>
    public static long Seed(long seed, int frame) => frame == 0 ? seed : unchecked(seed + frame * 0x632BE59BD9B4E019) & ((1L << 53) - 1);

    /// <summary>Frames as a stack.</summary>
    public static ArrayData Stack(IReadOnlyList<ArrayData> frames) =>
        new([frames.Count, .. frames[0].Shape], [.. frames.SelectMany(frame => frame.Values)], frames[0].IsComplex);

    // Maps and calibration data have a plane for each coil besides.
    private static bool IsForFrames(string name, ArrayData file, int frames) =>
        file.Shape.Length == (name is "maps" or "calibration" ? 4 : 3) && file.Shape[0] == frames && frames > 1;
}
