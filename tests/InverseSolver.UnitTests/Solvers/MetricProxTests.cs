using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The proximal step with correlated errors against dense algebra in double precision.</summary>
[LeavesNoTensors]
public sealed class MetricProxTests
{
    private const double Tau = 0.05;

    public static TheoryData<string, double> Cases
    {
        get
        {
            var data = new TheoryData<string, double>();
            foreach (string name in Toy.Operators.Keys)
            {
                data.Add(name, 0);
                data.Add(name, 0.3);
                data.Add(name, 0.8);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void The_step_is_the_conditional_mean(string name, double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators[name](12);
        const double Sigma = 0.02;
        (Tensor x0, Tensor y) = Problem(op, Sigma);
        var conditioning = new MetricProx(op, Sigma, Tau);
        Tensor expected = Expected(op, conditioning, x0, y, correlation);
        Tensor x = conditioning.Solve(x0, y, correlation);
        double error = (x.to(ScalarType.Float64) - expected).norm().ToDouble() / (expected - x0).norm().ToDouble();

        // Conjugate gradients stop at a thousandth of the residual; with r = 0.8 that leaves up to 0.75 % of the correction.
        Assert.True(error < (correlation > 0.5 ? 1.5e-2 : 2e-3), $"{error:e2}");
    }

    [Theory]
    [InlineData("denoising"), InlineData("inpainting"), InlineData("blur"), InlineData("downsampling"), InlineData("mri")]
    public void Without_correlation_it_is_the_operator_s_own_proximal_step(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators[name](12);
        const double Sigma = 0.02;
        (Tensor x0, Tensor y) = Problem(op, Sigma);
        var conditioning = new MetricProx(op, Sigma, Tau);
        Tensor x = conditioning.Solve(x0, y, 0);
        double[] rho = Rho(op, conditioning, x0, y, 0);
        for (int i = 0; i < 2; i++)
        {
            Tensor prox = op.Prox(x0.narrow(0, i, 1), y.narrow(0, i, 1), rho[i]);
            Assert.True(Toy.Error(x.narrow(0, i, 1) - x0.narrow(0, i, 1), prox - x0.narrow(0, i, 1)) < 2e-3);
        }
    }

    // Four probes on 24 x 24 pixels: off by up to 15 % for the blur.
    [Theory]
    [InlineData("denoising", 0, 1e-5), InlineData("denoising", 0.5, 0.2), InlineData("inpainting", 0.5, 0.2)]
    [InlineData("blur", 0.5, 0.2), InlineData("downsampling", 0.5, 0.2), InlineData("mri", 0.5, 0.2)]
    public void The_trace_is_near_the_dense_one(string name, double correlation, double tolerance)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators[name](24);
        Tensor a = Toy.Dense(op), c = Covariance(24, correlation);
        double trace = (a.Matmul(c) * a).sum().ToDouble();
        Assert.InRange(Trace(new MetricProx(op, 0.02, Tau), op, correlation) / trace, 1 - tolerance, 1 + tolerance);
    }

    [Fact]
    public void The_spread_of_the_error_is_read_off_the_residual_of_each_item()
    {
        using LinearOperator op = Toy.Operators["denoising"](12);
        var conditioning = new MetricProx(op, 0.02, Tau);
        double noise = 144 * 0.02 * 0.02;

        // E‖A x₀ - y‖² = m σ² + τ² tr(A C Aᵀ)
        Assert.Equal(0.0004 / 0.04, conditioning.Rho(noise + 0.04 * 144, 144), 9);
        Assert.Equal(0.0004 / (Tau * Tau), conditioning.Rho(noise, 144), 9);
        Assert.Equal(0.0004 / (Tau * Tau), conditioning.Rho(0, 144), 9);
        Assert.Equal(1e-6, new MetricProx(op, 0, Tau).Rho(1, 144), 12);
    }

    [Theory]
    [InlineData("denoising", 0.3), InlineData("inpainting", 0.3), InlineData("downsampling", 0.3), InlineData("mri", 0.3), InlineData("inpainting", 0.8)]
    public void Without_noise_the_measurement_is_nearly_met(string name, double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators[name](12);
        (Tensor x0, Tensor y) = Problem(op, 0);
        Tensor x = new MetricProx(op, 0, Tau).Solve(x0, y, correlation);
        Assert.NotEqual(0, x.isfinite().all().ToInt64());
        double[] left = op.Residual2(x, y).ToDoubles(), started = op.Residual2(x0, y).ToDoubles();
        Assert.All(Enumerable.Range(0, 2), i => Assert.True(left[i] < 1e-4 * started[i], $"{left[i] / started[i]:e2}"));
    }

    [Theory]
    [InlineData("inpainting"), InlineData("blur"), InlineData("mri")]
    public void An_item_does_not_depend_on_the_others(string name)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators[name](12);
        (Tensor x0, Tensor y) = Problem(op, 0.02);
        var conditioning = new MetricProx(op, 0.02, Tau);
        Tensor both = conditioning.Solve(x0, y, 0.5);
        for (int i = 0; i < 2; i++)
        {
            Assert.True(Toy.Error(conditioning.Solve(x0.narrow(0, i, 1), y.narrow(0, i, 1), 0.5), both.narrow(0, i, 1)) < 1e-5);
        }
    }

    [Fact]
    public void What_was_not_measured_is_ignored()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LinearOperator op = Toy.Operators["inpainting"](12);
        (Tensor x0, Tensor y) = Problem(op, 0.02);
        var conditioning = new MetricProx(op, 0.02, Tau);
        Tensor spoilt = torch.where(op.Apply(torch.ones_like(x0)).gt(0.5), y, torch.full([1], double.NaN));
        Assert.Equal(conditioning.Solve(x0, y, 0.5).ToFloats(), conditioning.Solve(x0, spoilt, 0.5).ToFloats());
    }

