using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>
/// The proximal step in the metric of the estimate's own error: E[x | y] for x ~ N(x₀, τ² C), y = A x + n. With C = 1 it is
/// <see cref="LinearOperator.Prox"/> with ρ = σ²/τ²; with correlated errors a measured pixel also corrects its neighbours, which is
/// what keeps the encoder from meeting images that no decoder makes.
/// </summary>
/// <remarks>
/// C is separable, r^|i-j| along rows and along columns: the errors of a decoded clean estimate are correlated like this, the more the
/// noisier the latent it was estimated from (docs/decisions). τ is estimated for each item from its residual,
/// E‖A x₀ - y‖² = m σ² + τ² tr(A C Aᵀ), and never below the autoencoder's own error.
/// </remarks>
internal sealed class MetricProx(LinearOperator a, double sigma, double smallestTau) : IMetricProx
{
    private const double Tolerance = 1e-3;
    private const int Iterations = 60;
    internal const int Probes = 4;

    // Below this share of τ² the noise makes no difference in single precision; it keeps the system definite for σ = 0.
    internal const double SmallestRho = 1e-6;

    /// <inheritdoc/>
    public Tensor Solve(Tensor x0, Tensor y, double correlation)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor rows = Correlation(a.Domain[1], correlation, x0.device), columns = Correlation(a.Domain[2], correlation, x0.device);
        Tensor Covariance(Tensor x) => rows.Matmul(x).Matmul(columns);

        Tensor residual = a.Measured(y) - a.Apply(x0);
        double trace = Trace(Covariance, x0.device);
        double[] residual2 = LinearOperator.SquaresPerItem(residual).ToDoubles();
        float[] rho = [.. residual2.Select(r2 => (float)Rho(r2, trace))];
        Tensor rhos = torch.copy_of(rho, [rho.Length, .. Enumerable.Repeat(1L, (int)Real(residual).ndim - 1)]).to(x0.device);

        Tensor Normal(Tensor v) => Real(a.Apply(Covariance(a.Adjoint(Complex(v))))) + v * rhos;
        Tensor dual = ConjugateGradients.Solve(Normal, Real(residual), Tolerance, Iterations);
        return (x0 + Covariance(a.Adjoint(Complex(dual)))).MoveToOuterDisposeScope();
    }

    internal double Rho(double residual2, double trace)
    {
        double tau2 = Math.Max(smallestTau * smallestTau, (residual2 - a.MeasuredComponents * sigma * sigma) / trace);
        return Math.Max(sigma * sigma / tau2, SmallestRho);
    }

    // tr(A C Aᵀ) by Hutchinson's estimator (1990) with fixed signs, so that a run draws no random number for it.
    internal double Trace(Func<Tensor, Tensor> covariance, Device device)
    {
        using var generator = new Generator(0);
        long[] shape = [Probes, .. a.Range, .. a.IsComplexRange ? new[] { 2L } : []];
        Tensor signs = torch.rand(shape, generator, device: device).ge(0.5).to(ScalarType.Float32) * 2 - 1;
        Tensor back = a.Adjoint(Complex(signs));
        return (back * covariance(back)).sum().ToDouble() / Probes;
    }

    internal static Tensor Correlation(long size, double r, Device device)
    {
        var values = new float[size * size];
        for (long i = 0; i < values.Length; i++)
        {
            values[i] = (float)Math.Pow(r, Math.Abs(i / size - i % size));
        }

        return torch.copy_of(values, size, size).to(device);
    }

    private Tensor Real(Tensor measurement) => a.IsComplexRange ? torch.view_as_real(measurement) : measurement;

    private Tensor Complex(Tensor measurement) => a.IsComplexRange ? torch.view_as_complex(measurement.contiguous()) : measurement;
}
