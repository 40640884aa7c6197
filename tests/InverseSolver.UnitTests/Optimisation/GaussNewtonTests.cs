using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Optimisation;

[LeavesNoTensors]
public sealed class GaussNewtonTests
{
    private const double Sigma = 0.02, Tau = 0.05;

    [Theory]
    [InlineData(0.0), InlineData(0.6)]
    public void Where_nothing_is_clipped_it_is_the_linear_step(double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator linear = MaskOperator.Denoising(1, 12, 10, torch.CPU);
        using var nonlinear = new ClippingOperator("clipping", [1, 12, 10], 1, -50, 50, new sbyte[120], torch.CPU);
        (Tensor x0, Tensor y) = (OperatorList.Unit([1, 12, 10], 2, 1), OperatorList.Unit([1, 12, 10], 2, 2));
        Tensor expected = new MetricProx(linear, Sigma, Tau).Solve(x0, y, correlation);
        Tensor given = Solver(nonlinear).Solve(x0, y, correlation)!;
        Assert.True(OperatorList.Norm(given - expected) < 2e-2 * OperatorList.Norm(expected - x0));
    }

    [Fact]
    public void A_censored_pixel_is_moved_to_its_limit_and_no_further()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var op = new ClippingOperator("hdr", [1, 1, 4], 2, 0, 1, [1, 1, 0, -1], torch.CPU);
        Tensor x0 = torch.copy_of([0.3f, 0.8f, 0.2f, 0.4f], 1, 1, 1, 4), y = torch.copy_of([1f, 1, 0.6f, 0], 1, 1, 1, 4);
        double[] x = new GaussNewton(op, 0, Tau, default).Solve(x0, y, 0)!.ToDoubles();
        Assert.All(x.Zip([0.5, 0.8, 0.3, 0]), pair => Assert.Equal(pair.Second, pair.First, 1e-3));
    }

    [Fact]
    public void An_image_that_would_be_rounded_to_the_measurement_is_left_as_it_is()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using QuantisationOperator op = QuantisationOperator.Jpeg([1, 16, 16], 10, torch.CPU);
        Tensor truth = OperatorList.Unit([1, 16, 16], 1, 1), y = op.Apply(truth), other = OperatorList.Unit([1, 16, 16], 1, 2);
        Assert.Equal(truth.ToFloats(), Solver(op).Solve(truth, y, 0.5)!.ToFloats());
        // Without a correlation a step is the projection onto the cells; with one, coefficients leave cells that they were in.
        foreach ((double correlation, double left) in new[] { (0, 1e-3), (0.5, 0.2) })
        {
            Tensor x = new GaussNewton(op, 0, Tau, default).Solve(other, y, correlation)!;
            Assert.True(
                op.Residual2(x, y).ToDouble() < left * op.Residual2(other, y).ToDouble(),
                $"{correlation}: {op.Residual2(x, y).ToDouble() / op.Residual2(other, y).ToDouble():e2}");
        }
    }

    [Fact]
    public void Magnitudes_are_met_from_nearby_and_items_are_solved_alone()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var op = new FourierMagnitudeOperator(1, 12, 12, 2);
        Tensor truth = OperatorList.Unit([1, 12, 12], 2, 1), near = truth + (OperatorList.Unit([1, 12, 12], 2, 2) - 0.5) * 0.1, y = op.Apply(truth);
        near.select(0, 0).add_(0.3);
        GaussNewton solver = new(op, 1e-3, Tau, default);
        Tensor both = solver.Solve(near, y, 0.3)!, second = solver.Solve(near.narrow(0, 1, 1), y.narrow(0, 1, 1), 0.3)!;
        Assert.True((both.narrow(0, 1, 1) - second).abs().max().ToDouble() < 1e-3);
        double before = op.Residual2(near.narrow(0, 1, 1), y.narrow(0, 1, 1)).ToDouble(), after = op.Residual2(second, y.narrow(0, 1, 1)).ToDouble();
        Assert.True(after < 0.05 * before, $"{before:e2} {after:e2}");
        Assert.True(OperatorList.Norm(second - truth.narrow(0, 1, 1)) < 0.5 * OperatorList.Norm(near.narrow(0, 1, 1) - truth.narrow(0, 1, 1)));
    }

    [Fact]
    public void It_can_be_cancelled_and_knows_when_there_is_no_Jacobian()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var op = new FourierMagnitudeOperator(1, 8, 8, 2);
        Tensor x = OperatorList.Unit([1, 8, 8], 1, 1), y = op.Apply(OperatorList.Unit([1, 8, 8], 1, 2));
        Assert.Throws<OperationCanceledException>(() => new GaussNewton(op, Sigma, Tau, new CancellationToken(canceled: true)).Solve(x, y, 0));
        string file = Repository.File("tests", "InverseSolver.UnitTests", "Torch", "fixtures", "conv-silu.pt");
        using TorchScriptOperator module = TorchScriptOperator.Load(file, [1, 8, 8], torch.CPU);
        Assert.Null(Solver(module).Solve(x, x, 0));
    }

    private static GaussNewton Solver(NonlinearOperator op) => new(op, Sigma, Tau, default);
}
