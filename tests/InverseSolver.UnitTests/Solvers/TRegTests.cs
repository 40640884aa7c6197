using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>TReg's events, data step and mixing against the published formulas.</summary>
[LeavesNoTensors]
public sealed class TRegTests
{
    [Fact]
    public void Paper_is_consistent_at_every_third_step_up_to_the_170th()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["denoising"](8);
        var solver = new TReg(new SolverInput(model, op, torch.zeros([1, 1, 8, 8]), 0.01), TRegParameters.Paper);
        Assert.Equal(Enumerable.Range(0, 57).Select(k => 3 * k), Enumerable.Range(0, 200).Where(solver.IsEvent));
        using SolverState state = solver.Start(1);
        solver.Run(state);
        Assert.Equal((200, 58, 57, 0), (solver.Calls.Network, solver.Calls.Decoder, solver.Calls.Encoder, solver.Calls.DecoderGradient));
    }

    [Fact]
    public void Conjugate_gradients_reach_the_regularised_solution()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 2, 1);
        Tensor x0 = Toy.Normal([2, 1, 12, 12], 2);
        Tensor x = new TReg(new SolverInput(model, op, y, 0.05), TRegParameters.Paper).Prox(x0, 0.5);

        // AᵀA of a mask has two eigenvalues, so that two iterations are exact.
        Assert.True(Toy.Error(x, op.Prox(x0, y, 1e-4)) < 1e-5);
        Assert.True(Toy.Error(x, op.Prox(x0, y, 1e-2)) > 1e-3);
    }

    [Fact]
    public void The_first_iteration_is_the_steepest_descent_from_the_estimate()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](12);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 1, 1);
        Tensor x0 = Toy.Normal([1, 1, 12, 12], 2), r = op.Adjoint(y - op.Apply(x0));
        Tensor x = new TReg(new SolverInput(model, op, y, 0.05), TRegParameters.Paper with { ConjugateGradients = 1, Weight = 0.2 }).Prox(x0, 0.5);
        double length = r.square().sum().ToDouble() / (op.Apply(r).square().sum().ToDouble() + 0.2 * r.square().sum().ToDouble());
        Assert.True(Toy.Error(x, x0 + r * length) < 1e-5);
    }

    [Fact]
    public void A_step_mixes_and_adds_noise_as_published()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        (_, Tensor y) = Toy.Measure(model, op, 0.05, 1, 1);
        var solver = new TReg(new SolverInput(model, op, y, 0.05), TRegParameters.Paper with { Steps = 2 });
        using SolverState state = solver.Start(5);
        using SolverState twin = solver.Start(5);
        var grid = new DdimSchedule(model, 2);
        Assert.Equal([1, 999], grid.Timesteps());
        double a = model.AlphasCumprod[999], before = model.AlphasCumprod[1];
        Tensor e = model.PredictNoise(twin.Latent, torch.copy_of([999L])), z0 = (twin.Latent - e * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor zy = op.Prox((z0 + 1) / 2, y, 1e-4) * 2 - 1, n = twin.Noise(1, 12, 12);
        Tensor expected = (zy * before + z0 * (1 - before)) * Math.Sqrt(before) + e * (1 - before) + n * Math.Sqrt((1 - before) * before);
        solver.Advance(state);
        Assert.True(Toy.Error(state.Latent, expected) < 1e-4, $"{Toy.Error(state.Latent, expected):e2}");
        Assert.True(Toy.Error(state.Latent, zy * Math.Sqrt(before)) > 1e-3);
    }
}
