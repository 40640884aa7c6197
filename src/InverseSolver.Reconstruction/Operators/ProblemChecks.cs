using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>What must hold before an operator is built. No tensor is made here but for an estimated phase.</summary>
internal static class ProblemChecks
{
    /// <summary>Largest height or width of an unknown image.</summary>
    public const int MaxSide = 4096;

    /// <summary>Largest height or width of an uploaded point-spread function.</summary>
    public const int MaxKernelSide = 511;

    /// <summary>Checks a problem with everything that belongs to it and gives the arrays that its operator needs.</summary>
    public static ProblemParts Check(
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, string? operatorFolder = null)
    {
        CheckParameters(problem, "problem");
        if (problem is ParallelMri parallel)
        {
            CheckImageShape(problem, imageShape, measurement is null ? "files.image" : "files.measurement", "problem");
            // What a simulation needs besides, it checks itself: its files are others.
            return measurement is null ? new() : new(Mask: ParallelMriChecks.Check(parallel, imageShape, files, measurement));
        }

        CheckImageShape(problem, imageShape, measurement is null ? "files.image" : "files.measurement", "problem");
        CheckFiles(problem, files);
        ProblemParts parts = Parts(problem, imageShape, files, "problem");
        if (problem is TorchScript module) parts = parts with { ModuleFile = ModuleFile(module.Module, operatorFolder) };
        if (measurement is null) return parts;
        CheckMeasurement(problem, imageShape, measurement, parts.Parts is { } inner ? inner[^1].Mask : parts.Mask);
        return problem switch
        {
            CartesianMri { Phase: PhaseSource.Estimated } => parts with { Phase = EstimatedPhase(measurement, parts.Mask!) },
            HighDynamicRange h => parts with { Censored = Censored(measurement, 0, 1, h.Margin) },
            Clipping c => parts with { Censored = Censored(measurement, c.Low, c.High, c.Margin) },
            _ => parts,
        };
    }

    /// <summary>Checks what a problem says by itself, its measurement aside.</summary>
    public static void CheckParameters(Problem problem, string field)
    {
        RecordValidation.Check(problem, field);
        switch (problem)
        {
            case MotionBlur { Size: var side } when side % 2 == 0:
                throw new InvalidInputException($"{field}.size", "The kernel's size must be odd.");
            case ComputedTomography ct when ct.EndDegrees <= ct.StartDegrees:
                throw new InvalidInputException($"{field}.endDegrees", "The angles end above their start.");
            case ComputedTomography { Window: { } window } when window.High <= window.Low:
                throw new InvalidInputException($"{field}.window.high", "The window's upper end lies above its lower one.");
            case CompressedSensing { Transform: SensingTransform.Cosine, Height: not null }:
                throw new InvalidInputException($"{field}.height", "The cosine transform has the image's own size.");
            case CompressedSensing { Transform: SensingTransform.Cosine, Width: not null }:
                throw new InvalidInputException($"{field}.width", "The cosine transform has the image's own size.");
            case Clipping c when c.High - c.Low <= 2 * c.Margin:
                throw new InvalidInputException($"{field}.high", "The upper limit lies above the lower one by more than two margins.");
            case Composition c:
                CheckComposition(c, field);
                break;
        }
    }

    /// <summary>Sizes of at least 1, and as many values as they say.</summary>
    public static void CheckArray(ArrayData data, string field)
    {
        if (data.Shape.Length == 0 || data.Shape.Any(size => size < 1) || data.Values.LongLength != data.Count * (data.IsComplex ? 2 : 1))
        {
            throw new InvalidInputException(field, $"Its shape {Text(data.Shape)} does not agree with its {data.Values.Length} values.");
        }
    }

    public static string Text(IEnumerable<int> shape) => $"({string.Join(", ", shape)})";

    private static void CheckComposition(Composition composition, string field)
    {
        var names = new HashSet<string>();
        for (int i = 0; i < composition.Parts.Count; i++)
        {
            Problem part = composition.Parts[i];
            string at = $"{field}.parts[{i}]";
            CheckParameters(part, at);
            if (part is Composition) throw new InvalidInputException(at, "A composition holds no other composition; write its parts one after the other.");
            if (!part.IsLinear) throw new InvalidInputException(at, "Only linear problems can be composed.");
            if (ProblemShapes.IsComplex(part) && i < composition.Parts.Count - 1) throw new InvalidInputException(at, "Only the last part may give complex values.");
            if (part is ParallelMri) throw new InvalidInputException(at, "Multi-coil MRI is prepared from its measurement and stands alone.");
            if (part is CartesianMri { Phase: PhaseSource.Estimated }) throw new InvalidInputException($"{at}.phase", "Within a composition no phase can be estimated.");
            if (ProblemShapes.Files(part).FirstOrDefault(name => !names.Add(name)) is { } twice) throw new InvalidInputException(at, $"Only one part can use the file '{twice}'.");
        }
    }

