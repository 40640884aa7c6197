using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Operators;

/// <summary>What must hold before an operator is built. No tensor is made here but for an estimated phase.</summary>
internal static class ProblemChecks
{
    /// <summary>Checks a problem with everything that belongs to it and gives the arrays that its operator needs.</summary>
    public static ProblemParts Check(
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement)
    {
        RecordValidation.Check(problem, "problem");
        if (problem is MotionBlur { Size: var side } && side % 2 == 0) throw new InvalidInputException("problem.size", "The kernel's size must be odd.");
        string owner = measurement is null ? "files.image" : "files.measurement";
        CheckImageShape(problem, imageShape, owner);
        CheckFiles(problem, files);
        ProblemParts parts = Parts(problem, imageShape[1], imageShape[2], files);
        if (measurement is null) return parts;
        CheckMeasurement(problem, imageShape, measurement, parts.Mask);
        return problem is CartesianMri { Phase: PhaseSource.Estimated }
            ? parts with { Phase = EstimatedPhase(measurement, parts.Mask!) }
            : parts;
    }

    /// <summary>Shape of y for an image.</summary>
    public static long[] MeasurementShape(Problem problem, long[] image) => problem switch
    {
        SuperResolution s => [image[0], image[1] / s.Factor, image[2] / s.Factor],
        CartesianMri => [image[1], image[2]],
        _ => image,
    };

    /// <summary>Sizes of at least 1, and as many values as they say.</summary>
    public static void CheckArray(ArrayData data, string field)
    {
        if (data.Shape.Length == 0 || data.Shape.Any(size => size < 1) || data.Values.LongLength != data.Count * (data.IsComplex ? 2 : 1))
        {
            throw new InvalidInputException(field, $"Its shape {Text(data.Shape)} does not agree with its {data.Values.Length} values.");
        }
    }

    public static string Text(IEnumerable<int> shape) => $"({string.Join(", ", shape)})";

    private static void CheckImageShape(Problem problem, long[] shape, string field)
    {
        if (shape.Length != 3) throw new InvalidInputException(field, "An image has channels, height and width.");
        if (shape[0] is not (1 or 3)) throw new InvalidInputException(field, $"An image has 1 or 3 channels, this one {shape[0]}.");
        if (problem is CartesianMri && shape[0] != 1) throw new InvalidInputException(field, "An MR image has 1 channel.");
        if (shape[1] < 1 || shape[2] < 1 || shape[1] > ProblemOperators.MaxSide || shape[2] > ProblemOperators.MaxSide)
        {
            throw new InvalidInputException(
                field, $"Height and width of the unknown image lie between 1 and {ProblemOperators.MaxSide}; here they are {shape[1]} and {shape[2]}.");
        }
        if (problem is SuperResolution s && (shape[1] % s.Factor != 0 || shape[2] % s.Factor != 0))
        {
            throw new InvalidInputException(field, $"Height {shape[1]} and width {shape[2]} must be multiples of the factor {s.Factor}.");
        }
    }

    private static void CheckFiles(Problem problem, IReadOnlyDictionary<string, ArrayData> files)
    {
        string[] needed = problem switch
        {
            Inpainting { Mask: UploadedMask } => ["mask"],
            PointSpread => ["psf"],
            CartesianMri m => [.. m.Mask is UploadedKSpaceMask ? ["mask"] : Array.Empty<string>(), .. m.Phase == PhaseSource.File ? ["phase"] : Array.Empty<string>()],
            _ => [],
        };
        foreach (string name in needed)
        {
            if (!files.TryGetValue(name, out ArrayData? file)) throw new InvalidInputException($"files.{name}", $"This problem needs the file '{name}'.");
            CheckArray(file, $"files.{name}");
            if (file.IsComplex) throw new InvalidInputException($"files.{name}", "Its values must be real.");
            if (!file.Values.All(float.IsFinite)) throw new InvalidInputException($"files.{name}", "It holds a value that is not a finite number.");
        }
        if (files.Keys.Except(needed).FirstOrDefault() is { } unused)
        {
            throw new InvalidInputException($"files.{unused}", "This problem uses no such file.");
        }
    }

