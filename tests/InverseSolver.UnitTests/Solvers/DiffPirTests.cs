using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>DiffPIR's schedule, its step, and the whole of it where the answer is known.</summary>
[LeavesNoTensors]
public sealed class DiffPirTests
{
    private static readonly NoiseSchedule Ldm = NoiseSchedule.ScaledLinear(0.0015, 0.0195);

    [Fact]
    public void Quadratic_steps_are_the_roots_of_evenly_spaced_squares()
    {
        // √(i/10) · 1000 rounded down, by hand; the last timestep is 999.
        Assert.Equal([0, 316, 447, 547, 632, 707, 774, 836, 894, 948, 999], DdimSchedule.Quadratic(1000, 11));
        Assert.Equal([0, 999], DdimSchedule.Quadratic(1000, 2));
        Assert.Equal([999], DdimSchedule.Quadratic(1000, 1));
        Assert.Equal([0, 100, 142, 994, 999], DdimSchedule.Quadratic(1000, 100) is var t ? [t[0], t[1], t[2], t[98], t[99]] : []);
    }

    [Theory]
    [InlineData(10), InlineData(100), InlineData(500), InlineData(999), InlineData(1000)]
    public void Quadratic_steps_rise_and_end_where_the_schedule_does(int steps)
    {
        var grid = new DdimSchedule(Ldm.AlphasCumprod, DdimSchedule.Quadratic(1000, steps), Ldm.AlphasCumprod[0]);
        Assert.Equal(steps, grid.Steps);
        Assert.Equal((0, 999), (grid[0].Timestep, grid[steps - 1].Timestep));
        Assert.All(Enumerable.Range(1, steps - 1), i => Assert.True(grid[i].Timestep > grid[i - 1].Timestep));
        Assert.All(Enumerable.Range(1, steps - 1), i => Assert.Equal(Ldm.AlphasCumprod[grid[i - 1].Timestep], grid[i].AlphaCumprodPrev));
        Assert.Throws<ArgumentOutOfRangeException>(() => DdimSchedule.Quadratic(1000, 1001));
    }

    [Theory]
    [InlineData(0.05, 1, 0.5, 0.01)]       // (2 · 0.05)² · 1
    [InlineData(0.05, 7, 0.8, 0.28)]       // 7 · 0.01 · 0.8 / 0.2
    [InlineData(0, 2, 0.5, 2e-6)]          // the authors' smallest noise, 0.001 on [-1,1]
    public void Rho_is_lambda_times_the_noise_over_the_level_s(double sigma, double lambda, double abar, double rho)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        var solver = new DiffPir(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), sigma), DiffPirParameters.Paper with { Lambda = lambda });
        Assert.Equal(rho, solver.Rho(abar), 1e-12);
    }

    [Fact]
    public void A_step_is_that_of_the_algorithm_box_on_the_scale_of_the_paper()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        const double Sigma = 0.05, Lambda = 3;
        (_, Tensor y) = Toy.Measure(model, op, Sigma, 2, 3);
        var solver = new DiffPir(new SolverInput(model, op, y, Sigma), DiffPirParameters.Paper with { Steps = 11, Lambda = Lambda, Zeta = 0 });
        using SolverState state = solver.Start(1, 2);
        Tensor z = state.Latent.clone();
        solver.Advance(state);

        // On [-1,1]: x₀, the proximal step (mask y + ρ x₀)/(mask + ρ), ê, and the next level, timestep 948 after 999.
        double a = model.AlphasCumprod[999], next = model.AlphasCumprod[948], rho = Lambda * 0.1 * 0.1 / ((1 - a) / a);
        Tensor x0 = (z - model.PredictNoise(z, torch.copy_of([999L, 999L])) * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor mask = op.Apply(torch.ones([2, 1, 8, 8])), signed = op.Measured(y) * 2 - mask;
        Tensor x = (signed + x0 * rho) / (mask + rho);
        Tensor e = (z - x * Math.Sqrt(a)) / Math.Sqrt(1 - a);
        Assert.True(Toy.Error(state.Latent, x * Math.Sqrt(next) + e * Math.Sqrt(1 - next)) < 1e-4);
    }

    [Theory]
    [InlineData(0.1), InlineData(0.25), InlineData(1)]
    public void New_noise_has_the_share_zeta_of_the_next_level_s_variance(double zeta)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        const int Side = 256;
        using LinearOperator op = Toy.Operators["denoising"](Side);
        var solver = new DiffPir(new SolverInput(model, op, torch.zeros([1, 1, Side, Side]), 0.01), DiffPirParameters.Paper with { Zeta = zeta });
        using SolverState state = solver.Start(1);
        Tensor z = Toy.Normal([1, 1, Side, Side], 3), z0 = Toy.Normal([1, 1, Side, Side], 4);
        DdimSchedule grid = solver.Schedule;
        double a = grid[50].AlphaCumprod, before = grid[49].AlphaCumprod;
        Tensor e = (z - z0 * Math.Sqrt(a)) / Math.Sqrt(1 - a);
        Tensor noise = solver.Next(z, z0, grid[50], state) - z0 * Math.Sqrt(before) - e * Math.Sqrt((1 - before) * (1 - zeta));
        double variance = zeta * (1 - before);
        Assert.Equal(variance, noise.var([0, 1, 2, 3]).ToDouble(), 4 * variance * Math.Sqrt(2.0 / (Side * Side)));
        Assert.Equal(0, noise.mean().ToDouble(), 4 * Math.Sqrt(variance) / Side);
    }

    /// <remarks>
    /// Independent pixels with variance 0.04, some of them measured exactly. With ζ = 0 the others follow DDIM, whose ODE takes N(0, I) to the prior: their
    /// mean and variance are the posterior's up to the length of the steps.
    /// </remarks>
    [Fact]
    public void Without_new_noise_unmeasured_pixels_are_drawn_from_the_prior_and_measured_ones_are_kept()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var model = new GaussianModel((_, _) => 0.04);
        const int Side = 96;
        using LinearOperator op = Toy.Operators["inpainting"](Side);
        (_, Tensor y) = Toy.Measure(model, op, 0, 1, 5);
        DiffPirParameters parameters = DiffPirParameters.Paper with { Zeta = 0, Steps = 500, Spacing = StepSpacing.Linear };
        Tensor x = torch.copy_of(Toy.Run(model, op, y, 0, parameters, 1), 1, 1, Side, Side);
        Assert.True((op.Apply(x) - y).abs().max().ToDouble() < 2e-3);
        double[] missing = [.. x.ToDoubles().Zip(op.Apply(torch.ones_like(x)).ToDoubles()).Where(p => p.Second == 0).Select(p => p.First)];
        double mean = missing.Average(), variance = missing.Sum(v => Math.Pow(v - mean, 2)) / (missing.Length - 1);
        Assert.Equal(0.5, mean, 4 * 0.2 / Math.Sqrt(missing.Length));
        Assert.Equal(0.04, variance, 4 * 0.04 * Math.Sqrt(2.0 / missing.Length) + 0.0005);
    }

    [Fact]
    public void Paper_holds_the_published_values()
    {
        DiffPirParameters paper = DiffPirParameters.Paper;
        Assert.Equal((1, 100, StepSpacing.Quadratic, 1.0, 0.25), (paper.Samples, paper.Steps, paper.Spacing, paper.Lambda, paper.Zeta));
        Assert.Equal((DataStep.Paper, false), (paper.DataStep, paper.FinalProximalStep));
        Assert.Equal(new DiffPirParameters(), DiffPirParameters.Balanced);
    }
}
