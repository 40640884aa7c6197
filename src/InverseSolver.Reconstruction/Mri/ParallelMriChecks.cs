using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Checks of a <see cref="ParallelMri"/> problem and its files before anything is computed.</summary>
internal static class ParallelMriChecks
{
    // Coils of the largest arrays are 128.
    private const int MostCoils = 256;

    // Sums of squares of so large or so small numbers stay within single precision.
    private const float Largest = 1e15f, Smallest = 1e-15f;

    /// <summary>The files that it may have.</summary>
    public static string[] Files { get; } = ["mask", "maps", "covariance", "calibration", "phase", "trajectory"];

    /// <summary>Checks one frame, and gives its mask; null with a trajectory.</summary>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static bool[]? Check(ParallelMri problem, long[] image, IReadOnlyDictionary<string, ArrayData> files, ArrayData measurement)
    {
        (long rows, long columns) = (image[1], image[2]);
        int coils = measurement.Shape[0];
        bool trajectory = problem.Rows is not null || problem.Columns is not null;
        if (coils > MostCoils) throw new InvalidInputException("files.measurement", $"It has {coils} coils; at most {MostCoils} are taken.");
        if (!measurement.Values.All(float.IsFinite)) throw new InvalidInputException("files.measurement", "It holds a value that is not a finite number.");
        if (measurement.Values.All(value => value == 0)) throw new InvalidInputException("files.measurement", "It is 0 everywhere.");
        CheckUnits("files.measurement", measurement.Values);
        foreach ((string name, ArrayData file) in files)
        {
            if (!Files.Contains(name)) throw new InvalidInputException($"files.{name}", "This problem uses no such file.");
            ProblemChecks.CheckArray(file, $"files.{name}");
            if (!file.Values.All(float.IsFinite)) throw new InvalidInputException($"files.{name}", "It holds a value that is not a finite number.");
            if (name == "calibration" && file.Values.Any(value => value != 0)) CheckUnits("files.calibration", file.Values);
            bool complex = name is "maps" or "covariance" or "calibration";
            if (complex != file.IsComplex && name != "covariance")
            {
                throw new InvalidInputException($"files.{name}", complex ? "Its values must be complex." : "Its values must be real.");
            }
        }

        Shape(files, "maps", [coils, (int)rows, (int)columns]);
        Shape(files, "calibration", [coils, (int)rows, (int)columns]);
        Shape(files, "covariance", [coils, coils]);
        if (files.TryGetValue("phase", out ArrayData? phase) && !phase.Shape.TakeLast(2).SequenceEqual([(int)rows, (int)columns]))
        {
            throw new InvalidInputException("files.phase", $"Its shape is {ProblemChecks.Text(phase.Shape)}; needed is ({rows}, {columns}).");
        }

        if (problem.MapSets > 1 && files.ContainsKey("maps")) throw new InvalidInputException("problem.mapSets", "The file 'maps' is one set.");
        if (problem.MapSets > coils) throw new InvalidInputException("problem.mapSets", $"It is {problem.MapSets}; the measurement has {coils} coil(s).");
        if (!trajectory)
        {
            if (files.ContainsKey("trajectory"))
            {
                throw new InvalidInputException("problem.rows", "With a trajectory the problem says how many rows and columns the image has.");
            }

            if (problem.TrajectoryUnit is not null) throw new InvalidInputException("problem.trajectoryUnit", "The measurement lies along no trajectory.");
            return Mask(problem, rows, columns, files, measurement);
        }

        if (problem.Mask is not null || files.ContainsKey("mask")) throw new InvalidInputException("problem.mask", "Along a trajectory there is no mask.");
        if (problem.Rows is null || problem.Columns is null)
        {
            throw new InvalidInputException(problem.Rows is null ? "problem.rows" : "problem.columns", "With a trajectory both rows and columns are given.");
        }

        if (!files.TryGetValue("trajectory", out ArrayData? path))
        {
            throw new InvalidInputException("files.trajectory", "Rows and columns are given, so the measurement lies along a trajectory: it is needed.");
        }

        if (path.Shape is [_, 2] && path.Shape[0] != measurement.Shape[1])
        {
            throw new InvalidInputException("files.trajectory", $"It has {path.Shape[0]} positions; the measurement has {measurement.Shape[1]} samples.");
        }

        CheckTrajectory(path, rows, columns, problem.TrajectoryUnit);
        return null;
    }

