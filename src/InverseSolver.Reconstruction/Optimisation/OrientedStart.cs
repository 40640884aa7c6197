using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>
/// The start of a nonlinear problem's data steps: <see cref="NonlinearOperator.GlobalStart"/>, in the orientation that the prior finds likelier where the
/// measurement leaves a turn by 180 degrees open.
/// </summary>
internal static class OrientedStart
{
    /// <summary>One start per item, (N, C, H, W); null where A needs none. A function of its arguments alone.</summary>
    /// <param name="model">The prior.</param>
    /// <param name="a">A.</param>
    /// <param name="y">Measurements, (N, range).</param>
    /// <param name="twins">Whether an image turned by 180 degrees has the same measurement.</param>
    /// <param name="cancellation">Checked between iterations and calls.</param>
    internal static Tensor? Of(LatentModel model, ForwardOperator a, Tensor y, bool twins, CancellationToken cancellation)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        if ((a as NonlinearOperator)?.GlobalStart(a.Measured(y), cancellation) is not { } start)
        {
            return null;
        }

        if (!twins)
        {
            return start.MoveToOuterDisposeScope();
        }

        Tensor turned = a is NonlinearOperator op ? op.Near(start.flip(2, 3), start) : start;
        var chosen = new List<Tensor>();
        for (long i = 0; i < start.size(0); i++)
        {
            Tensor one = start.narrow(0, i, 1), other = turned.narrow(0, i, 1);
            double[] losses = PriorLoss.Of(model, torch.cat([one, other]), cancellation);
            chosen.Add(losses[1] < losses[0] ? other : one);
        }

        return torch.cat([.. chosen]).MoveToOuterDisposeScope();
    }
}
