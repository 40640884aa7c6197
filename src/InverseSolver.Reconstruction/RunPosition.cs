using System.Diagnostics;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction;

/// <summary>
/// The position of one solver's run between two steps: the batches that are done, and the state of the one under way. From it the run goes on with the bits of
/// an unbroken one, on a machine of the same <see cref="Fingerprint"/>.
/// </summary>
internal sealed class RunPosition : IDisposable
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private Solver? _solver;

    /// <summary>Called between two steps, the last one of a batch included; null where nobody saves the position.</summary>
    internal Action? AfterStep { get; init; }

    /// <summary>Gives the images of a batch that was saved, (items, channels, height, width).</summary>
    internal Func<int, ArrayData>? ReadBatch { get; init; }

    /// <summary>Samples or frames that are solved together; 0 before the run began.</summary>
    internal int Batch { get; set; }

    /// <summary>Batches that are done.</summary>
    internal int Done { get; set; }

    /// <summary>Images of the batches that are done and not yet saved, by the batch's index.</summary>
    internal Dictionary<int, ArrayData> Unsaved { get; } = [];

    /// <summary>The state of the batch under way; null between batches.</summary>
    internal SolverState? State { get; set; }

    /// <summary>The cost before the batch under way, or before that batch was resumed; its seconds are those of earlier processes.</summary>
    internal CostReport Before { get; set; } = new(0, 0, 0, 0, 0);

    /// <summary>Time of the run, earlier processes included.</summary>
    internal TimeSpan Elapsed => TimeSpan.FromSeconds(Before.Seconds) + _watch.Elapsed;

    /// <summary>The cost up to now, earlier processes included.</summary>
    internal CostReport Cost => Calls with { Seconds = Elapsed.TotalSeconds };

    private CostReport Calls => _solver is null ? Before : Before with
    {
        NetworkCalls = Before.NetworkCalls + _solver.Calls.Network,
        DecoderCalls = Before.DecoderCalls + _solver.Calls.Decoder,
        DecoderGradients = Before.DecoderGradients + _solver.Calls.DecoderGradient,
        EncoderCalls = Before.EncoderCalls + _solver.Calls.Encoder + _solver.Calls.EncoderGradient,
        NetworkGradients = Before.NetworkGradients + _solver.Calls.NetworkGradient,
    };

    /// <summary>Times of the model's calls in this process, of the batches that are done.</summary>
    internal List<CallTime> CallTimes { get; } = [];

    /// <summary>Residual over its expectation after each step, of the first item of its batch; null where a step has no estimate.</summary>
    internal List<double?> Residuals { get; } = [];

    /// <summary>Begins anew with batches of another size.</summary>
    internal void Restart(int batch)
    {
        End();
        Residuals.Clear();
        Unsaved.Clear();
        (Batch, Done, Before) = (batch, 0, Before with { NetworkCalls = 0, DecoderCalls = 0, DecoderGradients = 0, EncoderCalls = 0, NetworkGradients = 0 });
    }

    /// <summary>The images of a batch that is done.</summary>
    /// <param name="index">Its index in the run.</param>
    /// <param name="device">Where they are wanted.</param>
    internal Tensor Images(int index, Device device)
    {
        ArrayData images = Unsaved.GetValueOrDefault(index) ?? ReadBatch!(index);
        using Tensor host = torch.copy_of(images.Values, [.. images.Shape.Select(size => (long)size)]);
        return host.to(device, copy: true);
    }

    /// <summary>Solves the next batch, or what is left of it.</summary>
    /// <param name="solver">Its solver.</param>
    /// <param name="seeds">The seeds of its items.</param>
    /// <returns>The images, (items, channels, height, width).</returns>
    internal Tensor Solve(Solver solver, long[] seeds)
    {
        State ??= solver.Start(seeds);
        _solver = solver;
        foreach (int step in solver.Checkpoints(State))
        {
            if (step < solver.Steps) AfterStep?.Invoke();
        }

        Tensor images = State.Image!.clone();
        if (AfterStep is not null)
        {
            Unsaved[Done] = new ArrayData([.. images.shape.Select(size => (int)size)], images.ToFloats());
        }

        Before = Calls;
        CallTimes.AddRange(solver.Model.Clock.Times);
        End();
        Done++;
        AfterStep?.Invoke();
        return images;
    }

    /// <inheritdoc/>
    public void Dispose() => End();

    private void End()
    {
        State?.Dispose();
        (State, _solver) = (null, null);
    }
}