    /// <summary>Checks what is known of noise and calibration before the frames, which share their mask, are prepared.</summary>
    /// <exception cref="InvalidInputException">Names the field that is wrong.</exception>
    public static void CheckPreparation(ParallelMri problem, IReadOnlyList<ReconstructionRequest> frames, bool[]? mask)
    {
        ReconstructionRequest first = frames[0];
        if (first.Sigma is null && !first.Files.ContainsKey("covariance") && mask is null) throw NoNoiseAlongTrajectory();
        if (first.Sigma is null && first.Files.TryGetValue("covariance", out ArrayData? covariance))
        {
            try
            {
                using DisposeScope scope = torch.NewDisposeScope();
                Prewhitening.Matrix(covariance.ToTensor(torch.CPU).squeeze(0));
            }
            catch (ArgumentException error) when (error is not ArgumentOutOfRangeException)
            {
                throw new InvalidInputException("files.covariance", error.Message.Split(" (Parameter", 2)[0]);
            }
        }

        ArrayData? calibration = first.Files.GetValueOrDefault("calibration");
        bool[]? measured = calibration is null ? mask : NotZero(calibration);
        int rows = (calibration ?? first.Measurement).Shape[^2], columns = (calibration ?? first.Measurement).Shape[^1];
        if (measured is null) return;
        CalibrationRegion region = ScanPreparation.CheckedRegion(problem, measured, rows, columns);
        if (first.Files.ContainsKey("maps")) return;
        if (frames.Any(frame => IsZero(calibration is null ? frame.Measurement : frame.Files["calibration"], region)))
        {
            throw ScanPreparation.EmptyCentre(calibration is not null);
        }
    }

    /// <summary>The refusal of a scan along a trajectory whose noise nothing says.</summary>
    public static InvalidInputException NoNoiseAlongTrajectory() =>
        new("sigma", "Along a trajectory the noise is not estimated. Give sigma, or the file 'covariance'.");

    private static bool IsZero(ArrayData kSpace, CalibrationRegion region)
    {
        int rows = kSpace.Shape[^2], columns = kSpace.Shape[^1];
        for (int coil = 0; coil < kSpace.Shape[0]; coil++)
        {
            for (long row = region.Top; row < region.Top + region.Rows; row++)
            {
                int start = (int)(2 * ((((long)coil * rows) + row) * columns + region.Left));
                if (kSpace.Values.AsSpan(start, (int)(2 * region.Columns)).ContainsAnyExcept(0f)) return false;
            }
        }

        return true;
    }

    /// <summary>Positions that an image of these sizes can be measured at.</summary>
    /// <exception cref="InvalidInputException">Says what is wrong with the file or with its unit.</exception>
    public static void CheckTrajectory(ArrayData path, long rows, long columns, TrajectoryUnit? unit)
    {
        if (path.Shape is not [_, 2])
        {
            throw new InvalidInputException("files.trajectory", $"Its shape is {ProblemChecks.Text(path.Shape)}; needed is (samples, 2).");
        }

        if (unit == TrajectoryUnit.CyclesPerEncodedFieldOfView)
        {
            throw new InvalidInputException(
                "problem.trajectoryUnit", "The file 'trajectory' knows no encoded field of view; take cyclesPerPixel or cyclesPerFieldOfView.");
        }

        if (unit is null && path.Values.All(value => Math.Abs(value) <= 1))
        {
            throw new InvalidInputException(
                "problem.trajectoryUnit",
                "All numbers of the file 'trajectory' are 1 at most: within one cycle per field of view there is no image. "
                    + "Take cyclesPerPixel where that is their unit, else cyclesPerFieldOfView.");
        }

        double[,] positions = Trajectory(path, rows, columns, unit);
        try
        {
            Nufft.Check(2 * rows, 2 * columns, Doubled(positions));
            Nufft.Check(rows, columns, positions);
        }
        catch (ArgumentException error)
        {
            throw new InvalidInputException("files.trajectory", error.Message.Split(" (Parameter", 2)[0]);
        }
    }

