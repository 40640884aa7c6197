using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>
/// The forms in which the same is sent: grey images with three equal channels, masks of other numbers than 0 and 1 or with dimensions of size 1. They are
/// brought to the one that problems take, and a remark names what can be read in two ways.
/// </summary>
internal static class InputForms
{
    // Of what a mask counts as measured, a larger share that is exactly 0 is no measurement.
    private const double LargestEmpty = 0.05;

    // ITU-R BT.601.
    private const float Red = 0.299f, Green = 0.587f, Blue = 0.114f;

    // Lossy files leave grey pixels a step or two from grey.
    private const float GreyTolerance = 2.01f / 255;

    // Gaussian noise of a million values stays within so many standard deviations.
    private const double Deviations = 6;

    // Values so near to 0 and 1 are rounding, or a filter's overshoot.
    private const double Overshoot = 0.05;

    // 12 bits in a file of 16.
    private const double Dark = 0.0626;

    // Root mean squares that images on [0,1] have; one that is white throughout has 1.
    private const double LeastRms = 0.01, MostRms = 1;

    /// <summary>A request in the form that the model takes; what was done is added to its warnings.</summary>
    /// <exception cref="InvalidInputException">An image is coloured, the model is for grey ones, and its luminance was not asked for.</exception>
    public static ReconstructionRequest Suited(ModelInfo model, ReconstructionRequest request)
    {
        var remarks = new List<string>(request.Warnings);
        ArrayData measurement = request.Measurement;
        ArrayData? truth = request.Truth;
        if (model.Channels == 1 || request.Problem.GreyMeasurement is not null)
        {
            if (request.Problem.IsImage) measurement = Grey(measurement, "measurement", request.Luminance, Purpose(model, request.Problem), remarks);
            if (model.Channels == 1 && truth is not null)
            {
                truth = Grey(truth, "truth", request.Luminance, $"the model '{model.Id}' is for images with 1", remarks);
            }
        }

        Dictionary<string, ArrayData> files = Files(request.Problem, request.Files, measurement, remarks);
        return request with { Measurement = measurement, Truth = truth, Files = files, Warnings = remarks };
    }

    /// <summary>The files in the form that the problem takes.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="files">Its files.</param>
    /// <param name="measurement">What the mask is of; null where it is still to be made.</param>
    /// <param name="remarks">Gets what was done.</param>
    public static Dictionary<string, ArrayData> Files(
        Problem problem, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, List<string> remarks)
    {
        Dictionary<string, ArrayData> suited = files.ToDictionary(
            file => file.Key, file => file.Key is "mask" or "psf" or "phase" ? Plain(file.Value) : file.Value);
        if (!suited.TryGetValue("mask", out ArrayData? mask) || mask.IsComplex || !IsWhole(mask)) return suited;
        bool isKSpace = measurement?.IsComplex == true;
        if (isKSpace && files["mask"].Shape is [var length, 1] && measurement!.Shape[^1] == length && measurement.Shape[^2] == length)
        {
            throw new InvalidInputException(
                "files.mask",
                $"Its shape ({length}, 1) may stand for {length} rows or for {length} columns of k-space: "
                    + $"send ({length}) for columns, or ({length}, {length}).");
        }

        suited["mask"] = mask = Binary(mask, remarks);
        if (mask.Values.All(value => value > 0.5f))
        {
            remarks.Add(
                $"The mask leaves nothing out: everything{(problem.HasAnyUnit ? " that is not 0" : string.Empty)} counts as measured. "
                    + "White (above 0.5) is measured, black is missing.");
        }
        else if (measurement is not null && IsInverted(mask, measurement))
        {
            remarks.Add(
                "All values that the mask counts as measured are 0, and others are not: it seems to be inverted. "
                    + "White (above 0.5) is measured, black is missing.");
        }
        else if (isKSpace && Empty(mask, measurement!) is > LargestEmpty and var empty)
        {
            remarks.Add(
                FormattableString.Invariant($"k-space is 0 in {empty:p0} of what the mask counts as measured: ")
                    + $"{(problem.HasAnyUnit ? "that is not used" : "the result is held to these zeros")}. "
                    + "The image is wrong if the mask is another scan's, is turned, has its centre in a corner, or if zeros were filled in.");
        }

        return suited;
    }

