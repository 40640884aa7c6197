using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The gradient step of Latent-DPS against automatic differentiation of the published loss on the [-1,1] scale.</summary>
[LeavesNoTensors]
public sealed class LatentDpsTests
{
    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("downsampling"), InlineData("mri")]
    public void The_step_is_the_gradient_of_half_abar_times_the_norm(string name)
    {
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators[name](12);
        Compare(model, op, 250, 0.5);
    }

    [Fact]
    public void The_step_goes_through_a_decoder()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        using LinearOperator op = new MaskOperator(1, 36, 40, Masks.Random(36, 40, 0.5, 2), torch.CPU);
        Compare(model, op, 100, 0.7);
    }

    [Fact]
    public void An_exact_estimate_takes_no_step()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator op = Toy.Operators["inpainting"](8);
        Tensor z0 = Toy.Normal([1, 1, 8, 8], 1), y = op.Apply(model.Decode(z0, 8, 8)), next = Toy.Normal([1, 1, 8, 8], 2);
        var solver = new ReSample(new SolverInput(model, op, y, 0.01), ReSampleParameters.Paper);
        Assert.Equal(next.ToFloats(), solver.LatentDps(next, z0, solver.Schedule[250]).Z.ToFloats());
    }

    private static void Compare(LatentModel model, LinearOperator op, int index, double scale)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        (int height, int width) = ((int)op.Domain[1], (int)op.Domain[2]);
        long[] shape = [2, .. model.LatentShape(height, width)];
        double a = model.AlphasCumprod[2 * index + 1];
        Tensor y = OperatorList.Measurement(op, 2, 5) * 0.3;
        Tensor z = Toy.Normal(shape, 6).requires_grad_(), e = Toy.Normal(shape, 7);

        // y on the [-1,1] scale is what A makes of 2x - 1.
        Tensor signed = op.Measured(y) * 2 - op.Apply(torch.ones([2, .. op.Domain]));
        Tensor z0 = (z - e * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor residual = op.Apply(model.Decode(z0, height, width) * 2 - 1) - signed;
        Tensor components = op.IsComplexRange ? torch.view_as_real(residual) : residual;

        // The authors' y holds noise where nothing is measured, too; its expectation counts.
        double unmeasured = components.numel() / 2.0 - op.MeasuredComponents;
        Tensor loss = (components.reshape(2, -1).square().sum([1]) + unmeasured * 0.02 * 0.02).sqrt().sum() * (scale * a);
        Tensor expected = torch.autograd.vjp(loss, z, torch.ones_like(loss));

        var solver = new ReSample(new SolverInput(model, op, y, 0.01), ReSampleParameters.Paper with { LdpsScale = scale });
        (Tensor next, Tensor estimate) = solver.LatentDps(torch.zeros(shape), z0.detach(), solver.Schedule[index]);
        Assert.True(Toy.Error(-next, expected) < 1e-4, $"{Toy.Error(-next, expected):e2}");
        Assert.True(Toy.Error(estimate, model.Decode(z0.detach(), height, width)) < 1e-5);
    }
}
