using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>Shapes of measurements and of the images behind them.</summary>
internal static class ProblemShapes
{
    /// <summary>Whether y is complex.</summary>
    public static bool IsComplex(Problem problem) => problem switch
    {
        Composition c => IsComplex(c.Parts[^1]),
        CartesianMri or ParallelMri => true,
        _ => false,
    };

    /// <summary>Whether y is an image on [0,1] where x is one.</summary>
    public static bool IsImage(Problem problem) => problem switch
    {
        Composition c => c.Parts.All(IsImage),
        Denoising or Inpainting or SuperResolution or GaussianBlur or MotionBlur or PointSpread or Colourisation or HighDynamicRange or Clipping or Quantisation or Jpeg => true,
        _ => false,
    };

    /// <summary>Dimensions of one frame's measurement.</summary>
    public static int Rank(Problem problem) => problem switch
    {
        ParallelMri { Rows: null, Columns: null } => 3,
        _ => IsComplex(problem) ? 2 : 3,
    };

    /// <summary>Shape of y for an image; not known for a module, which is taken to keep it.</summary>
    public static long[] Measurement(Problem problem, long[] image) => problem switch
    {
        Composition c => c.Parts.Aggregate(image, (shape, part) => Measurement(part, shape)),
        SuperResolution s => [image[0], image[1] / s.Factor, image[2] / s.Factor],
        CartesianMri => [image[1], image[2]],
        ComputedTomography ct => [image[0], ct.Angles, image[2]],
        Colourisation => [1, image[1], image[2]],
        CompressedSensing cs => [image[0], .. SensingOperator.Coefficients(cs, image[1], image[2])],
        PhaseRetrieval p => [image[0], (long)(image[1] * p.Oversampling), (long)(image[2] * p.Oversampling)],
        CodedDiffraction d => [d.Masks * image[0], image[1], image[2]],
        _ => image,
    };

    /// <summary>(channels, height, width) of the image behind a measurement that has as many dimensions as it must have.</summary>
    public static long[] Image(Problem problem, long[] measurement) => problem switch
    {
        Composition c => c.Parts.Reverse().Aggregate(measurement, (shape, part) => Image(part, shape)),
        CartesianMri => [1, .. measurement],
        ParallelMri { Rows: { } rows, Columns: { } columns } => [1, rows, columns],
        ParallelMri => [1, measurement[^2], measurement[^1]],
        SuperResolution s => [measurement[0], measurement[1] * s.Factor, measurement[2] * s.Factor],
        ComputedTomography => [measurement[0], measurement[2], measurement[2]],
        TorchScript t => [t.Channels ?? measurement[0], t.Height ?? measurement[1], t.Width ?? measurement[2]],
        Colourisation => [3, measurement[1], measurement[2]],
        CompressedSensing cs => [measurement[0], cs.Height ?? measurement[1], cs.Width ?? measurement[2]],
        PhaseRetrieval p => [measurement[0], (long)Math.Round(measurement[1] / p.Oversampling), (long)Math.Round(measurement[2] / p.Oversampling)],
        CodedDiffraction d => [measurement[0] / d.Masks, measurement[1], measurement[2]],
        _ => measurement,
    };

    /// <summary>The problem's files by name.</summary>
    public static string[] Files(Problem problem) => problem switch
    {
        Composition c => [.. c.Parts.SelectMany(Files)],
        Inpainting { Mask: UploadedMask } => ["mask"],
        PointSpread => ["psf"],
        CartesianMri m => [.. m.Mask is UploadedKSpaceMask ? ["mask"] : Array.Empty<string>(), .. m.Phase == PhaseSource.File ? ["phase"] : Array.Empty<string>()],
        ParallelMri { Mask: UploadedKSpaceMask } => ["mask"],
        _ => [],
    };
}
