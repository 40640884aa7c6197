using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>From a problem as a caller writes it to its operator.</summary>
public static class ProblemOperators
{
    /// <summary>(channels, height, width) of the unknown image.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="measurement">y, (channels, height, width), or complex k-space (height, width).</param>
    /// <exception cref="InvalidInputException">The measurement has another number of dimensions, or a parameter is out of its range.</exception>
    public static long[] ImageShape(Problem problem, ArrayData measurement)
    {
        ProblemChecks.CheckParameters(problem, "problem");
        ProblemChecks.CheckArray(measurement, "files.measurement");
        if (measurement.IsComplex != problem.IsComplex)
        {
            throw new InvalidInputException(
                "files.measurement",
                problem.IsComplex ? "It is real; k-space is needed: a complex .npy (height, width)." : "It is complex; a real image is needed.");
        }

        if (measurement.Shape.Length != problem.Rank)
        {
            throw new InvalidInputException("files.measurement", $"Its shape is {ProblemChecks.Text(measurement.Shape)}; needed is {problem.ShapeText}.");
        }

        problem.CheckPlanes(measurement.Shape);
        return problem.ImageShape([.. measurement.Shape.Select(size => (long)size)]);
    }

    /// <summary>Checks a problem without building its operator.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="imageShape">(channels, height, width) of the unknown image.</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="measurement">y; null where it is to be simulated.</param>
    /// <param name="operatorFolder">Folder of the modules of <see cref="TorchScript"/>.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static void Validate(
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, string? operatorFolder = null) =>
        ProblemChecks.Check(problem, imageShape, files, measurement, operatorFolder);

    /// <summary>Checks a problem and builds its operator.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="imageShape">(channels, height, width) of the unknown image.</param>
    /// <param name="files">The problem's files by name.</param>
    /// <param name="measurement">y; null where it is to be simulated. A phase that is to be estimated from it is then 0.</param>
    /// <param name="device">Where the operator computes.</param>
    /// <param name="operatorFolder">Folder of the modules of <see cref="TorchScript"/>.</param>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static ForwardOperator Create(
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, Device device,
        string? operatorFolder = null) =>
        Create(problem, imageShape, ProblemChecks.Check(problem, imageShape, files, measurement, operatorFolder), measurement, device);

    /// <summary>The operator of a checked problem and its measurement, whose shape is not known before where it is a module's.</summary>
    internal static ForwardOperator Create(Problem problem, long[] imageShape, OperatorArrays arrays, ArrayData? measurement, Device device)
    {
        ForwardOperator op = problem.Operator(imageShape, arrays, device);
        if (measurement is null || measurement.Shape.Select(size => (long)size).SequenceEqual(op.Range)) return op;
        op.Dispose();
        throw new InvalidInputException(
            "files.measurement",
            $"Its shape is {ProblemChecks.Text(measurement.Shape)}; the module gives {ProblemChecks.Text(op.Range.Select(size => (int)size))}.");
    }
}
