using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="TuckerPhaseRetrieval"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record TuckerPhaseRetrievalParameters : SolverParameters
{
    /// <summary>Rank along the images' height; at most that height is used.</summary>
    [Range(1, 512)] public int RowRank { get; init; } = 32;

    /// <summary>Rank along the images' width; at most that width is used.</summary>
    [Range(1, 512)] public int ColumnRank { get; init; } = 32;

    /// <summary>Rank along the frames; at most their number is used, so that it is 1 for one frame.</summary>
    [Range(1, 64)] public int FrameRank { get; init; } = 4;

    /// <summary>Rounds over frame coefficients, rows, columns and core.</summary>
    [Range(1, 1000)] public int Rounds { get; init; } = 60;

    /// <summary>Gradient steps on the frame coefficients, a round.</summary>
    [Range(1, 1000)] public int FlowSteps { get; init; } = 50;

    /// <summary>Length of such a step; 1 is Gauss and Newton's for masks of unit modulus.</summary>
    [Range(0.01, 1.0)] public double FlowRate { get; init; } = 0.8;

    /// <summary>The authors' ranks and steps.</summary>
    internal static TuckerPhaseRetrievalParameters Paper { get; } = new() { RowRank = 5, ColumnRank = 10, FrameRank = 1, Rounds = 30 };

    /// <summary>Ranks for images of a hundred pixels a side.</summary>
    internal static TuckerPhaseRetrievalParameters Balanced { get; } = new();

    /// <summary>Lower ranks, fewer steps on the coefficients.</summary>
    internal static TuckerPhaseRetrievalParameters Fast { get; } = new() { RowRank = 16, ColumnRank = 16, FlowSteps = 10 };

    /// <inheritdoc/>
    internal override bool JointFrames => true;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new TuckerPhaseRetrieval(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is not CodedDiffraction ? "TSPR solves coded diffraction only."
        : model.Channels != 1 ? "TSPR solves frames of one channel; the model's images have more."
        : null;
}
