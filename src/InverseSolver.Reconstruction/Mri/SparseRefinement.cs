using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// The last step of multi-coil MRI: argmin ½ ‖A x − y‖² + p σ² Σ log(1 + |W x|ᵢ / ε) over complex x, W an orthogonal wavelet transform, by one round of
/// reweighted ℓ₁ (Candès, Wakin, Boyd: Enhancing sparsity by reweighted ℓ₁ minimization, 2008) whose weights come from the solver's image: what the prior
/// shows as an edge is hardly shrunk, the rest as noise is. FISTA (Beck, Teboulle 2009) with cycle spinning, from the solver's image.
/// </summary>
/// <remarks>
/// A coefficient's density (1 + |c| / ε)⁻ᵖ is a property of images on [0,1], not of the noise. The solver's image enters as weights and start alone, so the
/// data outweigh it where they can, which the autoencoder's error ceiling does not bound: docs/decisions/0017.
/// </remarks>
internal static class SparseRefinement
{
    // p and ε, chosen on one brain at two samplings; docs/decisions/0017.
    private const double Power = 1.6, Epsilon = 0.02;
    private const int Iterations = 80;
    private const double MostMomentum = 0.9;

    // Power iteration comes from below.
    private const double Margin = 1.05;

    // Shifts of the wavelets' grid, drawn from all that its four finest levels tell apart; what the prior shows is transformed once for each.
    private const int Shifts = 8, Period = 16;

    /// <summary>Refines an image.</summary>
    /// <param name="a">The operator of complex images, of one frame.</param>
    /// <param name="start">The solver's image, complex (1, sets, H, W), on [0,1].</param>
    /// <param name="y">The measurement, (1, range).</param>
    /// <param name="sigma">σ per real component.</param>
    /// <param name="seed">Seed of the shifts.</param>
    /// <param name="check">Called before each iteration; may throw.</param>
    internal static Tensor Refine(SenseOperator a, Tensor start, Tensor y, double sigma, long seed, Action check)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        using var wavelet = new OrthogonalWavelet(a.Domain[1], a.Domain[2], y.device);
        double step = 1 / (OperatorNorm.Squared(a, y.device) * Margin), threshold = step * Power * sigma * sigma / Epsilon, t = 1;
        Tensor backprojected = a.Adjoint(y), origin = a.FromComplex(start).clone(), x = origin.clone(), ahead = origin.clone();
        var random = new SplitMix64(seed);
        var shifts = new long[Shifts][];
        var limits = new Tensor[Shifts];
        for (int i = 0; i < Shifts; i++)
        {
            shifts[i] = [(long)random.Uniform(0, Period), (long)random.Uniform(0, Period)];
            limits[i] = wavelet.Details * threshold / (Sizes(wavelet.Forward(origin.roll(shifts[i], (long[])[2, 3]))) / Epsilon + 1);
        }

        for (int k = 0; k < Iterations; k++)
        {
            check();
            using DisposeScope inner = torch.NewDisposeScope();
            long[] shift = shifts[k % Shifts];
            Tensor moved = ahead - (a.Normal(ahead) - backprojected) * step;
            Tensor c = wavelet.Forward(moved.roll(shift, (long[])[2, 3])), size = Sizes(c);
            Tensor shrunk = Pairs(c) * ((size - limits[k % Shifts]).relu() / size.clamp(min: 1e-12));
            Tensor next = wavelet.Inverse(shrunk.reshape(c.shape)).roll([-shift[0], -shift[1]], [2, 3]);
            double following = (1 + Math.Sqrt(1 + 4 * t * t)) / 2;
            ahead.copy_(next + (next - x) * Math.Min((t - 1) / following, MostMomentum));
            x.copy_(next);
            t = following;
        }

        return a.ToComplex(x).MoveToOuterDisposeScope();
    }

    // (N, sets, 2, H, W): real and imaginary parts.
    private static Tensor Pairs(Tensor c) => c.reshape(c.size(0), -1, 2, c.size(2), c.size(3));

    private static Tensor Sizes(Tensor c) => Pairs(c).square().sum([2], keepdim: true).sqrt();
}
