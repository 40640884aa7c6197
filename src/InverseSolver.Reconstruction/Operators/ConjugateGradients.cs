namespace InverseSolver.Reconstruction.Operators;

/// <summary>Conjugate gradients for B x = b with B symmetric and positive (semi)definite (Hestenes and Stiefel 1952).</summary>
internal static class ConjugateGradients
{
    /// <summary>
    /// Starts at 0, so that with a singular B, b in its range x stays in that range. Every item has its own step lengths
    /// and stops by itself at ‖b − B x‖ ≤ tolerance ‖b‖; from then on it does not change, so no item depends on another one.
    /// </summary>
    /// <param name="apply">B, per item.</param>
    /// <param name="b">(N, ...), real or complex.</param>
    /// <param name="tolerance">Relative residual at which an item stops.</param>
    /// <param name="iterations">Iterations at most.</param>
    /// <param name="precondition">
    /// A symmetric and positive definite approximation of B⁻¹, per item (Concus, Golub, O'Leary 1976); an item then stops by the norm that belongs to it.
    /// Null for none.
    /// </param>
    public static Tensor Solve(Func<Tensor, Tensor> apply, Tensor b, double tolerance, int iterations, Func<Tensor, Tensor>? precondition = null)
    {
        using var outer = torch.NewDisposeScope();
        Tensor z = precondition is null ? b : precondition(b);
        Tensor x = torch.zeros_like(b), r = b.clone(), p = z.clone(), rr = Dot(b, z);
        Tensor threshold = rr * (tolerance * tolerance), none = torch.zeros_like(rr);
        Tensor active = rr.gt(threshold);
        for (int i = 0; i < iterations && active.any().ToInt64() != 0; i++)
        {
            using var scope = torch.NewDisposeScope();
            Tensor bp = apply(p), pbp = Dot(p, bp);
            // A direction that B does not see is rounding only: the item has what float32 can give it.
            Tensor moving = active.logical_and(pbp.gt(0));
            Tensor alpha = torch.where(moving, rr / pbp, none);
            x.add_(alpha * p);
            r.sub_(alpha * bp);
            Tensor preconditioned = precondition is null ? r : precondition(r), next = Dot(r, preconditioned);
            p.mul_(torch.where(moving, next / rr, none)).add_(preconditioned);
            rr.copy_(torch.where(moving, next, rr));
            active.copy_(moving.logical_and(next.gt(threshold)));
        }
        return x.MoveToOuterDisposeScope();
    }

    // Kept as (N, 1, ..., 1), so that it multiplies items without a reshape.
    private static Tensor Dot(Tensor a, Tensor b) =>
        (a.is_complex() ? (a.conj() * b).real : a * b).sum([.. Enumerable.Range(1, (int)a.dim() - 1).Select(i => (long)i)], true);
}
