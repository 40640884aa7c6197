namespace InverseSolver.Reconstruction.Operators;

/// <summary>W A with W = diag(w), w above 0: any other A whose measurement was whitened.</summary>
internal sealed class WeightedNonlinearOperator : NonlinearOperator
{
    private readonly NonlinearOperator _unweighted;
    private readonly Tensor _weights;

    /// <summary>Weighs an operator, and disposes it with itself.</summary>
    /// <param name="unweighted">A.</param>
    /// <param name="weights">w, (1, range): the items of a batch are samples for one measurement.</param>
    public WeightedNonlinearOperator(NonlinearOperator unweighted, Tensor weights)
        : base(unweighted.Name, [.. unweighted.Domain], [.. unweighted.Range], unweighted.MeasuredComponents, unweighted.IsComplexRange)
    {
        _unweighted = unweighted;
        _weights = Own(weights.clone());
    }

    internal override Linearisation? Linearise(Tensor x, Tensor y) => _unweighted.Linearise(x, y / _weights) is { } at
        ? new Linearisation(at.Residual * _weights, v => at.Apply(v) * _weights, w => at.Adjoint(w * _weights))
        : null;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => _unweighted.Apply(x) * _weights;

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => _unweighted.Measured(y);

    private protected override Tensor ResidualCore(Tensor x, Tensor y) => _unweighted.Residual(x, y / _weights) * _weights;

    private protected override Tensor DirectCore(Tensor y) => _unweighted.Direct(y / _weights);

    /// <inheritdoc/>
    protected override void DisposeCore() => _unweighted.Dispose();
}
