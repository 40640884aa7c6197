using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The problem that a solver works on.</summary>
/// <param name="Model">The prior.</param>
/// <param name="A">The forward operator, on images of the model's channels.</param>
/// <param name="Y">Measurements, (N, ...A.Range), on the model's device.</param>
/// <param name="Sigma">Standard deviation of the noise per real component, in y's units; 0 asks for an image that explains y exactly.</param>
/// <param name="Progress">Called on the solver's thread after every step.</param>
/// <param name="Cancellation">Checked before every network, encoder or decoder call.</param>
public sealed record SolverInput(
    LatentModel Model, ForwardOperator A, Tensor Y, double Sigma, Action<SolverProgress>? Progress = null, CancellationToken Cancellation = default)
{
    /// <summary>
    /// <see cref="OrientedStart"/> of every item, (N, C, H, W); null where the problem needs none. It follows from <see cref="Model"/>, <see cref="A"/> and
    /// <see cref="Y"/> alone, so that no state has to hold it.
    /// </summary>
    internal Tensor? GlobalStart { get; init; }
}

/// <summary>One step of a solver.</summary>
/// <param name="Stage">Name of the stage that the step belongs to.</param>
/// <param name="Estimate">The clean image, (N, C, H, W), where the step has one.</param>
internal readonly record struct SolverStep(string Stage, Tensor? Estimate);

/// <summary>
/// A solver of y = A(x) + n, for N items at once, each with its own seed and its own stop. Everything that a step changes is in the <see cref="SolverState"/>,
/// so that a run goes on from any saved state with the same bits.
/// </summary>
public abstract class Solver
{
    private readonly Action<SolverProgress>? _progress;

    /// <summary>A run on <paramref name="input"/>.</summary>
    protected Solver(SolverInput input)
    {
        (A, Y, Sigma, _progress) = (input.A, input.Y, input.Sigma, input.Progress);
        (Height, Width) = ((int)A.Domain[1], (int)A.Domain[2]);
        Model = new CountedModel(input.Model, Height, Width, input.Cancellation);
    }

    /// <summary>Steps of the whole run.</summary>
    public abstract int Steps { get; }

    internal CountedModel Model { get; }

    internal ModelCalls Calls => Model.Calls;

    private protected ForwardOperator A { get; }

    private protected Tensor Y { get; }

    private protected double Sigma { get; }

    private protected int Height { get; }

    private protected int Width { get; }

    /// <summary>y's elements per item, measured or not: the papers' means run over them.</summary>
    private protected double Elements => A.Range.Aggregate(1.0, (n, size) => n * size);

    /// <summary>m σ².</summary>
    private protected double Expected => A.MeasuredComponents * Sigma * Sigma;

    /// <summary>The state to start from, one item for each seed.</summary>
    public abstract SolverState Start(params long[] seeds);

    /// <summary>Advances a state, which is not yet at the end, to the end.</summary>
    /// <returns>The images, (N, C, H, W) in [0,1], not clipped; owned by the state.</returns>
    public Tensor Run(SolverState state)
    {
        foreach (int _ in Checkpoints(state))
        {
            // Each round is one step of the algorithm.
        }

        return state.Image!;
    }

    /// <summary>Advances a state step by step; between two steps it can be saved.</summary>
    /// <returns>Steps done, after each of them.</returns>
    internal IEnumerable<int> Checkpoints(SolverState state)
    {
        double[] cost = [.. StepCalls().Select(calls => calls.Cost)];
        var clock = new SolverClock(cost[state.Step..].Sum());
        using IEnumerator<SolverStep> steps = Algorithm(state).GetEnumerator();
        while (state.Step < Steps)
        {
            Advance(steps, state, clock, cost);
            yield return state.Step;
        }
    }

    /// <summary>
    /// The method: the steps that are left of a state, as a loop from <see cref="SolverState.Step"/> on, which counts the steps done. A step runs without
    /// recording gradients and in a dispose scope of its own, so whatever the next one needs is moved into the state before the step is yielded; the last
    /// one sets the state's image.
    /// </summary>
    private protected abstract IEnumerable<SolverStep> Algorithm(SolverState state);

    /// <summary>The calls of the model in each step, at most: optimisers that stop early make fewer. They follow from the parameters alone.</summary>
    internal virtual IEnumerable<ModelCalls> StepCalls() => Enumerable.Repeat(default(ModelCalls), Steps);

    /// <summary>Those of <see cref="Start"/>.</summary>
    internal virtual ModelCalls StartCalls => default;

    private void Advance(IEnumerator<SolverStep> steps, SolverState state, SolverClock clock, double[] cost)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Model.ThrowIfCancelled();
        if (!steps.MoveNext())
        {
            throw new InvalidOperationException($"{GetType().Name} ended after {state.Step} of {Steps} steps.");
        }

        state.Step++;
        if (_progress is null)
        {
            return;
        }

        (string stage, Tensor? estimate) = steps.Current;
        double? residual = estimate is null || Expected == 0 ? null : A.Residual2(estimate, Y).ToDoubles()[0] / Expected;
        ArrayData? preview = null;
        if (estimate is not null)
        {
            using Tensor first = estimate.select(0, 0);
            preview = new ArrayData([.. first.shape.Select(n => (int)n)], first.ToFloats());
        }

        _progress(new SolverProgress(stage, state.Step, Steps, residual, clock.Elapsed, clock.Remaining(cost[state.Step..].Sum()), preview));
    }
}

/// <summary>A solver whose prior is the diffusion model.</summary>
public abstract class DiffusionSolver : Solver
{
    /// <summary>A run on <paramref name="input"/>.</summary>
    protected DiffusionSolver(SolverInput input, DiffusionParameters parameters)
        : base(input) => DataConsistency = new DataConsistency(input, parameters);

    private protected DataConsistency DataConsistency { get; }

    /// <summary>Pure noise in the latent space, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape, seeds, Y.device);
}

/// <summary>Time of a run, and an estimate of the time left from the work that is left.</summary>
internal sealed class SolverClock(double totalWork)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    internal TimeSpan Elapsed => _watch.Elapsed;

    /// <summary>Time left when this much of the total work is; null before any was done.</summary>
    internal TimeSpan? Remaining(double work) => totalWork - work is > 0 and var done ? Elapsed * (work / done) : null;
}
