using InverseSolver.Reconstruction.Mri;
using InverseSolver.UnitTests.Operators;
using Xunit;
using static InverseSolver.UnitTests.Mri.SenseScans;

namespace InverseSolver.UnitTests.Mri;

/// <summary>E[u | y] of multi-coil MRI against dense algebra in double precision.</summary>
[LeavesNoTensors]
public sealed class SenseProxTests
{
    private const int Rows = 6, Columns = 5, Pixels = Rows * Columns;
    private const double Sigma = 0.02, Tau = 0.1;

    /// <remarks>The estimate is near enough for τ to be the smallest one, so ρ is known: σ²/τ².</remarks>
    [Theory, InlineData(0, 1), InlineData(0.4, 1), InlineData(0.8, 1), InlineData(0.4, 2)]
    public void It_is_the_mean_of_the_stated_Gaussian(double correlation, long sets)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Cartesian(Rows, Columns, Positions(Rows, Columns), coils: 3, sets: sets, phase: true);
        (Tensor x0, Tensor y) = Near(op);
        (Tensor expected, Tensor system) = Expected(op, x0, y, correlation, sets, Sigma * Sigma / (Tau * Tau));
        var conditioning = new SenseProx(op, Sigma, Tau, static () => { });
        Tensor u = conditioning.SolveComplex(x0, y, correlation, sets), start = First(x0, sets);
        Assert.Equal([2L, sets, Rows, Columns], u.shape);
        double error = Energy(system, u - expected) / Energy(system, expected - start);

