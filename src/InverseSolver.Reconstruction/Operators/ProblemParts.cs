namespace InverseSolver.Reconstruction.Operators;

/// <summary>The arrays of a checked problem, from its files or drawn by its generators.</summary>
/// <param name="Mask">Row-major over pixels or k-space, true where measured.</param>
/// <param name="Kernel">A blur kernel, sum 1.</param>
/// <param name="Phase">φ in radians, row-major.</param>
/// <param name="Parts">Those of a composition's parts.</param>
/// <param name="Censored">Which pixels of a clipped measurement are at a limit.</param>
/// <param name="ModuleFile">Where a TorchScript module is.</param>
internal sealed record ProblemParts(bool[]? Mask = null, double[,]? Kernel = null, float[]? Phase = null, IReadOnlyList<ProblemParts>? Parts = null, sbyte[]? Censored = null, string? ModuleFile = null);