    /// <summary>A checked trajectory in cycles per field of view.</summary>
    public static double[,] Trajectory(ArrayData file, long rows, long columns, TrajectoryUnit? unit)
    {
        var positions = new double[file.Shape[0], 2];
        for (int i = 0; i < file.Values.Length; i++)
        {
            positions[i / 2, i % 2] = file.Values[i] * (unit == TrajectoryUnit.CyclesPerPixel ? (double)(i % 2 == 0 ? rows : columns) : 1);
        }

        return positions;
    }

    /// <summary>Mask of the positions at which any coil of (coils, rows, columns) is not 0, row-major.</summary>
    public static bool[] NotZero(ArrayData kSpace)
    {
        int plane = kSpace.Shape[^2] * kSpace.Shape[^1];
        var mask = new bool[plane];
        for (int i = 0; i < kSpace.Values.Length; i++) mask[i / 2 % plane] |= kSpace.Values[i] != 0;
        return mask;
    }

    private static void CheckUnits(string field, float[] values)
    {
        float largest = values.Max(Math.Abs);
        if (largest is < Smallest or > Largest)
        {
            throw new InvalidInputException(
                field, FormattableString.Invariant($"Its largest value is {largest:g3}; in units that make it {Smallest:g} to {Largest:g} it can be solved."));
        }
    }

    private static double[,] Doubled(double[,] trajectory)
    {
        var twice = new double[trajectory.GetLength(0), 2];
        for (int i = 0; i < twice.GetLength(0); i++) (twice[i, 0], twice[i, 1]) = (2 * trajectory[i, 0], 2 * trajectory[i, 1]);
        return twice;
    }

    /// <summary>The mask that the problem asks for, drawn or from the file, row-major; a file beside a drawn one is the same.</summary>
    /// <exception cref="InvalidInputException">Says what is wrong with the mask.</exception>
    public static bool[] WantedMask(ParallelMri problem, long rows, long columns, IReadOnlyDictionary<string, ArrayData> files)
    {
        bool[] mask = KSpaceMasks.Of(problem.Mask ?? new UploadedKSpaceMask(), rows, columns, files, "problem.mask");
        if (problem.Mask is not (null or UploadedKSpaceMask) && files.TryGetValue("mask", out ArrayData? file))
        {
            ProblemChecks.CheckDrawn(file, "mask", ProblemChecks.MaskImage([1, rows, columns], mask));
        }

        return mask;
    }

    private static bool[] Mask(ParallelMri problem, long rows, long columns, IReadOnlyDictionary<string, ArrayData> files, ArrayData measurement)
    {
        if (problem.Mask is UploadedKSpaceMask && !files.ContainsKey("mask"))
        {
            throw new InvalidInputException("files.mask", "This problem needs the file 'mask'.");
        }

        bool[] measured = NotZero(measurement);
        bool[] mask = problem.Mask is null && !files.ContainsKey("mask")
            ? measured
            : WantedMask(problem, rows, columns, files);
        bool[] used = [.. mask.Zip(measured, (wanted, there) => wanted && there)];
        return used.Contains(true)
            ? used
            : throw new InvalidInputException(problem.Mask is null ? "files.mask" : "problem.mask", "The mask leaves nothing that was measured.");
    }

    private static void Shape(IReadOnlyDictionary<string, ArrayData> files, string name, int[] needed)
    {
        if (files.TryGetValue(name, out ArrayData? file) && !file.Shape.SequenceEqual(needed))
        {
            throw new InvalidInputException($"files.{name}", $"Its shape is {ProblemChecks.Text(file.Shape)}; needed is {ProblemChecks.Text(needed)}.");
        }
    }
}