    // The share of the mask's measured positions where all of k-space is 0.
    private static double Empty(ArrayData mask, ArrayData kSpace)
    {
        int plane = kSpace.Shape[^2] * kSpace.Shape[^1], columns = kSpace.Shape[^1], period = mask.Values.Length;
        // Lines, or positions of one plane for all frames.
        if (!IsWhole(kSpace) || (period != columns && period != plane)) return 0;
        bool[] there = ParallelMriChecks.NotZero(kSpace);
        int[] wanted = [.. Enumerable.Range(0, plane).Where(i => mask.Values[i % period] > 0.5f)];
        return wanted.Length == 0 ? 0 : (double)wanted.Count(i => !there[i]) / wanted.Length;
    }

    /// <summary>A grey image of three channels as one of one channel; anything else as it is.</summary>
    /// <param name="array">(3, height, width) or (frames, 3, height, width).</param>
    /// <param name="name">The file's.</param>
    /// <param name="luminance">Whether a coloured image becomes its luminance; else it is refused. Null: there is no choice.</param>
    /// <param name="purpose">Why one channel is needed.</param>
    /// <param name="remarks">Gets what was done.</param>
    /// <exception cref="InvalidInputException">The image is coloured.</exception>
    public static ArrayData Grey(ArrayData array, string name, bool? luminance, string purpose, List<string> remarks)
    {
        if (array.IsComplex || array.Shape.Length is not (3 or 4) || array.Shape[^3] != 3 || !IsWhole(array)) return array;
        int plane = array.Shape[^2] * array.Shape[^1];
        float[] grey = new float[array.Values.Length / 3];
        float apart = 0;
        for (int i = 0; i < grey.Length; i++)
        {
            int at = (i / plane * 3 * plane) + (i % plane);
            (float red, float green, float blue) = (array.Values[at], array.Values[at + plane], array.Values[at + (2 * plane)]);
            apart = Math.Max(apart, Math.Max(red, Math.Max(green, blue)) - Math.Min(red, Math.Min(green, blue)));
            // Of equal ones no rounding.
            grey[i] = red == green && green == blue ? red : (Red * red) + (Green * green) + (Blue * blue);
        }

        if (apart > GreyTolerance && luminance is not true)
        {
            throw new InvalidInputException(
                $"files.{name}",
                $"It has 3 channels, which differ, and {purpose}. Send a grey image"
                    + $"{(luminance is null ? string.Empty : ", or ask for its luminance (luminance: true, on the command line --luminance)")}.");
        }

        remarks.Add(apart == 0 ? $"The {name} has three equal channels, of which one is used."
            : apart > GreyTolerance ? $"The {name} is coloured; its luminance, 0.299 R + 0.587 G + 0.114 B, is used."
            : FormattableString.Invariant($"The {name} has three channels that differ by at most {apart:0.####}; their luminance is used."));
        return array with { Shape = [.. array.Shape[..^3], 1, .. array.Shape[^2..]], Values = grey };
    }

    /// <summary>Remark on a measurement that is not on the scale of the model's images; null where there is none.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="frames">Measurement and mask of each frame; the mask is row-major, null where all is measured.</param>
    /// <param name="noise">The noise.</param>
    public static string? Scale(Problem problem, IEnumerable<(ArrayData Measurement, bool[]? Mask)> frames, NoiseReport noise)
    {
        if (problem is CartesianMri)
        {
            (double squares, long pixels) = frames.Aggregate(
                (0.0, 0L),
                (sum, frame) => (sum.Item1 + frame.Measurement.Values.Sum(value => (double)value * value), sum.Item2 + frame.Measurement.Count));
            double rms = Math.Sqrt(squares / pixels), most = double.Hypot(MostRms, noise.Sigma * Math.Sqrt(2));
            return rms <= most && rms >= LeastRms ? null
                : FormattableString.Invariant($"The measurement's energy is that of an image whose root mean square is {rms:g3}; ")
                    + "k-space of an image on [0,1] is assumed, and it is solved as it is. "
                    + "If its image is on another scale, divide it by the image's largest value.";
        }

        if (!problem.IsImage) return null;
        double deviation = double.Hypot(noise.Sigma, noise.Photons is { } photons ? 1 / Math.Sqrt(photons) : 0);
        return Scale("measurement", "solved", frames, Math.Max(Overshoot, Deviations * deviation), mayBeDark: problem is HighDynamicRange);
    }

