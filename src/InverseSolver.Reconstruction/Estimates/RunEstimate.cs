using InverseSolver.Diffusion;

namespace InverseSolver.Reconstruction.Estimates;

/// <summary>The calls of one kind that a job makes.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Items">Images in a call.</param>
/// <param name="Count">The number of calls, at most.</param>
public sealed record PlannedCalls(CallKind Kind, int Items, int Count);

/// <summary>The cost of a job before it runs: the model's calls, which follow from its parameters, and the time of all else, from a few steps of it.</summary>
/// <param name="Height">Height of the image.</param>
/// <param name="Width">Width of the image.</param>
/// <param name="Calls">The model's calls, those that are not of a solver's steps included.</param>
/// <param name="Cost">The calls as a finished job reports them; the seconds are those of <paramref name="DataSeconds"/>.</param>
/// <param name="DataSeconds">Time beside the model's calls: preparation, data steps, measures of the result.</param>
/// <param name="IsComplete">False where a step took too long to be timed: then <paramref name="DataSeconds"/> is what it takes at least.</param>
public sealed record RunEstimate(int Height, int Width, IReadOnlyList<PlannedCalls> Calls, CostReport Cost, double DataSeconds, bool IsComplete)
{
    // A run's first calls of each operator, beside its steps: measured, 0.02 to 0.04 s.
    internal const double Start = 0.03;

    /// <summary>The time of the job; null where a kind of call was never timed.</summary>
    /// <param name="times">The times of the calls.</param>
    public double? Seconds(CallTimes times)
    {
        double sum = Start + DataSeconds;
        foreach (PlannedCalls calls in Calls)
        {
            if (times.Seconds(calls.Kind, calls.Items, Height, Width) is not { } each) return null;
            sum += each * calls.Count;
        }

        return sum;
    }

    /// <summary>Runs a few steps of a job on a model that costs nothing.</summary>
    /// <param name="valid">The problem.</param>
    /// <param name="baselines">The solvers that solve it besides.</param>
    /// <param name="model">The description of its model.</param>
    /// <param name="device">The device.</param>
    /// <param name="cancellation">Ends the dry run with an exception.</param>
    public static RunEstimate Of(
        CheckedReconstruction valid, IReadOnlyList<Baseline> baselines, ModelInfo model, Device device, CancellationToken cancellation) =>
        baselines.Aggregate(
            DryRun.Of(valid, model, device, cancellation),
            (sum, baseline) => sum.Plus(DryRun.Of(valid.With(baseline.Parameters), model, device, cancellation)));

    // Baselines call no network, and the cost that a job reports is its own solver's.
    private RunEstimate Plus(RunEstimate other) => this with
    {
        Calls = [.. Calls, .. other.Calls],
        DataSeconds = DataSeconds + other.DataSeconds,
        IsComplete = IsComplete && other.IsComplete,
    };
}
