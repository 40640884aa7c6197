using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>RED-diff's weights, gradients and steps.</summary>
[LeavesNoTensors]
public sealed class RedDiffTests
{
    private const int Side = 16;

    // ᾱ = 0.2 is s = 2, ᾱ = 0.8 is s = 0.5.
    [Theory]
    [InlineData(TimestepWeight.Linear, 2, 0.5)]
    [InlineData(TimestepWeight.Sqrt, 1.414214, 0.707107)]
    [InlineData(TimestepWeight.Square, 4, 0.25)]
    [InlineData(TimestepWeight.Log, 1.098612, 0.405465)]
    [InlineData(TimestepWeight.TruncLinear, 1, 0.5)]
    [InlineData(TimestepWeight.Const, 1, 1)]
    public void Weights_are_those_of_the_timestep_s_noise(TimestepWeight kind, double noisy, double clean)
    {
        Assert.Equal(noisy, RedDiff.Weight(kind, new DiffusionLevel(0.2)), 6);
        Assert.Equal(clean, RedDiff.Weight(kind, new DiffusionLevel(0.8)), 6);
    }

    /// <remarks>Independent pixels of variance c on [-1,1]: E[ε̂ - n] = √ᾱ √(1-ᾱ) (μ - m)/(ᾱ c + 1 - ᾱ), the gradient of -log p(z_t).</remarks>
    [Theory]
    [InlineData(20), InlineData(60), InlineData(95)]
    public void The_prior_s_gradient_is_on_average_the_score_s(int index)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var model = new GaussianModel((_, _) => 0.04);
        const int Large = 256;
        using LinearOperator op = Toy.Operators["denoising"](Large);
        var solver = new RedDiff(
            new SolverInput(model, op, torch.full([1, 1, Large, Large], 0.5), 0.05),
            new RedDiffParameters { Steps = 100, Weight = TimestepWeight.Linear });
        using SolverState state = solver.Start(4);
        double a = new DdimSchedule(model, 100)[index].AlphaCumprod, w = Math.Sqrt((1 - a) / a), c = 0.16, mu = 0.7;
        double[] gradient =
            [.. solver.PriorGradient(torch.full([1, 1, Large, Large], (float)mu), solver.Schedule[index], state).ToDoubles()
                .Select(g => g * Large * Large)];
        double mean = gradient.Average(), deviation = Math.Sqrt(gradient.Sum(g => Math.Pow(g - mean, 2)) / gradient.Length);
        Assert.Equal(w * Math.Sqrt(a * (1 - a)) * mu / (a * c + 1 - a), mean, 4 * deviation / Large);
    }

    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("downsampling"), InlineData("mri")]
    public void The_measurement_s_gradient_is_that_of_half_the_mean_squared_residual_on_the_scale_of_the_paper(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](Side);
        CompareGradient(model, op);
    }

    [Fact]
    public void It_goes_through_a_decoder()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = new MaskOperator(1, 32, 32, Masks.Random(32, 32, 0.5, 2), torch.CPU);
        CompareGradient(model, op);
    }

    private static void CompareGradient(LatentModel model, LinearOperator op)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        (int height, int width) = ((int)op.Domain[1], (int)op.Domain[2]);
        Tensor mu = Toy.Normal([2, .. model.LatentShape(height, width)], 5).requires_grad_();
        Tensor y = op.Apply(Toy.Normal([2, 1, height, width], 7));
        Tensor residual = op.Apply(model.Decode(mu, height, width)) - y;
        Tensor components = op.IsComplexRange ? torch.view_as_real(residual) : residual;

        // On [-1,1] residuals are twice as large; the paper's mean runs over y's elements, measured or not.
        double elements = op.Range.Aggregate(1.0, (p, q) => p * q);
        Tensor loss = (components * 2).square().sum() * (0.5 / elements);
        Tensor expected = torch.autograd.vjp(loss, mu, torch.ones([]));
        var solver = new RedDiff(new SolverInput(model, op, y, 0.01), RedDiffParameters.Paper);
        Assert.True(Toy.Error(solver.MeasurementGradient(mu.detach()).Gradient, expected) < 1e-4);
    }

    [Fact]
    public void Steps_are_adam_s_with_the_two_gradients_and_their_weights()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](Side);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 1, 3);
        RedDiffParameters parameters = RedDiffParameters.Paper with { Steps = 4, LearningRate = 0.05, Lambda = 0.4, MeasurementWeight = 2 };
        var solver = new RedDiff(new SolverInput(model, op, y, 0.05), parameters);
        using SolverState state = solver.Start(9), same = solver.Start(9);
        Tensor mu = state.Latent.clone();
        using var adam = new Adam([mu], 0.05, 0.9, 0.99);
        for (int step = 0; step < 3; step++)
        {
            solver.Advance(state);
            int index = 3 - step;
            double a = new DdimSchedule(model, 4)[index].AlphaCumprod;
            Tensor n = same.Noise(1, Side, Side);
            Tensor e = model.PredictNoise(mu * Math.Sqrt(a) + n * Math.Sqrt(1 - a), torch.copy_of([(long)new DdimSchedule(model, 4)[index].Timestep]));
            Tensor fit = op.Adjoint(op.Apply((mu + 1) / 2) - y) * (2.0 / (Side * Side));
            adam.step(fit * 2 + (e - n) * (0.4 * Math.Sqrt((1 - a) / a) / (Side * Side)));
            Assert.True(Toy.Error(state.Latent, mu) < 1e-3, $"{step}: {Toy.Error(state.Latent, mu)}");
        }
    }

    [Fact]
    public void Paper_holds_the_published_values()
    {
        RedDiffParameters paper = RedDiffParameters.Paper;
        Assert.Equal((1000, 0.1, 0.25, 1.0), (paper.Steps, paper.LearningRate, paper.Lambda, paper.MeasurementWeight));
        Assert.Equal((1, TimestepWeight.Linear, false), (paper.Samples, paper.Weight, paper.FinalProximalStep));
        Assert.Equal(new RedDiffParameters(), RedDiffParameters.Balanced);
    }
}
