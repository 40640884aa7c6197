using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The parts of one consistency event, against the published numbers and against formulas written down once more.</summary>
[LeavesNoTensors]
public sealed class EventTests
{
    private static readonly ReSampleParameters Cheap = ReSampleParameters.Paper with { PixelIterations = 1, LatentIterations = 1, FinalLatentIterations = 1 };

    [Theory]
    [InlineData(330, 0.884113, 0.4756, 0.463617)]
    [InlineData(250, 0.633914, 0.4176, 0.369205)]
    [InlineData(170, 0.424365, 0.3893, 0.259173)]
    [InlineData(160, 0.401064, 0.3893, 0.244931)]
    [InlineData(100, 0.274765, 0.4176, 0.160036)]
    [InlineData(50, 0.186721, 0.5163, 0.090313)]
    [InlineData(10, 0.120548, 0.7952, 0.024687)]
    public void Resampling_has_the_published_weights_and_variances(int index, double sigma, double weight, double variance)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        var solver = new ReSample(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0.01), ReSampleParameters.Paper);
        (double s, double w, double v) = solver.Resampling(solver.Schedule[index]);
        Assert.Equal(sigma, s, 6);
        Assert.Equal(weight, w, 4);
        Assert.Equal(variance, v, 6);
    }

    [Fact]
    public void Paper_has_seventeen_events_on_the_image_and_sixteen_on_the_latent()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        var solver = new ReSample(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0.01), ReSampleParameters.Paper);
        int[] events = [.. Enumerable.Range(0, 500).Where(solver.IsEvent)];
        Assert.Equal(Enumerable.Range(1, 33).Select(k => 10 * k), events);
        Assert.Equal(Enumerable.Range(17, 17).Select(k => 10 * k), events.Where(solver.IsPixelEvent));
        Assert.Equal(501, solver.Steps);
    }

    [Theory]
    [InlineData(250), InlineData(100), InlineData(10)]
    public void Resampling_draws_the_product_of_the_two_gaussians(int index)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        const int Side = 1024;
        using LinearOperator op = Toy.Operators["denoising"](Side);
        var solver = new ReSample(new SolverInput(model, op, torch.zeros([1, 1, Side, Side]), 0.01), ReSampleParameters.Paper);
        using SolverState state = solver.Start(7);
        Tensor drawn = solver.StochasticResample(
            torch.full([1, 1, Side, Side], 3), torch.full([1, 1, Side, Side], -2), solver.Schedule[index], state)
            .to(ScalarType.Float64);

        // N(√a' z*, 1-a') times N(z_t, s), a' being ᾱ one step nearer to the image.
        int t = 2 * index + 1;
        double a = model.AlphasCumprod[t], before = model.AlphasCumprod[t - 2], s = 40 * (1 - before) / (1 - a) * (1 - a / before);
        double variance = 1 / (1 / s + 1 / (1 - before)), mean = variance * (3 * Math.Sqrt(before) / (1 - before) + -2 / s);
        double n = (double)Side * Side;
        Assert.Equal(mean, drawn.mean().ToDouble(), 4 * Math.Sqrt(variance / n));
        Assert.Equal(variance, drawn.var([0, 1, 2, 3]).ToDouble(), 4 * variance * Math.Sqrt(2 / n));
    }

    [Fact]
    public void Paper_calls_the_network_665_times()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.01, 1, 1);
        var perStep = new List<(int Step, string Stage, int Network)>();
        ReSample? solver = null;
        solver = new ReSample(new SolverInput(model, op, y, 0.01, p => perStep.Add((p.Step, p.Stage, solver!.Calls.Network))), Cheap);
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.Equal(665, solver.Calls.Network);
        Assert.Equal(500 + 16 + 1, solver.Calls.DecoderGradient);
        Assert.Equal(17 + 1, solver.Calls.Decoder);
        Assert.Equal(17, solver.Calls.Encoder);
        int before = 0;
        foreach ((int step, string stage, int network) in perStep)
        {
            bool last = step == 501, isEvent = !last && (500 - step) % 10 == 0 && 500 - step is > 0 and <= 330;
            Assert.Equal(last ? "final" : !isEvent ? "sampling" : 500 - step >= 170 ? "pixel" : "latent", stage);
            Assert.Equal(before + (last ? 0 : isEvent ? 6 : 1), network);
            before = network;
        }
    }

    [Fact]
    public void The_two_clean_estimates_are_those_of_the_formulas()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor y = torch.zeros([1, 1, 8, 8]), z = Toy.Normal([1, 1, 8, 8], 3);
        var exact = new ReSample(new SolverInput(model, op, y, 0.01), Cheap with { Tweedie = Tweedie.Exact });
        var reference = new ReSample(new SolverInput(model, op, y, 0.01), Cheap);
        using SolverState state = exact.Start(1);

        // Index 250 of 500: t = 501, ᾱ = 0.114005, ᾱ' = 0.115844.
        const double A = 0.114005, Before = 0.115844;
        Tensor e = model.PredictNoise(z, torch.copy_of([501L]));
        (Tensor next, Tensor clean) = exact.Ddim(z, exact.Schedule[250], state);
        (Tensor sameNext, Tensor quirk) = reference.Ddim(z, reference.Schedule[250], state);
        Tensor z0 = (z - e * Math.Sqrt(1 - A)) / Math.Sqrt(A);
        Assert.True(Toy.Error(clean, z0) < 2e-5);
        Assert.True(Toy.Error(quirk, (z - e * (1 - A)) / Math.Sqrt(A)) < 2e-5);
        Assert.True(Toy.Error(next, z0 * Math.Sqrt(Before) + e * Math.Sqrt(1 - Before)) < 2e-5);
        Assert.Equal(next.ToFloats(), sameNext.ToFloats());
        Assert.True(Toy.Error(quirk, clean) > 1e-2);
    }

    [Fact]
    public void Eta_adds_noise_of_the_published_variance()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        const int Side = 256;
        using LinearOperator op = Toy.Operators["denoising"](Side);
        Tensor y = torch.zeros([1, 1, Side, Side]), z = Toy.Normal([1, 1, Side, Side], 3);
        var solver = new ReSample(new SolverInput(model, op, y, 0.01), Cheap with { Eta = 0.8 });
        using SolverState state = solver.Start(1);
        (Tensor next, _) = solver.Ddim(z, solver.Schedule[100], state);
        double a = model.AlphasCumprod[201], before = model.AlphasCumprod[199];
        double s2 = 0.64 * (1 - before) / (1 - a) * (1 - a / before);
        Tensor e = model.PredictNoise(z, torch.copy_of([201L]));
        Tensor mean = (z - e * Math.Sqrt(1 - a)) * Math.Sqrt(before / a) + e * Math.Sqrt(1 - before - s2);
        Tensor noise = next - mean;
        Assert.Equal(s2, noise.var([0, 1, 2, 3]).ToDouble(), 4 * s2 * Math.Sqrt(2.0 / (Side * Side)));
        Assert.Equal(0, noise.mean().ToDouble(), 4 * Math.Sqrt(s2) / Side);
    }

    [Theory]
    [InlineData(false, 1), InlineData(true, 1), InlineData(false, 5), InlineData(true, 5)]
    public void Time_travel_pairs_timesteps_and_coefficients_as_asked(bool offByOne, int steps)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor y = torch.zeros([1, 1, 8, 8]), z = Toy.Normal([1, 1, 8, 8], 3);
        var parameters = Cheap with { TravelSteps = steps, TravelOffByOne = offByOne };
        var solver = new ReSample(new SolverInput(model, op, y, 0.01), parameters);
        using SolverState state = solver.Start(1);
        const int Index = 100;
        Tensor travelled = solver.TimeTravel(z, torch.zeros_like(z), solver.Schedule[Index], state);

        Tensor expected = Travel(offByOne), other = Travel(!offByOne);
        Assert.True(Toy.Error(travelled, expected) < 1e-5);
        Assert.True(Toy.Error(travelled, other) > 1e-3);

        Tensor Travel(bool quirk)
        {
            Tensor at = z, clean = z;
            for (int k = 1; k <= steps; k++)
            {
                int timestep = 2 * (Index - k) + 1, coefficient = quirk ? timestep + 2 : timestep;
                double a = model.AlphasCumprod[coefficient], before = model.AlphasCumprod[coefficient - 2];
                Tensor e = model.PredictNoise(at, torch.copy_of([(long)timestep]));
                clean = (at - e * (1 - a)) / Math.Sqrt(a);
                at = (at - e * Math.Sqrt(1 - a)) * Math.Sqrt(before / a) + e * Math.Sqrt(1 - before);
            }

            return clean;
        }
    }

    [Fact]
    public void Time_travel_ends_with_the_steps_and_may_be_left_out()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        Tensor y = torch.zeros([1, 1, 8, 8]), z = Toy.Normal([1, 1, 8, 8], 3), z0 = Toy.Normal([1, 1, 8, 8], 4);
        var solver = new ReSample(new SolverInput(model, op, y, 0.01), Cheap);
        using SolverState state = solver.Start(1);
        solver.TimeTravel(z, z0, solver.Schedule[2], state);
        Assert.Equal(2, solver.Calls.Network);
        var staying = new ReSample(new SolverInput(model, op, y, 0.01), Cheap with { TravelSteps = 0 });
        Assert.Equal(z0.ToFloats(), staying.TimeTravel(z, z0, staying.Schedule[100], state).ToFloats());
        Assert.Equal(0, staying.Calls.Network);
    }
}