    private static void CheckImageShape(Problem problem, long[] shape, string field, string problemField)
    {
        if (shape.Length != 3) throw new InvalidInputException(field, "An image has channels, height and width.");
        if (shape[0] is not (1 or 3)) throw new InvalidInputException(field, $"An image has 1 or 3 channels, this one {shape[0]}. A stack of frames has the shape (frames, channels, height, width).");
        if (problem is CartesianMri or ParallelMri && shape[0] != 1) throw new InvalidInputException(field, "An MR image has 1 channel.");
        if (shape[1] < 1 || shape[2] < 1 || shape[1] > MaxSide || shape[2] > MaxSide)
        {
            throw new InvalidInputException(
                field, $"Height and width of the unknown image lie between 1 and {MaxSide}; here they are {shape[1]} and {shape[2]}.");
        }
        if (problem is SuperResolution s && (shape[1] % s.Factor != 0 || shape[2] % s.Factor != 0))
        {
            throw new InvalidInputException(field, $"Height {shape[1]} and width {shape[2]} must be multiples of the factor {s.Factor}.");
        }
        if (problem is Colourisation && shape[0] != 3) throw new InvalidInputException(field, "Colourisation is of images with 3 channels.");
        if (problem is Jpeg && (shape[1] % 8 != 0 || shape[2] % 8 != 0)) throw new InvalidInputException(field, $"Height {shape[1]} and width {shape[2]} must be multiples of 8.");
        if (problem is PhaseRetrieval p && ((p.Oversampling - 1) * shape[1] % 2 != 0 || (p.Oversampling - 1) * shape[2] % 2 != 0))
        {
            throw new InvalidInputException(field, $"What an oversampling of {p.Oversampling} adds to height {shape[1]} and width {shape[2]} must be even.");
        }
        if (problem is CompressedSensing { Transform: SensingTransform.Hadamard } cs)
        {
            long[] padded = SensingOperator.Coefficients(cs, shape[1], shape[2]);
            if ((cs.Height ?? padded[0]) != shape[1]) throw new InvalidInputException($"{problemField}.height", $"The image has {shape[1]} rows.");
            if ((cs.Width ?? padded[1]) != shape[2]) throw new InvalidInputException($"{problemField}.width", $"The image has {shape[2]} columns.");
        }
        if (problem is ComputedTomography ct)
        {
            if (shape[1] != shape[2]) throw new InvalidInputException(field, $"Tomography is of square images; this one has {shape[1]} rows and {shape[2]} columns.");
            if (shape[1] * shape[2] * ct.Angles > TomographyOperator.MaxSamples)
            {
                throw new InvalidInputException($"{problemField}.angles", $"Pixels times angles are at most {TomographyOperator.MaxSamples}; with {shape[1]} x {shape[2]} pixels that is {TomographyOperator.MaxSamples / (shape[1] * shape[2])} angles.");
            }
        }
        if (problem is Composition c)
        {
            for (int i = 0; i < c.Parts.Count; i++)
            {
                string at = $"{problemField}.parts[{i}]";
                CheckImageShape(c.Parts[i], shape, i == 0 ? field : c.Parts[i] is SuperResolution ? $"{at}.factor" : at, at);
                shape = ProblemShapes.Measurement(c.Parts[i], shape);
            }
        }
    }

