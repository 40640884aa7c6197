using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>The classical baseline, without a network: argmin over x of ‖A x − y‖² + w ‖∇x‖².</summary>
public static class LeastSquares
{
    // More iterations move the best image by less than 0.1 dB; the solution for one weight starts the next.
    private const double Tolerance = 1e-4;
    private const int Iterations = 150;

    /// <summary>The weights that <see cref="BestOf9"/> tries, largest first: half decades from 1 to 10⁻⁴.</summary>
    public static IReadOnlyList<double> Weights { get; } = [.. Enumerable.Range(0, 9).Select(i => Math.Pow(10, -i / 2.0))];

    /// <summary>
    /// For every item the solution nearest to the truth over <see cref="Weights"/>: as good as this method can be with the weight known.
    /// </summary>
    /// <param name="op">A.</param>
    /// <param name="y">Measurements, (N, range).</param>
    /// <param name="truth">The true images, (N, channels, height, width).</param>
    /// <returns>The images, and for each its weight.</returns>
    public static (Tensor Images, double[] Weights) BestOf9(LinearOperator op, Tensor y, Tensor truth)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        Tensor x = torch.zeros([y.size(0), .. op.Domain], ScalarType.Float32, y.device), best = x.clone();
        var errors = new double[y.size(0)];
        var weights = new double[y.size(0)];
        Array.Fill(errors, double.PositiveInfinity);
        foreach (double weight in Weights)
        {
            x = Solve(op, y, weight, x);   // from the last solution, which is near
            double[] now = LinearOperator.SquaresPerItem(x - truth).ToDoubles();
            for (int i = 0; i < now.Length; i++)
            {
                if (now[i] >= errors[i]) continue;
                (errors[i], weights[i]) = (now[i], weight);
                best.select(0, i).copy_(x.select(0, i));
            }
        }
        return (best.MoveToOuterDisposeScope(), weights);
    }

    /// <summary>Solves with one weight, from an image that is near.</summary>
    /// <param name="op">A.</param>
    /// <param name="y">Measurements, (N, range).</param>
    /// <param name="weight">w above 0.</param>
    /// <param name="start">(N, channels, height, width).</param>
    /// <param name="iterations">Conjugate gradients at most.</param>
    /// <param name="check">Called before each of them; may throw.</param>
    internal static Tensor Solve(LinearOperator op, Tensor y, double weight, Tensor start, int iterations = Iterations, Action? check = null)
    {
        if (!double.IsFinite(weight) || weight <= 0) throw new ArgumentOutOfRangeException(nameof(weight), weight, "The weight is above 0.");
        using var _ = torch.no_grad();
        return start + ConjugateGradients.Solve(Normal, op.Adjoint(y) - Normal(start), Tolerance, iterations);

        Tensor Normal(Tensor d)
        {
            check?.Invoke();
            return op.Adjoint(op.Apply(d)) + Differences.Normal(d) * weight;
        }
    }
}
