using System.Diagnostics;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Estimates;

/// <summary>
/// Runs one frame of a problem as <see cref="Reconstructor"/> does, on a <see cref="StandInModel"/>, and of its first batch a few steps of each kind. The
/// steps of one kind make the same calls.
/// </summary>
internal sealed class DryRun
{
    // Steps of one kind that are timed, and the time after which no further one is.
    private const int Samples = 3;
    private const double EnoughSeconds = 0.4;

    // Steps of a solver without a network depend on those before, so they are run from the first one on.
    private const double EnoughOfBaseline = 1.5;

    // The share of a step from which on its time says what the whole step takes.
    private const double LeastShare = 0.01;

    private static readonly TimeSpan LongestStep = TimeSpan.FromSeconds(4), LongestRun = TimeSpan.FromSeconds(20);

    private readonly CheckedReconstruction _valid;
    private readonly StandInModel _model;
    private readonly CancellationToken _cancellation;
    private readonly Dictionary<(CallKind Kind, int Items), int> _calls = [];
    private double _seconds;
    private bool _isComplete = true;

    private DryRun(CheckedReconstruction valid, StandInModel model, CancellationToken cancellation) =>
        (_valid, _model, _cancellation) = (valid, model, cancellation);

    /// <summary>The estimate of one solver's run.</summary>
    internal static RunEstimate Of(CheckedReconstruction valid, ModelInfo info, Device device, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(LongestRun);
        using var model = new StandInModel(info, device);
        return new DryRun(valid, model, limit.Token).Run(cancellation);
    }

    private RunEstimate Run(CancellationToken caller)
    {
        // OpenMP counts threads for each thread that calls it: asking makes libtorch tell it.
        _ = Backend.Threads;
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        ReconstructionRequest request = _valid.Request;
        IReadOnlyList<CheckedFrame>[] sharing = Reconstructor.Sharing(_valid);
        int samples = Reconstructor.SamplesOf(_valid), batch = Reconstructor.BatchOf(_valid, sharing[0].Count);
        int[] chunks = [.. sharing.SelectMany(group => Enumerable.Range(0, group.Count * samples).Chunk(batch).Select(chunk => chunk.Length))];
        ModelCalls each = default;
        long began = Stopwatch.GetTimestamp();
        try
        {
            IReadOnlyList<CheckedFrame> frames = request.Solver.JointFrames ? sharing[0] : [sharing[0][0]];
            int times = request.Solver.JointFrames ? 1 : _valid.Frames.Count;
            long start = Stopwatch.GetTimestamp();
            using Acquisition acquisition = request.Problem.Prepare(_valid, frames, _model.Device, _cancellation);
            _seconds += Elapsed(start) * (request.Problem.DependsOnMeasurement && !request.Solver.JointFrames ? _valid.Frames.Count : sharing.Length);
            Tensor? global = Outside(times, () => OrientedStart.Of(_model, acquisition.A, acquisition.Y, request.Problem.HasTwin, _cancellation));
            Tensor image = Solve(acquisition, global, chunks, batch, out each);
            Outside(times, () => Concluded(acquisition, frames[0].Request, image, samples));
        }
        catch (OperationCanceledException) when (!caller.IsCancellationRequested)
        {
            // What it took up to here it takes at least.
            (_isComplete, _seconds) = (false, Math.Max(_seconds, Elapsed(began)));
        }

        int count = chunks.Length;
        return new RunEstimate(
            (int)_valid.ImageShape[1], (int)_valid.ImageShape[2],
            [.. _calls.Select(calls => new PlannedCalls(calls.Key.Kind, calls.Key.Items, calls.Value))],
            new CostReport(
                each.Network * count, each.Decoder * count, each.DecoderGradient * count, (each.Encoder + each.EncoderGradient) * count, _seconds,
                each.NetworkGradient * count),
            _seconds, _isComplete);
    }

    // The first batch's solver, and what all batches cost in proportion to their items.
    private Tensor Solve(Acquisition acquisition, Tensor? global, int[] chunks, int batch, out ModelCalls calls)
    {
        ReconstructionRequest request = _valid.Request;
        int items = Math.Min(batch, chunks[0]);
        double batches = chunks.Sum(chunk => (double)chunk / items);
        bool joint = request.Solver.JointFrames;
        long start = Stopwatch.GetTimestamp();
        ForwardOperator ofBatch = joint ? acquisition.A : acquisition.OfFrames(new long[items]);
        using ForwardOperator? disposed = ReferenceEquals(ofBatch, acquisition.A) ? null : ofBatch;
        Tensor y = joint ? acquisition.Y : torch.cat([.. Enumerable.Repeat(acquisition.Y, items)]);
        Tensor? globals = global is null || joint ? global : torch.cat([.. Enumerable.Repeat(global, items)]);
        using var limited = new LimitedSolver(
            token => request.Solver.Create(
                new SolverInput(_model, ofBatch, y, acquisition.Sigma, static _ => { }, token) { GlobalStart = globals }),
            _cancellation);
        Solver solver = limited.Solver;
        ModelCalls[] steps = [.. solver.StepCalls()];
        calls = steps.Aggregate(solver.StartCalls, (sum, one) => sum + one);
        foreach (int chunk in chunks) Plan(calls, chunk);

        using SolverState state = solver.Start([.. Enumerable.Range(0, items).Select(item => (long)item)]);
        _seconds += Elapsed(start) * batches;
        foreach (IGrouping<ModelCalls, int> kind in Enumerable.Range(0, steps.Length).GroupBy(index => steps[index]))
        {
            _seconds += batches * (kind.Key == default ? InOrder(solver, state, kind.Count()) : Sampled(limited, state, kind.Key, [.. kind]));
        }

        return state.Image?.clone() ?? torch.full([items, .. _valid.ImageShape], 0.5, device: _model.Device);
    }

