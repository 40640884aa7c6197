using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Multi-coil measurements of clean images: y_c = mask * F(S_c exp(iφ) x) + noise, white and equal in all coils.</summary>
internal static class ParallelSimulation
{
    /// <summary>Coils where none are asked for.</summary>
    public const int Coils = 8;

    private const int MostCoils = 64;
    private static readonly string[] Taken = ["mask", "maps", "phase", "trajectory"];

    /// <summary>
    /// Measures one image. Coils and phase are drawn from the seed where no files <c>maps</c> and <c>phase</c> say them; of all frames of a stack they are
    /// those of its first.
    /// </summary>
    public static SimulatedMeasurement Run(ParallelMri problem, Simulation simulation)
    {
        (ArrayData image, IReadOnlyDictionary<string, ArrayData> files, double sigma, long seed) = simulation;
        (int? coils, long objectSeed) = (simulation.Coils, simulation.ObjectSeed ?? seed);
        (long rows, long columns) = (image.Shape[1], image.Shape[2]);
        Check(problem, rows, columns, files, coils);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        Tensor maps = files.TryGetValue("maps", out ArrayData? given)
            ? given.ToTensor(torch.CPU).squeeze(0)
            : CoilSimulation.Coils(coils ?? Coils, rows, columns, objectSeed);
        Tensor angle = files.TryGetValue("phase", out ArrayData? phase)
            ? phase.ToTensor(torch.CPU).reshape(rows, columns)
            : CoilSimulation.ObjectPhase(rows, columns, objectSeed);
        using KSpaceSampling sampling = Sampling(problem, rows, columns, files);
        Tensor y = sampling.Forward((maps * image.ToTensor(torch.CPU).reshape(rows, columns) * torch.complex(angle.cos(), angle.sin())).unsqueeze(0));
        if (sigma > 0)
        {
            // Drawn over the whole range, measured or not, so that the noise of an entry does not depend on the mask.
            using var generator = new Generator((ulong)seed);
            y += torch.view_as_complex(torch.randn([.. y.shape, 2], generator)) * sigma;
        }

        var made = new Dictionary<string, ArrayData> { ["maps"] = maps.unsqueeze(0).ToArrayData() };
        if (sampling is CartesianSampling grid) made["mask"] = grid.Mask;
        else made["trajectory"] = files["trajectory"];
        return new SimulatedMeasurement(sampling.Measured(y).ToArrayData(), made);
    }

    private static KSpaceSampling Sampling(ParallelMri problem, long rows, long columns, IReadOnlyDictionary<string, ArrayData> files)
    {
        if (files.TryGetValue("trajectory", out ArrayData? path))
        {
            return new TrajectorySampling(rows, columns, ParallelMriChecks.Trajectory(path, rows, columns, problem.TrajectoryUnit), torch.CPU);
        }

        bool[] mask = problem.Mask is null && !files.ContainsKey("mask")
            ? [.. Enumerable.Repeat(true, (int)(rows * columns))]
            : ParallelMriChecks.WantedMask(problem, rows, columns, files);
        return new CartesianSampling(rows, columns, ProblemChecks.SomethingMeasured(mask, "problem.mask"), torch.CPU);
    }

    private static void Check(ParallelMri problem, long rows, long columns, IReadOnlyDictionary<string, ArrayData> files, int? coils)
    {
        if (coils is < 1 or > MostCoils) throw new InvalidInputException("coils", $"It is a number from 1 to {MostCoils}.");
        if (files.Keys.Except(Taken).FirstOrDefault() is { } unused) throw new InvalidInputException($"files.{unused}", "A simulation uses no such file.");
        foreach ((string name, ArrayData file) in files)
        {
            ProblemChecks.CheckArray(file, $"files.{name}");
            if (!file.Values.All(float.IsFinite)) throw new InvalidInputException($"files.{name}", "It holds a value that is not a finite number.");
            if (file.IsComplex != (name == "maps"))
            {
                throw new InvalidInputException($"files.{name}", file.IsComplex ? "Its values must be real." : "Its values must be complex.");
            }
        }

        if (files.TryGetValue("maps", out ArrayData? maps)
            && (maps.Shape is not [_, var r, var c] || r != rows || c != columns || (coils ?? maps.Shape[0]) != maps.Shape[0]))
        {
            throw new InvalidInputException(
                "files.maps", $"Its shape is {ProblemChecks.Text(maps.Shape)}; needed is ({(coils is { } n ? $"{n}" : "coils")}, {rows}, {columns}).");
        }

        if (files.TryGetValue("phase", out ArrayData? phase)
            && (phase.Count != rows * columns || !phase.Shape.TakeLast(2).SequenceEqual([(int)rows, (int)columns])))
        {
            throw new InvalidInputException("files.phase", $"Its shape is {ProblemChecks.Text(phase.Shape)}; needed is ({rows}, {columns}).");
        }

        if (problem.Mask is UploadedKSpaceMask && !files.ContainsKey("mask"))
        {
            throw new InvalidInputException("files.mask", "This problem needs the file 'mask'.");
        }

        if ((problem.Rows ?? rows) != rows) throw new InvalidInputException("problem.rows", $"The image has {rows} rows.");
        if ((problem.Columns ?? columns) != columns) throw new InvalidInputException("problem.columns", $"The image has {columns} columns.");
        if (!files.TryGetValue("trajectory", out ArrayData? path))
        {
            if (problem.Rows is not null || problem.Columns is not null)
            {
                throw new InvalidInputException(
                    "files.trajectory", "Rows and columns are given, so the measurement lies along a trajectory: it is needed.");
            }

            return;
        }

        if (problem.Mask is not null || files.ContainsKey("mask")) throw new InvalidInputException("problem.mask", "Along a trajectory there is no mask.");
        ParallelMriChecks.CheckTrajectory(path, rows, columns, problem.TrajectoryUnit);
    }
}
