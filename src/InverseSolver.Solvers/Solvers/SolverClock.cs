using System.Diagnostics;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Time of a run, and an estimate of what is left from the work that is left.</summary>
internal sealed class SolverClock(double totalWork)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    internal TimeSpan Elapsed => _watch.Elapsed;

    /// <summary>Time left when this much of the total work is; null before any was done.</summary>
    internal TimeSpan? Remaining(double work) => totalWork - work is > 0 and var done ? Elapsed * (work / done) : null;
}
