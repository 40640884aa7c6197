using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>What multi-coil MRI does before and after a solver: <see cref="ScanPreparation"/>, and the last step, in which the image is complex.</summary>
internal static class ParallelReconstruction
{
    // Of right data, see docs/results/mri.md. The second keeps a noise level that is a little off from being taken for a wrong model.
    internal const double LargestUnexplained = 0.02, LargestModelError = 2, LargestNoise = 0.5;

    // Where lines are missing, sensitivities from fewer positions than this in the centre leave aliases that the model explains.
    private const double LeastAcceleration = 1.05;
    private const int FewestLines = 8;

    /// <summary>Solvers with a network see a real image with a phase, those without a complex one.</summary>
    private static bool IsComplex(SolverParameters solver) => solver is not DiffusionParameters;

    /// <summary>Whether the frames of a volume were sampled alike, so that they can be solved together.</summary>
    public static bool ShareMask(Problem problem, IReadOnlyList<CheckedFrame> frames)
    {
        if (problem is not ParallelMri) return false;
        bool[]? first = frames[0].Parts.Mask;
        return frames.Skip(1).All(frame => first is null || first.AsSpan().SequenceEqual(frame.Parts.Mask));
    }

    /// <summary>Prepares frames that share their mask.</summary>
    public static PreparedScan Prepare(ReconstructionRequest request, IReadOnlyList<CheckedFrame> group, Device device, CancellationToken cancellation) => ScanPreparation.Prepare(
        (ParallelMri)request.Problem, [.. group.Select(frame => frame.Request)], group[0].Parts.Mask, IsComplex(request.Solver), device, cancellation.ThrowIfCancellationRequested);

    /// <summary>The complex image of a frame from a solver's, and what is to be said of it.</summary>
    public static FrameResult Conclude(ReconstructionRequest request, PreparedScan scan, int frame, Tensor samples, CancellationToken cancellation)
    {
        using SenseOperator a = scan.A.Frames(frame), free = a.WithoutPhase();
        Tensor y = scan.Y.narrow(0, frame, 1), x = samples.mean([0], keepdim: true);
        Tensor solved = a.Phase is null ? a.ToComplex(x) : Complex(request, scan, a, free, x, y, cancellation);
        // Where no coil sees anything nothing was measured, and what an iteration left there means nothing.
        Tensor image = solved * a.Support();
        Tensor channels = free.FromComplex(image), magnitude = image.abs().square().sum([1], keepdim: true).sqrt();
        ArrayData shown = magnitude.ToArrayData();
        if (!shown.Values.All(float.IsFinite)) throw new ArithmeticException("The reconstruction holds values that are not finite numbers.");

        ConsistencyReport consistency = ConsistencyMeasure.Report(free, channels, y, scan.NoiseSigma)[0];
        Tensor residual = torch.view_as_real(free.Residual(channels, y)).reshape(y.size(1), -1).square().sum([1], false);
        double perCoil = consistency.Expected / y.size(1);
        double[] ratios = perCoil > 0 ? [.. residual.ToDoubles().Select(value => value / perCoil)] : [];
        // Residuals in the measurement's own units.
        double squared = scan.Scale * scan.Scale;
        consistency = consistency with { Residual = consistency.Residual * squared, Expected = consistency.Expected * squared };
        ArrayData? deviation = samples.size(0) == 1 ? null : samples.var([0], unbiased: true, keepdim: true).sqrt().ToArrayData();
        var arrays = new MriArrays(
            (image.size(1) == 1 ? image.select(1, 0) : image).mul(scan.Scale).ToArrayData(),
            (a.Sets == 1 ? a.Maps.select(1, 0) : a.Maps).ToArrayData(),
            (y * scan.Scale).ToArrayData(),
            a.Sampling is CartesianSampling cartesian ? cartesian.Mask : null);
        var report = new FrameReport(request.Seed, consistency, request.Truth is { } truth ? Quality(shown, scan.Scale, truth) : null, null);
        return new FrameResult(shown, deviation, report, null, new MriFrame(arrays, scan.Report with { CoilRatios = ratios }));
    }

