using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>Residuals of images, and the share of their energy that the measurement does not see.</summary>
public static class ConsistencyMeasure
{
    /// <summary>One report per item.</summary>
    /// <param name="op">A.</param>
    /// <param name="x">Images, (N, channels, height, width).</param>
    /// <param name="y">Measurements, (N, range).</param>
    /// <param name="sigma">Standard deviation of the noise per real component.</param>
    /// <remarks>
    /// Where y is 0 everywhere, the relative residual is the residual's norm itself; an image that is 0 everywhere has a prior share of 0.
    /// The share counts singular values below <see cref="LinearOperator.RelativeCutoff"/> as not seen; where conjugate gradients solve, what
    /// their bounded iterations do not reach counts as not seen too.
    /// </remarks>
    public static ConsistencyReport[] Report(ForwardOperator op, Tensor x, Tensor y, double sigma)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        double[] residuals = op.Residual2(x, y).ToDoubles(), measured = LinearOperator.SquaresPerItem(op.Measured(y)).ToDoubles();
        // A⁺A x; weights above 0 hide nothing of x.
        LinearOperator? linear = op is WeightedOperator weighted ? weighted.Unweighted : op as LinearOperator;
        double[]? unseen = linear is null ? null : LinearOperator.SquaresPerItem(x - linear.Prox(torch.zeros_like(x), linear.Apply(x), 0)).ToDoubles();
        double[] energies = LinearOperator.SquaresPerItem(x).ToDoubles();
        double expected = op.MeasuredComponents * sigma * sigma;
        return [.. residuals.Select((residual, i) => new ConsistencyReport(
            op.MeasuredComponents,
            residual,
            expected,
            expected > 0 ? residual / expected : null,
            Math.Sqrt(residual / (measured[i] > 0 ? measured[i] : 1)),
            unseen is null ? null : energies[i] > 0 ? unseen[i] / energies[i] : 0))];
    }
}
