namespace InverseSolver.Solvers.Solvers;

/// <summary>Some frames of a stack.</summary>
/// <param name="First">The first one, from 0.</param>
/// <param name="Last">The last one.</param>
/// <param name="Of">How many the stack has.</param>
public sealed record FrameRange(int First, int Last, int Of);
