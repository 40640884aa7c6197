using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The solvers that are for MRI only.</summary>
[LeavesNoTensors]
public sealed class MriSolverTests
{
    [Theory]
    [InlineData("ddpmConsistency"), InlineData("mriPurify")]
    public void Other_problems_are_refused_in_a_sentence(string type)
    {
        using GaussianModel model = Toy.Gaussian();
        foreach (Problem problem in (Problem[])[new Denoising(), new Inpainting(new RandomMask()), new SuperResolution(2), new GaussianBlur()])
        {
            SolverParameters parameters = SolverCatalog.Resolve(type, "fast", null);
            Assert.Contains("MRI", parameters.Refusal(problem, model.Info), StringComparison.Ordinal);
            Assert.Null(parameters.Refusal(new CartesianMri(new RandomKSpaceMask()), model.Info));
        }

        var request = new ReconstructionRequest
        {
            Problem = new Denoising(),
            Measurement = Toy.Phantom(16),
            Sigma = 0.1,
            Solver = SolverCatalog.Resolve(type, "fast", null),
            Seed = 1,
        };
        Assert.Equal("solver.type", Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request)).Field);
    }

    [Fact]
    public void A_step_is_ddpm_s_posterior()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["mri"](8);
        var solver = new DdpmConsistency(new SolverInput(model, op, torch.zeros([1, 8, 8], ScalarType.ComplexFloat32), 0), DdpmConsistencyParameters.Paper);

        // With all 1000 timesteps β_t = (√0.0015 + t/999 (√0.0195 - √0.0015))²; ᾱ of 500 and 499 as published and as 1 - β says.
        double beta = Math.Pow(Math.Sqrt(0.0015) + 500 / 999.0 * (Math.Sqrt(0.0195) - Math.Sqrt(0.0015)), 2);
        double a = 0.1149220, before = a / (1 - beta);
        (double clean, double noisy, double deviation) = DdpmConsistency.Posterior(solver.Schedule[500]);
        Assert.Equal(Math.Sqrt(before) * beta / (1 - a), clean, 6);
        Assert.Equal(Math.Sqrt(1 - beta) * (1 - before) / (1 - a), noisy, 6);
        Assert.Equal(Math.Sqrt(beta * (1 - before) / (1 - a)), deviation, 6);

        // z = √ᾱ z₀ + √(1-ᾱ) n goes to the next level's mean and variance.
        Assert.Equal(Math.Sqrt(before), clean + noisy * Math.Sqrt(a), 6);
        Assert.Equal(1 - before, noisy * noisy * (1 - a) + deviation * deviation, 6);
    }

    /// <remarks>The spectrum of real white noise has variance 1 for each complex sample, whatever the mirror image of the line is.</remarks>
    [Fact]
    public void The_measured_lines_of_every_level_are_those_of_the_noisy_measurement()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        const int Side = 64, N = 20;
        using var op = new CartesianMriOperator(Side, Side, Masks.Random(Side, Side, 0.6, 3), null, torch.CPU);
        (_, Tensor y) = Toy.Measure(model, op, 0, 1, 4);
        var solver = new DdpmConsistency(new SolverInput(model, op, y, 0), DdpmConsistencyParameters.Paper with { Steps = N });
        using SolverState state = solver.Start(1);
        Tensor signed = y * 2 - op.Apply(torch.ones([1, 1, Side, Side]));
        var grid = new DdimSchedule(model, N);
        double samples = op.MeasuredComponents / 2.0;
        for (int step = 0; step < N - 1; step++)
        {
            solver.Advance(state);
            double a = grid[N - 1 - step].AlphaCumprodPrev;
            double variance = op.Residual2(state.Latent, signed * Math.Sqrt(a)).ToDouble() / samples;
            Assert.True(Math.Abs(variance / (1 - a) - 1) < 6 / Math.Sqrt(samples), $"step {step}: {variance:f4} of {1 - a:f4}");
        }
    }

    [Theory]
    [InlineData("ddpmConsistency"), InlineData("mriPurify")]
    public void Without_noise_paper_keeps_the_measured_k_space_exactly(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        foreach (float[]? phase in (float[]?[])[null, Operators.OperatorList.Phase(12, 12)])
        {
            using var op = new CartesianMriOperator(12, 12, Masks.Random(12, 12, 0.6, 3), phase, torch.CPU);
            (_, Tensor y) = Toy.Measure(model, op, 0, 1, 4);
            SolverParameters parameters = type == "mriPurify"
                ? MriPurifyParameters.Paper with { Rounds = 10 }
                : DdpmConsistencyParameters.Paper with { Steps = 30 };
            Tensor x = torch.copy_of(Toy.Run(model, op, y, 0, parameters, 1), 1, 1, 12, 12);
            Assert.True(op.Residual2(x, y).ToDoubles()[0] < 1e-7 * op.Residual2(torch.zeros_like(x), y).ToDoubles()[0]);
        }
    }

    [Fact]
    public void Purification_begins_each_round_at_a_lower_level_and_falls_towards_the_image()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["mri"](8);
        var solver = new MriPurify(
            new SolverInput(model, op, torch.zeros([1, 8, 8], ScalarType.ComplexFloat32), 0),
            MriPurifyParameters.Paper with { Start = 0.4, Rounds = 2, StepsPerRound = 2 });

        // 999 · 0.4 = 399.6 and its half, 199.8; the second round from there, 199.8 and 99.9.
        Assert.Equal([400, 200, 200, 100], [solver.Timestep(0, 0), solver.Timestep(0, 1), solver.Timestep(1, 0), solver.Timestep(1, 1)]);
        Assert.Equal(4, solver.Steps);
    }

    [Fact]
    public void A_purification_s_round_is_that_of_its_formulas()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["mri"](8);
        (_, Tensor y) = Toy.Measure(model, op, 0.02, 1, 4);
        var solver = new MriPurify(new SolverInput(model, op, y, 0.02), MriPurifyParameters.Paper with { Start = 0.4, Rounds = 2, StepsPerRound = 2 });
        using SolverState state = solver.Start(6), same = solver.Start(6);
        solver.Advance(state);
        solver.Advance(state);

        Tensor z = (op.Adjoint(y) * 2 - 1) * Math.Sqrt(model.AlphasCumprod[400]) + same.Noise(1, 8, 8) * Math.Sqrt(1 - model.AlphasCumprod[400]);
        Tensor e = model.PredictNoise(z, torch.copy_of([400L]));
        z = Clean(z, e, 400) * Math.Sqrt(model.AlphasCumprod[200]) + e * Math.Sqrt(1 - model.AlphasCumprod[200]);
        Tensor x = (Clean(z, model.PredictNoise(z, torch.copy_of([200L])), 200) + 1) / 2;
        Assert.True(Toy.Error(state.Latent, op.Prox(x, y, 0) * 2 - 1) < 1e-4);

        Tensor Clean(Tensor noisy, Tensor noise, int t) => (noisy - noise * Math.Sqrt(1 - model.AlphasCumprod[t])) / Math.Sqrt(model.AlphasCumprod[t]);
    }
}
