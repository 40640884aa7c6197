using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>DDNM's and DDNM+'s steps, time travel, and the whole of it where the answer is known.</summary>
[LeavesNoTensors]
public sealed class DdnmTests
{
    [Fact]
    public void Without_travel_the_network_is_called_once_at_each_level() => Assert.Equal([3, 2, 1, 0], Ddnm.Visits(4, 1, 1));

    [Fact]
    public void Travel_goes_back_from_every_multiple_of_its_length_but_the_first()
    {
        // Arrived at 2: back to 4; arrived at 0: back to 2. From 4 there is no whole length back.
        Assert.Equal([5, 4, 3, 4, 3, 2, 1, 2, 1, 0], Ddnm.Visits(6, 2, 2));
        Assert.Equal([3, 2, 1, 2, 1, 2, 1, 0], Ddnm.Visits(4, 2, 3));
        Assert.Equal([2, 2, 1, 1, 0], Ddnm.Visits(3, 1, 2));
        Assert.Equal([2, 1, 0], Ddnm.Visits(3, 5, 4));
        Assert.Equal(100 + 90 * 2, Ddnm.Visits(100, 10, 3).Length);
    }

    [Theory]
    [InlineData(0.0, 0.64, 1, 0.36)]
    [InlineData(0.05, 0.64, 1, 0.3536)]            // √ᾱ' 2σ = 0.08: γ = 0.36 - 0.0064
    [InlineData(0.5, 0.64, 0.75, 0)]               // 0.8 does not fit into 0.6
    [InlineData(0.05, 0.9975, 0.500626, 0)]        // 0.05/0.0998749
    public void The_measurement_s_noise_fits_into_the_next_level_s(double sigma, double before, double lambda, double gamma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        (double l, double g) = new Ddnm(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), sigma), DdnmParameters.Paper).Share(before);
        Assert.Equal(lambda, l, 6);
        Assert.Equal(gamma, g, 9);
    }

    [Theory]
    [InlineData(0.0), InlineData(0.05)]
    public void A_step_is_that_of_the_algorithm_box_on_the_scale_of_the_paper(double sigma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, sigma, 2, 3);
        var solver = new Ddnm(new SolverInput(model, op, y, sigma), DdnmParameters.Paper with { Steps = 3, Eta = 0 });
        using SolverState state = solver.Start(1, 2);
        Tensor z = state.Latent.clone();
        solver.Advance(state);

        // Timestep 500 after 999. √ᾱ' 2σ lies far below √(1-ᾱ') there: λ = 1, and 1/(1+ρ) of the residual with ρ = ᾱ'σ²/(1-ᾱ').
        double a = model.AlphasCumprod[999], next = model.AlphasCumprod[500], gain = 1 / (1 + next * sigma * sigma / (1 - next));
        Tensor e = model.PredictNoise(z, torch.copy_of([999L, 999L]));
        Tensor x0 = (z - e * Math.Sqrt(1 - a)) / Math.Sqrt(a), mask = op.Apply(torch.ones([2, 1, 8, 8]));
        Tensor x = x0 + (op.Measured(y) * 2 - mask - x0 * mask) * gain;
        Assert.True(Toy.Error(state.Latent, x * Math.Sqrt(next) + e * Math.Sqrt(1 - next - next * 4 * sigma * sigma)) < 1e-5);
    }

    [Theory]
    [InlineData("blur"), InlineData("downsampling"), InlineData("inpainting"), InlineData("mri")]
    public void The_gain_lets_no_noise_above_the_next_level_s_through(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](8);
        const double Sigma = 0.05, Before = 0.9;
        (_, Tensor s, Tensor vt) = torch.linalg.svd(Toy.Dense(op), fullMatrices: false);
        long d = s.size(0);

        // The linear part of the step in the singular vectors: 1 - λ s²/(s²+ρ). Its gain for y is that over s.
        var solver = new Ddnm(
            new SolverInput(model, op, torch.zeros([d, .. op.Range], op.IsComplexRange ? ScalarType.ComplexFloat32 : ScalarType.Float32), Sigma),
            DdnmParameters.Paper);
        Tensor v = vt.narrow(0, 0, d).contiguous().reshape([d, .. op.Domain]).to(ScalarType.Float32);
        double[] kept = (solver.RangeNullSpace(v, 0.5, Before) * v).reshape(d, -1).sum([1]).ToDoubles(), values = s.ToDoubles();
        for (int k = 0; k < values.Length && values[k] > 1e-5; k++)
        {
            double carried = Math.Sqrt(Before) * 2 * Sigma * (1 - kept[k]) / values[k];
            Assert.True(carried < Math.Sqrt(1 - Before) * 1.001, $"{values[k]}: {carried}");
            Assert.True(values[k] < 0.99 || kept[k] < 0.03, $"{values[k]}: {kept[k]}");
        }
    }

    /// <remarks>
    /// Independent pixels: what is measured must be kept, and each pixel that is not goes its own linear way, whose variance is a recursion of numbers. With
    /// η = 0 that ends at the prior's 0.04 (DDIM); new noise in place of the network's makes it smaller.
    /// </remarks>
    [Theory]
    [InlineData(0.0, 1, 1, 0.038), InlineData(0.85, 1, 1, 0.028), InlineData(0.85, 10, 2, 0.028), InlineData(0.4, 3, 3, 0.0265)]
    public void Without_noise_measured_pixels_are_kept_and_others_have_the_variance_of_the_recursion(double eta, int length, int repeat, double atLeast)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var model = new GaussianModel((_, _) => 0.04);
        const int Side = 96, N = 300;
        using LinearOperator op = Toy.Operators["inpainting"](Side);
        (_, Tensor y) = Toy.Measure(model, op, 0, 1, 5);
        DdnmParameters parameters = DdnmParameters.Paper with { Steps = N, Eta = eta, TravelLength = length, TravelRepeat = repeat };
        Tensor x = torch.copy_of(Toy.Run(model, op, y, 0, parameters, 1), 1, 1, Side, Side);
        Assert.True((op.Apply(x) - op.Measured(y)).abs().max().ToDouble() < 1e-6);
        double[] missing = [.. x.ToDoubles().Zip(op.Apply(torch.ones_like(x)).ToDoubles()).Where(p => p.Second == 0).Select(p => p.First)];
        double mean = missing.Average(), variance = missing.Sum(v => Math.Pow(v - mean, 2)) / (missing.Length - 1);
        double expected = Variance();
        Assert.Equal(0.5, mean, 4 * Math.Sqrt(expected / missing.Length));
        Assert.Equal(expected, variance, 4 * expected * Math.Sqrt(2.0 / missing.Length));
        Assert.InRange(expected, atLeast, 0.0401);

        // On [-1,1], where the prior's variance is 0.16: e = g z, x₀ = k z.
        double Variance()
        {
            var grid = new DdimSchedule(model, N);
            int[] visits = Ddnm.Visits(N, length, repeat);
            double v = 1;
            for (int i = 0; ; i++)
            {
                double a = grid[visits[i]].AlphaCumprod, g = Math.Sqrt(1 - a) / (a * 0.16 + 1 - a), k = (1 - Math.Sqrt(1 - a) * g) / Math.Sqrt(a);
                if (i == visits.Length - 1)
                {
                    return k * k * v / 4;
                }

                double next = grid[visits[i + 1]].AlphaCumprod, old = visits[i + 1] < visits[i] ? Math.Sqrt((1 - next) * (1 - eta * eta)) * g : 0;
                v = Math.Pow(Math.Sqrt(next) * k + old, 2) * v + (1 - next) * (visits[i + 1] < visits[i] ? eta * eta : 1);
            }
        }
    }

    [Theory]
    [InlineData("downsampling"), InlineData("mri")]
    public void Without_noise_the_image_explains_its_measurement_exactly(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](12);
        (_, Tensor y) = Toy.Measure(model, op, 0, 1, 5);
        Tensor x = torch.copy_of(Toy.Run(model, op, y, 0, DdnmParameters.Paper with { Steps = 20 }, 1), 1, 1, 12, 12);
        double size = op.Residual2(torch.zeros_like(x), y).ToDoubles()[0];
        Assert.True(op.Residual2(x, y).ToDoubles()[0] < 1e-8 * size);
    }

    [Fact]
    public void Travel_repeats_network_calls()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 1, 5);
        DdnmParameters parameters = DdnmParameters.Fast with { Steps = 6, TravelLength = 2, TravelRepeat = 2 };
        var stages = new List<string>();
        var solver = new Ddnm(new SolverInput(model, op, y, 0.05, p => stages.Add(p.Stage)), parameters);
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.Equal(10, solver.Calls.Network);
        Assert.Equal(["sampling", "sampling", "travel", "sampling", "sampling", "sampling", "travel", "sampling", "sampling", "final"], stages);
    }

    [Fact]
    public void Paper_holds_the_published_values()
    {
        DdnmParameters paper = DdnmParameters.Paper;
        Assert.Equal((1, 100, 0.85, 1, 1), (paper.Samples, paper.Steps, paper.Eta, paper.TravelLength, paper.TravelRepeat));
        Assert.Equal((DataStep.Paper, false), (paper.DataStep, paper.FinalProximalStep));
        Assert.Equal(new DdnmParameters(), DdnmParameters.Balanced);
    }
}
