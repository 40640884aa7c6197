using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli;

/// <summary>The problems that evaluations and the demonstration use, by name; anything else is JSON, or a file with a problem in JSON.</summary>
internal static class StandardProblems
{
    internal static IReadOnlyDictionary<string, Func<long, Problem>> All { get; } =
        Problem.Kinds.SelectMany(kind => kind.Standard).ToDictionary(named => named.Key, named => named.Value);

    /// <summary>A problem; random masks and kernels are drawn from <paramref name="seed"/>.</summary>
    internal static Problem Get(string name, long seed) =>
        CliJson.ProblemOf("--problems", name, one => All.TryGetValue(one, out Func<long, Problem>? make) ? make(seed) : null, All.Keys);
}
