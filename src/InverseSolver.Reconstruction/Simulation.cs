using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>Makes measurements from clean images.</summary>
internal static class Simulation
{
    /// <summary>y = A(x) + n with noise on the measured entries only.</summary>
    public static SimulatedMeasurement Run(
        Problem problem, ArrayData image, IReadOnlyDictionary<string, ArrayData> files, double sigma, long seed, string? operatorFolder, double? photons = null, int? coils = null, long? objectSeed = null)
    {
        ProblemChecks.CheckArray(image, "files.image");
        if (image.IsComplex) throw new InvalidInputException("files.image", "An image must be real.");
        if (!image.Values.All(float.IsFinite)) throw new InvalidInputException("files.image", "It holds a value that is not a finite number.");
        if (!double.IsFinite(sigma) || sigma < 0) throw new InvalidInputException("sigma", "sigma is a finite number of at least 0.");
        long[] shape = [.. image.Shape.Select(size => (long)size)];
        ProblemParts parts = ProblemChecks.Check(problem, shape, files, null, operatorFolder);

        PhotonNoise.Check(problem, photons);
        if (problem is ParallelMri parallel) return ParallelSimulation.Run(parallel, image, shape, files, sigma, seed, objectSeed ?? seed, coils);
        if (coils is not null) throw new InvalidInputException("coils", "Only parallelMri has coils.");

        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        using ForwardOperator op = ProblemOperators.Build(problem, shape, parts, torch.CPU);
        Tensor x = image.ToTensor(torch.CPU), y = op.Apply(x);
        if (sigma > 0 || photons is not null)
        {
            // Drawn over the whole range, measured or not, so that the noise of an entry does not depend on the mask.
            using var generator = new Generator((ulong)seed);
            Tensor noise = torch.randn(op.IsComplexRange ? [.. y.shape, 2] : y.shape, generator);
            noise = (op.IsComplexRange ? torch.view_as_complex(noise) : noise) * sigma;
            y = op.Measure(x, photons is { } count ? noise + PhotonNoise.Draw(op, x, count, generator) : noise);
        }
        return new SimulatedMeasurement(y.ToArrayData(), Drawn(problem, shape, parts));
    }

    private static Dictionary<string, ArrayData> Drawn(Problem problem, long[] shape, ProblemParts parts)
    {
        var drawn = new Dictionary<string, ArrayData>();
        if (parts.Mask is { } mask && problem is (Inpainting { Mask: not UploadedMask } or CartesianMri { Mask: not UploadedKSpaceMask }))
        {
            drawn["mask"] = new ArrayData([(int)shape[1], (int)shape[2]], Array.ConvertAll(mask, m => m ? 1f : 0f));
        }
        if (parts.Kernel is { } kernel && problem is MotionBlur)
        {
            drawn["psf"] = new ArrayData([kernel.GetLength(0), kernel.GetLength(1)], [.. kernel.Cast<double>().Select(value => (float)value)]);
        }
        return drawn;
    }
}
