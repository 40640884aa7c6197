using System.Collections.Concurrent;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Batching;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class SharedCallsTests
{
    // Longer than any test: a batch then only goes when it is full or everybody waits.
    private static readonly TimeSpan Forever = TimeSpan.FromHours(1);

    /// <summary>All solvers that call a network.</summary>
    public static TheoryData<string> Solvers => SolverLawTests.NetworkSolvers;

    /// <summary>The tolerance that docs/architecture.md states for results with shared calls: root mean square on [0,1].</summary>
    private const double Tolerance = 1e-3;

    [Theory]
    [MemberData(nameof(Solvers))]
    public void Three_jobs_that_share_their_calls_get_what_each_gets_alone(string type)
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionRequest[] requests = [Request(type, 1, 48, 64), Request(type, 2, 64, 48), Request(type, 3, 48, 64)];
        ReconstructionResult[] alone = [.. requests.Select(request => Reconstructor.Run(model, request, null, CancellationToken.None))];

        using var calls = new SharedCalls(model, Forever, 16);
        ReconstructionResult[] shared = Together(calls, requests, (view, request) => Reconstructor.Run(view, request, null, CancellationToken.None));

        foreach ((ReconstructionResult a, ReconstructionResult b) in alone.Zip(shared))
        {
            double rms = Math.Sqrt(a.Image.Values.Zip(b.Image.Values).Average(pair => Math.Pow(pair.First - pair.Second, 2)));
            TestContext.Current.TestOutputHelper!.WriteLine($"{type}: root mean square {rms:E1}, largest {Largest(a.Image.Values, b.Image.Values):E1}");
            Assert.True(rms <= Tolerance, $"{type}: {rms:E1}");
            Assert.Equal(a.Cost with { Seconds = 0 }, b.Cost with { Seconds = 0 });
        }

        CostReport cost = alone[0].Cost;
        int each = cost.NetworkCalls + cost.NetworkGradients + cost.DecoderCalls + cost.DecoderGradients + cost.EncoderCalls;
        Assert.True(calls.Batches < 3 * each, $"{calls.Batches} batches for 3 x {each} calls");
    }

    [Fact]
    public void A_lone_job_gets_the_same_bits_as_without_sharing()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionRequest request = Request("psld", 5, 40, 40);
        float[] alone = Reconstructor.Run(model, request, null, CancellationToken.None).Image.Values;
        using var calls = new SharedCalls(model, Forever, 16);
        Assert.Equal(alone, Together(calls, [request], (view, one) => Reconstructor.Run(view, one, null, CancellationToken.None))[0].Image.Values);
    }

    [Fact]
    public void Values_and_gradients_are_those_of_the_model_whatever_the_sizes_and_timesteps()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using var calls = new SharedCalls(model, Forever, 16);
        (int H, int W, long T)[] sizes = [(40, 33, 10), (48, 48, 500), (45, 35, 999)];
        double[] errors = Together(calls, sizes, (view, one) => Enumerable.Range(0, 3).Max(seed => Compare(model, view, one.H, one.W, one.T, seed)));
        Assert.All(errors, error => Assert.True(error < 2e-5, $"{error:E1}"));

        // The three sizes are padded to one, and each of the 3 x 7 calls of a solver goes out with the other two's.
        Assert.Equal((3 * 7, 3 * 3 * 7 * 2), (calls.Batches, calls.Items));
    }

    [Fact]
    public void A_batch_holds_no_more_items_than_it_may()
    {
        var seen = new ConcurrentBag<long>();
        using GaussianModel inner = Toy.Gaussian();
        using var model = new TappedModel(inner) { OnPredict = z => seen.Add(z.size(0)) };
        using var calls = new SharedCalls(model, Forever, 4);
        Together(calls, Enumerable.Range(0, 7).ToArray(), (view, i) => Predict(view, 1 + i % 2, 8, i));
        Assert.Equal(10, seen.Sum());
        Assert.All(seen, items => Assert.InRange(items, 1, 4));
        Assert.Contains(seen, items => items > 2);
    }

    [Fact]
    public void A_call_waits_no_longer_than_the_window_for_a_solver_that_is_busy_elsewhere()
    {
        using GaussianModel model = Toy.Gaussian();
        using var calls = new SharedCalls(model, TimeSpan.FromMilliseconds(20), 16);
        using SharedModel busy = calls.Join();
        Assert.Equal(64, Together(calls, [1], (view, seed) => Predict(view, 1, 8, seed).Length)[0]);
    }

    [Fact]
    public async Task Two_solvers_do_not_take_turns_at_a_network_that_takes_longer_than_the_window()
    {
        const int Calls = 4;
        const long Window = 50;
        var clock = new SetClock();
        using GaussianModel inner = Toy.Gaussian();
        using var first = new ManualResetEventSlim();
        SharedCalls? shared = null;
        var sizes = new List<long>();
        using var model = new TappedModel(inner)
        {
            OnPredict = z =>
            {
                // The network takes twice the window. Meanwhile the other solver calls.
                first.Set();
                if (sizes.Count == 0) Until(() => shared!.Waiting.Calls == 1);
                clock.Advance(2 * Window);
                sizes.Add(z.size(0));
            },
        };
        using SharedCalls calls = shared = new(model, TimeSpan.FromMilliseconds(Window), 16, clock: clock);
        using SharedModel busy = calls.Join();
        Task windows = Task.Run(() =>
        {
            // The first goes alone, as does the last; between them a window passes once both wait.
            Pass(batches: 0, waiting: 1);
            for (int i = 1; i < Calls; i++) Pass(i, waiting: 2);
            Pass(Calls, waiting: 1);
        });
        Together(calls, [0, 1], (view, seed) =>
        {
            if (seed == 1) first.Wait();
            return Enumerable.Range(0, Calls).Select(i => Predict(view, 1, 8, (seed * Calls) + i).Length).Sum();
        });
        await windows;
        Assert.Equal([1, 2, 2, 2, 1], sizes);

        void Pass(int batches, int waiting)
        {
            Until(() => sizes.Count == batches && calls.Waiting == (waiting, false));
            clock.Advance(Window);
        }
    }

    private static void Until(Func<bool> holds) => Assert.True(SpinWait.SpinUntil(holds, TimeSpan.FromMinutes(5)));

    /// <summary>A clock that stands still until it is set on.</summary>
    private sealed class SetClock : TimeProvider
    {
        private long _milliseconds;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => Interlocked.Read(ref _milliseconds);

        public void Advance(long milliseconds) => Interlocked.Add(ref _milliseconds, milliseconds);
    }

    [Fact]
    public void What_one_solver_throws_between_the_passes_does_not_touch_the_others()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using var calls = new SharedCalls(model, Forever, 16);
        double[] results = Together(calls, [0, 1, 2], (view, i) =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor z = Toy.Normal([1, .. model.LatentShape(32, 32)], i);
            if (i == 1)
            {
                Assert.Throws<OperationCanceledException>(() => view.DecodeVjp(z, 32, 32, _ => throw new OperationCanceledException()));
                return 0;
            }

            return Difference(view.DecodeVjp(z, 32, 32, x => x.square()), model.DecodeVjp(z, 32, 32, x => x.square()));
        });
        Assert.All(results, error => Assert.True(error < 2e-5, $"{error:E1}"));
    }

    [Fact]
    public void A_network_that_fails_fails_for_all_that_waited_and_then_goes_on()
    {
        using GaussianModel inner = Toy.Gaussian();
        bool broken = true;
        using var model = new TappedModel(inner) { OnPredict = _ => { if (broken) { throw new InvalidOperationException("no such luck"); } } };
        using var calls = new SharedCalls(model, Forever, 16);
        string[] texts = Together(calls, [0, 1], (view, seed) => Assert.Throws<InvalidOperationException>(() => Predict(view, 1, 8, seed)).InnerException!.Message);
        Assert.Equal(["no such luck", "no such luck"], texts);
        broken = false;
        Assert.Equal([64, 64], Together(calls, [0, 1], (view, seed) => Predict(view, 1, 8, seed).Length));
    }

    [Fact]
    public void Where_memory_is_short_batches_become_smaller_and_a_call_that_fits_alone_succeeds()
    {
        using GaussianModel inner = Toy.Gaussian();
        using var model = new TappedModel(inner) { OnPredict = z => { if (z.size(0) > 2) { throw new InsufficientMemoryException("full"); } } };
        using var calls = new SharedCalls(model, Forever, 16);
        float[][] results = Together(calls, [0, 1, 2, 3, 4, 5, 6, 7], (view, seed) => Predict(view, 1, 8, seed));
        foreach ((int seed, float[] values) in results.Index())
        {
            Assert.True(Largest(Predict(inner, 1, 8, seed), values) < 1e-6);
        }

        Assert.Throws<InsufficientMemoryException>(() => Together(calls, [0], (view, seed) => Predict(view, 3, 8, seed)));
    }

    [Fact]
    public void It_does_not_end_under_a_solver_that_still_uses_it()
    {
        using GaussianModel model = Toy.Gaussian();
        using var calls = new SharedCalls(model, Forever, 16);
        SharedModel view = calls.Join();
        Assert.Throws<InvalidOperationException>(calls.Dispose);
        view.Dispose();
    }

    private static ReconstructionRequest Request(string type, int seed, int height, int width)
    {
        bool mri = type is "mriPurify" or "ddpmConsistency";
        Problem problem = mri ? new CartesianMri(new RandomKSpaceMask(4)) : new Inpainting(new RandomMask(0.5, seed));
        ArrayData head = Toy.Phantom(64);
        ArrayData truth = new([1, height, width], [.. from row in Enumerable.Range(0, height) from column in Enumerable.Range(0, width) select head.Values[row * 64 + column]]);
        return new ReconstructionRequest
        {
            Problem = problem,
            Measurement = Reconstructor.Simulate(problem, truth, new Dictionary<string, ArrayData>(), 0.02, seed).Measurement,
            Sigma = 0.02,
            Solver = SolverCatalog.Resolve(type, "fast", []),
            Seed = seed,
        };
    }

    /// <summary>Runs a function on a thread for each item, each with a view of its own, all joined before the first begins.</summary>
    private static TResult[] Together<TItem, TResult>(SharedCalls calls, IReadOnlyList<TItem> items, Func<SharedModel, TItem, TResult> run)
    {
        SharedModel[] views = [.. items.Select(_ => calls.Join())];
        var results = new TResult[items.Count];
        var errors = new Exception?[items.Count];
        Thread[] threads = [.. items.Select((item, i) => new Thread(() =>
        {
            using SharedModel view = views[i];
            try
            {
                results[i] = run(view, item);
            }
            catch (Exception error)
            {
                errors[i] = error;
            }
        }))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return errors.OfType<Exception>().FirstOrDefault() is { } failed ? throw failed : results;
    }

    private static float[] Predict(LatentModel model, int items, int side, int seed)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable off = torch.no_grad();
        return model.PredictNoise(Toy.Normal([items, 1, side, side], seed), torch.full([1], 300, ScalarType.Int64)).ToFloats();
    }

    // All seven functions of two items, the largest relative difference.
    private static double Compare(LatentModel model, LatentModel view, int height, int width, long timestep, int seed)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable off = torch.no_grad();
        Tensor z = Toy.Normal([2, .. model.LatentShape(height, width)], seed), x = Toy.Normal([2, 1, height, width], seed + 1);
        Tensor t = torch.full([2], timestep, ScalarType.Int64);
        Tensor again = z.clone();
        return new[]
        {
            Toy.Error(view.PredictNoise(z, t), model.PredictNoise(z, t)),
            Toy.Error(view.Decode(z, height, width), model.Decode(z, height, width)),
            Toy.Error(view.Encode(x), model.Encode(x)),
            Difference(view.PredictNoiseVjp(z, t, e => e * 2.0), model.PredictNoiseVjp(z, t, e => e * 2.0)),
            Difference(view.DecodeVjp(z, height, width, image => image.square()), model.DecodeVjp(z, height, width, image => image.square())),
            Difference(view.EncodeVjp(x, latent => latent.sin()), model.EncodeVjp(x, latent => latent.sin())),
            Toy.Error(view.PredictNoise(again, t), model.PredictNoise(z, t)),
        }.Max();
    }

    private static double Difference((Tensor Value, Tensor Gradient) a, (Tensor Value, Tensor Gradient) b) => Math.Max(Toy.Error(a.Value, b.Value), Toy.Error(a.Gradient, b.Gradient));

    private static double Largest(float[] a, float[] b) => a.Zip(b).Max(pair => Math.Abs((double)pair.First - pair.Second));
}
