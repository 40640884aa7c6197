using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// From a <see cref="ParallelMri"/> and its measurement to what solvers need: prewhitening, coil compression, sensitivities, a first phase and the scale,
/// in this order.
/// </summary>
/// <remarks>
/// The sensitivities are scaled so that those of the coils as they came have a root sum of squares of 1: the image then has the measurement's units,
/// whatever whitening and compression did.
/// </remarks>
internal static class ScanPreparation
{
    // ESPIRiT's kernel, and lines from which on it is better than the low-resolution images.
    private const int Kernel = 6, FewestLines = 12;

    // Of the first image: least squares with little energy, as far as few iterations go.
    private const double FirstRho = 0.01, FirstTolerance = 1e-2;
    private const int FirstIterations = 40;

    // Of the image that shows what no image explains.
    private const double UnexplainedRho = 1e-4, UnexplainedTolerance = 1e-3;
    private const int UnexplainedIterations = 50;

    private const double ScaleQuantile = 0.99;

    /// <summary>Prepares the frames of one measurement, which share their mask.</summary>
    /// <param name="problem">The problem, checked with all its files.</param>
    /// <param name="frames">The frames.</param>
    /// <param name="mask">Row-major over k-space; null with a trajectory.</param>
    /// <param name="complexImage">Whether the solver works on a complex image; else on a real one with a phase.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="check">Called between the parts; may throw.</param>
    public static PreparedScan Prepare(
        ParallelMri problem, IReadOnlyList<ReconstructionRequest> frames, bool[]? mask, bool complexImage, Device device, Action check)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        ReconstructionRequest first = frames[0];
        long[] image = problem.ImageShape([.. first.Measurement.Shape.Select(n => (long)n)]);
        (long rows, long columns) = (image[1], image[2]);
        Tensor y = torch.cat([.. frames.Select(frame => frame.Measurement.ToTensor(device))]);
        KSpaceSampling sampling = mask is null
            ? new TrajectorySampling(rows, columns, ParallelMriChecks.Trajectory(first.Files["trajectory"], rows, columns, problem.TrajectoryUnit), device)
            : new CartesianSampling(rows, columns, mask, device);
        try
        {
            y = sampling.Measured(y);
            long coils = y.size(1);

            // White noise of the level that the measurement has on average.
            (Tensor? whitening, double sigma, string source, long? samples) = Noise(first, y, mask);
            check();

            // Calibration data before the coils are compressed, since that is learned from them.
            (Tensor calibration, bool enough) = Calibration(
                problem, frames, whitening is null ? y : Mixed(whitening, y), whitening, sampling, mask, rows, columns);
            Tensor? given = first.Files.ContainsKey("maps") ? torch.cat([.. frames.Select(frame => frame.Files["maps"].ToTensor(device))]).unsqueeze(1) : null;
            (Tensor compression, Tensor back) = VirtualCoils.Find(calibration, whitening, problem.VirtualCoils ?? long.MaxValue);
            Tensor mixing = whitening is null ? compression : compression.to(torch.CPU).Matmul(whitening);
            y = sampling.Measured(Mixed(mixing, y));
            calibration = Mixed(compression, calibration);
            check();

            Tensor maps = given is not null ? Mixed(mixing, given)
                : enough ? Espirit.Maps(calibration, rows, columns, problem.MapSets, Kernel).Maps
                : LowResolutionMaps.Maps(calibration, rows, columns);
            if (given is null) maps = maps / RootSumOfSquares(back, maps);
            check();

            // The scale, and the phase, of the image that explains the data without a prior.
            using var free = new SenseOperator(sampling, maps, null, owns: false);
            Tensor channels = SenseProx.Prox(
                free, torch.zeros([frames.Count, .. free.Domain], device: device), y, FirstRho, FirstTolerance, FirstIterations, check);
            // Where no coil sees anything the iteration leaves what the preconditioner spread there.
            Tensor x = (free.ToComplex(channels) * free.Support()).select(1, 0);
            (double unexplained, double share, double noise) = Unexplained(free, channels, y, sigma, check);
            double scale = Quantile(x.abs().ToFloats());
            if (!(scale > 0) || !double.IsFinite(scale)) throw new InvalidInputException("files.measurement", "The image of it is zero nearly everywhere.");
            Tensor? phase = complexImage ? null
                : first.Files.ContainsKey("phase")
                    ? Unit(torch.cat([.. frames.Select(frame => frame.Files["phase"].ToTensor(device))]).reshape(-1, rows, columns))
                : SmoothPhase.Of(x, mask);

            var report = new MriReport(
                (int)coils, (int)y.size(1), source, samples, given is not null ? "file" : enough ? "espirit" : "lowResolution", (int)maps.size(1),
                given is null ? (int)calibration.size(2) : 0, given is null ? (int)calibration.size(3) : 0,
                phase is null ? "none" : first.Files.ContainsKey("phase") ? "file" : "lowResolution",
                sampling.NetAcceleration, scale, Math.Max(1, unexplained), share, noise, []);
            var op = new SenseOperator(sampling, maps.contiguous(), phase, owns: true);
            string? method = samples is { } count ? $"{count} outermost samples of all coils" : null;
            return new PreparedScan(op, (y / scale).MoveToOuterDisposeScope(), new NoiseReport(sigma, samples is not null, method, null), report);
        }
        catch
        {
            sampling.Dispose();
            throw;
        }
    }

    /// <summary>The centre of k-space that sensitivities are estimated from.</summary>
    /// <exception cref="InvalidInputException">There is none, or too little of it.</exception>
    internal static CalibrationRegion CheckedRegion(ParallelMri problem, bool[] mask, long rows, long columns)
    {
        CalibrationRegion region = CalibrationRegion.Find(mask, rows, columns).Limited(problem.CalibrationLines, problem.CalibrationLines);
        if (region.Rows < 1 || region.Columns < 1)
        {
            throw new InvalidInputException(
                "files.measurement",
                "The centre of k-space is not measured, so no sensitivities can be estimated. "
                    + "Send the file 'maps' or 'calibration'.");
        }

        if (problem.Maps == MapSource.Espirit && !IsEnough(region))
        {
            throw new InvalidInputException(
                "problem.maps",
                $"ESPIRiT needs {FewestLines} fully measured lines and rows in the centre of k-space; there are {region.Columns} and {region.Rows}.");
        }

        return region;
    }

    /// <summary>The refusal of a scan whose centre holds nothing.</summary>
    internal static InvalidInputException EmptyCentre(bool calibrated) => new(
        calibrated ? "files.calibration" : "files.measurement", "The centre of k-space is 0 in a frame, so no sensitivities can be estimated.");

    // W with noise of σ per real component after it, σ, where it comes from, and how many samples it was estimated from.
    private static (Tensor? Whitening, double Sigma, string Source, long? Samples) Noise(ReconstructionRequest request, Tensor y, bool[]? mask)
    {
        if (request.Sigma is { } given) return (null, given, "sigma", null);
        long? samples = null;
        Tensor covariance;
        try
        {
            if (request.Files.TryGetValue("covariance", out ArrayData? file))
            {
                covariance = file.ToTensor(torch.CPU).squeeze(0);
            }
            else if (mask is not null)
            {
                (covariance, samples) = Prewhitening.Estimate(y, mask);
            }
            else
            {
                throw ParallelMriChecks.NoNoiseAlongTrajectory();
            }

            Tensor whitening = Prewhitening.Matrix(covariance);
            double level = Math.Sqrt(
                (covariance.to(ScalarType.ComplexFloat64).real * torch.eye(covariance.size(0), dtype: ScalarType.Float64)).sum().ToDouble()
                    / covariance.size(0) / 2);
            return (whitening * level, level, samples is null ? "covariance" : "estimated", samples);
        }
        catch (ArgumentException error) when (error is not ArgumentOutOfRangeException)
        {
            throw new InvalidInputException(
                samples is null && request.Files.ContainsKey("covariance") ? "files.covariance" : "sigma",
                $"{error.Message.Split(" (Parameter", 2)[0]}{(request.Files.ContainsKey("covariance") ? string.Empty : " Give sigma.")}");
        }
    }

    // Whitened centre of k-space, (frames, coils, r, c), and whether ESPIRiT is to use it.
    private static (Tensor Data, bool Enough) Calibration(
        ParallelMri problem, IReadOnlyList<ReconstructionRequest> frames, Tensor white, Tensor? whitening,
        KSpaceSampling sampling, bool[]? mask, long rows, long columns)
    {
        Tensor kSpace = white;
        bool calibrated = frames[0].Files.ContainsKey("calibration");
        if (calibrated)
        {
            kSpace = torch.cat([.. frames.Select(frame => frame.Files["calibration"].ToTensor(white.device))]);
            mask = ParallelMriChecks.NotZero(frames[0].Files["calibration"]);
            if (whitening is not null) kSpace = Mixed(whitening, kSpace);
        }
        else if (mask is null)
        {
            // The centre of a trajectory is dense: gridded, it is as if it had been measured on the grid.
            kSpace = Fourier.Centred(sampling.Direct(white));
            mask = new bool[rows * columns];
            Array.Fill(mask, true);
        }

        CalibrationRegion region = CheckedRegion(problem, mask, rows, columns);
        Tensor data = region.Of(kSpace);
        if (!frames[0].Files.ContainsKey("maps") && data.abs().sum([-3, -2, -1]).ToFloats().Any(sum => sum == 0))
        {
            throw EmptyCentre(calibrated);
        }

        return (data, IsEnough(region) && problem.Maps != MapSource.LowResolution);
    }

    private static bool IsEnough(CalibrationRegion region) => Math.Min(region.Rows, region.Columns) >= FewestLines;

    // Squared residual over what noise explains, 1 where there is no noise, and the shares of the measurement's energy that lie beyond the noise and that
    // are noise. What the first image leaves because its iteration stops early is no error of the model, so it goes on where that could matter.
    private static (double Ratio, double Share, double Noise) Unexplained(SenseOperator a, Tensor x, Tensor y, double sigma, Action check)
    {
        double expected = x.size(0) * a.MeasuredComponents * sigma * sigma;
        double energy = torch.view_as_real(y.resolve_conj()).square().sum().ToDouble();
        double residual = Residual(x);
        if (residual > expected)
        {
            residual = Math.Min(residual, Residual(SenseProx.Prox(a, x, y, UnexplainedRho, UnexplainedTolerance, UnexplainedIterations, check)));
        }

        return (
            expected > 0 ? residual / expected : 1,
            energy > 0 ? Math.Max(0, residual - expected) / energy : 0,
            energy > 0 ? Math.Min(1, expected / energy) : 0);

        double Residual(Tensor image) => a.Residual2(image, y).sum().ToDouble();
    }

    // Of the coils as they came.
    private static Tensor RootSumOfSquares(Tensor back, Tensor maps)
    {
        Tensor norm = Mixed(back, maps).abs().square().sum([-3], keepdim: true).sqrt();
        return torch.where(norm.gt(0), norm, torch.ones_like(norm));
    }

    // A matrix times the coils of (frames, [sets,] coils, ...).
    private static Tensor Mixed(Tensor matrix, Tensor data)
    {
        long[] shape = data.shape;
        int lead = shape.Length == 5 ? 2 : 1;
        Tensor flat = data.reshape([.. shape[..lead], shape[lead], -1]);
        return CoilMatrix.Mix(matrix, flat).reshape([.. shape[..lead], matrix.size(0), .. shape[(lead + 1)..]]);
    }

    private static Tensor Unit(Tensor angle) => torch.complex(angle.cos(), angle.sin());

    private static double Quantile(float[] values)
    {
        Array.Sort(values);
        return values[(int)(ScaleQuantile * (values.Length - 1))];
    }
}
