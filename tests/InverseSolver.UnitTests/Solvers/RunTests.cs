using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>How a run goes on, stops and tells where it is.</summary>
[LeavesNoTensors]
public sealed class RunTests
{
    private const double Sigma = 0.05;

    // Six steps with all kinds of events and noise in every step.
    private static readonly ReSampleParameters Short = new()
    {
        Samples = 1,
        Steps = 6,
        Eta = 0.5,
        ConsistencyEvery = 1,
        ConsistencyStart = 0.9,
        LatentFraction = 0.4,
        TravelSteps = 2,
        LdpsScale = 0.5,
        DataStep = DataStep.Paper,
        PixelIterations = 3,
        LatentIterations = 3,
        FinalLatentIterations = 2,
        DiscrepancyFactor = 1,
        FinalProximalStep = true,
        PriorStandardDeviation = 0.05,
    };

    [Fact]
    public void A_schedule_that_ends_in_pure_noise_costs_next_to_nothing()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[] betas = [.. Enumerable.Range(0, 1000).Select(i => Math.Pow(Math.Sqrt(0.0015) + i / 999.0 * (Math.Sqrt(0.0195) - Math.Sqrt(0.0015)), 2))];
        static double Spectrum(double fy, double fx) => 0.02 / (1 + 200 * (fy * fy + fx * fx));
        using var plain = new GaussianModel(Spectrum, schedule: NoiseSchedule.FromBetas(betas));
        betas[^1] = 1;
        using var zero = new GaussianModel(Spectrum, schedule: NoiseSchedule.FromBetas(betas));
        using LinearOperator op = new MaskOperator(1, 16, 16, Masks.Random(16, 16, 0.5, 2), torch.CPU);
        Tensor y = op.Apply(Toy.Phantom(16).ToTensor(torch.CPU));
        ReSampleParameters parameters = ReSampleParameters.Balanced with { Samples = 1, PriorStandardDeviation = 0.05 };
        float[] expected = Toy.Run(plain, op, y, Sigma, parameters, 3), x = Toy.Run(zero, op, y, Sigma, parameters, 3);
        Assert.True(expected.Zip(x, (a, b) => Math.Abs(a - b)).Max() < 0.05, $"{expected.Zip(x, (a, b) => Math.Abs(a - b)).Max()}");
    }

    [Fact]
    public void A_run_goes_on_from_any_saved_state_with_the_same_bits()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = new MaskOperator(1, 64, 64, Masks.Random(64, 64, 0.6, 2), torch.CPU);
        Tensor y = op.Apply(Toy.Phantom(64).ToTensor(torch.CPU));
        Tensor both = torch.cat([y, y]);
        float[] whole = Toy.Run(model, op, both, Sigma, Short, 3, 4);
        Assert.All(whole, v => Assert.True(float.IsFinite(v)));

        // Every step by a new solver from a state that was saved after the one before.
        using SolverState start = new ReSample(new SolverInput(model, op, both, Sigma), Short).Start(3, 4);
        byte[] saved = start.Saved();
        for (int step = 0; step < Short.Steps; step++)
        {
            using SolverState state = Toy.Restored(saved);
            Assert.Equal(step, state.Step);
            new ReSample(new SolverInput(model, op, both, Sigma), Short).Advance(state);
            saved = state.Saved();
        }

        using SolverState last = Toy.Restored(saved);
        Assert.Equal(whole, new ReSample(new SolverInput(model, op, both, Sigma), Short).Run(last).ToFloats());
    }

    [Fact]
    public void What_was_not_measured_changes_no_bit()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        Tensor spoilt = torch.where(op.Apply(torch.ones([1, 1, 12, 12])).gt(0.5), y, torch.full([1], double.NaN));
        foreach (DataStep step in Enum.GetValues<DataStep>())
        {
            ReSampleParameters p = Short with { DataStep = step };
            Assert.Equal(Toy.Run(model, op, y, Sigma, p, 1), Toy.Run(model, op, spoilt, Sigma, p, 1));
        }
    }

    [Fact]
    public void The_time_left_of_a_resumed_run_counts_its_own_steps_only()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor y = torch.zeros([1, 1, 8, 8]);
        ReSampleParameters even = Short with { Steps = 10, LdpsScale = 0, ConsistencyStart = 0, FinalLatentIterations = 0 };
        var first = new ReSample(new SolverInput(model, op, y, Sigma), even);
        using SolverState state = first.Start(1);
        for (int k = 0; k < 5; k++)
        {
            first.Advance(state);
        }

        // One of six equal steps is done then.
        SolverProgress? report = null;
        new ReSample(new SolverInput(model, op, y, Sigma, p => report = p), even).Advance(state);
        Assert.InRange(report!.Eta!.Value / report.Elapsed, 4.0, 40.0);
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits_and_another_seed_others()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        foreach (ReSampleParameters p in (ReSampleParameters[])[Short, Short with { Eta = 0 }, ReSampleParameters.Fast with { PriorStandardDeviation = 0.05 }])
        {
            float[] one = Toy.Run(model, op, y, Sigma, p, 0), again = Toy.Run(model, op, y, Sigma, p, 0), other = Toy.Run(model, op, y, Sigma, p, 1);
            Assert.Equal(one, again);
            Assert.NotEqual(one, other);
        }
    }

    [Fact]
    public void An_item_is_the_same_alone_and_in_a_batch()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (string name in Toy.Operators.Keys)
        {
            using LinearOperator op = Toy.Operators[name](12);
            (_, Tensor y) = Toy.Measure(model, op, Sigma, 3, 1);
            float[] batch = Toy.Run(model, op, y, Sigma, Short, 5, 6, 7);
            for (int i = 0; i < 3; i++)
            {
                float[] alone = Toy.Run(model, op, y.narrow(0, i, 1), Sigma, Short, 5 + i);
                Assert.All(alone.Zip(batch.Skip(144 * i).Take(144)), p => Assert.Equal(p.First, p.Second, 2e-3f));
            }
        }
    }

    [Theory]
    [InlineData(1), InlineData(4), InlineData(6)]
    public void A_cancelled_run_makes_no_further_call(int after)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 1, 1);
        using var cancel = new CancellationTokenSource();
        int atCancel = -1;
        ReSample? solver = null;
        solver = new ReSample(new SolverInput(model, op, y, Sigma, p =>
        {
            if (p.Step == after)
            {
                atCancel = Calls(solver!);
                cancel.Cancel();
            }
        }, cancel.Token), Short);
        using (SolverState state = solver.Start(1))
        {
            Assert.Throws<OperationCanceledException>(() => solver.Run(state));
            Assert.Equal(after, state.Step);
        }

        Assert.True(atCancel > 0);
        Assert.Equal(atCancel, Calls(solver));
    }

    [Fact]
    public void An_optimiser_on_the_image_stops_when_cancelled_and_leaves_nothing()
    {
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        using Tensor y = torch.zeros([1, 1, 8, 8]), x0 = torch.ones([1, 1, 8, 8]);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        long before = Tensor.TotalCount;
        var solver = new ReSample(new SolverInput(model, op, y, Sigma, Cancellation: cancelled.Token), ReSampleParameters.Paper);
        Assert.Throws<OperationCanceledException>((Action)(() =>
        {
            using DisposeScope scope = torch.NewDisposeScope();
            solver.PixelOptimization(x0, 0);
        }));
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void A_run_that_fails_leaves_no_tensors()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = Toy.Operators["inpainting"](16);
        using Tensor y = torch.zeros([1, 1, 16, 16]);
        long before = Tensor.TotalCount;
        foreach (DataStep step in Enum.GetValues<DataStep>())
        {
            foreach (int at in (int[])[1, 3, 7])
            {
                var solver = new ReSample(new SolverInput(model, op, y, Sigma, p =>
                {
                    if (p.Step == at)
                    {
                        throw new TimeoutException();
                    }
                }), Short with { DataStep = step });
                using SolverState state = solver.Start(1);
                Assert.Throws<TimeoutException>(() => solver.Run(state));
            }
        }

        // The state's own latent is gone too: its loop has ended.
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Progress_counts_every_step_and_shows_the_estimate()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = SeparableDownsampling();
        Tensor y = op.Apply(torch.full([2, 1, 8, 12], 0.5));
        var reports = new List<SolverProgress>();
        int thread = Environment.CurrentManagedThreadId;
        var solver = new ReSample(new SolverInput(model, op, y, Sigma, p =>
        {
            Assert.Equal(thread, Environment.CurrentManagedThreadId);
            reports.Add(p);
        }), Short);
        using SolverState state = solver.Start(1, 2);
        float[] image = solver.Run(state).ToFloats();
        Assert.Equal(7, solver.Steps);
        Assert.Equal(Enumerable.Range(1, 7), reports.Select(p => p.Step));
        Assert.All(reports, p => Assert.Equal(7, p.Of));

        // Indices 5 to 0: events from index 5 (0.9 of 6) down to 1, on the latent below index 2, none at 0.
        Assert.Equal(["pixel", "pixel", "pixel", "pixel", "latent", "sampling", "final"], reports.Select(p => p.Stage));
        Assert.All(reports, p => Assert.True(p.Eta is { } eta && eta >= TimeSpan.Zero));
        Assert.Equal(TimeSpan.Zero, reports[^1].Eta);
        Assert.All(reports.Zip(reports.Skip(1)), p => Assert.True(p.Second.Elapsed >= p.First.Elapsed));
        Assert.All(reports, p => Assert.Equal([1, 8, 12], p.Preview!.Shape));
        Assert.All(reports, p => Assert.Equal(8 * 12, p.Preview!.Values.Length));
        Assert.Equal(image[..96], reports[^1].Preview!.Values);
        double residual = op.Residual2(state.Image!, y).ToDoubles()[0];
        Assert.Equal(residual / (op.MeasuredComponents * Sigma * Sigma), reports[^1].Residual!.Value, 6);

        static LinearOperator SeparableDownsampling() =>
            SeparableOperator.Downsampling(1, 8, 12, 2, InverseSolver.Reconstruction.Problems.DownsamplingKernel.Average, torch.CPU);
    }

    [Fact]
    public void Steps_without_an_estimate_report_neither_residual_nor_preview()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        var reports = new List<SolverProgress>();
        var solver = new ReSample(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0, reports.Add), Short with { LdpsScale = 0, ConsistencyStart = 0 });
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.All(reports[..^1], p => Assert.True(p.Preview is null && p.Residual is null));
        Assert.NotNull(reports[^1].Preview);

        // Without noise there is no residual to expect.
        Assert.Null(reports[^1].Residual);
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(1000)]
    public void Any_number_of_steps_runs_to_the_end(int steps)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach ((string name, double sigma) in ((string, double)[])[("inpainting", 0), ("mri", 0.05)])
        {
            using LinearOperator op = Toy.Operators[name](8);
            (_, Tensor y) = Toy.Measure(model, op, sigma, 1, 1);
            Assert.All(
                Toy.Run(model, op, y, sigma, Short with { Steps = steps, Eta = 1, ConsistencyEvery = steps > 100 ? 50 : 1 }, 1),
                v => Assert.True(float.IsFinite(v)));
        }
    }

    private static int Calls(ReSample solver) =>
        solver.Calls.Network + solver.Calls.Decoder + solver.Calls.DecoderGradient + solver.Calls.Encoder;
}
