namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The recommended solvers for a kind of problem, as measured in docs/results.md on one model and one kind of image.</summary>
/// <param name="Best">The solver whose images were nearest to the truth. It runs where a job names none.</param>
/// <param name="Quick">The best of the solvers that take no gradient through a network, with the preset <c>fast</c>: seconds.</param>
/// <param name="Note">A caution; null where there is none.</param>
public sealed record Recommendation(string Best, string Quick, string? Note = null)
{
    /// <summary>The note of a kind of problem that was not measured.</summary>
    internal const string Unmeasured = "Not measured for this kind of problem: taken from the nearest one that was.";
}
