using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Operators;

namespace InverseSolver.Solvers.Solvers;

/// <summary>What a solver works on.</summary>
/// <param name="Model">The prior.</param>
/// <param name="A">The forward operator, on images of the model's channels.</param>
/// <param name="Y">Measurements, (N, ...A.Range), on the model's device.</param>
/// <param name="Sigma">Standard deviation of the noise per real component, in y's units; 0 asks for exact consistency.</param>
/// <param name="Progress">Called on the solver's thread after every step.</param>
/// <param name="Cancellation">Checked before every network, encoder or decoder call.</param>
public sealed record SolverInput(
    LatentModel Model, ForwardOperator A, Tensor Y, double Sigma, Action<SolverProgress>? Progress = null, CancellationToken Cancellation = default)
{
    /// <summary>
    /// <see cref="Consistency.OrientedStart"/> of every item, (N, C, H, W); null where the problem needs none. It follows from <see cref="Model"/>, <see cref="A"/> and
    /// <see cref="Y"/> alone, so that no state has to hold it.
    /// </summary>
    internal Tensor? GlobalStart { get; init; }
}

/// <summary>
/// A solver of y = A(x) + n. It advances one explicit state, step by step, for N items at once, each with its own seed and its own stop. Its
/// own fields hold nothing that a step changes, so that a run goes on from any saved state with the same bits.
/// </summary>
public abstract class Solver
{
    private readonly Action<SolverProgress>? _progress;
    private SolverClock? _clock;

    /// <summary>A run on <paramref name="input"/>.</summary>
    protected Solver(SolverInput input)
    {
        (Model, A, Y, Sigma, _progress) = (input.Model, input.A, input.Y, input.Sigma, input.Progress);
        (Height, Width) = ((int)A.Domain[1], (int)A.Domain[2]);
        Calls = new ModelCalls(Model, Height, Width, input.Cancellation);
    }

    /// <summary>Steps of the whole run.</summary>
    public abstract int Steps { get; }

    internal ModelCalls Calls { get; }

    private protected LatentModel Model { get; }

    private protected ForwardOperator A { get; }

    private protected Tensor Y { get; }

    private protected double Sigma { get; }

    private protected int Height { get; }

    private protected int Width { get; }

    /// <summary>y's elements per item, measured or not: what the papers' means run over.</summary>
    private protected double Elements => A.Range.Aggregate(1.0, (n, size) => n * size);

    /// <summary>m σ².</summary>
    private protected double Expected => A.MeasuredComponents * Sigma * Sigma;

    /// <summary>The state to start from, one item for each seed.</summary>
    public abstract SolverState Start(params long[] seeds);

    /// <summary>Advances a state, which is not yet at the end, to the end.</summary>
    /// <returns>The images, (N, C, H, W) in [0,1], not clipped; owned by the state.</returns>
    public Tensor Run(SolverState state)
    {
        while (state.Step < Steps)
        {
            Advance(state);
        }

        return state.Image!;
    }

    /// <summary>Advances a state by one step.</summary>
    public void Advance(SolverState state)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        int step = state.Step;
        if (step >= Steps)
        {
            throw new InvalidOperationException("The run is over.");
        }

        _clock ??= new SolverClock(WorkAfter(step));
        Calls.ThrowIfCancelled();
        (string stage, Tensor? estimate) = Advance(state, step);
        state.Step++;
        Report(state.Step, stage, estimate);
    }

    /// <summary>Does step <paramref name="step"/>, counted from 0, without recording gradients. The last one sets the state's image.</summary>
    /// <returns>What the step was, and the clean image that it knows, if any.</returns>
    private protected abstract (string Stage, Tensor? Estimate) Advance(SolverState state, int step);

    /// <summary>What step <paramref name="step"/> costs at most, in network calls.</summary>
    private protected virtual double Work(int step) => 1;

    private double WorkAfter(int step) => Enumerable.Range(step, Steps - step).Sum(Work);

    private void Report(int step, string stage, Tensor? estimate)
    {
        if (_progress is null)
        {
            return;
        }

        double? residual = estimate is null || Expected == 0 ? null : A.Residual2(estimate, Y).ToDoubles()[0] / Expected;
        ArrayData? preview = null;
        if (estimate is not null)
        {
            using Tensor first = estimate.select(0, 0);
            preview = new ArrayData([.. first.shape.Select(n => (int)n)], first.ToFloats());
        }

        _progress(new SolverProgress(stage, step, Steps, residual, _clock!.Elapsed, _clock.Remaining(WorkAfter(step)), preview));
    }
}

/// <summary>Time of a run, and an estimate of what is left from the work that is left.</summary>
internal sealed class SolverClock(double totalWork)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    internal TimeSpan Elapsed => _watch.Elapsed;

    /// <summary>Time left when this much of the total work is; null before any was done.</summary>
    internal TimeSpan? Remaining(double work) => totalWork - work is > 0 and var done ? Elapsed * (work / done) : null;
}
