namespace InverseSolver.Reconstruction.Operators;

/// <summary>A <see cref="ForwardOperator"/> that is not linear; its gradient is autograd's.</summary>
public abstract class NonlinearOperator : ForwardOperator
{
    /// <inheritdoc cref="ForwardOperator(string, long[], long[], long, bool)"/>
    protected NonlinearOperator(string name, long[] domain, long[] range, long measuredComponents, bool isComplexRange = false)
        : base(name, domain, range, measuredComponents, isComplexRange)
    {
    }

    /// <summary>
    /// r(x) and its Jacobian for checked x and y; null where only the gradient is known. The Jacobian is used without autograd, until the scope around
    /// ends.
    /// </summary>
    internal virtual Linearisation? Linearise(Tensor x, Tensor y) => null;

    /// <summary>
    /// Images that explain a checked y about as well as any, found without a prior and from nothing but y; null where local steps from any estimate find
    /// one. Where several images have the same measurement, any of them.
    /// </summary>
    internal virtual Tensor? GlobalStart(Tensor y, CancellationToken cancellation) => null;

    /// <summary>Of the images that have the measurement of <paramref name="start"/>, one that lies where an estimate lies; half turns aside.</summary>
    internal virtual Tensor Near(Tensor start, Tensor estimate) => start;

    // Mid-grey: no operator is known here that could say more.
    private protected override Tensor DirectCore(Tensor y) => torch.full([y.size(0), .. Domain], 0.5, device: y.device);

    private protected override Tensor GradientCore(Tensor x, Tensor y)
    {
        Tensor leaf = x.detach().requires_grad_();
        Tensor residual;
        using (torch.enable_grad())
        {
            residual = ResidualCore(leaf, y);
        }

        using (torch.no_grad())
        {
            return torch.autograd.vjp(residual, leaf, residual.detach());
        }
    }
}
