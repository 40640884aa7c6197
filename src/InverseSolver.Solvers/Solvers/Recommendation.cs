using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Which solver to take for a kind of problem: what docs/results.md measured, on one model and one kind of image.</summary>
/// <param name="Best">The solver whose images were nearest to the truth. It runs where a job names none.</param>
/// <param name="Quick">The best of the solvers that take no gradient through a network: seconds where the best takes longer.</param>
/// <param name="Note">What to know before trusting it; null where there is nothing special.</param>
public sealed record Recommendation(string Best, string Quick, string? Note = null)
{
    private const string Unmeasured = "Not measured for this kind of problem: taken from the nearest one that was.";

    private static readonly Dictionary<Type, Recommendation> _measured = new()
    {
        [typeof(Inpainting)] = new("redDiff", "dcdp", "ReSample is weak where a large region is missing (the mask 'box')."),
        [typeof(SuperResolution)] = new("redDiff", "dcdp"),
        [typeof(GaussianBlur)] = new("dcdp", "dcdp"),
        [typeof(CartesianMri)] = new("redDiff", "ddnm"),
    };

    /// <summary>The recommendation for a problem.</summary>
    public static Recommendation For(Problem problem) => For(problem.GetType());

    /// <summary>The recommendation for a kind of problem.</summary>
    public static Recommendation For(Type problem) => _measured.GetValueOrDefault(problem) ?? new("reSample", "reSample", Unmeasured);
}
