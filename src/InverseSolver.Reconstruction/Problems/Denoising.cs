namespace InverseSolver.Reconstruction.Problems;

/// <summary>Nothing but noise: y = x + n.</summary>
public sealed record Denoising : Problem;
