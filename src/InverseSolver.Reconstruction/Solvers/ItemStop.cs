namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The items of a batch that have stopped optimising: each by its own residuals, so that an item's result does not depend on the others.</summary>
internal sealed class ItemStop(long items, int iterations, int window)
{
    private readonly bool[] _stopped = new bool[items];
    private readonly List<double>[] _losses = [.. Enumerable.Range(0, (int)items).Select(_ => new List<double>(Math.Min(iterations, 1024)))];

    internal bool Any => _stopped.Contains(true);

    internal bool All => !_stopped.Contains(false);

    /// <summary>
    /// Takes the residuals that iteration <paramref name="k"/> started from: an item stops when <paramref name="enough"/> says so, or when
    /// its loss was lower <c>window</c> iterations ago.
    /// </summary>
    internal void Observe(int k, double[] residual2, Func<double, bool> enough)
    {
        for (int item = 0; item < _stopped.Length; item++)
        {
            _losses[item].Add(residual2[item]);
            _stopped[item] |= enough(residual2[item]) || (k >= window && _losses[item][k - window] < residual2[item]);
        }
    }

    /// <summary>Undoes an update for the items that had stopped before it.</summary>
    internal void Restore(Tensor variable, Tensor before)
    {
        for (int item = 0; item < _stopped.Length && Any; item++)
        {
            if (_stopped[item])
            {
                using Tensor target = variable.select(0, item);
                using Tensor source = before.select(0, item);
                target.copy_(source);
            }
        }
    }
}
