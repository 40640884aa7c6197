using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// <see cref="MetricProx"/> of a <see cref="SenseOperator"/>, for complex images and in their own space: with u = exp(−iφ) x the real part is
/// N(x₀, τ² C), as the prior knows it, and the imaginary part, what the phase estimate missed, is N(0, τᵢ² Cᵢ), smoother. E[x | y] by preconditioned conjugate
/// gradients in complex64. So the phase is found together with the image.
/// </summary>
/// <remarks>
/// C is separable, r^|i-j| along rows and columns (Kac, Murdock, Szegö 1953), whose inverse is tridiagonal. The preconditioner is circulant: of AᴴA the
/// nearest one, of C⁻¹ its continuation over the border. τ is estimated for each item from its residual as there. The iteration stops early: what it leaves
/// is below the prior's error.
/// </remarks>
internal sealed class SenseProx : IMetricProx
{
    // The imaginary part is as large as this share of the error of the real one, and varies over as many pixels as this correlation says.
    internal const double ImaginaryShare = 0.5, ImaginaryCorrelation = 0.9;

    private const double Tolerance = 1e-2, ProxTolerance = 2e-6, ExactTolerance = 1e-2;
    private const int Iterations = 40, ProxIterations = 200, ExactIterations = 30;

    private readonly SenseOperator _a;
    private readonly double _sigma, _smallestTau;
    private readonly Action _check;
    private readonly Tensor _eigenvalues;
    private readonly Dictionary<double, double[]> _traces = [];

    /// <summary>Prepares for an operator with a phase.</summary>
    internal SenseProx(SenseOperator a, double sigma, double smallestTau, Action check)
    {
        (_a, _sigma, _smallestTau, _check) = (a, sigma, smallestTau, check);
        _eigenvalues = a.CirculantEigenvalues();
    }

    /// <summary>The real part of <see cref="SolveComplex"/>.</summary>
    /// <param name="x0">The estimate, (N, 1, H, W).</param>
    /// <param name="y">The measurement, (N, range).</param>
    /// <param name="correlation">r in [0, 1), of neighbouring pixels' errors.</param>
    public Tensor Solve(Tensor x0, Tensor y, double correlation)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return SolveComplex(x0, y, correlation, 1).real.contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>E[u | y], complex (N, sets, H, W); of further sets of maps the mean before the measurement is 0.</summary>
    /// <param name="x0">The estimate, (N, 1, H, W).</param>
    /// <param name="y">The measurement, (N, range).</param>
    /// <param name="correlation">r in [0, 1), of neighbouring pixels' errors.</param>
    /// <param name="sets">Sets of maps that are used.</param>
    internal Tensor SolveComplex(Tensor x0, Tensor y, double correlation, long sets)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor turn = _a.Phase!.unsqueeze(1), back = turn.conj().resolve_conj();
        Tensor residual = _a.Measured(y) - _a.Apply(x0);
        double[] residual2 = ForwardOperator.SquaresPerItem(residual).ToDoubles();
        if (!_traces.TryGetValue(correlation, out double[]? trace)) _traces[correlation] = trace = Trace(correlation, x0);
        Tensor rho = PerItem([.. residual2.Zip(trace, Rho)], x0);
        var metric = new Metric(_a.Domain[1], _a.Domain[2], correlation, x0.device);
        var imaginary = new Metric(_a.Domain[1], _a.Domain[2], ImaginaryCorrelation, x0.device);
        Tensor imaginaryRho = rho / (ImaginaryShare * ImaginaryShare);
        Tensor circulant = (_eigenvalues + metric.Eigenvalues * rho).reciprocal();

        Tensor d = ConjugateGradients.Solve(Normal, _a.AdjointComplex(residual, sets) * back, Tolerance, Iterations, Precondition);
        Tensor zero = torch.zeros_like(x0), start = torch.complex(x0, zero);
        Tensor first = sets == 1 ? start : torch.cat([start, torch.zeros_like(start).expand(-1, sets - 1, -1, -1)], 1);
        return (first + d).MoveToOuterDisposeScope();

        Tensor Normal(Tensor u)
        {
            _check();
            Tensor prior = torch.complex(metric.Inverse(u.real) * rho, imaginary.Inverse(u.imag) * imaginaryRho);
            return _a.NormalComplex(u * turn) * back + prior;
        }

