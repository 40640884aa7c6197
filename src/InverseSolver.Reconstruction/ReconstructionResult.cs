using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction;

/// <summary>A solved problem.</summary>
/// <param name="Image">
/// The reconstruction, the mean of the samples where several were drawn (for problems with twins the one with the smallest residual), (channels, height,
/// width), on the [0,1] scale, not clipped; a stack for a stack.
/// </param>
/// <param name="Deviation">
/// Standard deviation over the samples, per pixel, where more than one was drawn and they were averaged: where it is large, the prior chose.
/// </param>
/// <param name="Consistency">How well it explains the measurement.</param>
/// <param name="Quality">Agreement with the truth, where that was given.</param>
/// <param name="Frames">The same for each frame of a stack; null for a single image.</param>
/// <param name="Cost">What the run cost.</param>
/// <param name="Batch">Samples, of one frame or several, that were solved together.</param>
public sealed record ReconstructionResult(
    ArrayData Image, ArrayData? Deviation, ConsistencyReport Consistency, QualityReport? Quality,
    IReadOnlyList<FrameReport>? Frames, CostReport Cost, int Batch)
{
    // So that a deviation which is next to nothing looks like that.
    private const float LeastWhite = 0.05f;

    /// <summary>The noise that was solved for.</summary>
    public required NoiseReport Noise { get; init; }

    /// <summary>Which twin the result is, of problems that have them; of a stack see its frames.</summary>
    public TwinReport? Twin { get; init; }

    /// <summary>SHA-256 of the module of a <see cref="TorchScript"/>.</summary>
    public string? OperatorHash { get; init; }

    /// <summary>Of multi-coil MRI, how the measurement was prepared.</summary>
    public MriReport? Mri { get; init; }

    /// <summary>
    /// 1 where the measurement was used, 0 elsewhere, of problems with a mask: (1, height, width), or (frames, 1, height, width) where frames have masks of
    /// their own.
    /// </summary>
    public ArrayData? Mask { get; init; }

    /// <summary>Sentences for the reader of the result: faults that the result or its files may have, and how the files were changed.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>
    /// Residual over its expectation after each step, of the first item of its batch, where progress was listened to; null where a step has no estimate or
    /// sigma is 0.
    /// </summary>
    public IReadOnlyList<double?> Residuals { get; init; } = [];

    /// <summary>Times of the model's calls, by kind and size, without those of earlier processes.</summary>
    public IReadOnlyList<CallTime> CallTimes { get; init; } = [];

    /// <summary>Of multi-coil MRI, the complex image and what it was made of; null else.</summary>
    public MriArrays? MriArrays { get; init; }

    /// <summary>The deviation that <see cref="DeviationPicture"/> shows as white: the largest one, and at least 0.05. Null for one sample.</summary>
    public float? DeviationWhite => Deviation is null ? null : Math.Max(LeastWhite, Deviation.Values.Max());

    /// <summary>The deviation on [0,1], to look at. Null for one sample.</summary>
    public ArrayData? DeviationPicture =>
        DeviationWhite is { } white ? Deviation! with { Values = [.. Deviation!.Values.Select(value => value / white)] } : null;

    /// <summary>
    /// The same result with the middle of its image and deviation, where the scan is measured in a larger field of view than its image is wanted in;
    /// <see cref="MriArrays"/> stay as solved.
    /// </summary>
    /// <param name="size">Rows and columns, at most the image's; null: all.</param>
    public ReconstructionResult Cropped((int Rows, int Columns)? size) =>
        size is { } s ? this with { Image = Image.Middle(s.Rows, s.Columns), Deviation = Deviation?.Middle(s.Rows, s.Columns) } : this;
}