    private static ProblemParts Parts(Problem problem, long height, long width, IReadOnlyDictionary<string, ArrayData> files) => problem switch
    {
        Inpainting p => new(Mask: SomethingMeasured(PixelMask(p.Mask, height, width, files), p.Mask is UploadedMask ? "files.mask" : "problem.mask")),
        MotionBlur b => new(Kernel: Grid(MotionKernel.Draw(b.Size, b.Intensity, b.Seed), b.Size, b.Size)),
        PointSpread => new(Kernel: PointSpreadKernel(files["psf"])),
        CartesianMri m => new(
            Mask: SomethingMeasured(KSpaceMask(m.Mask, height, width, files), "files.mask"),
            Phase: m.Phase == PhaseSource.File ? Plane(files["phase"], "files.phase", height, width) : null),
        _ => new(),
    };

    private static bool[] PixelMask(PixelMask mask, long height, long width, IReadOnlyDictionary<string, ArrayData> files)
    {
        switch (mask)
        {
            case BoxMask box:
                (long top, long left) = (box.Top ?? (height - box.Height) / 2, box.Left ?? (width - box.Width) / 2);
                if (box.Height > height) throw new InvalidInputException("problem.mask.height", $"The image has {height} rows, the box {box.Height}.");
                if (box.Width > width) throw new InvalidInputException("problem.mask.width", $"The image has {width} columns, the box {box.Width}.");
                if (top + box.Height > height) throw new InvalidInputException("problem.mask.top", $"The box ends at row {top + box.Height} of {height}.");
                if (left + box.Width > width) throw new InvalidInputException("problem.mask.left", $"The box ends at column {left + box.Width} of {width}.");
                return Masks.Box(height, width, top, left, box.Height, box.Width);
            case RandomMask random:
                return Masks.Random(height, width, random.Fraction, random.Seed);
            default:
                return Array.ConvertAll(Plane(files["mask"], "files.mask", height, width), value => value > 0.5f);
        }
    }

    private static bool[] KSpaceMask(KSpaceMask mask, long height, long width, IReadOnlyDictionary<string, ArrayData> files)
    {
        bool[]? lines = mask switch
        {
            RandomKSpaceMask random => Masks.RandomLines(width, random.Acceleration, random.CentreFraction, random.Seed),
            EquispacedKSpaceMask spaced => Masks.EquispacedLines(width, spaced.Acceleration, spaced.CentreFraction),
            _ when files["mask"].Shape is [var size] && size == width => Array.ConvertAll(files["mask"].Values, value => value > 0.5f),
            _ => null,
        };
        if (lines is null && mask is not UploadedKSpaceMask)
        {
            throw new InvalidInputException(
                "problem.mask.centreFraction", $"The centre alone has more lines than the acceleration allows of {width}; lower one of the two.");
        }
        if (lines is null && files["mask"].Shape is [var length])
        {
            throw new InvalidInputException("files.mask", $"It has {length} lines; k-space has {width} columns.");
        }
        if (lines is null) return Array.ConvertAll(Plane(files["mask"], "files.mask", height, width), value => value > 0.5f);
        var plane = new bool[height * width];
        for (long row = 0; row < height; row++) lines.CopyTo(plane, row * width);
        return plane;
    }

    private static bool[] SomethingMeasured(bool[] mask, string field) =>
        mask.Contains(true) ? mask : throw new InvalidInputException(field, "The mask leaves nothing measured.");

