using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// A measurement as an image, without a prior: the adjoint (in MRI the zero-filled image), in tomography the filtered back-projection (Ramachandran and
/// Lakshminarayanan: Three-dimensional reconstruction from radiographs and electron micrographs. PNAS 68, 1971), of a detector that clips or rounds the
/// measurement itself.
/// </summary>
/// <remarks>It neither explains the measurement nor weighs its noise.</remarks>
public sealed class AdjointImage(SolverInput input) : Solver(input)
{
    /// <inheritdoc/>
    public override int Steps => 1;

    /// <inheritdoc/>
    public override SolverState Start(params long[] seeds) => SolverState.Start(seeds, Y.device);

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        // Where y is the image, the result must not be y itself: the state disposes what it owns.
        state.Image = A.Direct(Y).clone();
        yield return new SolverStep("final", state.Image);
    }
}

/// <summary>Parameters of <see cref="AdjointImage"/>: it has none.</summary>
public sealed record AdjointParameters : SolverParameters
{
    /// <summary>The preset <c>paper</c>, as all.</summary>
    internal static AdjointParameters Paper { get; } = new();

    /// <summary>The preset <c>balanced</c>, as all.</summary>
    internal static AdjointParameters Balanced { get; } = new();

    /// <summary>The preset <c>fast</c>, as all.</summary>
    internal static AdjointParameters Fast { get; } = new();

    internal static SolverDescription Description { get; } = new(
        "adjoint",
        "Adjoint",
        "The measurement as an image: zero-filled in MRI; in tomography filtered back-projection (Ramachandran, Lakshminarayanan: Three-dimensional " +
        "reconstruction from radiographs and electron micrographs. PNAS 68, 1971).",
        Paper, Balanced, Fast);

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
