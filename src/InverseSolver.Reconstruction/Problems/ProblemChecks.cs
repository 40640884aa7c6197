namespace InverseSolver.Reconstruction.Problems;

/// <summary>Checks that all problems have in common. No tensor is made here.</summary>
internal static class ProblemChecks
{
    /// <summary>Largest height or width of an unknown image.</summary>
    public const int MaxSide = 4096;

    // Orders of magnitude above the scale of the model's images: no noise.
    private const double LargestValue = 16;

    /// <summary>Checks a problem with everything that belongs to it and gives the arrays that its operator is made of.</summary>
    public static OperatorArrays Check(
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, string? operatorFolder = null)
    {
        CheckParameters(problem, "problem");
        CheckImageShape(problem, imageShape, measurement is null ? "files.image" : "files.measurement", "problem");
        return problem.Check(new ProblemInputs(imageShape, files, measurement, operatorFolder));
    }

    /// <summary>Checks a problem by itself, without its measurement.</summary>
    public static void CheckParameters(Problem problem, string field)
    {
        RecordValidation.Check(problem, field);
        problem.CheckParameters(field);
    }

    /// <summary>Sizes of at least 1, and as many values as they say.</summary>
    public static void CheckArray(ArrayData data, string field)
    {
        if (data.Shape.Length == 0 || data.Shape.Any(size => size < 1) || data.Values.LongLength != data.Count * (data.IsComplex ? 2 : 1))
        {
            throw new InvalidInputException(field, $"Its shape {Text(data.Shape)} does not agree with its {data.Values.Length} values.");
        }
    }

    /// <summary>A shape in brackets.</summary>
    public static string Text(IEnumerable<int> shape) => $"({string.Join(", ", shape)})";

    /// <summary>Checks the shape of the unknown image.</summary>
    public static void CheckImageShape(Problem problem, long[] shape, string field, string problemField)
    {
        if (shape.Length != 3) throw new InvalidInputException(field, "An image has channels, height and width.");
        if (shape[0] is not (1 or 3))
        {
            throw new InvalidInputException(
                field, $"An image has 1 or 3 channels, this one {shape[0]}. A stack of frames has the shape (frames, channels, height, width).");
        }

        if (shape[1] < 1 || shape[2] < 1 || shape[1] > MaxSide || shape[2] > MaxSide)
        {
            throw new InvalidInputException(
                field, $"Height and width of the unknown image lie between 1 and {MaxSide}; here they are {shape[1]} and {shape[2]}.");
        }

        problem.CheckImage(shape, field, problemField);
    }

    /// <summary>Checks that the problem's files are there, real and finite.</summary>
    public static void CheckFiles(Problem problem, IReadOnlyDictionary<string, ArrayData> files)
    {
        foreach (string name in problem.Files)
        {
            if (!files.TryGetValue(name, out ArrayData? file)) throw new InvalidInputException($"files.{name}", $"This problem needs the file '{name}'.");
            CheckArray(file, $"files.{name}");
            if (file.IsComplex) throw new InvalidInputException($"files.{name}", "Its values must be real.");
            if (!file.Values.All(float.IsFinite)) throw new InvalidInputException($"files.{name}", "It holds a value that is not a finite number.");
        }
    }

    /// <summary>Checks that there are no files but those that the problem needs, and those that it draws itself, as a simulation's archive has them.</summary>
    public static void CheckOtherFiles(Problem problem, ProblemInputs inputs, OperatorArrays arrays)
    {
        foreach (string name in inputs.Files.Keys.Except(problem.Files))
        {
            ArrayData drawn = problem.Drawn(inputs.Image, arrays).FirstOrDefault(one => one.Name == name).Array
                ?? throw new InvalidInputException($"files.{name}", "This problem uses no such file.");
            CheckDrawn(inputs.Files[name], name, drawn);
        }
    }

