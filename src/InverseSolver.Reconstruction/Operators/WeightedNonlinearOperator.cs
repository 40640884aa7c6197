namespace InverseSolver.Reconstruction.Operators;

/// <summary>W A with W = diag(w), w above 0: any other A whose measurement was whitened.</summary>
internal sealed class WeightedNonlinearOperator : NonlinearOperator
{
    private readonly NonlinearOperator unweighted;
    private readonly Tensor weights;

    /// <summary>Weighs an operator, and disposes it with itself.</summary>
    /// <param name="unweighted">A.</param>
    /// <param name="weights">w, (1, range): the items of a batch are samples for one measurement.</param>
    public WeightedNonlinearOperator(NonlinearOperator unweighted, Tensor weights)
        : base(unweighted.Name, [.. unweighted.Domain], [.. unweighted.Range], unweighted.MeasuredComponents, unweighted.IsComplexRange)
    {
        this.unweighted = unweighted;
        this.weights = Own(weights.clone());
    }

    internal override Linearisation? Linearise(Tensor x, Tensor y) => unweighted.Linearise(x, y / weights) is { } at
        ? new Linearisation(at.Residual * weights, v => at.Apply(v) * weights, w => at.Adjoint(w * weights))
        : null;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => unweighted.Apply(x) * weights;

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => unweighted.Measured(y);

    private protected override Tensor ResidualCore(Tensor x, Tensor y) => unweighted.Residual(x, y / weights) * weights;

    private protected override Tensor DirectCore(Tensor y) => unweighted.Direct(y / weights);

    /// <inheritdoc/>
    protected override void DisposeCore() => unweighted.Dispose();
}
