using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>A measurement whose noise is N(0, σ²) in every entry.</summary>
/// <param name="A">W A, which disposes A with itself; A where nothing was to be whitened.</param>
/// <param name="Y">W y', (1, range); y where nothing was to be whitened.</param>
/// <param name="Sigma">σ.</param>
public sealed record WhitenedMeasurement(ForwardOperator A, Tensor Y, double Sigma);

/// <summary>
/// Counted photons with read-out noise: y = Poisson(N max(A x, 0)) / N + n, N photons per unit of y; for a transmitted beam y = −log(Poisson(N exp(−k A x))
/// / N) / k + n, at least one photon counted.
/// </summary>
/// <remarks>
/// The variance of an entry is estimated from its own value, for a count c by c + 1 (in y: (y + 1/N) / N), and the count is shifted by min(c, 1): then the
/// weighted mean is unbiased, and the weighted square of an entry with rate λ has the mean 1 + exp(−λ) (λ − 1) (Mighell 1999, ApJ 518:380, χ²γ); with
/// Pearson's or Neyman's weights dark entries would be biased by one count. With read-out noise the shift is the same: a weight 1/v(y) biases by −v'(y), v'
/// = 1/N. For a beam v = 1/(c k²), and the logarithm and the weight together shift by −1/(2 c k).
/// </remarks>
public static class PhotonNoise
{
    /// <summary>Fewest photons per unit.</summary>
    public const double Fewest = 1e-3;

    /// <summary>Most photons per unit.</summary>
    public const double Most = 1e9;

    /// <summary>Checks that a problem can be counted.</summary>
    /// <param name="problem">The forward model, its own parameters checked.</param>
    /// <param name="photons">N; null where nothing is counted.</param>
    /// <exception cref="InvalidInputException">It cannot, or N is out of range.</exception>
    public static void Check(Problem problem, double? photons)
    {
        if (photons is not { } count) return;
        if (!(count >= Fewest && count <= Most)) throw new InvalidInputException("photons", $"It is a number from {Fewest} to {Most}.");
        if (problem.PhotonRefusal is { } refusal) throw new InvalidInputException("photons", refusal);
    }

    /// <summary>Scales operator and measurement so that the noise of every entry is the same, and the weights' mean square is 1.</summary>
    /// <param name="a">A.</param>
    /// <param name="y">One measurement, (1, range).</param>
    /// <param name="sigma">Standard deviation of the read-out noise.</param>
    /// <param name="photons">N; null: nothing is counted, and everything stays as it is.</param>
    public static WhitenedMeasurement Whiten(ForwardOperator a, Tensor y, double sigma, double? photons)
    {
        if (photons is not { } count) return new WhitenedMeasurement(a, y, sigma);
        if (y.size(0) != 1) throw new ArgumentException("Measurements are whitened one by one: their variances differ.");
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        (Tensor shifted, Tensor variance) = a.Attenuation is { } k ? Transmitted(a.Measured(y), count, k) : Counted(a.Measured(y), count);
        Tensor measured = a.Measured(torch.ones_like(y)), precision = (variance + sigma * sigma).reciprocal() * measured;
        double level = measured.sum().ToDouble() / precision.sum().ToDouble();
        Tensor weights = (precision * level).sqrt() + (measured * -1 + 1);
        Tensor whitened = (a.Measured(shifted) * weights).MoveToOuterDisposeScope();
        ForwardOperator weighted = a is LinearOperator linear
            ? new WeightedOperator(linear, weights)
            : new WeightedNonlinearOperator((NonlinearOperator)a, weights);
        return new WhitenedMeasurement(weighted, whitened, Math.Sqrt(level));
    }

    /// <summary>Draws the noise that photon counting adds to A x, for all entries, measured or not: an entry's noise does not depend on the mask.</summary>
    internal static Tensor Draw(ForwardOperator a, Tensor x, double photons, Generator generator)
    {
        Tensor ideal = a.Ideal(x);
        if (a.Attenuation is not { } k) return torch.poisson(ideal.clamp(min: 0) * photons, generator) / photons - ideal;
        Tensor counts = torch.poisson((ideal * -k).exp() * photons, generator).clamp(min: 1);
        return (counts / photons).log() / -k - ideal;
    }

    private static (Tensor Shifted, Tensor Variance) Counted(Tensor y, double photons)
    {
        Tensor counts = y.clamp(min: 0) * photons;
        return (y + counts.clamp(max: 1) / photons, (counts + 1) / photons / photons);
    }

    private static (Tensor Shifted, Tensor Variance) Transmitted(Tensor y, double photons, double k)
    {
        Tensor counts = ((y * -k).exp() * photons).clamp(min: 1);
        return (y + counts.reciprocal() / (2 * k), counts.reciprocal() / (k * k));
    }
}