    /// <summary>The same of a clean image that is to be measured.</summary>
    public static string? ImageScale(ArrayData image) => Scale("image", "measured", [(image, null)], Overshoot, mayBeDark: true);

    /// <summary>The same of a truth.</summary>
    public static string? TruthScale(Problem problem, ArrayData truth)
    {
        // Of multi-coil data it is in any unit, and brought to its own peak.
        if (problem.HasAnyUnit) return null;
        (float low, float high) = Range([(truth, null)]);
        return low >= -Overshoot && high <= 1 + Overshoot ? null
            : FormattableString.Invariant($"The truth's values lie from {low:g4} to {high:g4}; the result is compared with it as an image on [0,1].");
    }

    private static string? Scale(string what, string how, IEnumerable<(ArrayData Measurement, bool[]? Mask)> frames, double margin, bool mayBeDark)
    {
        (float low, float high) = Range(frames);
        if (low >= -margin && high <= 1 + margin && (high > Dark || mayBeDark)) return null;
        string remedy = low < -margin && low >= -1 - margin && high <= 1 + margin ? "If it is on [-1,1], send (x + 1) / 2."
            : low < -margin ? "Subtract its lowest value and divide by its largest one."
            : high > 1 + margin ? "If 1 is not its white, divide it by what is."
            : "If 1 is not its white (12 bits in a file of 16 end at 0.0625), divide it by what is.";
        return FormattableString.Invariant(
            $"The {what}'s values lie from {low:g4} to {high:g4}; an image on [0,1] is assumed, and it is {how} as it is. {remedy}");
    }

    private static (float Low, float High) Range(IEnumerable<(ArrayData Measurement, bool[]? Mask)> frames)
    {
        (float low, float high) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach ((ArrayData array, bool[]? mask) in frames)
        {
            for (int i = 0; i < array.Values.Length; i++)
            {
                if (mask is null || mask[i % mask.Length]) (low, high) = (Math.Min(low, array.Values[i]), Math.Max(high, array.Values[i]));
            }
        }

        return (low, high);
    }

    private static string Purpose(ModelInfo model, Problem problem) =>
        problem.GreyMeasurement ?? $"the model '{model.Id}' is for images with 1";

    // Without dimensions of size 1 before rows and columns.
    private static ArrayData Plain(ArrayData file)
    {
        int lead = Math.Max(0, file.Shape.Length - 2);
        return file.Shape.Take(lead).Contains(1) ? file with { Shape = [.. file.Shape[..lead].Where(size => size != 1), .. file.Shape[lead..]] } : file;
    }

    // Of two values, 0 and a small one, the latter is measured: a file of 8 bits that holds 0 and 1.
    private static ArrayData Binary(ArrayData mask, List<string> remarks)
    {
        float largest = mask.Values.Max();
        if (largest is not (> 0 and <= 0.5f) || mask.Values.Any(value => value != 0 && value != largest)) return mask;
        remarks.Add(FormattableString.Invariant($"The mask's values are 0 and {largest:g3}: the latter counts as measured."));
        return mask with { Values = Array.ConvertAll(mask.Values, value => value == 0 ? 0f : 1f) };
    }

    private static bool IsInverted(ArrayData mask, ArrayData measurement)
    {
        int parts = measurement.IsComplex ? 2 : 1, period = mask.Values.Length;
        // A mask for each frame has its planes in the measurement's order where there is one channel.
        if (!IsWhole(measurement) || (mask.Shape.Length > 2 ? measurement.Count != period : measurement.Count % period != 0)) return false;
        bool others = false;
        for (int i = 0; i < measurement.Values.Length; i++)
        {
            if (measurement.Values[i] == 0) continue;
            if (mask.Values[i / parts % period] > 0.5f) return false;
            others = true;
        }

        return others;
    }

    private static bool IsWhole(ArrayData array) => array.Values.Length > 0 && array.Values.LongLength == array.Count * (array.IsComplex ? 2 : 1);
}
