using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Where the optimisers stop, each item by itself.</summary>
[LeavesNoTensors]
public sealed class ItemStopTests
{
    private static readonly ReSampleParameters Discrepant = new()
    {
        DataStep = DataStep.Paper,
        PixelIterations = 2000,
        PixelLearningRate = 1e-2,
        LatentLearningRate = 5e-3,
        WeightDecay = 0,
        Window = 200,
        DiscrepancyFactor = 1,
    };

    [Fact]
    public void Items_stop_one_by_one()
    {
        var stop = new ItemStop(2, 10, window: 100);
        Assert.False(stop.Any);
        stop.Observe(0, [5, 1], r => r < 2);
        Assert.True(stop.Any);
        Assert.False(stop.All);
        stop.Observe(1, [1, 9], r => r < 2);
        Assert.True(stop.All);
    }

    [Fact]
    public void An_item_stops_when_its_loss_was_lower_a_window_ago()
    {
        var stop = new ItemStop(2, 10, window: 3);
        double[] rising = [4, 5, 6, 4.5], falling = [4, 5, 6, 3.5];
        for (int k = 0; k < 4; k++)
        {
            Assert.False(stop.Any);
            stop.Observe(k, [rising[k], falling[k]], _ => false);
        }

        Assert.True(stop.Any);
        Assert.False(stop.All);
    }

    [Fact]
    public void Restoring_touches_stopped_items_only()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var stop = new ItemStop(3, 10, window: 100);
        stop.Observe(0, [0, 5, 0], r => r < 1);
        Tensor variable = torch.copy_of([1f, 2, 3, 4, 5, 6], 3, 2);
        stop.Restore(variable, torch.copy_of([10f, 20, 30, 40, 50, 60], 3, 2));
        Assert.Equal([10f, 20, 3, 4, 50, 60], variable.ToFloats());
    }

    [Fact]
    public void A_consistent_latent_stays_while_another_moves()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        const double Sigma = 0.02;
        (Tensor truth, Tensor y) = Toy.Measure(model, op, Sigma, 2, 1);
        Tensor z0 = Toy.Normal([2, 1, 8, 8], 3) * 0.3;
        z0.select(0, 0).copy_(op.Prox(truth, y, 1).select(0, 0) * 2 - 1);
        var solver = new ReSample(new SolverInput(model, op, y, Sigma), Discrepant);
        Tensor z = solver.LatentOptimization(z0, 400);
        Assert.Equal(z0.select(0, 0).ToFloats(), z.select(0, 0).ToFloats());
        Assert.NotEqual(z0.select(0, 1).ToFloats(), z.select(0, 1).ToFloats());
        double[] residual2 = op.Residual2(model.Decode(z, 8, 8), y).ToDoubles();
        double allowed = op.MeasuredComponents * Sigma * Sigma;
        Assert.True(residual2[0] <= allowed);
        Assert.InRange(residual2[1], 0.5 * allowed, allowed);

        // Alone an item goes the same way.
        var alone = new ReSample(new SolverInput(model, op, y.narrow(0, 1, 1), Sigma), Discrepant);
        Assert.True(Toy.Error(alone.LatentOptimization(z0.narrow(0, 1, 1), 400), z.narrow(0, 1, 1)) < 1e-5);
    }

    [Fact]
    public void AdamW_on_the_image_ends_at_the_discrepancy_and_leaves_consistent_items_alone()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](12);
        const double Sigma = 0.02;
        (Tensor truth, Tensor y) = Toy.Measure(model, op, Sigma, 2, 1);
        Tensor x0 = torch.full([2, 1, 12, 12], 0.5);
        x0.select(0, 0).copy_(op.Prox(truth, y, 1).select(0, 0));
        var solver = new ReSample(new SolverInput(model, op, y, Sigma), Discrepant);
        double allowed = op.MeasuredComponents * Sigma * Sigma;
        Assert.True(op.Residual2(x0, y).ToDoubles()[1] > 10 * allowed);
        Tensor x = solver.PixelOptimization(x0, 0);
        Assert.True(Toy.Error(x.select(0, 0), x0.select(0, 0)) < 1e-6);
        Assert.InRange(op.Residual2(x, y).ToDoubles()[1], 0.8 * allowed, allowed);
        var alone = new ReSample(new SolverInput(model, op, y.narrow(0, 1, 1), Sigma), Discrepant);
        Assert.True(Toy.Error(alone.PixelOptimization(x0.narrow(0, 1, 1), 0), x.narrow(0, 1, 1)) < 1e-5);
    }

    [Fact]
    public void The_first_step_of_both_optimisers_is_the_learning_rate_on_the_signed_scale()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.02, 1, 1);
        var parameters = Discrepant with { PixelIterations = 1, PixelLearningRate = 0.03, LatentLearningRate = 0.007, WeightDecay = 0.1 };
        var solver = new ReSample(new SolverInput(model, op, y, 0.02), parameters);
        Tensor x0 = torch.full([1, 1, 8, 8], 0.9), signed = torch.full([1, 1, 8, 8], 0.8), sign = op.Adjoint(op.Apply(x0) - y).sign();

        // Adam's first step is the gradient's sign times the rate; the decay shrinks the variable, on the [-1,1] scale, before it.
        Tensor pixel = solver.PixelOptimization(x0, 0), latent = solver.LatentOptimization(signed, 1);
        Assert.True(Toy.Error(pixel * 2 - 1, signed * (1 - 0.03 * 0.1) - sign * 0.03) < 1e-5);
        Assert.True(Toy.Error(latent, signed * (1 - 0.007 * 0.1) - sign * 0.007) < 1e-5);
    }

    [Fact]
    public void Without_a_discrepancy_the_image_is_fitted_to_a_millionth_of_all_of_y()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.1, 1, 1);

        // The mean over all entries of y, on the [-1,1] scale. With noise, also where nothing was measured, it never falls so far.
        Assert.InRange(Loss(0), 1e-7, 1e-6);
        Assert.InRange(Loss(0.1), 0, 1e-9);

        double Loss(double sigma)
        {
            var solver = new ReSample(new SolverInput(model, op, y, sigma), ReSampleParameters.Paper with { WeightDecay = 0 });
            return 4 * op.Residual2(solver.PixelOptimization(torch.full([1, 1, 8, 8], 0.5), 0), y).ToDoubles()[0] / 64;
        }
    }

    [Fact]
    public void The_window_ends_an_optimisation_that_does_not_improve()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.02, 1, 1);
        var solver = new ReSample(new SolverInput(model, op, y, 0), Discrepant with { LatentLearningRate = 1, Window = 5 });
        solver.LatentOptimization(y * 2 - 1 + Toy.Normal([1, 1, 8, 8], 2) * 1e-4, 400);
        Assert.InRange(solver.Calls.DecoderGradient, 6, 12);
    }
}
