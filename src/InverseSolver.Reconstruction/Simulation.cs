using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>A measurement to be made from one clean image.</summary>
/// <param name="Image">x, (channels, height, width) on [0,1].</param>
/// <param name="Files">The problem's files by name.</param>
/// <param name="Sigma">Standard deviation of the noise per real component.</param>
/// <param name="Seed">Seed of the noise.</param>
internal sealed record Simulation(ArrayData Image, IReadOnlyDictionary<string, ArrayData> Files, double Sigma, long Seed)
{
    /// <summary>Folder of the modules of <see cref="TorchScript"/>.</summary>
    public string? OperatorFolder { get; init; }

    /// <summary>Photons per unit of y; null where they are not counted.</summary>
    public double? Photons { get; init; }

    /// <summary>Coils of <see cref="ParallelMri"/>; null: 8, or those of the file <c>maps</c>.</summary>
    public int? Coils { get; init; }

    /// <summary>Seed of coils and phase, which all frames of a stack share; null: <see cref="Seed"/>.</summary>
    public long? ObjectSeed { get; init; }

    /// <summary>(channels, height, width).</summary>
    public long[] Shape => [.. Image.Shape.Select(size => (long)size)];

    /// <summary>Checks everything and measures.</summary>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public SimulatedMeasurement Run(Problem problem)
    {
        ProblemChecks.CheckArray(Image, "files.image");
        if (Image.IsComplex) throw new InvalidInputException("files.image", "An image must be real.");
        if (!Image.Values.All(float.IsFinite)) throw new InvalidInputException("files.image", "It holds a value that is not a finite number.");
        if (!double.IsFinite(Sigma) || Sigma < 0) throw new InvalidInputException("sigma", "sigma is a finite number of at least 0.");
        OperatorArrays arrays = ProblemChecks.Check(problem, Shape, Files, null, OperatorFolder);
        PhotonNoise.Check(problem, Photons);
        return problem.Simulate(this, arrays);
    }

    /// <summary>y = A(x) + n with noise on the measured entries only.</summary>
    public SimulatedMeasurement Measure(Problem problem, OperatorArrays arrays)
    {
        if (Coils is not null) throw new InvalidInputException("coils", "Only parallelMri has coils.");

        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using ForwardOperator op = problem.Operator(Shape, arrays, torch.CPU);
        Tensor x = Image.ToTensor(torch.CPU), y = op.Apply(x);
        if (Sigma > 0 || Photons is not null)
        {
            // Drawn over the whole range, measured or not, so that the noise of an entry does not depend on the mask.
            using var generator = new Generator((ulong)Seed);
            Tensor noise = torch.randn(op.IsComplexRange ? [.. y.shape, 2] : y.shape, generator);
            noise = (op.IsComplexRange ? torch.view_as_complex(noise) : noise) * Sigma;
            y = op.Measure(x, Photons is { } count ? noise + PhotonNoise.Draw(op, x, count, generator) : noise);
        }

        return new SimulatedMeasurement(y.ToArrayData(), problem.Drawn(Shape, arrays).ToDictionary(drawn => drawn.Name, drawn => drawn.Array));
    }
}

/// <summary>A measurement made from a known image.</summary>
/// <param name="Measurement">y = A(x) + n.</param>
/// <param name="Files">The arrays that the problem's generators drew (mask, kernel), by name, to be looked at.</param>
public sealed record SimulatedMeasurement(ArrayData Measurement, IReadOnlyDictionary<string, ArrayData> Files)
{
    /// <summary>Remarks for the caller on the image and the files, in sentences.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
