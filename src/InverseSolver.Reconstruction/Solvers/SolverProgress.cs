namespace InverseSolver.Reconstruction.Solvers;

/// <summary>State of a run after a step.</summary>
/// <param name="Stage">Name of the stage, for example <c>sampling</c>, <c>pixel</c>, <c>latent</c>, <c>final</c>.</param>
/// <param name="Step">Steps done, of all stages together.</param>
/// <param name="Of">Steps in all.</param>
/// <param name="Residual">Sum of squared residuals over m sigma^2 of the current estimate, of the first item; null before the first estimate.</param>
/// <param name="Elapsed">Time since the start.</param>
/// <param name="Eta">Estimated time to the end; null at the start.</param>
/// <param name="Preview">The current estimate, (channels, height, width) in [0,1]; null in most reports.</param>
public sealed record SolverProgress(
    string Stage, int Step, int Of, double? Residual, TimeSpan Elapsed, TimeSpan? Eta, ArrayData? Preview)
{
    /// <summary>The frames of a stack that are being solved; null for a single image.</summary>
    public FrameRange? Frames { get; init; }
}

/// <summary>Some frames of a stack.</summary>
/// <param name="First">The first one, from 0.</param>
/// <param name="Last">The last one.</param>
/// <param name="Of">How many the stack has.</param>
public sealed record FrameRange(int First, int Last, int Of);
