using InverseSolver.Reconstruction.Operators;
using Xunit;
using static InverseSolver.UnitTests.Operators.OperatorList;

namespace InverseSolver.UnitTests.Operators;

/// <summary>What holds for every operator of <see cref="OperatorList.Nonlinear"/>.</summary>
public sealed class NonlinearOperatorLaws : IDisposable
{
    private const int Items = 2;
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public static TheoryData<string> Names => [.. Nonlinear.Keys];

    public void Dispose() => _scope.Dispose();

    [Theory, MemberData(nameof(Names))]
    public void The_image_that_was_measured_leaves_no_residual(string name)
    {
        using NonlinearOperator op = Nonlinear[name]();
        Tensor x = Unit(op.Domain, 1, 1), y = op.Measure(x, torch.zeros([1, .. op.Range]));
        Assert.True((y - op.Apply(x)).abs().max().ToDouble() < 1e-6);
        Assert.True(op.Residual2(x, y).ToDouble() < 1e-9 * op.MeasuredComponents);
        Assert.True(op.Gradient(x, y).abs().max().ToDouble() < 1e-5);
        Assert.True(op.Residual2(Unit(op.Domain, 1, 5), y).ToDouble() > 1e-3 * op.MeasuredComponents);
    }

    [Theory, MemberData(nameof(Names))]
    public void The_gradient_is_that_of_half_the_residual(string name)
    {
        using NonlinearOperator op = Nonlinear[name]();
        Tensor x = Unit(op.Domain, Items, 3).requires_grad_(), y = Measured(op), half = op.Residual2(x, y) / 2;
        Tensor byAutograd = torch.autograd.vjp(half, x, torch.ones_like(half)), gradient = op.Gradient(x.detach(), y);
        Assert.True(Norm(gradient - byAutograd) <= 1e-5 * Norm(byAutograd));

        // And of a difference along the gradient, away from kinks.
        double length = 1e-3 / gradient.abs().max().ToDouble(), slope = Dot(gradient, gradient);
        double up = op.Residual2(x.detach() + gradient * length, y).sum().ToDouble(), down = op.Residual2(x.detach() - gradient * length, y).sum().ToDouble();
        Assert.Equal(1, (up - down) / 4 / length / slope, 0.05);
    }

    [Theory, MemberData(nameof(Names))]
    public void The_Jacobian_is_that_of_the_residual(string name)
    {
        using NonlinearOperator op = Nonlinear[name]();
        Tensor x = Unit(op.Domain, Items, 3), y = Measured(op), v = Normal(op.Domain, 4), w = Normal(op.Range, 5);
        Linearisation at = op.Linearise(x, y)!;
        Assert.Equal(op.Residual2(x, y).ToFloats(), ForwardOperator.SquaresPerItem(at.Residual).ToFloats());
        Tensor gradient = op.Gradient(x, y), jv = at.Apply(v), jw = at.Adjoint(w);
        Assert.True(Norm(at.Adjoint(at.Residual) - gradient) <= 1e-5 * Norm(gradient));
        Assert.True(Math.Abs(Dot(jv, w) - Dot(v, jw)) <= 1e-5 * Norm(jv) * Norm(w));

        // Where a small step crosses no kink the difference is the Jacobian's.
        const double step = 1e-3;
        Tensor difference = (op.Linearise(x + v * step, y)!.Residual - op.Linearise(x - v * step, y)!.Residual) / (2 * step);
        double agree = (difference - jv).abs().lt(0.02 * jv.abs().max().ToDouble()).to(ScalarType.Float32).mean().ToDouble();
        Assert.True(agree > 0.97, $"{agree}");
    }

    [Theory, MemberData(nameof(Names))]
    public void An_item_does_not_depend_on_the_others(string name)
    {
        using NonlinearOperator op = Nonlinear[name]();
        Tensor x = Unit(op.Domain, 3, 3), y = torch.cat([Measured(op), Measured(op).narrow(0, 0, 1)]);
        x.select(0, 0).mul_(100);
        Tensor last = x.narrow(0, 2, 1), lastY = y.narrow(0, 2, 1);
        Close(op.Apply(x).narrow(0, 2, 1), op.Apply(last));
        Close(op.Gradient(x, y).narrow(0, 2, 1), op.Gradient(last, lastY));
        Close(op.Residual2(x, y).narrow(0, 2, 1), op.Residual2(last, lastY));
    }

    [Theory, MemberData(nameof(Names))]
    public void No_tensor_is_left_behind(string name)
    {
        long before = Tensor.TotalCount;
        using (torch.NewDisposeScope())
        {
            using NonlinearOperator op = Nonlinear[name]();
            Tensor x = Unit(op.Domain, Items, 1), y = Measured(op);
            op.Gradient(x, y);
            op.Residual2(x, y);
            op.Direct(y);
        }
        Assert.True(Tensor.TotalCount <= before, $"{Tensor.TotalCount - before}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Wrong_shapes_are_refused_by_name(string name)
    {
        using NonlinearOperator op = Nonlinear[name]();
        Tensor x = Unit(op.Domain, 2, 1), y = Measured(op).narrow(0, 0, 1);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Apply(x.select(0, 0))).Message);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Residual2(x, y)).Message);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Measure(x, y)).Message);
    }

    /// <summary>Two noisy measurements of the image that the list's censored operators know.</summary>
    private static Tensor Measured(NonlinearOperator op)
    {
        Tensor x = Unit(op.Domain, 1, 1);
        return op.Measure(x.expand([Items, .. op.Domain]).contiguous(), Normal(op.Range, 2) * 0.01);
    }

    private static Tensor Normal(IReadOnlyList<long> shape, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.randn([Items, .. shape], generator);
    }

    private static void Close(Tensor actual, Tensor expected) => Assert.True(Norm(actual - expected) <= 1e-5 * Norm(expected));
}
