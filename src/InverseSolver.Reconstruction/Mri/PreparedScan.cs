using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>A multi-coil measurement made ready: white noise, few coils, known sensitivities and phase, images on [0,1].</summary>
/// <param name="a">The operator of all frames.</param>
/// <param name="y">The prepared measurement over the scale, (frames, coils, range).</param>
/// <param name="noise">Noise of the measurement as it came, per real component.</param>
/// <param name="report">What was done; without the coils' residuals.</param>
internal sealed class PreparedScan(SenseOperator a, Tensor y, NoiseReport noise, MriReport report)
    : Acquisition(new WhitenedMeasurement(a, y, noise.Sigma / report.Scale * Math.Sqrt(report.ModelError)), noise)
{
    /// <inheritdoc/>
    public override SenseOperator A => a;

    /// <summary>Report on the preparation, without the coils' residuals.</summary>
    public MriReport Report => report;

    /// <summary>Divisor of Y and of the images.</summary>
    public double Scale => report.Scale;

    /// <summary>σ per real component of Y, without what the model does not explain: solvers must not fit that, so their σ holds it.</summary>
    public double NoiseSigma => Noise.Sigma / Scale;

    /// <inheritdoc/>
    public override SenseOperator OfFrames(params long[] frames) => a.Frames(frames);

    /// <inheritdoc/>
    public override Tensor DirectImage()
    {
        using SenseOperator one = a.Frames(0);
        return one.ToComplex(one.Direct(Y.narrow(0, 0, 1))).narrow(1, 0, 1).abs();
    }

    /// <summary>The complex image of a frame from a solver's, and its figures.</summary>
    public override FrameResult Conclude(LatentModel model, ReconstructionRequest request, int frame, Tensor samples, CancellationToken cancellation)
    {
        using SenseOperator a = A.Frames(frame), free = a.WithoutPhase();
        Tensor y = Y.narrow(0, frame, 1), x = samples.mean([0], keepdim: true);
        Tensor solved = a.Phase is null ? a.ToComplex(x) : Complex(request, a, free, x, y, cancellation);
        // Where no coil sees anything nothing was measured, and what an iteration left there means nothing.
        Tensor image = solved * a.Support();
        Tensor channels = free.FromComplex(image), magnitude = image.abs().square().sum([1], keepdim: true).sqrt();
        ArrayData image01 = Finite(magnitude);

        ConsistencyReport consistency = ConsistencyMeasure.Report(free, channels, y, NoiseSigma)[0];
        Tensor residual = torch.view_as_real(free.Residual(channels, y)).reshape(y.size(1), -1).square().sum([1], false);
        double perCoil = consistency.Expected / y.size(1);
        double[] ratios = perCoil > 0 ? [.. residual.ToDoubles().Select(value => value / perCoil)] : [];
        // Residuals in the measurement's own units.
        double squared = Scale * Scale;
        consistency = consistency with { Residual = consistency.Residual * squared, Expected = consistency.Expected * squared };
        var arrays = new MriArrays(
            (image.size(1) == 1 ? image.select(1, 0) : image).mul(Scale).ToArrayData(),
            (a.Sets == 1 ? a.Maps.select(1, 0) : a.Maps).ToArrayData(),
            (y * Scale).ToArrayData(),
            a.Sampling is CartesianSampling cartesian ? cartesian.Mask : null);
        var report = new FrameReport(request.Seed, consistency, request.Truth is { } truth ? Quality(image01, Scale, truth) : null, null);
        return new FrameResult(image01, Deviation(samples), report, null, new MriFrame(arrays, Report with { CoilRatios = ratios }));
    }

    // The phase is refined here: the imaginary part of what the solver took to be real.
    private Tensor Complex(ReconstructionRequest request, SenseOperator a, SenseOperator free, Tensor x, Tensor y, CancellationToken cancellation)
    {
        var parameters = (DiffusionParameters)request.Solver;
        var conditioning = new SenseProx(a, Sigma, parameters.PriorStandardDeviation ?? 0.03, cancellation.ThrowIfCancellationRequested);
        Tensor image = conditioning.SolveComplex(x, y, parameters.FinalCorrelation, a.Sets) * a.Phase!.unsqueeze(1);
        return parameters.FinalProximalStep ? SparseRefinement.Refine(free, image, y, Sigma, request.Seed, cancellation.ThrowIfCancellationRequested) : image;
    }

    // Both over the truth's peak.
    private static QualityReport Quality(ArrayData image, double scale, ArrayData truth)
    {
        float peak = truth.Values.Max(Math.Abs);
        return ImageQuality.Report(ParallelReconstruction.Times(image, (float)(scale / peak)), ParallelReconstruction.Times(truth, 1 / peak));
    }
}