    // Seconds of all steps of one kind, from some of them.
    private double Sampled(LimitedSolver limited, SolverState state, ModelCalls calls, int[] kind)
    {
        int count = Math.Min(Samples, kind.Length), timed = 0;
        double sum = 0, first = 0;
        for (int i = -1; i < count && (timed == 0 || sum < EnoughSeconds); i++)
        {
            // The first step is timed twice, because the first time is not that of the others; where it takes long that makes no difference.
            if (i == 0 && first > EnoughSeconds) return first * kind.Length;
            state.Step = kind[(int)((Math.Max(i, 0) + 0.5) * kind.Length / count)];
            long start = Stopwatch.GetTimestamp();
            double done = limited.Step(state, calls, LongestStep);
            double seconds = Elapsed(start);
            if (done < 1)
            {
                // A step of many iterations: those that were done say what all take.
                _isComplete &= done >= LeastShare;
                return seconds / Math.Max(done, LeastShare) * kind.Length;
            }

            if (i < 0) first = seconds;
            else (sum, timed) = (sum + seconds, timed + 1);
        }

        return sum / timed * kind.Length;
    }

    // Of a solver without a network: those that were run, and as much for each of the others as the later half of them took.
    private static double InOrder(Solver solver, SolverState state, int count)
    {
        var times = new List<double>();
        long start = Stopwatch.GetTimestamp(), last = start;
        foreach (int _ in solver.Checkpoints(state))
        {
            times.Add(Stopwatch.GetElapsedTime(last).TotalSeconds);
            last = Stopwatch.GetTimestamp();
            if (Elapsed(start) > EnoughOfBaseline) break;
        }

        return times.Sum() + (count - times.Count) * times.Skip(times.Count / 2).Average();
    }

    private object? Concluded(Acquisition acquisition, ReconstructionRequest request, Tensor image, int samples)
    {
        try
        {
            return acquisition.Conclude(_model, request, 0, image.narrow(0, 0, Math.Min(samples, image.size(0))), _cancellation);
        }
        catch (ArithmeticException)
        {
            return null;
        }
    }

    // Work for each frame beside the solver; its calls of the model are counted by the stand-in.
    private T Outside<T>(int frames, Func<T> work)
    {
        (int predictions, int encodings) = (_model.Predictions, _model.Encodings);
        long start = Stopwatch.GetTimestamp();
        T result = work();
        _seconds += Elapsed(start) * frames;
        Add(CallKind.Network, 2, (_model.Predictions - predictions) * frames);
        Add(CallKind.Encoder, 2, (_model.Encodings - encodings) * frames);
        return result;
    }

    private void Plan(ModelCalls calls, int items)
    {
        Add(CallKind.Network, items, calls.Network);
        Add(CallKind.NetworkGradient, items, calls.NetworkGradient);
        Add(CallKind.Decoder, items, calls.Decoder);
        Add(CallKind.DecoderGradient, items, calls.DecoderGradient);
        Add(CallKind.Encoder, items, calls.Encoder);
        Add(CallKind.EncoderGradient, items, calls.EncoderGradient);
    }

    private void Add(CallKind kind, int items, int count)
    {
        if (count > 0) _calls[(kind, items)] = _calls.GetValueOrDefault((kind, items)) + count;
    }

    private static double Elapsed(long start) => Stopwatch.GetElapsedTime(start).TotalSeconds;

    /// <summary>A solver that is made anew where a step of it was ended.</summary>
    private sealed class LimitedSolver : IDisposable
    {
        private readonly CancellationToken _cancellation;
        private readonly Func<CancellationToken, Solver> _create;
        private CancellationTokenSource _limit;

        internal LimitedSolver(Func<CancellationToken, Solver> create, CancellationToken cancellation)
        {
            (_cancellation, _create) = (cancellation, create);
            _limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Solver = create(_limit.Token);
        }

        internal Solver Solver { get; private set; }

        /// <summary>Runs one step for a limited time; the share of it that was done, by its calls.</summary>
        internal double Step(SolverState state, ModelCalls expected, TimeSpan time)
        {
            ModelCalls before = Solver.Calls;
            _limit.CancelAfter(time);
            try
            {
                foreach (int _ in Solver.Checkpoints(state)) break;
                _limit.CancelAfter(Timeout.InfiniteTimeSpan);
            }
            catch (OperationCanceledException) when (!_cancellation.IsCancellationRequested)
            {
                double done = (Solver.Calls.Cost - before.Cost) / expected.Cost;
                _limit.Dispose();
                _limit = CancellationTokenSource.CreateLinkedTokenSource(_cancellation);
                Solver = _create(_limit.Token);
                return Math.Min(done, 0.999);
            }
            catch (Exception error) when (error is ArithmeticException or InvalidInputException)
            {
                // The stand-in's images are no images: a method that diverges on them says nothing.
            }

            return 1;
        }

        public void Dispose() => _limit.Dispose();
    }
}
