using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The recommended solvers for a kind of problem, as measured in docs/results.md on one model and one kind of image.</summary>
/// <param name="Best">The solver whose images were nearest to the truth. It runs where a job names none.</param>
/// <param name="Quick">The best of the solvers that take no gradient through a network, with the preset <c>fast</c>: seconds.</param>
/// <param name="Note">A caution; null where there is none.</param>
public sealed record Recommendation(string Best, string Quick, string? Note = null)
{
    private const string Unmeasured = "Not measured for this kind of problem: taken from the nearest one that was.";

    private static readonly Dictionary<Type, Recommendation> _measured = new()
    {
        [typeof(Inpainting)] = new(
            "redDiff", "diffPir",
            "Where a large region is missing (the mask 'box') it is 'daps', and no solver knows what stood there; ReSample as published is weak at it."),
        [typeof(SuperResolution)] = new("redDiff", "dcdp"),
        [typeof(GaussianBlur)] = new("dcdp", "dcdp"),
        [typeof(MotionBlur)] = new("dcdp", "dcdp"),
        [typeof(CartesianMri)] = new("redDiff", "ddnm"),
        [typeof(ParallelMri)] = new("diffPir", "diffPir", "'mriPurify' with the preset 'fast' comes within half a decibel for a tenth of the time."),
        [typeof(Denoising)] = new(
            "totalVariation", "totalVariation",
            "Where the noise is below the autoencoder's own error no solver with a model comes near the measurement itself."),
        [typeof(ComputedTomography)] = new("ddnm", "ddnm"),
        [typeof(Composition)] = new("redDiff", "dcdp"),
        [typeof(CompressedSensing)] = new("redDiff", "totalVariation"),
        [typeof(HighDynamicRange)] = new("constrainedAdmm", "constrainedAdmm"),
        [typeof(Clipping)] = new("redDiff", "dcdp"),
        [typeof(Quantisation)] = new("dcdp", "dcdp"),
        [typeof(Jpeg)] = new("redDiff", "dcdp"),
        [typeof(PhaseRetrieval)] = new(
            "diffPir", "diffPir", "Often fails: draw four samples or more, and look at them. Where in the frame the image lies is open."),
        [typeof(CodedDiffraction)] = new("dcdp", "dcdp", "All solvers with a network find the same image; for long sequences of low rank there is 'tspr'."),
        [typeof(PointSpread)] = new("dcdp", "dcdp", Unmeasured),
        [typeof(Colourisation)] = new("redDiff", "dcdp", Unmeasured),
        [typeof(TorchScript)] = new("redDiff", "dcdp", Unmeasured),
    };

    private static readonly Recommendation _box = new("daps", "dcdp", "No solver knows what stood in the hole; ReSample as published is weak at it.");

    /// <summary>The recommendation for a problem.</summary>
    public static Recommendation For(Problem problem) => problem is Inpainting { Mask: BoxMask } ? _box : _measured[problem.GetType()];

    /// <summary>The recommendation for a kind of problem.</summary>
    public static Recommendation For(Type problem) => _measured[problem];
}
