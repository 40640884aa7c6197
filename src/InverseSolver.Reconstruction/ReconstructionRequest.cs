using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>One problem to solve, in host memory.</summary>
public sealed record ReconstructionRequest
{
    /// <summary>The forward model.</summary>
    public required Problem Problem { get; init; }

    /// <summary>
    /// y. An image (channels, height, width) on the [0,1] scale, or complex k-space (height, width); with one more leading dimension a stack of frames,
    /// which share everything else.
    /// </summary>
    public required ArrayData Measurement { get; init; }

    /// <summary>
    /// The problem's files by name: <c>mask</c>, <c>psf</c>, <c>phase</c>; for a stack of frames with (frames, height, width) one for each of them.
    /// </summary>
    public IReadOnlyDictionary<string, ArrayData> Files { get; init; } = new Dictionary<string, ArrayData>();

    /// <summary>
    /// Standard deviation of the noise in y, per real component, in y's units; with <see cref="Photons"/> that of the read-out. Null: estimated from y.
    /// </summary>
    public required double? Sigma { get; init; }

    /// <summary>Standard deviation of the rounding of y's file; an estimated <see cref="Sigma"/> is at least this.</summary>
    public double LeastSigma { get; init; }

    /// <summary>Photons per unit of y, where it was counted (<see cref="PhotonNoise"/>); null where all noise is Gaussian.</summary>
    public double? Photons { get; init; }

    /// <summary>The solver's parameters.</summary>
    public required SolverParameters Solver { get; init; }

    /// <summary>Seed of every random number that the solver draws.</summary>
    public required long Seed { get; init; }

    /// <summary>The true image, where it is known, to measure against; a stack for a stack.</summary>
    public ArrayData? Truth { get; init; }

    /// <summary>Folder of the modules of <see cref="TorchScript"/>; null where there are none.</summary>
    public string? OperatorFolder { get; init; }

    /// <summary>Takes the luminance of a coloured measurement or truth where the model is for grey images; without it they are refused.</summary>
    public bool Luminance { get; init; }

    /// <summary>Rows and columns of the middle of the solved image that is wanted, of a scan measured in a larger field of view; null: all.</summary>
    public (int Rows, int Columns)? Crop { get; init; }

    /// <summary>Sentences for the reader of the result on how the files were changed; the result's warnings begin with them.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
}
