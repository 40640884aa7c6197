namespace InverseSolver.Reconstruction.Operators;

/// <summary>A = A_k … A₂ A₁, each part's domain the range of the one before. Its proximal step is solved by conjugate gradients.</summary>
public sealed class ComposedOperator : LinearOperator
{
    private readonly LinearOperator[] parts;

    /// <summary>Composes operators, and disposes them with itself.</summary>
    /// <param name="parts">At least one, in the order in which they act.</param>
    public ComposedOperator(params LinearOperator[] parts)
        : base("composition", [.. parts[0].Domain], [.. parts[^1].Range], parts[^1].MeasuredComponents, parts[^1].IsComplexRange)
    {
        this.parts = parts;
        for (int i = 1; i < parts.Length; i++)
        {
            if (!parts[i].Domain.SequenceEqual(parts[i - 1].Range)) throw new ArgumentException($"composition: part {i} does not take what part {i - 1} gives.");
        }
    }

    internal override double? Attenuation => parts[^1].Attenuation;

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => parts.Aggregate(x, (image, part) => part.Apply(image));

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => parts.Reverse().Aggregate(y, (image, part) => part.Adjoint(image));

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => ProxByConjugateGradients(x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => parts[^1].Measured(y);

    private protected override Tensor IdealCore(Tensor x) => parts[^1].Ideal(parts[..^1].Aggregate(x, (image, part) => part.Apply(image)));

    private protected override Tensor DirectCore(Tensor y) => parts.Reverse().Aggregate(y, (image, part) => part.Direct(image));

    /// <inheritdoc/>
    protected override void DisposeCore()
    {
        foreach (LinearOperator part in parts) part.Dispose();
    }
}
