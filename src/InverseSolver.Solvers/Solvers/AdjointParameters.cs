using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="AdjointImage"/>: it has none.</summary>
public sealed record AdjointParameters : SolverParameters
{
    /// <summary>The preset <c>paper</c>, as all.</summary>
    internal static AdjointParameters Paper { get; } = new();

    /// <summary>The preset <c>balanced</c>, as all.</summary>
    internal static AdjointParameters Balanced { get; } = new();

    /// <summary>The preset <c>fast</c>, as all.</summary>
    internal static AdjointParameters Fast { get; } = new();

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new AdjointImage(input);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) => problem switch
    {
        PhaseRetrieval or CodedDiffraction => "Magnitudes without their phases are no image, and no adjoint makes one of them.",
        TorchScript { Channels: null, Height: null, Width: null } => null,
        TorchScript => "The adjoint of a module is not known; only a measurement with the image's own shape can stand for it.",
        _ => null,
    };
}