        // In the norm that conjugate gradients reduce; they stop at a hundredth of their residual.
        Assert.True(error < (sets == 1 ? 0.02 : 0.06), $"{error:e2}");
        Assert.Equal(conditioning.SolveComplex(x0, y, correlation, 1).real.contiguous().ToFloats(), conditioning.Solve(x0, y, correlation).ToFloats());
    }

    /// <remarks>Coils of norm 1 and every position: AᴴA = 1, so tr(A C Aᵀ) is the number of pixels whatever signs the estimator draws, if r = 0.</remarks>
    [Fact]
    public void The_spread_of_the_error_is_read_off_the_residual_of_each_item()
    {
        using var scope = torch.NewDisposeScope();
        Tensor maps = CoilSimulation.Coils(3, Rows, Columns, 1).reshape(1, 1, 3, Rows, Columns),
            angle = CoilSimulation.ObjectPhase(Rows, Columns, 2, 2).unsqueeze(0);
        using var op = new SenseOperator(
            new CartesianSampling(Rows, Columns, Full(Rows, Columns), torch.CPU),
            maps,
            torch.polar(torch.ones_like(angle), angle),
            owns: true);
        Tensor x0 = OperatorList.Image(op, 2, 1),
            y = op.Apply(x0 + OperatorList.Image(op, 2, 2) * torch.copy_of([0.5, 3.0], 2, 1, 1, 1).to(ScalarType.Float32))
                + OperatorList.Measurement(op, 2, 3) * Sigma;
        double[] residual2 = op.Residual2(x0, y).ToDoubles();
        Tensor u = new SenseProx(op, Sigma, 1e-3, static () => { }).SolveComplex(x0, y, 0, 1);
        for (int i = 0; i < 2; i++)
        {
            double tau2 = (residual2[i] - op.MeasuredComponents * Sigma * Sigma) / Pixels;
            (Tensor expected, Tensor system) = Expected(op, x0.narrow(0, i, 1), y.narrow(0, i, 1), 0, 1, Sigma * Sigma / tau2);
            double error = Energy(system, u.narrow(0, i, 1) - expected) / Energy(system, expected - First(x0.narrow(0, i, 1), 1));
            Assert.True(error < 0.02, $"{error:e2}");
        }
    }

    [Fact]
    public void Items_do_not_depend_on_each_other()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Cartesian(Rows, Columns, Positions(Rows, Columns), phase: true, frames: 2), second = op.Frames(1);
        (Tensor x0, Tensor y) = Near(op);
        x0.select(0, 0).add_(3);
        Tensor both = new SenseProx(op, Sigma, Tau, static () => { }).SolveComplex(x0, y, 0.4, 1);
        Tensor alone = new SenseProx(second, Sigma, Tau, static () => { }).SolveComplex(x0.narrow(0, 1, 1), y.narrow(0, 1, 1), 0.4, 1);
        // Rounding, which differs with the size of a batch, moves where the iteration stops.
        Assert.True(Error(both.narrow(0, 1, 1), alone) < 1e-3, $"{Error(both.narrow(0, 1, 1), alone):e2}");
    }

    private static (Tensor X0, Tensor Y) Near(SenseOperator op)
    {
        Tensor x0 = OperatorList.Image(op, 2, 1);
        return (x0, op.Apply(x0 + OperatorList.Image(op, 2, 2) * 0.03) + OperatorList.Measurement(op, 2, 3) * Sigma);
    }

    private static Tensor First(Tensor x0, long sets) =>
        torch.complex(torch.cat([x0, .. Enumerable.Repeat(torch.zeros_like(x0), (int)sets - 1)], 1), torch.zeros([x0.size(0), sets, Rows, Columns]));

    // u of min ‖A exp(iφ) u − y‖² + ρ (v − x₀)ᵀ C⁻¹ (v − x₀) + ρ / ¼ wᵀ Cᵢ⁻¹ w, v and w real and imaginary parts; of a second set the mean is 0.
    private static (Tensor Mean, Tensor System) Expected(SenseOperator op, Tensor x0, Tensor y, double correlation, long sets, double rho)
    {
        long n = sets * Pixels;
        Tensor eye = torch.eye(2 * n).reshape(2 * n, 2, sets, Rows, Columns);
        Tensor images = torch.complex(eye.select(1, 0), eye.select(1, 1)) * op.Phase!.narrow(0, 0, 1).unsqueeze(1);
        Tensor a = Components(op.ApplyComplex(images)).t();
        Tensor prior = torch.zeros([2 * n, 2 * n], ScalarType.Float64);
        for (long set = 0; set < sets; set++)
        {
            Block(prior, set * Pixels).copy_(torch.linalg.inv(Covariance(correlation)) * rho);
            Block(prior, n + set * Pixels).copy_(torch.linalg.inv(Covariance(0.9)) * (rho / (0.5 * 0.5)));
        }

        Tensor start = First(x0, sets), residual = Components(op.Measured(y) - op.Apply(x0)).t();
        Tensor system = a.t().mm(a) + prior;
        Tensor d = torch.linalg.solve(system, a.t().mm(residual)).t().reshape(x0.size(0), 2, sets, Rows, Columns);
        return (start + torch.complex(d.select(1, 0).contiguous(), d.select(1, 1).contiguous()), system);

        static Tensor Block(Tensor matrix, long at) => matrix.narrow(0, at, Pixels).narrow(1, at, Pixels);
    }

    // √ eᵀ H e
    private static double Energy(Tensor system, Tensor images)
    {
        Tensor e = torch.view_as_real(images).permute(0, 4, 1, 2, 3).reshape(images.size(0), -1).to(ScalarType.Float64);
        return Math.Sqrt((e.mm(system) * e).sum().ToDouble());
    }

    // r^|i-j| along rows times the same along columns.
    private static Tensor Covariance(double r) => torch.copy_of(
        [.. from i in Enumerable.Range(0, Pixels) from j in Enumerable.Range(0, Pixels)
            select Math.Pow(r, Math.Abs(i / Columns - j / Columns) + Math.Abs(i % Columns - j % Columns))],
        Pixels, Pixels);

    private static Tensor Components(Tensor y) => torch.view_as_real(y).reshape(y.size(0), -1).to(ScalarType.Float64);
}
