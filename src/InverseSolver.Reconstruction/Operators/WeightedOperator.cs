namespace InverseSolver.Reconstruction.Operators;

/// <summary>W A with W = diag(w), w above 0: a linear A whose measurement was whitened.</summary>
internal sealed class WeightedOperator : LinearOperator
{
    private readonly Tensor _weights;

    /// <summary>Weighs an operator, and disposes it with itself.</summary>
    /// <param name="unweighted">A.</param>
    /// <param name="weights">w, (1, range): the items of a batch are samples for one measurement.</param>
    public WeightedOperator(LinearOperator unweighted, Tensor weights)
        : base(unweighted.Name, [.. unweighted.Domain], [.. unweighted.Range], unweighted.MeasuredComponents, unweighted.IsComplexRange)
    {
        Unweighted = unweighted;
        _weights = Own(weights.clone());
    }

    /// <summary>A.</summary>
    public LinearOperator Unweighted { get; }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Unweighted.Apply(x) * _weights;

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => Unweighted.Adjoint(y * _weights);

    /// <remarks>With A Aᵀ = c, x₀ + Aᵀ (W / (c W² + ρ)) (y − W A x₀): a mask's closed form stays one.</remarks>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => Unweighted.RowPower is { } power
        ? x0 + Unweighted.Adjoint((y - ApplyCore(x0)) * _weights / (_weights.square() * power + rho))
        : ProxByConjugateGradients(x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => Unweighted.Measured(y);

    private protected override Tensor DirectCore(Tensor y) => Unweighted.Direct(y / _weights);

    /// <inheritdoc/>
    protected override void DisposeCore() => Unweighted.Dispose();
}