        Tensor Precondition(Tensor r) => torch.fft.ifft2(torch.fft.fft2(r) * circulant);
    }

    /// <summary>The proximal step in the plain metric, of real or complex x: argmin ‖A x − y‖² + ρ ‖x − x₀‖².</summary>
    internal static Tensor Prox(SenseOperator a, Tensor x0, Tensor y, double rho) =>
        rho == 0 ? Prox(a, x0, y, 0, ExactTolerance, ExactIterations, static () => { }) : Prox(a, x0, y, rho, ProxTolerance, ProxIterations, static () => { });

    /// <summary>The same as far as a tolerance and a number of iterations go.</summary>
    internal static Tensor Prox(SenseOperator a, Tensor x0, Tensor y, double rho, double tolerance, int iterations, Action check)
    {
        Tensor circulant = (a.CirculantEigenvalues() + Math.Max(rho, 1e-3)).reciprocal();
        Tensor gradient = a.Adjoint(y - a.Apply(x0));
        // With ρ = 0 the iteration stops early, which regularises.
        return x0 + ConjugateGradients.Solve(Normal, gradient, tolerance, iterations, Precondition);

        Tensor Normal(Tensor d)
        {
            check();
            return a.Normal(d) + d * rho;
        }

        Tensor Precondition(Tensor r)
        {
            using var scope = torch.NewDisposeScope();
            Tensor u = a.Phase is null ? a.ToComplex(r) : torch.complex(r, torch.zeros_like(r));
            Tensor filtered = torch.fft.ifft2(torch.fft.fft2(u) * circulant);
            return (a.Phase is null ? a.FromComplex(filtered) : filtered.real.contiguous()).MoveToOuterDisposeScope();
        }
    }

    private double Rho(double residual2, double trace)
    {
        double tau2 = Math.Max(_smallestTau * _smallestTau, (residual2 - _a.MeasuredComponents * _sigma * _sigma) / trace);
        return Math.Max(_sigma * _sigma / tau2, MetricProx.SmallestRho);
    }

    // tr(A C Aᵀ) of each item, by Hutchinson's estimator (1990) with fixed signs on the image.
    private double[] Trace(double correlation, Tensor like)
    {
        using var generator = new Generator(0);
        Tensor rows = MetricProx.Correlation(_a.Domain[1], correlation, like.device), columns = MetricProx.Correlation(_a.Domain[2], correlation, like.device);
        Tensor sum = torch.zeros([like.size(0)], device: like.device);
        for (int probe = 0; probe < MetricProx.Probes; probe++)
        {
            Tensor signs = (torch.rand([1, 1, _a.Domain[1], _a.Domain[2]], generator, device: like.device).ge(0.5).to(ScalarType.Float32) * 2 - 1)
                .expand(like.size(0), -1, -1, -1);
            Tensor normal = _a.Normal(signs);
            sum = sum + ForwardOperator.SumPerItem(normal * rows.Matmul(signs).Matmul(columns));
        }

        return [.. sum.ToDoubles().Select(value => Math.Max(value / MetricProx.Probes, double.Epsilon))];
    }

    private static Tensor PerItem(double[] values, Tensor like) =>
        torch.copy_of([.. values.Select(value => (float)value)], values.Length, 1, 1, 1).to(like.device);

    // C⁻¹ of r^|i-j| along rows and columns.
    private sealed class Metric
    {
        private readonly Tensor _rows, _columns;

        internal Metric(long rows, long columns, double r, Device device)
        {
            (_rows, _columns) = (Inverse(rows, r).to(device), Inverse(columns, r).to(device));
            Eigenvalues = (Spectrum(rows, r).unsqueeze(1) * Spectrum(columns, r)).to(device);
        }

        // Of the circulant continuation, (rows, columns), frequency 0 first.
        internal Tensor Eigenvalues { get; }

        internal Tensor Inverse(Tensor x) => _rows.Matmul(x).Matmul(_columns);

        private static Tensor Inverse(long size, double r)
        {
            var values = new float[size * size];
            double scale = 1 / (1 - (r * r));
            for (long i = 0; i < size; i++)
            {
                values[(i * size) + i] = (float)(scale * (i == 0 || i == size - 1 ? 1 : 1 + (r * r)));
                if (i > 0) values[(i * size) + i - 1] = values[((i - 1) * size) + i] = (float)(-r * scale);
            }

            if (size == 1) values[0] = 1;
            return torch.copy_of(values, size, size);
        }

        private static Tensor Spectrum(long size, double r) =>
            torch.copy_of(
                [.. Enumerable.Range(0, (int)size).Select(k => (float)((1 + (r * r) - (2 * r * Math.Cos(2 * Math.PI * k / size))) / (1 - (r * r))))],
                size);
    }
}
