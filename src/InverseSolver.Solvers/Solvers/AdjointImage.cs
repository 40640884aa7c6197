namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// A measurement as an image, without a prior: the adjoint (in MRI the zero-filled image), in tomography the filtered back-projection (Ramachandran and Lakshminarayanan:
/// Three-dimensional reconstruction from radiographs and electron micrographs. PNAS 68, 1971), of a detector that clips or rounds the measurement itself.
/// </summary>
/// <remarks>It neither explains the measurement nor weighs its noise.</remarks>
public sealed class AdjointImage(SolverInput input) : Solver(input)
{
    /// <inheritdoc/>
    public override int Steps => 1;

    /// <inheritdoc/>
    public override SolverState Start(params long[] seeds) => SolverState.Start(seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int step)
    {
        // Where y is the image, the result must not be y itself: the state disposes what it owns.
        state.Image = A.Direct(Y).clone();
        return ("final", state.Image);
    }
}
