using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>
/// <see cref="MetricProx"/> for a nonlinear A: argmin ‖r(x)‖² + ρ (x − x₀)ᵀ C⁻¹ (x − x₀) by Gauss and Newton's iteration. Each step solves the problem
/// linearised at x, in the dual: x₀ + C w, w = Jᵀ (J C Jᵀ + ρ)⁻¹ (J (x − x₀) − r(x)); it is halved until the objective falls. Items step and stop by
/// themselves.
/// </summary>
internal sealed class GaussNewton(NonlinearOperator a, double sigma, double smallestTau, CancellationToken cancellation)
{
    private const int Steps = 4;
    private const int Halvings = 4;
    private const double Tolerance = 1e-3;
    private const int Iterations = 60;

    // A step that lowers the objective by less than this share is the last one.
    private const double Progress = 1e-3;

    /// <summary>The minimum; null where A gives no Jacobian.</summary>
    /// <param name="x0">The estimate, (N, C, H, W).</param>
    /// <param name="y">The measurement, (N, range).</param>
    /// <param name="correlation">r in [0, 1), of neighbouring pixels' errors.</param>
    internal Tensor? Solve(Tensor x0, Tensor y, double correlation)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        if (a.Linearise(x0, y) is not { } at)
        {
            return null;
        }

        Tensor rows = MetricProx.Correlation(a.Domain[1], correlation, x0.device), columns = MetricProx.Correlation(a.Domain[2], correlation, x0.device);
        Tensor Covariance(Tensor x) => rows.Matmul(x).Matmul(columns);

        double[] residual2 = ForwardOperator.SquaresPerItem(at.Residual).ToDoubles(), trace = Trace(at, Covariance, x0);
        double[] rho = [.. residual2.Zip(trace, Rho)];
        Tensor rhos = PerItem(rho, x0);
        Tensor x = x0.clone(), w = torch.zeros_like(x0);
        double[] objective = residual2;
        bool[] done = [.. residual2.Select(value => value == 0)];
        for (int step = 0; step < Steps && done.Contains(false); step++)
        {
            using DisposeScope inner = torch.NewDisposeScope();
            cancellation.ThrowIfCancellationRequested();
            Linearisation j = step == 0 ? at : a.Linearise(x, y)!;
            Tensor dual = ConjugateGradients.Solve(
                v => j.Apply(Covariance(j.Adjoint(v))) + v * rhos, j.Apply(x - x0) - j.Residual, Tolerance, Iterations);
            Tensor direction = j.Adjoint(dual) - w, image = Covariance(direction);
            double[] length = [.. done.Select(stopped => stopped ? 0.0 : 1)], before = [.. objective];
            for (int halving = 0; ; halving++)
            {
                Tensor lengths = PerItem(length, x0), there = w + direction * lengths;
                double[] now = Objective(there, rhos, x + image * lengths, x0, y);
                bool[] worse = [.. now.Select((value, i) => !done[i] && !(value <= before[i]))];
                if (!worse.Contains(true) || halving == Halvings)
                {
                    // An item that found nothing better stays where it was.
                    length = [.. length.Select((value, i) => worse[i] ? 0 : value)];
                    objective = [.. now.Select((value, i) => worse[i] || done[i] ? before[i] : value)];
                    break;
                }

                length = [.. length.Select((value, i) => worse[i] ? value / 2 : value)];
            }

            Tensor taken = PerItem(length, x0);
            w.add_(direction * taken);
            x.add_(image * taken);
            done = [.. done.Select((stopped, i) => stopped || before[i] - objective[i] <= Progress * before[i])];
        }

        return x.MoveToOuterDisposeScope();
    }

    // ρ = σ²/τ², τ from E‖r(x₀)‖² = m σ² + τ² tr(J C Jᵀ).
    private double Rho(double residual2, double trace)
    {
        double tau2 = smallestTau * smallestTau;
        if (trace > 0)
        {
            tau2 = Math.Max(tau2, (residual2 - a.MeasuredComponents * sigma * sigma) / trace);
        }

        return Math.Max(sigma * sigma / tau2, MetricProx.SmallestRho);
    }

    private double[] Objective(Tensor w, Tensor rhos, Tensor x, Tensor x0, Tensor y) =>
        (a.Residual2(x, y) + ForwardOperator.SumPerItem(w * (x - x0) * rhos)).ToDoubles();

    // As MetricProx.Trace, for each item's own Jacobian.
    private double[] Trace(Linearisation j, Func<Tensor, Tensor> covariance, Tensor x0)
    {
        using var generator = new Generator(0);
        var trace = new double[x0.size(0)];
        for (int probe = 0; probe < MetricProx.Probes; probe++)
        {
            Tensor signs = torch.rand([1, .. a.Range], generator, device: x0.device).ge(0.5).to(ScalarType.Float32) * 2 - 1;
            Tensor back = j.Adjoint(signs.expand([x0.size(0), .. a.Range]));
            double[] squares = ForwardOperator.SumPerItem(back * covariance(back)).ToDoubles();
            for (int i = 0; i < trace.Length; i++)
            {
                trace[i] += squares[i] / MetricProx.Probes;
            }
        }

        return trace;
    }

    private static Tensor PerItem(double[] values, Tensor like) =>
        torch.copy_of([.. values.Select(value => (float)value)], [values.Length, .. Enumerable.Repeat(1L, (int)like.dim() - 1)]).to(like.device);
}
