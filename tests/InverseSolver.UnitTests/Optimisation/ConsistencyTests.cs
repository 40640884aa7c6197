using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Optimisation;

[LeavesNoTensors]
public sealed class ConsistencyTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Report_of_a_mask_counts_what_it_hides()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = new MaskOperator(1, 2, 2, [true, true, false, true], torch.CPU);
        Tensor x = torch.copy_of([1f, 2, 3, 4, 0, 0, 0, 0], 2, 1, 2, 2), y = torch.copy_of([1f, 2, 99, 5, 0, 0, 99, 0], 2, 1, 2, 2);
        ConsistencyReport[] reports = ConsistencyMeasure.Report(op, x, y, 0.5);
        Assert.Equal(2, reports.Length);
        Assert.Equal(3, reports[0].MeasuredComponents);
        Assert.Equal(1, reports[0].Residual, 6);
        Assert.Equal(0.75, reports[0].Expected, 9);
        Assert.Equal(1 / 0.75, reports[0].Ratio!.Value, 6);
        Assert.Equal(Math.Sqrt(1 / 30.0), reports[0].RelativeResidual, 6);
        Assert.Equal(9 / 30.0, reports[0].PriorShare!.Value, 6);
        Assert.Equal(new ConsistencyReport(3, 0, 0.75, 0, 0, 0), reports[1]);
        Assert.Null(ConsistencyMeasure.Report(op, x, y, 0)[0].Ratio);
    }

    [Theory]
    [InlineData("bicubic x3 1x27x15"), InlineData("average x2 1x22x18"), InlineData("mri random points 17x24")]
    [InlineData("mri with phase 15x21"), InlineData("psf circular 3x17x22")]
    public void Prior_share_is_the_energy_outside_of_the_row_space(string name)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = OperatorList.All[name]();
        Tensor x = OperatorList.Image(op, 1, 3);
        long pixels = op.Domain.Aggregate(1L, (a, b) => a * b);
        Tensor columns = op.Apply(torch.eye(pixels).reshape([pixels, .. op.Domain]));
        Tensor dense = (op.IsComplexRange ? torch.view_as_real(columns) : columns).reshape(pixels, -1).to(ScalarType.Float64);   // Aᵀ
        (Tensor u, Tensor s, _) = torch.linalg.svd(dense, fullMatrices: false);
        long rank = (long)s.ge(s.max().ToDouble() * LinearOperator.RelativeCutoff).to(ScalarType.Float64).sum().ToDouble();
        Tensor flat = x.reshape(1, -1).to(ScalarType.Float64), seen = flat.mm(u.narrow(1, 0, rank));
        double expected = 1 - (OperatorList.Dot(seen, seen) / OperatorList.Dot(flat, flat));
        Assert.Equal(expected, ConsistencyMeasure.Report(op, x, op.Apply(x), 0.1)[0].PriorShare!.Value, 1e-3);
    }

    [Theory]
    [InlineData("inpainting random 3x24x20"), InlineData("gaussian reflect 3x24x20"), InlineData("bicubic x4 3x24x20")]
    [InlineData("mri with phase 24x20"), InlineData("gaussian reflect one row 1x1x16")]
    public void Least_squares_solves_its_normal_equations(string name)
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = OperatorList.All[name]();
        Tensor y = OperatorList.Measurement(op, 2, 1), right = op.Adjoint(y);
        Tensor smooth = LeastSquares.Solve(op, y, 0.1, torch.zeros_like(right)).requires_grad_();
        Tensor down = smooth.narrow(2, 1, smooth.size(2) - 1) - smooth.narrow(2, 0, smooth.size(2) - 1);
        Tensor across = smooth.narrow(3, 1, smooth.size(3) - 1) - smooth.narrow(3, 0, smooth.size(3) - 1);
        Tensor cost = op.Residual2(smooth, y).sum() + (down.square().sum() + across.square().sum()) * 0.1;
        Tensor gradient = torch.autograd.vjp(cost, smooth, torch.ones_like(cost));
        Assert.True(OperatorList.Norm(gradient) <= 1e-3 * OperatorList.Norm(right), $"{OperatorList.Norm(gradient) / OperatorList.Norm(right):e2}");

        Tensor energy = op.Prox(torch.zeros_like(right), y, 0.1);
        Tensor left = op.Adjoint(op.Apply(energy)) + energy * 0.1;
        Assert.True(OperatorList.Norm(left - right) <= 1e-4 * OperatorList.Norm(right));
    }

    [Fact]
    public void Best_of_nine_is_the_best_of_nine_for_every_item()
    {
        using DisposeScope ownScope = torch.NewDisposeScope();
        using LinearOperator op = SeparableOperator.GaussianBlur(1, 24, 20, 1, Boundary.Reflect, torch.CPU);
        Tensor line = torch.arange(0, 24, 1, ScalarType.Float32).sin().reshape(1, 1, 24, 1);
        Tensor truth = line.expand(2, 1, 24, 20).contiguous();
        Tensor noise = OperatorList.Measurement(op, 2, 5);
        noise.select(0, 0).mul_(0.3);
        noise.select(0, 1).mul_(0.003);
        Tensor y = op.Apply(truth) + noise;
        (Tensor best, double[] weights) = LeastSquares.BestOf9(op, y, truth);
        Assert.Equal(9, LeastSquares.Weights.Count);
        Assert.True(weights[0] > weights[1]);
        for (int i = 0; i < 2; i++)
        {
            double[] errors =
                [.. LeastSquares.Weights
                    .Select(w => OperatorList.Norm((LeastSquares.Solve(op, y, w, torch.zeros_like(truth)) - truth).select(0, i)))];
            // Each weight starts from the last one's solution, so the two differ by the solver's tolerance.
            Assert.InRange(OperatorList.Norm((best - truth).select(0, i)), 0.95 * errors.Min(), 1.01 * errors.Min());
        }
    }
}