    // Two items of which the second one is ten times as far off.
    private static (Tensor X0, Tensor Y) Problem(LinearOperator op, double sigma)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor truth = OperatorList.Image(op, 2, 1), error = OperatorList.Image(op, 2, 2) * 0.03;
        error.select(0, 1).mul_(10);
        Tensor y = op.Measured(op.Apply(truth) + OperatorList.Measurement(op, 2, 3) * sigma);
        return ((truth + error).MoveToOuterDisposeScope(), y.MoveToOuterDisposeScope());
    }

    private static Tensor Expected(LinearOperator op, MetricProx conditioning, Tensor x0, Tensor y, double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        int n = (int)op.Domain[1];
        Tensor a = Toy.Dense(op), c = Covariance(n, correlation), cross = c.Matmul(a.t()), eye = torch.eye(a.size(0), dtype: ScalarType.Float64);
        Tensor start = x0.reshape(2, -1).to(ScalarType.Float64), residual = Toy.Flat(op, y) - start.Matmul(a.t());
        double[] rho = Rho(op, conditioning, x0, y, correlation);
        Tensor[] items = [.. Enumerable.Range(0, 2).Select(i =>
            start.select(0, i) + cross.Matmul(torch.linalg.solve(a.Matmul(cross) + eye * rho[i], residual.select(0, i).reshape(-1, 1))).reshape(-1))];
        return torch.stack(items).reshape(2, 1, n, n).MoveToOuterDisposeScope();
    }

    private static double[] Rho(LinearOperator op, MetricProx conditioning, Tensor x0, Tensor y, double correlation)
    {
        double trace = Trace(conditioning, op, correlation);
        return [.. op.Residual2(x0, y).ToDoubles().Select(r2 => conditioning.Rho(r2, trace))];
    }

    private static double Trace(MetricProx conditioning, LinearOperator op, double correlation)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor rows = MetricProx.Correlation(op.Domain[1], correlation, torch.CPU);
        Tensor columns = MetricProx.Correlation(op.Domain[2], correlation, torch.CPU);
        return conditioning.Trace(x => rows.Matmul(x).Matmul(columns), torch.CPU);
    }

    // r^(vertical distance + horizontal distance) between the pixels of an n x n image.
    private static Tensor Covariance(int n, double r)
    {
        var values = new double[n * n * n * n];
        for (int i = 0; i < values.Length; i++)
        {
            int p = i / (n * n), q = i % (n * n);
            values[i] = Math.Pow(r, Math.Abs(p / n - q / n) + Math.Abs(p % n - q % n));
        }

        return torch.copy_of(values, n * n, n * n);
    }
}
