using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>
/// The gradients of Latent-DPS and PSLD, made by the chain rule, against automatic differentiation of the whole loss and against differences.
/// </summary>
[LeavesNoTensors]
public sealed class NetworkGradientTests
{
    private const int Index = 20;

    private static readonly LatentDpsParameters Dps = LatentDpsParameters.Paper with { Steps = 50 };
    private static readonly PsldParameters Psld = PsldParameters.Paper with { Steps = 50, Omega = 0.7, Gamma = 0.3 };

    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("downsampling"), InlineData("mri")]
    public void Both_gradients_are_those_of_the_published_losses(string name)
    {
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](12);
        Compare(model, op);
    }

    [Fact]
    public void Both_pass_the_encoder_the_decoder_and_the_network()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = new MaskOperator(1, 36, 40, Masks.Random(36, 40, 0.5, 2), torch.CPU);
        Compare(model, op);
    }

    [Fact]
    public void The_gradient_through_the_network_is_the_limit_of_differences()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        Tensor y = OperatorList.Measurement(op, 1, 5), z = Toy.Normal([1, 1, 12, 12], 6), d = Toy.Normal([1, 1, 12, 12], 7);
        var solver = new LatentDps(new SolverInput(model, op, y, 0.01), Dps);
        double slope = solver.Guidance(z, solver.Schedule[Index]).Gradient.mul(d).sum().ToDouble();
        double Loss(double h) => 2 * op.Residual2(solver.Guidance(z + d * h, solver.Schedule[Index]).Image, y).sqrt().ToDouble();
        double difference = (Loss(0.01) - Loss(-0.01)) / 0.02;
        Assert.Equal(difference, slope, 0.005 * Math.Abs(difference));

        // Without the network's part it is another number.
        var decoderOnly = new LatentDps(new SolverInput(model, op, y, 0.01), Dps with { ThroughNetwork = false });
        Assert.True(Math.Abs(decoderOnly.Guidance(z, solver.Schedule[Index]).Gradient.mul(d).sum().ToDouble() - difference) > 0.05 * Math.Abs(difference));
    }

    [Fact]
    public void Without_the_network_the_step_is_that_of_ReSample()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["blur"](12);
        (_, Tensor y) = Toy.Measure(model, op, 0.01, 2, 3);
        using SolverState state = SolverState.StartFromNoise([1, 12, 12], [1, 2], torch.CPU);
        Tensor z = state.Latent.clone();
        var parameters = new LatentDpsParameters { Steps = 500, Scale = 0.5, Squared = false };
        new LatentDps(new SolverInput(model, op, y, 0.01), parameters).Advance(state);

        var reference = new ReSample(new SolverInput(model, op, y, 0.01), ReSampleParameters.Paper with { Tweedie = Tweedie.Exact });
        (Tensor next, Tensor clean) = reference.Ddim(z, reference.Schedule[499], state);
        Assert.True(Toy.Error(state.Latent, reference.LatentDps(next, clean, reference.Schedule[499]).Z) < 1e-6);
    }

    [Fact]
    public void Gradients_of_the_network_are_counted_by_themselves()
    {
        using GaussianModel model = Toy.Gaussian();
        var request = new ReconstructionRequest
        {
            Problem = new Denoising(),
            Measurement = Toy.Phantom(16),
            Sigma = 0.1,
            Seed = 1,
            Solver = new LatentDpsParameters { Steps = 5, Samples = 2, ThroughNetwork = true },
        };
        CostReport dps = Reconstructor.Run(model, request, null, default).Cost;
        Assert.Equal((0, 5, 5, 1, 0), (dps.NetworkCalls, dps.NetworkGradients, dps.DecoderGradients, dps.DecoderCalls, dps.EncoderCalls));
        CostReport psld = Reconstructor.Run(model, request with { Solver = new PsldParameters { Steps = 5 } }, null, default).Cost;
        Assert.Equal((0, 5, 5, 1, 5), (psld.NetworkCalls, psld.NetworkGradients, psld.DecoderGradients, psld.DecoderCalls, psld.EncoderCalls));
    }

    private static void Compare(LatentModel model, LinearOperator op)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        (int height, int width) = ((int)op.Domain[1], (int)op.Domain[2]);
        var grid = new DdimSchedule(model, 50);
        double a = grid[Index].AlphaCumprod;
        Tensor y = OperatorList.Measurement(op, 2, 5) * 0.3, z = Toy.Normal([2, .. model.LatentShape(height, width)], 6).requires_grad_();
        Tensor z0 = (z - model.PredictNoise(z, torch.copy_of([(long)grid[Index].Timestep])) * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor x = model.Decode(z0, height, width), residual = op.Apply(x) - op.Measured(y);
        Tensor glued = model.Encode(x - op.Adjoint(residual));

        // On the papers' [-1,1] scale an image's residual is twice as large, a latent's is the same.
        foreach (bool squared in (bool[])[false, true])
        {
            Tensor norm = Loss(residual * 2, squared), glue = Loss(glued - z0, squared);
            Tensor expected = torch.autograd.vjp(norm, z, torch.ones_like(norm), retain_graph: true);
            (_, Tensor image, Tensor gradient) = new LatentDps(new SolverInput(model, op, y, 0.01), Dps with { Squared = squared })
                .Guidance(z.detach(), grid[Index]);
            Assert.True(Toy.Error(gradient, expected) < 1e-4, $"DPS {Toy.Error(gradient, expected):e2}");
            Assert.True(Toy.Error(image, x.detach()) < 1e-5);

            Tensor loss = norm * 0.7 + glue * 0.3;
            expected = torch.autograd.vjp(loss, z, torch.ones_like(loss), retain_graph: true);
            (_, _, gradient) = new Psld(new SolverInput(model, op, y, 0.01), Psld with { Squared = squared }).Guidance(z.detach(), grid[Index]);
            Assert.True(Toy.Error(gradient, expected) < 1e-4, $"PSLD {Toy.Error(gradient, expected):e2}");
        }
    }

    private static Tensor Loss(Tensor residual, bool squared) => squared ? Norms(residual).square().sum() / 2 : Norms(residual).sum();

    private static Tensor Norms(Tensor t) => (t.is_complex() ? torch.view_as_real(t) : t).reshape(2, -1).square().sum([1]).sqrt();
}