    private static double[,] PointSpreadKernel(ArrayData psf)
    {
        float[] plane = Plane(psf, "files.psf", psf.Shape[^Math.Min(2, psf.Shape.Length)], psf.Shape[^1]);
        int rows = psf.Shape[^2], columns = psf.Shape[^1];
        if (rows > ProblemOperators.MaxKernelSide || columns > ProblemOperators.MaxKernelSide)
        {
            throw new InvalidInputException("files.psf", $"It has at most {ProblemOperators.MaxKernelSide} rows and columns.");
        }
        double[] values = Array.ConvertAll(plane, value => (double)value);
        double sum = values.Sum();
        // A kernel that nearly cancels would be blown up by the scaling.
        if (sum <= 1e-3 * values.Sum(Math.Abs)) throw new InvalidInputException("files.psf", "The sum of its values must be above 0.");
        return Grid(Array.ConvertAll(values, value => value / sum), rows, columns);
    }

    /// <summary>An array (height, width), or (channels, height, width) with equal channels, as decoded images are.</summary>
    private static float[] Plane(ArrayData file, string field, long height, long width)
    {
        int rank = file.Shape.Length, plane = (int)(height * width);
        if (rank is not (2 or 3) || file.Shape[^2] != height || file.Shape[^1] != width)
        {
            throw new InvalidInputException(field, rank is 2 or 3
                ? $"Its height and width are {file.Shape[^2]} and {file.Shape[^1]}; needed are {height} and {width}."
                : $"Its shape {Text(file.Shape)} is not (height, width).");
        }
        for (int i = plane; i < file.Values.Length; i++)
        {
            if (file.Values[i] != file.Values[i % plane]) throw new InvalidInputException(field, "Its channels differ; one channel is needed.");
        }
        return file.Values[..plane];
    }

    private static double[,] Grid(double[] values, int rows, int columns)
    {
        var grid = new double[rows, columns];
        for (int i = 0; i < values.Length; i++) grid[i / columns, i % columns] = values[i];
        return grid;
    }

    private static void CheckMeasurement(Problem problem, long[] image, ArrayData measurement, bool[]? mask)
    {
        CheckArray(measurement, "files.measurement");
        bool complex = problem is CartesianMri;
        int[] needed = [.. MeasurementShape(problem, image).Select(size => (int)size)];
        if (!measurement.Shape.SequenceEqual(needed)) throw new InvalidInputException("files.measurement", $"Its shape is {Text(measurement.Shape)}; needed is {Text(needed)}.");

        // What was not measured may hold anything. (Files that come over HTTP or from the command line are finite throughout: their reader sees to it.)
        int parts = complex ? 2 : 1;
        for (int i = 0; i < measurement.Values.Length; i++)
        {
            if (!float.IsFinite(measurement.Values[i]) && (mask is null || mask[i / parts % mask.Length]))
            {
                throw new InvalidInputException("files.measurement", "It holds a measured value that is not a finite number.");
            }
        }
        CheckScale(measurement, image);
    }

    // The model's images are on [0,1]; the orthonormal Fourier transform of one is at most the root of its size. Sixteen times that is no noise.
    private static void CheckScale(ArrayData measurement, long[] image)
    {
        double largest = measurement.Values.Where(float.IsFinite).Select(value => Math.Abs((double)value)).DefaultIfEmpty().Max();
        double scale = measurement.IsComplex ? Math.Sqrt(image[1] * image[2]) : 1;
        if (largest > 16 * scale)
        {
            throw new InvalidInputException("files.measurement", measurement.IsComplex
                ? $"Its largest value is {largest:g4}; k-space of an image on [0,1], by the orthonormal transform, has none above {scale:g4}. Scale it."
                : $"Its largest value is {largest:g4}; images in .npy are on [0,1]. Scale it (8-bit values: divide by 255).");
        }
    }

    private static float[] EstimatedPhase(ArrayData measurement, bool[] mask) =>
        PhaseEstimate.FromCentre(measurement, mask) ?? throw new InvalidInputException(
            "problem.phase", "The centre of k-space is not measured fully, so no phase can be estimated from it.");
}
