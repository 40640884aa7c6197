namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Independent noise of equal level in all coils (Pruessmann, Weiger, Börnert, Boesiger: Advances in sensitivity encoding with arbitrary k-space
/// trajectories, 2001; Kellman, McVeigh: Image reconstruction in SNR units, 2005).
/// </summary>
public static class Prewhitening
{
    // Of the noise's correlation matrix, whose eigenvalues have the mean 1. Arrays have condition numbers of a few hundred at most.
    private const double LeastEigenvalue = 1e-4;

    // What rounding and a robust estimate leave of Hermitian symmetry and of definiteness.
    private const double Asymmetry = 1e-3, Negative = 1e-2;

    // Share of the measured positions that is outermost, and how many samples at least, at least for each coil, and at most.
    private const double OuterShare = 0.05;
    private const long FewestSamples = 256, SamplesPerCoil = 16, MostSamples = 16384;

    // Samples beyond so many medians of the distance are left aside: of noise in 8 coils 1 %. How often it is done.
    private const double Far = 2;
    private const int Rounds = 5;

    // Φ⁻¹(3/4)
    private const double NormalMedian = 0.6745;

    /// <summary>Ψ of a noise scan.</summary>
    /// <param name="noise">Samples without signal, complex (coils, samples), with at least as many samples as coils.</param>
    /// <returns>E[n nᴴ], complex float64 (coils, coils).</returns>
    public static Tensor Covariance(Tensor noise)
    {
        if (noise.ndim != 2 || !noise.is_complex()) throw new ArgumentException("Noise is complex (coils, samples).", nameof(noise));
        if (noise.size(1) < noise.size(0))
        {
            throw new ArgumentException($"{noise.size(1)} samples are too few for the noise of {noise.size(0)} coils.", nameof(noise));
        }

        using Tensor wide = noise.to(ScalarType.ComplexFloat64), adjoint = CoilMatrix.Adjoint(wide), sum = wide.Matmul(adjoint);
        return sum / noise.size(1);
    }

    /// <summary>W = √2 L⁻¹ with Ψ = L Lᴴ: W y has independent noise of sigma 1 per real component.</summary>
    /// <param name="covariance">
    /// Ψ = E[n nᴴ], complex (coils, coils). Of a nearly singular one the correlations are made weaker, so that no combination of coils has less than
    /// 10⁻⁴ of the mean variance; a coil with no noise at all counts as one of mean noise.
    /// </param>
    /// <returns>Lower triangular, complex float64 (coils, coils); <see cref="CoilMatrix.Apply"/> applies it.</returns>
    /// <exception cref="ArgumentException">It is no covariance: not square, not finite, not Hermitian, or with a negative variance.</exception>
    public static Tensor Matrix(Tensor covariance)
    {
        using var scope = torch.NewDisposeScope();
        if (covariance.ndim != 2 || covariance.size(0) != covariance.size(1) || covariance.size(0) < 1)
        {
            throw new ArgumentException("A noise covariance is (coils, coils).", nameof(covariance));
        }
        long coils = covariance.size(0);
        Tensor psi = covariance.to(ScalarType.ComplexFloat64, torch.CPU);
        if (psi.abs().isfinite().all().ToInt64() == 0)
        {
            throw new ArgumentException("The noise covariance holds a value that is not a finite number.", nameof(covariance));
        }

        Tensor adjoint = CoilMatrix.Adjoint(psi);
        if ((psi - adjoint).norm().abs().ToDouble() > Asymmetry * psi.norm().abs().ToDouble())
        {
            throw new ArgumentException("The noise covariance is not Hermitian.", nameof(covariance));
        }

        psi = (psi + adjoint) / 2;

        double[] variances = Variances(psi);
        double mean = variances.Average();
        Tensor identity = torch.eye(coils, dtype: ScalarType.ComplexFloat64);
        psi += identity * torch.copy_of(Array.ConvertAll(variances, v => v > 0 ? 0 : mean));
        Tensor scale = torch.copy_of(Array.ConvertAll(variances, v => Math.Sqrt(v > 0 ? v : mean)));
        Tensor correlation = psi / (scale.unsqueeze(0) * scale.unsqueeze(1));
        double least = torch.linalg.eigh(correlation).Item1.min().ToDouble();
        if (least < -Negative)
        {
            throw new ArgumentException("The noise covariance is not positive: a combination of coils would have a negative variance.", nameof(covariance));
        }

        Tensor regular = correlation + identity * Math.Max(0, LeastEigenvalue - least);
        Tensor inverse = torch.linalg.solve_triangular(torch.linalg.cholesky(regular), identity, upper: false);
        return (inverse / scale.unsqueeze(0) * Math.Sqrt(2)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Ψ without a noise scan, from the outermost measured samples, where the signal is least. It starts from medians of the coils and of their sums and
    /// differences (Gnanadesikan, Kettenring: Robust estimates, residuals, and outlier detection with multiresponse data, 1972); then samples
    /// that are far out by it are left aside, and those that stay give the next. So samples with signal count little, unless they are most.
    /// </summary>
    /// <param name="kSpace">Complex (…, coils, rows, columns), frequency 0 at (rows / 2, columns / 2).</param>
    /// <param name="mask">Row-major, rows · columns; true where measured.</param>
    /// <returns>Ψ, complex float64 (coils, coils), and the number of samples that were looked at.</returns>
    /// <exception cref="ArgumentException">Too few samples are measured for so many coils.</exception>
    public static (Tensor Covariance, long Samples) Estimate(Tensor kSpace, bool[] mask)
    {
        using var scope = torch.NewDisposeScope();
        long coils = kSpace.size(-3);
        Tensor samples = Outermost(kSpace, mask);
        long count = samples.size(1);
        if (count < Math.Max(4 * coils, 16)) throw new ArgumentException($"{count} outer samples are too few for the noise of {coils} coils.", nameof(kSpace));
        Tensor psi = FromMedians(samples);
        for (int round = 0; round < Rounds; round++)
        {
            // nᴴ Ψ⁻¹ n, of Gaussian noise Gamma(coils, 1) with the median coils − 1/3 + 0.02 / coils.
            Tensor distance = CoilMatrix.Mix(Matrix(psi), samples).abs().square().sum([0]) / 2;
            Tensor kept = samples * distance.le(Far * distance.median(0).ToDouble());
            psi = kept.Matmul(CoilMatrix.Adjoint(kept)) / count;
            Tensor after = CoilMatrix.Mix(Matrix(psi), samples).abs().square().sum([0]) / 2;
            psi *= after.median(0).ToDouble() / (coils - (1 / 3.0) + (0.02 / coils));
        }
        return (psi.MoveToOuterDisposeScope(), count);
    }

    private static Tensor FromMedians(Tensor samples)
    {
        long coils = samples.size(0);
        // Equal levels first: sums and differences of very unequal ones say little.
        Tensor level = RootVariance(samples);
        if (level.max().ToDouble() <= 0) throw new ArgumentException("More than half of the outer samples are 0 in each coil.", nameof(samples));
        Tensor even = samples / torch.where(level.gt(0), level, torch.ones_like(level)).unsqueeze(1);
        Tensor turned = even * torch.complex(torch.full([], 0, ScalarType.Float64), torch.full([], 1, ScalarType.Float64));
        var rows = new Tensor[coils];
        for (long coil = 0; coil < coils; coil++)
        {
            Tensor one = even.narrow(0, coil, 1);
            Tensor real = RootVariance(one + even).square() - RootVariance(one - even).square();
            // |a + i b|² = |a|² + |b|² + 2 Im(a b*)
            Tensor imaginary = RootVariance(one + turned).square() - RootVariance(one - turned).square();
            rows[coil] = torch.complex(real / 4, imaginary / 4);
        }
        Tensor correlation = torch.stack(rows);
        return Positive((correlation + CoilMatrix.Adjoint(correlation)) / 2) * (level.unsqueeze(0) * level.unsqueeze(1));
    }

    // Complex float64 (coils, samples), without positions where all coils are 0: a scanner fills with zeros what it did not measure.
    private static Tensor Outermost(Tensor kSpace, bool[] mask)
    {
        (long coils, long rows, long columns) = (kSpace.size(-3), kSpace.size(-2), kSpace.size(-1));
        if (mask.LongLength != rows * columns) throw new ArgumentException("The mask is not of the size of k-space.", nameof(mask));
        Tensor all = kSpace.reshape(-1, coils, rows * columns).cpu();
        double[] size = all.abs().sum([0, 1]).ToDoubles();
        long[] measured = [.. Enumerable.Range(0, mask.Length)
            .Where(i => mask[i] && size[i] > 0)
            .OrderByDescending(i => Radius2(i, rows, columns))
            .Select(i => (long)i)];
        long slices = all.size(0), fewest = Math.Max(1, Math.Max(FewestSamples, SamplesPerCoil * coils) / slices);
        long count = Math.Min(measured.LongLength, Math.Clamp((long)(OuterShare * measured.LongLength), fewest, Math.Max(fewest, MostSamples / slices)));
        if (count == 0) throw new ArgumentException("Nothing was measured.", nameof(mask));
        return all.index_select(2, torch.copy_of(measured.AsSpan(0, (int)count), count)).permute(1, 0, 2).reshape(coils, -1).to(ScalarType.ComplexFloat64);
    }

    // Of the position from frequency 0, sides being 1.
    private static double Radius2(long i, long rows, long columns)
    {
        double row = ((i / columns) - (rows / 2)) / (double)rows, column = ((i % columns) - (columns / 2)) / (double)columns;
        return (row * row) + (column * column);
    }

    // √E|n|² of each row of complex samples, from the median of the components' sizes.
    private static Tensor RootVariance(Tensor samples) =>
        torch.view_as_real(samples.resolve_conj()).reshape(samples.size(0), -1).abs().median(1) * (Math.Sqrt(2) / NormalMedian);

    // The nearest matrix without negative eigenvalues.
    private static Tensor Positive(Tensor matrix)
    {
        (Tensor values, Tensor vectors) = torch.linalg.eigh(matrix);
        return (vectors * values.clamp(min: 0)).Matmul(CoilMatrix.Adjoint(vectors));
    }

    private static double[] Variances(Tensor psi)
    {
        double[] variances = [.. Enumerable.Range(0, (int)psi.size(0)).Select(i => psi.select(0, i).select(0, i).real.ToDouble())];
        return variances.All(v => v >= 0) && variances.Any(v => v > 0)
            ? variances
            : throw new ArgumentException("The noise covariance has a negative variance, or none but zeros.", nameof(psi));
    }
}