    private static void CheckFiles(Problem problem, IReadOnlyDictionary<string, ArrayData> files)
    {
        string[] needed = ProblemShapes.Files(problem);
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

    private static ProblemParts Parts(Problem problem, long[] image, IReadOnlyDictionary<string, ArrayData> files, string field)
    {
        (long height, long width) = (image[1], image[2]);
        switch (problem)
        {
            case Inpainting p:
                return new(Mask: SomethingMeasured(PixelMask(p.Mask, height, width, files, field), p.Mask is UploadedMask ? "files.mask" : $"{field}.mask"));
            case MotionBlur b:
                return new(Kernel: Grid(MotionKernel.Draw(b.Size, b.Intensity, b.Seed), b.Size, b.Size));
            case PointSpread:
                return new(Kernel: PointSpreadKernel(files["psf"]));
            case CartesianMri m:
                return new(
                    Mask: SomethingMeasured(KSpaceMask(m.Mask, height, width, files, field), "files.mask"),
                    Phase: m.Phase == PhaseSource.File ? Plane(files["phase"], "files.phase", height, width) : null);
            case Composition c:
                var parts = new List<ProblemParts>();
                for (int i = 0; i < c.Parts.Count; i++)
                {
                    parts.Add(Parts(c.Parts[i], image, files, $"{field}.parts[{i}]"));
                    image = ProblemShapes.Measurement(c.Parts[i], image);
                }

                return new(Parts: parts);
            default:
                return new();
        }
    }

    private static bool[] PixelMask(PixelMask mask, long height, long width, IReadOnlyDictionary<string, ArrayData> files, string field)
    {
        switch (mask)
        {
            case BoxMask box:
                (long top, long left) = (box.Top ?? (height - box.Height) / 2, box.Left ?? (width - box.Width) / 2);
                if (box.Height > height) throw new InvalidInputException($"{field}.mask.height", $"The image has {height} rows, the box {box.Height}.");
                if (box.Width > width) throw new InvalidInputException($"{field}.mask.width", $"The image has {width} columns, the box {box.Width}.");
                if (top + box.Height > height) throw new InvalidInputException($"{field}.mask.top", $"The box ends at row {top + box.Height} of {height}.");
                if (left + box.Width > width) throw new InvalidInputException($"{field}.mask.left", $"The box ends at column {left + box.Width} of {width}.");
                return Masks.Box(height, width, top, left, box.Height, box.Width);
            case RandomMask random:
                return Masks.Random(height, width, random.Fraction, random.Seed);
            default:
                return Array.ConvertAll(Plane(files["mask"], "files.mask", height, width), value => value > 0.5f);
        }
    }

    /// <summary>A mask, row-major over k-space.</summary>
    public static bool[] KSpaceMask(KSpaceMask mask, long height, long width, IReadOnlyDictionary<string, ArrayData> files, string field)
    {
        bool[]? lines = mask switch
        {
            not UploadedKSpaceMask => KSpaceMasks.Draw(mask, height, width, $"{field}.mask"),
            // (width), with any dimensions of size 1: fastMRI writes (1, 1, width, 1).
            _ when files["mask"].Count == width && files["mask"].Shape.Count(size => size != 1) <= 1 => Array.ConvertAll(files["mask"].Values, value => value > 0.5f),
            _ => null,
        };
        if (lines is null && files["mask"].Shape is [var length])
        {
            throw new InvalidInputException("files.mask", $"It has {length} lines; k-space has {width} columns.");
        }
        if (lines is null) return Array.ConvertAll(Plane(files["mask"], "files.mask", height, width), value => value > 0.5f);
        if (mask is PoissonDiscKSpaceMask { Lines: false }) return lines;
        var plane = new bool[height * width];
        for (long row = 0; row < height; row++) lines.CopyTo(plane, row * width);
        return plane;
    }

    private static bool[] SomethingMeasured(bool[] mask, string field) =>
        mask.Contains(true) ? mask : throw new InvalidInputException(field, "The mask leaves nothing measured: values above 0.5, in a picture of 8 bits above 127, are measured.");

    private static double[,] PointSpreadKernel(ArrayData psf)
    {
        float[] plane = Plane(psf, "files.psf", psf.Shape[^Math.Min(2, psf.Shape.Length)], psf.Shape[^1]);
        int rows = psf.Shape[^2], columns = psf.Shape[^1];
        if (rows > MaxKernelSide || columns > MaxKernelSide)
        {
            throw new InvalidInputException("files.psf", $"It has at most {MaxKernelSide} rows and columns.");
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
        bool complex = ProblemShapes.IsComplex(problem);
        int[] needed = [.. ProblemShapes.Measurement(problem, image).Select(size => (int)size)];
        if (problem is not TorchScript && !measurement.Shape.SequenceEqual(needed)) throw new InvalidInputException("files.measurement", $"Its shape is {Text(measurement.Shape)}; needed is {Text(needed)}.");

        // What was not measured may hold anything. (Files that come over HTTP or from the command line are finite throughout: their reader sees to it.)
        int parts = complex ? 2 : 1;
        for (int i = 0; i < measurement.Values.Length; i++)
        {
            if (!float.IsFinite(measurement.Values[i]) && (mask is null || mask[i / parts % mask.Length]))
            {
                throw new InvalidInputException("files.measurement", "It holds a measured value that is not a finite number.");
            }
        }
        CheckScale(problem, measurement, image);
    }

    // The model's images are on [0,1], and an orthonormal transform of one is at most the root of its size. Sixteen times that is no noise.
    private static void CheckScale(Problem problem, ArrayData measurement, long[] image)
    {
        bool isImage = problem is Denoising or Inpainting or SuperResolution or GaussianBlur or MotionBlur or PointSpread;
        double largest = measurement.Values.Where(float.IsFinite).Select(value => Math.Abs((double)value)).DefaultIfEmpty().Max();
        double scale = isImage ? 1 : Math.Sqrt(image[1] * image[2]);
        if (largest > 16 * scale)
        {
            throw new InvalidInputException("files.measurement", isImage
                ? $"Its largest value is {largest:g4}; images are on [0,1]. Scale it (8-bit values: divide by 255)."
                : $"Its largest value is {largest:g4}; of an image on [0,1] no value is above {scale:g4}. Scale it.");
        }
    }

    private static sbyte[] Censored(ArrayData measurement, double low, double high, double margin)
    {
        sbyte[] censored = ClippingOperator.Censored(measurement.Values, low, high, margin);
        return censored.Contains((sbyte)0) ? censored : throw new InvalidInputException("files.measurement", "All of its values are clipped.");
    }

    private static string ModuleFile(string name, string? folder)
    {
        string file = Path.Combine(folder ?? string.Empty, name + ".pt");
        return folder is not null && File.Exists(file) ? file : throw new InvalidInputException("problem.module", "There is no such operator here.");
    }

    private static float[] EstimatedPhase(ArrayData measurement, bool[] mask) =>
        PhaseEstimate.FromCentre(measurement, mask) ?? throw new InvalidInputException(
            "problem.phase", "The centre of k-space is not measured fully, so no phase can be estimated from it.");
}
