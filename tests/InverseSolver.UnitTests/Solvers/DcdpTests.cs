using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>DCDP's two steps against its formulas.</summary>
[LeavesNoTensors]
public sealed class DcdpTests
{
    private static readonly DcdpParameters Steps = DcdpParameters.Paper with { StepSize = 0.2, Iterations = 3 };

    [Fact]
    public void Gradient_steps_on_the_image_have_the_momentum_of_the_heavy_ball()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](4);
        var input = new SolverInput(model, op, torch.ones([1, 1, 4, 4]), 0.01);

        // From 0.5 towards 1: gradients -0.5, -0.4, -0.23; b = -0.5, -0.85, -0.995.
        double[] after = [0.6, 0.77, 0.969];
        for (int k = 1; k <= 3; k++)
        {
            var solver = new Dcdp(input, Steps with { Iterations = k });
            using SolverState state = solver.Start(1);
            Tensor x = solver.PixelConsistency(state["x"], 0);
            Assert.All(x.ToFloats(), v => Assert.Equal(after[k - 1], v, 5));

            // Each round begins without momentum.
            Assert.Equal(x.ToFloats(), solver.PixelConsistency(state["x"], 1).ToFloats());

            // z = 2x - 1: the same steps on the [-1,1] scale.
            Tensor z = new Dcdp(input, Steps with { Iterations = k, Space = DcdpSpace.Latent }).LatentConsistency(torch.zeros([1, 1, 4, 4]));
            Assert.All(z.ToFloats(), v => Assert.Equal(2 * after[k - 1] - 1, v, 5));
        }
    }

    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("downsampling")]
    public void A_step_is_the_paper_s_on_the_mean_of_the_squared_residuals(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](8);
        Tensor y = Toy.Measure(model, op, 0.02, 1, 1).Y, x = torch.full([1, 1, 8, 8], 0.3);
        const double Rate = 7;

        // y on the [-1,1] scale is what A makes of 2x - 1.
        Tensor leaf = (x * 2 - 1).requires_grad_(), signed = y * 2 - op.Apply(torch.ones_like(x));
        Tensor loss = (op.Apply(leaf) - signed).square().mean();
        Tensor expected = leaf.detach() - torch.autograd.vjp(loss, leaf, torch.ones_like(loss)) * Rate;

        DcdpParameters parameters = Steps with { Iterations = 1, StepSize = DcdpParameters.Normalised(Rate, y.numel()) };
        var solver = new Dcdp(new SolverInput(model, op, y, 0.02), parameters);
        Assert.True(Toy.Error(solver.PixelConsistency(x, 0) * 2 - 1, expected) < 1e-5);
        Assert.True(Toy.Error(solver.LatentConsistency(x * 2 - 1), expected) < 1e-5);
    }

    [Theory]
    [InlineData(DcdpSpace.Pixel), InlineData(DcdpSpace.Latent)]
    public void Gradient_steps_end_at_the_noise_each_item_by_itself(DcdpSpace space)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](12);
        const double Sigma = 0.05;
        (Tensor truth, Tensor y) = Toy.Measure(model, op, Sigma, 2, 1);
        Tensor x0 = torch.full([2, 1, 12, 12], 0.5);
        x0.select(0, 0).copy_(op.Prox(truth, y, 1).select(0, 0));
        DcdpParameters parameters = Steps with { Space = space, StepSize = 0.05, Iterations = 2000, DiscrepancyFactor = 1 };
        double allowed = op.MeasuredComponents * Sigma * Sigma;
        Tensor x = Step(parameters, x0, y);
        Assert.True(op.Residual2(x0, y).ToDoubles()[1] > 2 * allowed);
        Assert.True(Toy.Error(x.select(0, 0), x0.select(0, 0)) < 1e-6);
        Assert.InRange(op.Residual2(x, y).ToDoubles()[1], 0.8 * allowed, allowed);
        Assert.True(Toy.Error(Step(parameters, x0.narrow(0, 1, 1), y.narrow(0, 1, 1)), x.narrow(0, 1, 1)) < 1e-5);

        // As published they go on.
        Assert.True(op.Residual2(Step(parameters with { DiscrepancyFactor = null }, x0, y), y).ToDoubles()[1] < 0.7 * allowed);

        Tensor Step(DcdpParameters p, Tensor from, Tensor measured)
        {
            var solver = new Dcdp(new SolverInput(model, op, measured, Sigma), p);
            return space == DcdpSpace.Pixel ? solver.PixelConsistency(from, 0) : (solver.LatentConsistency(from * 2 - 1) + 1) / 2;
        }
    }

    [Fact]
    public void Steps_that_diverge_are_the_caller_s_error_and_a_cancelled_run_takes_no_more_of_them()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](4);
        var input = new SolverInput(model, op, torch.ones([1, 1, 4, 4]), 0.01);
        var diverging = new Dcdp(input, Steps with { StepSize = 1000, Iterations = 100 });
        Assert.Equal("solver.parameters.stepSize", Assert.Throws<InvalidInputException>(() => diverging.PixelConsistency(torch.zeros([1, 1, 4, 4]), 0)).Field);

        // The bound that the parameter states.
        double Residual(double step, int iterations) =>
            op.Residual2(
                new Dcdp(input, Steps with { StepSize = step, Iterations = iterations }).PixelConsistency(torch.zeros([1, 1, 4, 4]), 0),
                input.Y).ToDoubles()[0];
        Assert.True(Residual(3.7, 400) < 1e-6);
        Assert.True(Residual(3.9, 100) > 1e3);

        var cancelled = new Dcdp(input with { Cancellation = new CancellationToken(true) }, Steps);
        Assert.Throws<OperationCanceledException>(() => cancelled.PixelConsistency(torch.zeros([1, 1, 4, 4]), 0));
    }

    [Theory]
    [InlineData(Purifier.Ddim, 10, 400, 182), InlineData(Purifier.Tweedie, 10, 400, 10), InlineData(Purifier.Consistency, 10, 400, 10)]
    [InlineData(Purifier.Ddim, 20, 700, 382), InlineData(Purifier.Tweedie, 20, 700, 20)]
    public void A_run_in_pixel_space_calls_the_network_as_often_as_published(Purifier purifier, int rounds, int first, int calls)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        DcdpParameters parameters = Steps with { Purifier = purifier, Rounds = rounds, FirstTime = first };
        var solver = new Dcdp(new SolverInput(model, op, torch.full([1, 1, 8, 8], 0.5), 0.01), parameters);
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.Equal((calls, rounds, rounds, 0), (solver.Calls.Network, solver.Calls.Encoder, solver.Calls.Decoder, solver.Calls.DecoderGradient));
    }

    [Theory]
    [InlineData(Purifier.Ddim, DcdpSpace.Latent, 181), InlineData(Purifier.Tweedie, DcdpSpace.Latent, 10), InlineData(Purifier.Tweedie, DcdpSpace.Pixel, 10)]
    public void A_run_of_a_latent_model_calls_the_network_as_often_as_published(Purifier purifier, DcdpSpace space, int calls)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = Toy.Operators["denoising"](16);
        DcdpParameters parameters = Steps with { Purifier = purifier, Space = space, StepSize = 1e-3 };
        var solver = new Dcdp(new SolverInput(model, op, torch.full([1, 1, 16, 16], 0.5), 0.01), parameters);
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.Equal(calls, solver.Calls.Network);
        Assert.Equal(10, solver.Calls.Encoder);
        Assert.Equal(space == DcdpSpace.Latent ? (30, 11) : (0, 10), (solver.Calls.DecoderGradient, solver.Calls.Decoder));
    }

    [Theory]
    [InlineData(400), InlineData(1)]
    public void Purification_in_pixel_space_clips_and_takes_time_one_for_two(int time)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor z = Toy.Normal([1, 1, 8, 8], 3), at = Noisy(model, z, time);
        int[] timesteps = time == 1 ? [1, 0] : [.. Enumerable.Range(0, 20).Select(j => 399 - 21 * j)];
        (Tensor once, _) = Clean(at, timesteps[0]);
        for (int i = 0; i < timesteps.Length; i++)
        {
            (Tensor clean, Tensor noise) = Clean(at, timesteps[i]);
            double before = i + 1 == timesteps.Length ? 1 : model.AlphasCumprod[timesteps[i + 1]];
            at = clean * Math.Sqrt(before) + noise * Math.Sqrt(1 - before);
        }

        Assert.True(Toy.Error(Purify(model, op, Steps, z, time), at) < 1e-5);
        Assert.True(Toy.Error(Purify(model, op, Steps with { Purifier = Purifier.Tweedie }, z, time), once) < 1e-5);
        Assert.True(at.abs().max().ToDouble() <= 1);

        (Tensor, Tensor) Clean(Tensor noisy, int t)
        {
            double a = model.AlphasCumprod[t];
            Tensor clean = ((noisy - model.PredictNoise(noisy, torch.copy_of([(long)t])) * Math.Sqrt(1 - a)) / Math.Sqrt(a)).clamp(-1, 1);
            return (clean, (noisy - clean * Math.Sqrt(a)) / Math.Sqrt(1 - a));
        }
    }

    [Theory]
    [InlineData(44, 1, new[] { 43, 41, 39, 36, 34, 32, 30, 28, 25, 23, 21, 19, 16, 14, 12, 10, 8, 5, 3, 1 })]
    [InlineData(1, 1, new[] { 1 })]
    public void Purification_of_latents_neither_clips_nor_ends_without_noise(int time, double scale, int[] timesteps)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = Toy.Operators["denoising"](16);
        Tensor z = Toy.Normal([1, 4, 4, 4], 3) * scale, noisy = Noisy(model, z, time), at = noisy;
        for (int i = 0; i < timesteps.Length; i++)
        {
            double a = model.AlphasCumprod[timesteps[i]], before = model.AlphasCumprod[i + 1 == timesteps.Length ? 0 : timesteps[i + 1]];
            Tensor e = model.PredictNoise(at, torch.copy_of([(long)timesteps[i]]));
            at = (at - e * Math.Sqrt(1 - a)) * Math.Sqrt(before / a) + e * Math.Sqrt(1 - before);
        }

        Assert.True(Toy.Error(Purify(model, op, Steps, z, time), at) < 1e-5);
        double first = model.AlphasCumprod[time - 1];
        Tensor once = noisy / Math.Sqrt(first) - model.PredictNoise(noisy, torch.copy_of([time - 1L])) * Math.Sqrt(1 / first - 1);
        Assert.True(Toy.Error(Purify(model, op, Steps with { Purifier = Purifier.Tweedie }, z, time), once) < 1e-5);
    }

    [Fact]
    public void A_consistency_network_gets_the_latent_with_noise_added_and_its_level()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor z = Toy.Normal([1, 1, 8, 8], 3);
        double a = model.AlphasCumprod[299], sigma = Math.Sqrt((1 - a) / a);
        using SolverState state = SolverState.Start([5], torch.CPU);
        Tensor expected = model.ConsistencyFunction(z + state.Noise(1, 8, 8) * sigma, sigma);
        Assert.Equal(expected.ToFloats(), Purify(model, op, Steps with { Purifier = Purifier.Consistency }, z, 300).ToFloats());
    }

    [Theory]
    [InlineData(DcdpResult.ByNoise, 0.0, true), InlineData(DcdpResult.ByNoise, 0.01, false)]
    [InlineData(DcdpResult.Consistent, 0.01, true), InlineData(DcdpResult.Purified, 0.0, false)]
    public void The_result_is_the_consistent_image_or_the_purified_one(DcdpResult result, double sigma, bool isConsistent)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor y = Toy.Measure(model, op, 0, 1, 1).Y;
        (DataStep Step, DcdpSpace Space)[] steps = [(DataStep.Proximal, default), (DataStep.Paper, DcdpSpace.Pixel), (DataStep.Paper, DcdpSpace.Latent)];
        foreach ((DataStep step, DcdpSpace space) in steps)
        {
            DcdpParameters parameters = Steps with { DataStep = step, Space = space, Result = result, Iterations = 200, LastTime = 100 };
            var solver = new Dcdp(new SolverInput(model, op, y, sigma), parameters);
            using SolverState state = solver.Start(1);
            Tensor x = solver.Run(state);
            Assert.Equal(isConsistent, Toy.Error(x, y) < (step == DataStep.Proximal ? 0.02 : 1e-4));
            Assert.Equal(isConsistent ? 180 : 200, solver.Calls.Network);
        }
    }

    [Fact]
    public void Paper_holds_the_published_values()
    {
        DcdpParameters paper = DcdpParameters.Paper;
        Assert.Equal((1, 10, 400, 0), (paper.Samples, paper.Rounds, paper.FirstTime, paper.LastTime));
        Assert.Equal((PurificationSchedule.Linear, Purifier.Ddim, 20), (paper.Schedule, paper.Purifier, paper.DdimSteps));
        Assert.Equal((DataStep.Paper, DcdpSpace.Pixel, 100, 1.017), (paper.DataStep, paper.Space, paper.Iterations, Math.Round(paper.StepSize, 3)));
        Assert.Equal((DcdpResult.ByNoise, false), (paper.Result, paper.FinalProximalStep));
        Assert.Null(paper.DiscrepancyFactor);
    }

    [Fact]
    public void What_the_model_has_not_is_refused()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel brain = ModelPackage.Load(TestData.Brain);
        using GaussianModel gaussian = Toy.Gaussian(),
            brief = new((_, _) => 1, schedule: InverseSolver.Diffusion.Schedules.NoiseSchedule.ScaledLinear(steps: 100));
        var consistency = new DcdpParameters { Purifier = Purifier.Consistency };
        Assert.Contains("no consistency network", consistency.Refusal(new Denoising(), brain.Info), StringComparison.Ordinal);
        Assert.Null(consistency.Refusal(new Denoising(), gaussian.Info));
        Assert.Contains("100 timesteps", new DcdpParameters().Refusal(new Denoising(), brief.Info), StringComparison.Ordinal);
        Assert.All(SolverCatalog.All.Single(s => s.Type == "dcdp").Presets.Values, preset => Assert.Null(preset.Refusal(new Denoising(), brain.Info)));
    }

    private static Tensor Noisy(LatentModel model, Tensor z, int time)
    {
        using SolverState state = SolverState.Start([5], torch.CPU);
        double a = model.AlphasCumprod[time - 1];
        return z * Math.Sqrt(a) + state.Noise(z.shape[1..]) * Math.Sqrt(1 - a);
    }

    private static Tensor Purify(LatentModel model, LinearOperator op, DcdpParameters parameters, Tensor z, int time)
    {
        using SolverState state = SolverState.Start([5], torch.CPU);
        return new Dcdp(new SolverInput(model, op, torch.zeros([1, .. op.Range]), 0.01), parameters).Purify(z, time, state);
    }
}
