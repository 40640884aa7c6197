using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>LatentDAPS: its levels, its ODE and its Monte Carlo steps, where the answers are known.</summary>
[LeavesNoTensors]
public sealed class DapsTests
{
    [Theory]
    [InlineData(0, 10), InlineData(1, 9.331348), InlineData(10, 4.843633), InlineData(25, 1.386183), InlineData(40, 0.301824), InlineData(49, 0.1)]
    public void Levels_fall_as_a_seventh_power(int k, double sigma) => Assert.Equal(sigma, Daps.Levels(10, 0.1, 50)[k], 5);

    // The schedule of latent diffusion, scaled-linear 0.0015 to 0.0195.
    [Theory]
    [InlineData(10, 737), InlineData(1, 254), InlineData(0.1, 6), InlineData(0.001, 0), InlineData(100, 999)]
    public void A_level_is_the_timestep_whose_noise_is_nearest(double sigma, int timestep)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Assert.Equal(timestep, new Daps(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0.01), DapsParameters.Paper).Timestep(sigma));
    }

    [Fact]
    public void One_step_of_the_ode_is_the_clean_estimate_and_many_are_the_flow()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = White();
        using LinearOperator op = Toy.Operators["denoising"](8);
        const int T = 600;
        double a = model.AlphasCumprod[T], sigma = Math.Sqrt((1 - a) / a);
        Tensor z = Toy.Normal([1, 1, 8, 8], 1), scaled = z / Math.Sqrt(a);

        // z₀ ~ N(0, I): ε = σ z̃ / (1 + σ²), and z̃ / √(1 + σ²) does not change along the flow.
        Tensor one = Solver(1).Denoise(z, T), many = Solver(100).Denoise(z, T);
        Assert.True(Toy.Error(one, scaled * (1 - (sigma - 0.001) * sigma / (1 + sigma * sigma))) < 1e-5);
        Assert.True(Toy.Error(many, scaled / Math.Sqrt(1 + sigma * sigma)) < 0.02, $"{Toy.Error(many, scaled / Math.Sqrt(1 + sigma * sigma)):f4}");
        Assert.True(Toy.Error(one, many) > 0.5);

        Daps Solver(int steps) => new(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0.01), DapsParameters.Paper with { OdeSteps = steps });
    }

    [Fact]
    public void A_monte_carlo_step_is_the_published_formula()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](8);
        Tensor y = torch.full([1, 1, 8, 8], 0.5), z0 = Toy.Normal([1, 1, 8, 8], 2) * 0.2;
        var parameters = DapsParameters.Paper with { HmcSteps = 2, HmcRate = 1e-4, HmcRateRatio = 0.5, HmcMomentum = 0.9, HmcTau = 0.1 };
        var solver = new Daps(new SolverInput(model, op, y, 0.01), parameters);
        using SolverState state = solver.Start(1);
        using SolverState twin = solver.Start(1);
        const int K = 25;
        Tensor z = z0, v = twin.Noise(1, 8, 8);
        double h = 1e-4 * 0.75, a = model.AlphasCumprod[solver.Timestep(Daps.Levels(10, 0.1, 50)[K])], sigma2 = (1 - a) / a;
        for (int i = 0; i < 2; i++)
        {
            // On the [-1,1] scale, where y is 2 y - A 1 and A of a blur keeps constants.
            Tensor score = op.Adjoint(op.Apply(z) - (y * 2 - 1)) * (-2 / 0.01) + (z0 - z) / sigma2;
            v = v * 0.9 + score * Math.Sqrt(h) + twin.Noise(1, 8, 8) * Math.Sqrt(0.2);
            z = z + v * Math.Sqrt(h);
        }

        Assert.True(Toy.Error(solver.HamiltonianMonteCarlo(z0, K, state), z) < 1e-5);
    }

    [Fact]
    public void Monte_carlo_draws_from_the_posterior()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = White();
        const int Side = 32;
        using LinearOperator op = Toy.Operators["denoising"](Side);
        var parameters =
            DapsParameters.Paper with { Steps = 1, SigmaMax = 0.3, HmcSteps = 600, HmcRate = 4e-4, HmcRateRatio = 1, HmcMomentum = 0.95, HmcTau = 0.3 };
        var solver = new Daps(new SolverInput(model, op, torch.full([1, 1, Side, Side], 0.6), 0.01), parameters);
        using SolverState state = solver.Start(3);
        Tensor z = solver.HamiltonianMonteCarlo(torch.full([1, 1, Side, Side], -0.2), 0, state).to(ScalarType.Float64);

        // exp(-(z - 0.2)²/τ² - (z + 0.2)²/2σ²) has precision 2/τ² + 1/σ².
        double a = model.AlphasCumprod[solver.Timestep(0.3)], sigma2 = (1 - a) / a, precision = 2 / 0.09 + 1 / sigma2;
        Assert.Equal((0.2 * 2 / 0.09 - 0.2 / sigma2) / precision, z.mean().ToDouble(), 4 / Math.Sqrt(precision * Side * Side));
        Assert.Equal(1, precision * z.var([0, 1, 2, 3]).ToDouble(), 0.2);
    }

    [Fact]
    public void A_proximal_level_takes_a_decode_an_encode_and_new_noise()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = White();
        using LinearOperator op = Toy.Operators["denoising"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 1, 1);
        var input = new SolverInput(model, op, y, 0.05);
        DapsParameters parameters = DapsParameters.Fast with { Steps = 2, SigmaMax = 10, OdeSteps = 3 };
        var solver = new Daps(input, parameters);
        using SolverState state = solver.Start(1);
        double a = model.AlphasCumprod[737], next = model.AlphasCumprod[solver.Timestep(0.1)];
        Assert.Equal(Math.Sqrt(1 - a), state.Latent.square().mean().sqrt().ToDouble(), 0.3);
        Tensor clean = new Daps(input, parameters).Denoise(state.Latent, 737);
        Tensor expected = new DataConsistency(input, parameters).Solve((clean + 1) / 2, DataConsistency.ErrorCorrelation(a)) * 2 - 1;
        solver.Advance(state);
        using SolverState twin = solver.Start(1);
        Assert.True(Toy.Error(state.Latent, expected * Math.Sqrt(next) + twin.Noise(1, 8, 8) * Math.Sqrt(1 - next)) < 1e-5);
        solver.Run(state);
        Assert.Equal((6, 3, 2, 0), (solver.Calls.Network, solver.Calls.Decoder, solver.Calls.Encoder, solver.Calls.DecoderGradient));
    }

    private static GaussianModel White() => new((_, _) => 0.25);
}
