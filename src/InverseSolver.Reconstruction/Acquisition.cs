using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>
/// The measurements of frames that share their operator, as solvers take them: y, A and σ, and the way back from a solver's samples to the result of a frame.
/// <see cref="Problem.Prepare"/> makes it.
/// </summary>
/// <param name="measurement">y, A and σ.</param>
/// <param name="noise">The noise of the measurement as it was sent.</param>
internal class Acquisition(WhitenedMeasurement measurement, NoiseReport noise) : IDisposable
{
    /// <summary>The operator of all frames.</summary>
    public virtual ForwardOperator A => measurement.A;

    /// <summary>y, (frames, range).</summary>
    public Tensor Y => measurement.Y;

    /// <summary>σ per real component of y.</summary>
    public double Sigma => measurement.Sigma;

    /// <summary>The noise of the measurement as it was sent.</summary>
    public NoiseReport Noise => noise;

    /// <summary>The operator of a batch: <see cref="A"/> itself, or one that the caller disposes.</summary>
    /// <param name="frames">The frame of each item.</param>
    public virtual ForwardOperator OfFrames(params long[] frames) => A;

    /// <summary>The first frame's image without a prior, for example the filtered back-projection, (1, channels, height, width).</summary>
    public virtual Tensor DirectImage() => A.Direct(Y.narrow(0, 0, 1));

    /// <summary>The result of one frame.</summary>
    /// <param name="model">The model.</param>
    /// <param name="request">The frame as a request of its own.</param>
    /// <param name="frame">Its index.</param>
    /// <param name="samples">Its samples, (samples, channels, height, width).</param>
    /// <param name="cancellation">Checked between network calls.</param>
    /// <exception cref="ArithmeticException">The image holds a value that is not a finite number.</exception>
    public virtual FrameResult Conclude(LatentModel model, ReconstructionRequest request, int frame, Tensor samples, CancellationToken cancellation)
    {
        Tensor y = Y.narrow(0, frame, 1);
        bool twins = request.Problem.HasTwin;
        Tensor x = twins ? SmallestResidual(samples, y) : samples.mean([0], keepdim: true);
        TwinReport? twin = null;
        if (twins)
        {
            (x, twin) = Twins.Choose(model, x, request.Truth, cancellation);
        }

        ArrayData image = Finite(x);
        QualityReport? quality = request.Truth is { } truth ? ImageQuality.Report(x.clamp(0, 1).ToArrayData(), truth) : null;
        ConsistencyReport consistency = ConsistencyMeasure.Report(A, x, y, Sigma)[0] with { Photons = request.Photons };
        var report = new FrameReport(request.Seed, consistency, quality, twin);
        return new FrameResult(image, twins ? null : Deviation(samples), report, (A as TorchScriptOperator)?.Hash);
    }

    /// <inheritdoc/>
    public void Dispose() => A.Dispose();

    /// <summary>The standard deviation over the samples; null for one sample.</summary>
    private protected static ArrayData? Deviation(Tensor samples) =>
        samples.size(0) == 1 ? null : samples.var([0], unbiased: true, keepdim: true).sqrt().ToArrayData();

    private protected static ArrayData Finite(Tensor x)
    {
        ArrayData image = x.ToArrayData();
        return image.Values.All(float.IsFinite) ? image
            : throw new ArithmeticException("The reconstruction holds values that are not finite numbers.");
    }

    private Tensor SmallestResidual(Tensor samples, Tensor y)
    {
        double[] residuals = A.Residual2(samples, torch.cat([.. Enumerable.Repeat(y, (int)samples.size(0))])).ToDoubles();
        return samples.narrow(0, Array.IndexOf(residuals, residuals.Min()), 1);
    }
}

/// <summary>One frame, solved.</summary>
/// <param name="Image">(channels, height, width).</param>
/// <param name="Deviation">The standard deviation over the samples; null for one sample.</param>
/// <param name="Report">The figures.</param>
/// <param name="OperatorHash">SHA-256 of the module of a <see cref="TorchScript"/>.</param>
/// <param name="Mri">The frame's share of a multi-coil result.</param>
internal sealed record FrameResult(ArrayData Image, ArrayData? Deviation, FrameReport Report, string? OperatorHash, Mri.MriFrame? Mri = null);

/// <summary>All frames, solved.</summary>
/// <param name="Frames">The frames.</param>
/// <param name="Mri">How multi-coil measurements were prepared.</param>
/// <param name="Arrays">The arrays that a multi-coil result is made of.</param>
internal sealed record SolvedFrames(IReadOnlyList<FrameResult> Frames, Mri.MriReport? Mri = null, Mri.MriArrays? Arrays = null)
{
    /// <summary>Sentences for the reader of the result.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