    /// <summary>Report and arrays of all frames; the scale is the largest of theirs.</summary>
    public static (MriReport?, MriArrays?) Together(IReadOnlyList<FrameResult> frames, bool stack)
    {
        if (frames[0].Mri is not { } first) return (null, null);
        MriReport[] reports = [.. frames.Select(frame => frame.Mri!.Report)];
        MriReport report = first.Report with
        {
            Scale = reports.Max(one => one.Scale),
            ModelError = reports.Max(one => one.ModelError),
            Unexplained = reports.Max(one => one.Unexplained),
            NoiseShare = reports.Max(one => one.NoiseShare),
            CoilRatios = [.. first.Report.CoilRatios.Select((_, coil) => reports.Average(one => coil < one.CoilRatios.Count ? one.CoilRatios[coil] : double.NaN))],
        };
        if (!stack) return (report, first.Arrays);
        MriArrays[] arrays = [.. frames.Select(frame => frame.Mri!.Arrays)];
        bool alike = arrays.All(one => one.Maps.Shape.SequenceEqual(first.Arrays.Maps.Shape));
        return (report, alike
            ? new MriArrays(Stacked(one => one.Image), Stacked(one => one.Maps), Stacked(one => one.KSpace), first.Arrays.Mask is null ? null : Stacked(one => one.Mask!))
            : new MriArrays(Stacked(one => one.Image), first.Arrays.Maps, first.Arrays.KSpace, first.Arrays.Mask));

        ArrayData Stacked(Func<MriArrays, ArrayData> of) => FrameStack.Stack([.. arrays.Select(of)]);
    }

    /// <summary>What a reader of the image should know.</summary>
    public static IEnumerable<string> Warnings(MriReport report)
    {
        if (report.NoiseSamples is not null && report.NoiseShare > LargestNoise)
        {
            yield return FormattableString.Invariant($"The image may be wrong: what the outermost samples hold is taken for noise, which then makes {report.NoiseShare:p0} of the measurement's energy. Check that the centre of k-space is in the middle of the array (rows / 2, columns / 2), or give sigma.");
        }

        if (report is { Maps: "lowResolution", Coils: > 1 } && report.NetAcceleration > LeastAcceleration && Math.Min(report.CalibrationRows, report.CalibrationLines) < FewestLines)
        {
            yield return $"The image may be wrong: its coil sensitivities come from {report.CalibrationLines} x {report.CalibrationRows} fully measured positions in the centre of k-space, too few to tell aliases apart, and no figure shows it. Send the file 'maps' or 'calibration', or measure {FewestLines} lines there.";
        }

        // Without noise there is no ratio, and it is 1.
        if (report.Unexplained <= LargestUnexplained || report.ModelError is > 1 and <= LargestModelError) yield break;
        yield return FormattableString.Invariant($"The image may be wrong: no image explains {report.Unexplained:p1} of the measurement's energy with these coils, where right data leave less than {LargestUnexplained:p0} besides the noise. Check the centre of k-space, the order and direction of its lines, the order of coils in each file, the unit of a trajectory, a given sigma, and whether the patient moved.");
    }

    /// <summary>All frames' images over one scale.</summary>
    public static List<FrameResult> OnOneScale(List<FrameResult> frames, double scale) => [.. frames.Select(frame =>
    {
        float factor = (float)(frame.Mri!.Report.Scale / scale);
        return factor == 1 ? frame : frame with { Image = Times(frame.Image, factor), Deviation = frame.Deviation is null ? null : Times(frame.Deviation, factor) };
    })];

    // The phase is refined here: the imaginary part of what the solver took to be real.
    private static Tensor Complex(ReconstructionRequest request, PreparedScan scan, SenseOperator a, SenseOperator free, Tensor x, Tensor y, CancellationToken cancellation)
    {
        var parameters = (DiffusionParameters)request.Solver;
        var conditioning = new SenseConditioning(a, scan.Sigma, parameters.PriorStandardDeviation ?? 0.03, cancellation.ThrowIfCancellationRequested);
        Tensor image = conditioning.SolveComplex(x, y, parameters.FinalCorrelation, a.Sets) * a.Phase!.unsqueeze(1);
        return parameters.FinalProximalStep ? SparseRefinement.Refine(free, image, y, scan.Sigma, request.Seed, cancellation.ThrowIfCancellationRequested) : image;
    }

    // Both over the truth's peak.
    private static QualityReport Quality(ArrayData image, double scale, ArrayData truth)
    {
        float peak = truth.Values.Max(Math.Abs);
        return ImageQuality.Report(Times(image, (float)(scale / peak)), Times(truth, 1 / peak));
    }

    private static ArrayData Times(ArrayData array, float factor) => array with { Values = Array.ConvertAll(array.Values, value => value * factor) };
}