    /// <summary>Checks that a file is the array that the problem draws.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">Its name: <c>mask</c>, of which values above 0.5 are equal, or <c>psf</c>.</param>
    /// <param name="drawn">The drawn array.</param>
    /// <exception cref="InvalidInputException">They differ.</exception>
    public static void CheckDrawn(ArrayData file, string name, ArrayData drawn)
    {
        bool isMask = name == "mask";
        if (!file.IsComplex && file.Shape.SequenceEqual(drawn.Shape)
            && file.Values.Zip(drawn.Values).All(pair => isMask ? pair.First > 0.5f == pair.Second > 0.5f : pair.First == pair.Second))
        {
            return;
        }

        throw new InvalidInputException(
            $"files.{name}",
            $"It is not the {name} of shape {Text(drawn.Shape)} that the problem draws by its own parameters. Send the problem that the measurement was "
                + $"simulated with, or one that uses the file: {(isMask ? "\"mask\": {\"type\": \"file\"}" : "\"type\": \"pointSpread\"")}.");
    }

    /// <summary>Checks a measurement of the right number of dimensions.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="image">(channels, height, width) of its image.</param>
    /// <param name="measurement">y.</param>
    /// <param name="mask">The measured entries of a plane; null: all.</param>
    public static void CheckMeasurement(Problem problem, long[] image, ArrayData measurement, bool[]? mask)
    {
        CheckArray(measurement, "files.measurement");
        int[] needed = [.. problem.MeasurementShape(image).Select(size => (int)size)];
        if (problem.KnowsShape && !measurement.Shape.SequenceEqual(needed))
        {
            throw new InvalidInputException("files.measurement", $"Its shape is {Text(measurement.Shape)}; needed is {Text(needed)}.");
        }

        // What was not measured may hold anything. (Files that come over HTTP or from the command line are finite throughout: their reader sees to it.)
        int parts = problem.IsComplex ? 2 : 1;
        for (int i = 0; i < measurement.Values.Length; i++)
        {
            if (!float.IsFinite(measurement.Values[i]) && (mask is null || mask[i / parts % mask.Length]))
            {
                throw new InvalidInputException("files.measurement", "It holds a measured value that is not a finite number.");
            }
        }

        CheckScale(problem, measurement, image);
    }

    /// <summary>A mask that leaves something measured.</summary>
    public static bool[] SomethingMeasured(bool[] mask, string field) => mask.Contains(true) ? mask
        : throw new InvalidInputException(field, "The mask leaves nothing measured: values above 0.5, in a picture of 8 bits above 127, are measured.");

    /// <summary>A mask as an array (height, width), 1 where measured.</summary>
    public static ArrayData MaskImage(long[] image, bool[] mask) =>
        new([(int)image[1], (int)image[2]], Array.ConvertAll(mask, measured => measured ? 1f : 0f));

    /// <summary>An array (height, width), or (channels, height, width) with equal channels, as decoded images are.</summary>
    public static float[] Plane(ArrayData file, string field, long height, long width)
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

    /// <summary>Values, row-major, as a grid.</summary>
    public static double[,] Grid(double[] values, int rows, int columns)
    {
        var grid = new double[rows, columns];
        for (int i = 0; i < values.Length; i++) grid[i / columns, i % columns] = values[i];
        return grid;
    }

    // The model's images are on [0,1], and an orthonormal transform of one is at most the root of its size.
    private static void CheckScale(Problem problem, ArrayData measurement, long[] image)
    {
        double largest = measurement.Values.Where(float.IsFinite).Select(value => Math.Abs((double)value)).DefaultIfEmpty().Max();
        double scale = problem.IsImage ? 1 : Math.Sqrt(image[1] * image[2]);
        if (largest > LargestValue * scale)
        {
            throw new InvalidInputException("files.measurement", problem.IsImage
                ? $"Its largest value is {largest:g4}; images are on [0,1]. Scale it (8-bit values: divide by 255)."
                : $"Its largest value is {largest:g4}; of an image on [0,1] no value is above {scale:g4}. Scale it.");
        }
    }
}
