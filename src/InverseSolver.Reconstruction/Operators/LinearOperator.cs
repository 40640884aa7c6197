using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>A linear <see cref="ForwardOperator"/>, with its adjoint and its proximal step.</summary>
public abstract class LinearOperator : ForwardOperator
{
    /// <summary>
    /// Singular values below this share of the largest count as zero where A is inverted exactly (<see cref="Prox"/> with ρ = 0):
    /// float32 carries nothing useful through a smaller one.
    /// </summary>
    public const double RelativeCutoff = 1e-3;

    // With ρ = 0 the iteration stops early, which regularises: further steps only amplify the rounding of y.
    private const double ExactTolerance = RelativeCutoff, Tolerance = 2e-6;
    private const int ExactIterations = 100, Iterations = 500;

    /// <inheritdoc cref="ForwardOperator(string, long[], long[], long, bool)"/>
    protected LinearOperator(string name, long[] domain, long[] range, long measuredComponents, bool isComplexRange = false)
        : base(name, domain, range, measuredComponents, isComplexRange)
    {
    }

    /// <summary>The factor by which penalties on x weigh more than for a single real image.</summary>
    internal virtual double SparsityGain => 1;

    /// <summary>The proximal step in the metric of an estimate's error.</summary>
    /// <param name="sigma">σ per real component of y.</param>
    /// <param name="tau">The smallest standard deviation of the estimate's error.</param>
    /// <param name="check">Called between iterations; may throw.</param>
    internal virtual IMetricProx MetricProx(double sigma, double tau, Action check) => new MetricProx(this, sigma, tau);

    /// <summary>c, where A Aᵀ is c times the identity on the measured entries; else null.</summary>
    internal virtual double? RowPower => null;

    /// <summary>Aᵀ y, exact and deterministic on every device; differentiable.</summary>
    /// <param name="y">(N, range), float32 or complex float32.</param>
    /// <exception cref="ArgumentException">y has another shape or type.</exception>
    public Tensor Adjoint(Tensor y)
    {
        CheckMeasurement(y);
        using var scope = torch.NewDisposeScope();
        return AdjointCore(MeasuredCore(y)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// argmin over x of ‖A x − y‖² + ρ ‖x − x₀‖². With ρ = 0 the limit, x₀ + A⁺(y − A x₀): of all x that explain y best the one
    /// nearest to x₀, with <see cref="RelativeCutoff"/>. Not differentiable.
    /// </summary>
    /// <param name="x0">x₀, (N, channels, height, width).</param>
    /// <param name="y">(N, range).</param>
    /// <param name="rho">ρ ≥ 0, in units of y² over x².</param>
    /// <exception cref="ArgumentException">x₀ or y has another shape or type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ρ is negative or not finite.</exception>
    public Tensor Prox(Tensor x0, Tensor y, double rho)
    {
        CheckImage(x0);
        CheckMeasurement(y);
        CheckSameItems(x0, y);
        if (!double.IsFinite(rho) || rho < 0) throw new ArgumentOutOfRangeException(nameof(rho), rho, $"{Name}: rho is a finite number of at least 0.");
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        return ProxCore(x0, MeasuredCore(y), rho).MoveToOuterDisposeScope();
    }

    /// <summary>Aᵀ y of a checked y that is 0 where nothing was measured.</summary>
    protected abstract Tensor AdjointCore(Tensor y);

    /// <summary>The proximal step of a checked x₀ and of a y that is 0 where nothing was measured.</summary>
    protected abstract Tensor ProxCore(Tensor x0, Tensor y, double rho);

    /// <summary>The proximal step of any linear operator.</summary>
    private protected Tensor ProxByConjugateGradients(Tensor x0, Tensor y, double rho)
    {
        Tensor gradient = AdjointCore(y - ApplyCore(x0));
        return x0 + ConjugateGradients.Solve(
            d => rho == 0 ? AdjointCore(ApplyCore(d)) : AdjointCore(ApplyCore(d)) + d * rho,
            gradient, rho == 0 ? ExactTolerance : Tolerance, rho == 0 ? ExactIterations : Iterations);
    }

    private protected override Tensor DirectCore(Tensor y) => AdjointCore(y);

    private protected override Tensor GradientCore(Tensor x, Tensor y) => AdjointCore(ApplyCore(x) - y);
}

/// <summary>The proximal step in the metric of an estimate's error: E[x | y] for x ~ N(x₀, τ² C), C the correlation of neighbouring pixels' errors.</summary>
internal interface IMetricProx
{
    /// <summary>E[x | y].</summary>
    /// <param name="x0">The estimate, (N, C, H, W).</param>
    /// <param name="y">The measurement, (N, range).</param>
    /// <param name="correlation">r in [0, 1), of neighbouring pixels' errors.</param>
    public Tensor Solve(Tensor x0, Tensor y, double correlation);
}
