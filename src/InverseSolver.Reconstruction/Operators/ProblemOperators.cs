using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>From a problem as a caller writes it to its operator.</summary>
public static class ProblemOperators
{
    /// <summary>(channels, height, width) of the unknown image.</summary>
    /// <param name="problem">The forward model.</param>
    /// <param name="measurement">y, (channels, height, width), or complex k-space (height, width).</param>
    /// <exception cref="InvalidInputException">The measurement has not that many dimensions, or a parameter is out of its range.</exception>
    public static long[] ImageShape(Problem problem, ArrayData measurement)
    {
        ProblemChecks.CheckParameters(problem, "problem");
        ProblemChecks.CheckArray(measurement, "files.measurement");
        bool complex = ProblemShapes.IsComplex(problem);
        if (measurement.IsComplex != complex)
        {
            throw new InvalidInputException("files.measurement", complex ? "It is real; k-space is needed: a complex .npy (height, width)." : "It is complex; a real image is needed.");
        }

        if (measurement.Shape.Length != ProblemShapes.Rank(problem) && problem is ParallelMri)
        {
            string one = ProblemShapes.Rank(problem) == 3 ? "coils, rows, columns" : "coils, samples";
            throw new InvalidInputException("files.measurement", $"Its shape is {ProblemChecks.Text(measurement.Shape)}; needed is ({one}), for a volume (slices, {one}).");
        }

        if (measurement.Shape.Length != ProblemShapes.Rank(problem))
        {
            throw new InvalidInputException(
                "files.measurement", $"Its shape is {ProblemChecks.Text(measurement.Shape)}; needed is {(complex ? "(height, width)" : "(height, width) or (channels, height, width)")}, for a stack of frames {(complex ? "(frames, height, width)" : "(frames, channels, height, width)")}.");
        }
        if (problem is CodedDiffraction coded && measurement.Shape[0] % coded.Masks != 0)
        {
            throw new InvalidInputException("files.measurement", $"It has {measurement.Shape[0]} planes; {coded.Masks} masks give one for each of them and each channel.");
        }
        return ProblemShapes.Image(problem, [.. measurement.Shape.Select(size => (long)size)]);
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
        Problem problem, long[] imageShape, IReadOnlyDictionary<string, ArrayData> files, ArrayData? measurement, Device device, string? operatorFolder = null) =>
        Create(problem, imageShape, ProblemChecks.Check(problem, imageShape, files, measurement, operatorFolder), measurement, device);

    /// <summary>The operator of a checked problem and its measurement, whose shape of a module's is known only now.</summary>
    internal static ForwardOperator Create(Problem problem, long[] imageShape, ProblemParts parts, ArrayData? measurement, Device device)
    {
        ForwardOperator op = Build(problem, imageShape, parts, device);
        if (measurement is null || measurement.Shape.Select(size => (long)size).SequenceEqual(op.Range)) return op;
        op.Dispose();
        throw new InvalidInputException("files.measurement", $"Its shape is {ProblemChecks.Text(measurement.Shape)}; the module gives {ProblemChecks.Text(op.Range.Select(size => (int)size))}.");
    }

    /// <summary>The operator of a checked problem.</summary>
    internal static ForwardOperator Build(Problem problem, long[] imageShape, ProblemParts parts, Device device)
    {
        (long channels, long height, long width) = (imageShape[0], imageShape[1], imageShape[2]);
        return problem switch
        {
            Denoising => MaskOperator.Denoising(channels, height, width, device),
            Inpainting => new MaskOperator(channels, height, width, parts.Mask!, device),
            SuperResolution s => SeparableOperator.Downsampling(channels, height, width, s.Factor, s.Kernel, device),
            GaussianBlur b => SeparableOperator.GaussianBlur(channels, height, width, b.Sigma, b.Boundary, device),
            MotionBlur b => Blur("motionBlur", b.Boundary),
            PointSpread p => Blur("pointSpread", p.Boundary),
            ComputedTomography ct => new TomographyOperator(channels, (int)width, ct, device),
            Composition c => Compose(c),
            TorchScript => TorchScriptOperator.Load(parts.ModuleFile!, imageShape, device),
            Colourisation c => new LuminanceOperator(height, width, c.Weights, device),
            CompressedSensing c => new SensingOperator(channels, height, width, c, device),
            HighDynamicRange h => new ClippingOperator("hdr", imageShape, h.Gain, 0, 1, parts.Censored, device),
            Clipping c => new ClippingOperator("clipping", imageShape, 1, c.Low, c.High, parts.Censored, device),
            Quantisation q => QuantisationOperator.Levels(imageShape, q.Levels, device),
            Jpeg j => QuantisationOperator.Jpeg(imageShape, j.Quality, device),
            PhaseRetrieval p => new FourierMagnitudeOperator(channels, height, width, p.Oversampling),
            CodedDiffraction d => new CodedDiffractionOperator(channels, height, width, d.Masks, d.Seed, device),
            CartesianMri => new CartesianMriOperator(height, width, parts.Mask!, parts.Phase, device),
            _ => throw new ArgumentException($"No operator for {problem.GetType().Name}."),
        };

        ComposedOperator Compose(Composition composition)
        {
            var operators = new LinearOperator[composition.Parts.Count];
            long[] shape = imageShape;
            for (int i = 0; i < operators.Length; i++)
            {
                operators[i] = (LinearOperator)Build(composition.Parts[i], shape, parts.Parts![i], device);
                shape = ProblemShapes.Measurement(composition.Parts[i], shape);
            }

            return new ComposedOperator(operators);
        }

        LinearOperator Blur(string name, Boundary boundary) => boundary == Boundary.Circular
            ? new CircularBlur(name, channels, height, width, parts.Kernel!, device)
            : new ReflectBlur(name, channels, height, width, parts.Kernel!, device);
    }
}
