using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;
using static InverseSolver.UnitTests.Operators.OperatorList;

namespace InverseSolver.UnitTests.Operators;

/// <summary>What holds for every operator of <see cref="OperatorList.All"/>.</summary>
public sealed class LinearOperatorLaws : IDisposable
{
    private const int Items = 2;
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public static TheoryData<string> Names => [.. All.Keys];

    public static TheoryData<string, double> NamesAndRhos
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (string name in All.Keys)
            {
                data.Add(name, 1);
                data.Add(name, 0.01);
            }
            return data;
        }
    }

    public void Dispose() => _scope.Dispose();

    [Theory, MemberData(nameof(Names))]
    public void Adjoint_satisfies_the_inner_product_identity(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, Items, 1), y = Measurement(op, Items, 2), ax = op.Apply(x);
        double error = Math.Abs(Dot(ax, y) - Dot(x, op.Adjoint(y))) / (Norm(ax) * Norm(y));
        Assert.True(error <= 1e-5, $"{error:e2}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Apply_and_Adjoint_are_linear(string name)
    {
        using LinearOperator op = All[name]();
        Tensor a = Image(op, Items, 1), b = Image(op, Items, 2), u = Measurement(op, Items, 3), v = Measurement(op, Items, 4);
        Close(op.Apply(a * 2 - b * 3), op.Apply(a) * 2 - op.Apply(b) * 3, 1e-5);
        Close(op.Adjoint(u * 2 - v * 3), op.Adjoint(u) * 2 - op.Adjoint(v) * 3, 1e-5);
    }

    [Theory, MemberData(nameof(Names))]
    public void Adjoint_agrees_with_autograd(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, Items, 1).requires_grad_(), y = op.Measured(Measurement(op, Items, 2)), ax = op.Apply(x);
        Tensor gradient = torch.autograd.vjp(ax, x, y);
        Close(gradient, op.Adjoint(y), 1e-5);
    }

    [Theory, MemberData(nameof(NamesAndRhos))]
    public void Prox_is_the_minimum(string name, double rho)
    {
        using LinearOperator op = All[name]();
        Tensor x0 = Image(op, Items, 1), y = Measurement(op, Items, 2), x = op.Prox(x0, y, rho);
        Tensor gradient = op.Adjoint(op.Apply(x) - op.Measured(y)) + (x - x0) * rho;
        double error = Norm(gradient) / Norm(op.Adjoint(op.Apply(x0) - op.Measured(y)));
        Assert.True(error <= 1e-5, $"{error:e2}");
    }

    [Theory, MemberData(nameof(NamesAndRhos))]
    public void Prox_agrees_with_a_dense_solution_in_double_precision(string name, double rho)
    {
        using LinearOperator op = All[name]();
        Tensor a = Dense(op);
        Tensor x0 = Image(op, Items, 1), y = Measurement(op, Items, 2);
        Tensor flat0 = x0.reshape(Items, -1).to(ScalarType.Float64), normal = a.transpose(0, 1).mm(a);
        Tensor right = Components(op.Measured(y)).mm(a) + flat0 * rho;
        Tensor expected = torch.linalg.solve(normal + torch.eye(a.size(1), dtype: ScalarType.Float64) * rho, right.transpose(0, 1)).transpose(0, 1);
        double error = Norm(op.Prox(x0, y, rho).reshape(Items, -1) - expected) / Norm(expected);
        Assert.True(error <= 1e-4, $"{error:e2}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Exact_prox_explains_the_measurement_and_moves_only_what_is_measured(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x0 = Image(op, Items, 1), y = Measurement(op, Items, 2), x = op.Prox(x0, y, 0);
        Tensor a = Dense(op);
        (_, Tensor values, Tensor vh) = torch.linalg.svd(a, fullMatrices: false);
        double largest = values.max().ToDouble(), step = Norm(y - op.Apply(x0));

        double gradient = Norm(op.Adjoint(op.Apply(x) - op.Measured(y))) / (largest * step);
        // A random measurement is nothing that a blur can make: where conjugate gradients solve, their iterations run out.
        // Multi-coil MRI stops at a hundredth of what it began with, in a norm of its own.
        Assert.True(gradient <= (op is SenseOperator ? 30 : IsIterative(op) ? 10 : 1) * LinearOperator.RelativeCutoff, $"{gradient:e2}");

        Tensor move = (x - x0).reshape(Items, -1).to(ScalarType.Float64);
        Tensor seen = vh.narrow(0, 0, (long)values.ge(largest * 1e-9).to(ScalarType.Float64).sum().ToDouble());
        double unseen = Norm(move - move.mm(seen.transpose(0, 1)).mm(seen)) / Norm(move);
        Assert.True(unseen <= 1e-4, $"{unseen:e2}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Exact_prox_gives_the_residual_of_the_truth_when_the_measurement_is_exact(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x0 = Image(op, Items, 1), truth = Image(op, Items, 2), y = op.Apply(truth), x = op.Prox(x0, y, 0);
        double error = Norm(op.Apply(x) - y) / Norm(op.Apply(x0) - y);
        // Kernels that hide components below the cut-off, or conjugate gradients that stop there, leave a little.
        Assert.True(
            error <= (op is MaskOperator || name.StartsWith("bicubic") || name.StartsWith("average") ? 1e-5 : op is SenseOperator ? 5e-2 : 2e-2),
            $"{error:e2}");
    }

    [Theory, MemberData(nameof(Names))]
    public void An_item_does_not_depend_on_the_others(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, 3, 1), y = Measurement(op, 3, 2);
        x.select(0, 0).mul_(100);   // needs other steps than its neighbours
        Tensor last = x.narrow(0, 2, 1), lastY = y.narrow(0, 2, 1);
        Close(op.Apply(x).narrow(0, 2, 1), op.Apply(last), 1e-6);
        Close(op.Adjoint(y).narrow(0, 2, 1), op.Adjoint(lastY), 1e-6);
        Close(op.Prox(x, y, 0.1).narrow(0, 2, 1), op.Prox(last, lastY, 0.1), 1e-5);
    }

    [Theory, MemberData(nameof(Names))]
    public void Residual_counts_measured_components_only(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, Items, 1), y = Measurement(op, Items, 2);
        Tensor ones = op.IsComplexRange ? torch.complex(torch.ones([1, .. op.Range]), torch.ones([1, .. op.Range])) : torch.ones([1, .. op.Range]);
        Tensor measured = op.Measured(ones);
        Assert.Equal(op.MeasuredComponents, (long)Math.Round(Dot(measured, measured)));

        Tensor everything = Components(op.Apply(x) - y), counted = Components(measured);
        double[] expected = (everything.square() * counted).sum([1]).ToDoubles(), given = op.Residual2(x, y).ToDoubles();
        Assert.Equal([Items], op.Residual2(x, y).shape);
        for (int i = 0; i < Items; i++) Assert.Equal(1, given[i] / expected[i], 5);
    }

    [Theory, MemberData(nameof(Names))]
    public void What_was_not_measured_may_hold_anything(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, Items, 1), y = op.Apply(x);
        Tensor ones = op.IsComplexRange ? torch.complex(torch.ones([1, .. op.Range]), torch.zeros([1, .. op.Range])) : torch.ones([1, .. op.Range]);
        Tensor hidden = op.Measured(ones).abs().lt(0.5);
        Tensor spoilt = torch.where(hidden, torch.full([1], double.NaN).to(y.dtype), y);
        Assert.Equal(op.Adjoint(y).ToFloats(), op.Adjoint(spoilt).ToFloats());
        Assert.Equal(op.Prox(x, y, 0.5).ToFloats(), op.Prox(x, spoilt, 0.5).ToFloats());
        Assert.Equal(op.Prox(x, y, 0).ToFloats(), op.Prox(x, spoilt, 0).ToFloats());
        Assert.Equal(op.Residual2(x, y).ToFloats(), op.Residual2(x, spoilt).ToFloats());
    }

    [Theory, MemberData(nameof(Names))]
    public void No_tensor_is_left_behind(string name)
    {
        long before = Tensor.TotalCount;
        using (torch.NewDisposeScope())
        {
            using LinearOperator op = All[name]();
            Tensor x = Image(op, Items, 1), y = op.Apply(x);
            op.Adjoint(y);
            op.Prox(x, y, 0.1);
            op.Prox(x, y, 0);
            op.Residual2(x, y);
            op.Measured(y);
        }
        Assert.True(Tensor.TotalCount <= before, $"{Tensor.TotalCount - before}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Wrong_shapes_are_refused_by_name(string name)
    {
        using LinearOperator op = All[name]();
        Tensor x = Image(op, 2, 1), y = Measurement(op, 1, 2);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Apply(x.select(0, 0))).Message);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Apply(x.to(ScalarType.Float64))).Message);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Adjoint(y.unsqueeze(0))).Message);
        Assert.Contains(op.Name, Assert.Throws<ArgumentException>(() => op.Residual2(x, y)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => op.Prox(x, Measurement(op, 2, 2), -1));
    }

    /// <summary>A as a matrix of real components, double precision; every column is A of one unit image.</summary>
    private static Tensor Dense(LinearOperator op)
    {
        long pixels = op.Domain.Aggregate(1L, (a, b) => a * b);
        return Components(op.Apply(torch.eye(pixels).reshape([pixels, .. op.Domain]))).transpose(0, 1).contiguous();
    }

    private static Tensor Components(Tensor y) =>
        (y.is_complex() ? torch.view_as_real(y) : y).reshape(y.size(0), -1).to(ScalarType.Float64);

    private static void Close(Tensor actual, Tensor expected, double tolerance)
    {
        double error = Norm(actual - expected) / Norm(expected);
        Assert.True(error <= tolerance, $"{error:e2}");
    }
}
