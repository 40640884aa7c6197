using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Noise, compression, calibration regions, low-resolution maps and simulated coils.</summary>
[LeavesNoTensors]
public sealed class CoilTests(ITestOutputHelper output)
{
    private const long Rows = 64, Columns = 48;

    [Fact]
    public void Whitening_matrix_is_the_one_computed_by_hand()
    {
        using var scope = torch.NewDisposeScope();
        // Ψ = [4, 2i; −2i, 5], L = [2, 0; −i, 2], L⁻¹ = [1/2, 0; i/4, 1/2]
        double root = Math.Sqrt(2);
        double[] w = Prewhitening.Matrix(Complex(2, 4, 0, 0, 2, 0, -2, 5, 0)).ToDoubles();
        Assert.Equal([root / 2, 0, 0, 0, 0, root / 4, root / 2, 0], w, new Near(1e-12));
    }

    [Fact]
    public void Whitened_noise_has_unit_covariance_per_real_component()
    {
        using var scope = torch.NewDisposeScope();
        Tensor mixing = Noise(1, 6, 6), noise = mixing.Matmul(Noise(2, 6, 200000)), psi = Prewhitening.Covariance(noise);
        Tensor exact = mixing.Matmul(CoilMatrix.Adjoint(mixing)) * 2;
        Assert.True((psi - exact).norm().abs().ToDouble() < 0.02 * exact.norm().abs().ToDouble());
        // 2 for a complex sample is 1 for each of its components.
        Tensor white = CoilMatrix.Apply(Prewhitening.Matrix(exact), noise.reshape(6, 400, 500)).reshape(6, -1);
        Assert.True((Prewhitening.Covariance(white) / 2 - torch.eye(6)).abs().max().ToDouble() < 0.02);
        Assert.Equal(1, torch.view_as_real(white).reshape(-1).square().mean().ToDouble(), 0.01);
    }

    [Fact]
    public void Whitening_is_BART_s_but_for_the_level()
    {
        using var scope = torch.NewDisposeScope();
        using Bart bart = Bart.Installed();
        // BART expects the coils' noise with a variance of 1 for a complex sample.
        Tensor noise = Noise(3, 5, 5).Matmul(Noise(4, 5, 3000)).to(ScalarType.ComplexFloat32).reshape(5, 3000, 1);
        bart.Write("noise", noise, readout: true);
        bart.Run("whiten", "@noise", "@noise", "@white", "@matrix", "@covariance");
        Tensor white = bart.Read("white"), matrix = Prewhitening.Matrix(Prewhitening.Covariance(noise.reshape(5, -1)));
        Tensor mine = CoilMatrix.Apply(matrix, noise);
        double level = mine.norm().abs().ToDouble() / white.norm().abs().ToDouble();
        output.WriteLine($"level {level:f5}");
        Assert.Equal(Math.Sqrt(2), level, 0.002);
        Assert.True((mine / level - white).norm().abs().ToDouble() < 1e-3 * white.norm().abs().ToDouble());
    }

    [Fact]
    public void Singular_covariances_are_regularised_and_nonsense_is_refused()
    {
        using var scope = torch.NewDisposeScope();
        // Two coils that always say the same, and one that is dead: what is seen stays finite, and no coil louder than it should be.
        Tensor twin = Prewhitening.Matrix(Complex(2, 1, 0, 1, 0, 1, 0, 1, 0));
        Assert.True(twin.abs().max().ToDouble() is > 1 and < 150);
        Assert.Equal([Math.Sqrt(2), 0, 0, 0, 0, 0, 1, 0], Prewhitening.Matrix(Complex(2, 1, 0, 0, 0, 0, 0, 2, 0)).ToDoubles(), new Near(1e-12));
        Assert.Equal([Math.Sqrt(2) / 2, 0, 0, 0, 0, 0, 1, 0], Prewhitening.Matrix(Complex(2, 4, 0, 0, 0, 0, 0, 0, 0)).ToDoubles(), new Near(1e-12));
        foreach (Tensor wrong in (Tensor[])
            [
                Noise(1, 2, 3), Complex(2, 1, 0, double.NaN, 0, 0, 0, 1, 0), Complex(2, 1, 0, 0.5, 0, 0, 0, 1, 0),
                Complex(2, 1, 0, 2, 0, 2, 0, 1, 0), Complex(2, 1, 0, 0, 0, 0, 0, -1, 0), Complex(2, 0, 0, 0, 0, 0, 0, 0, 0),
            ])
        {
            Assert.Throws<ArgumentException>(() => Prewhitening.Matrix(wrong));
        }
    }

    [Fact]
    public void Noise_is_estimated_from_outer_samples_though_there_is_signal()
    {
        using var scope = torch.NewDisposeScope();
        const long Side = 160;
        Tensor clean = Fourier.Centred(CoilSimulation.Coils(6, Side, Side, 1) * EspiritTests.Ellipse(Side, Side, 0.7, 0.6));
        Tensor mixing = Noise(5, 6, 6) * 0.01, noise = mixing.Matmul(Noise(6, 6, Side * Side)).to(ScalarType.ComplexFloat32).reshape(6, Side, Side);
        Tensor exact = mixing.Matmul(CoilMatrix.Adjoint(mixing)) * 2;
        (Tensor found, long samples) = Prewhitening.Estimate(clean + noise, [.. Enumerable.Repeat(true, (int)(Side * Side))]);
        double error = (found - exact).norm().abs().ToDouble() / exact.norm().abs().ToDouble();
        output.WriteLine($"{samples} samples, error {error:f4}");
        Assert.Equal(1280, samples);
        Assert.True(error < 0.12);
        // Whitened by the estimate, the noise is nearly white.
        Tensor white = CoilMatrix.Apply(Prewhitening.Matrix(found), noise).reshape(6, -1);
        double[] levels = torch.linalg.eigh(Prewhitening.Covariance(white)).Item1.ToDoubles();
        output.WriteLine(string.Join(' ', levels.Select(level => (level / 2).ToString("f3", null))));
        Assert.All(levels, level => Assert.InRange(level / 2, 0.8, 1.25));

        // Lines that were not measured do not count, nor do zeros that a scanner filled in.
        bool[] lines = [.. Enumerable.Range(0, (int)(Side * Side)).Select(i => i % 4 == 0)];
        Tensor zeros = torch.copy_of(Array.ConvertAll(lines, m => m ? 1f : 0f), [Side, Side]);
        (Tensor masked, long fewer) = Prewhitening.Estimate(clean + noise, lines);
        (Tensor filled, _) = Prewhitening.Estimate((clean + noise) * zeros, [.. Enumerable.Repeat(true, lines.Length)]);
        Assert.Equal(320, fewer);
        Assert.Equal(masked.ToDoubles(), filled.ToDoubles());
    }

    [Fact]
    public void Noise_of_a_brain_s_outer_samples_is_that_of_its_air()
    {
        using var scope = torch.NewDisposeScope();
        Tensor kSpace = Bart.Brain();
        (Tensor found, long samples) = Prewhitening.Estimate(kSpace, [.. Enumerable.Repeat(true, 230 * 180)]);
        // The corners of the field of view hold no brain.
        Tensor images = Fourier.CentredInverse(kSpace);
        Tensor air = torch.cat(
            [.. from top in (long[])[0, 210] from left in (long[])[0, 160] select images.narrow(1, top, 20).narrow(2, left, 20).reshape(8, -1)],
            1);
        Tensor expected = Prewhitening.Covariance(air);
        double[] outer = Levels(found), corners = Levels(expected);
        output.WriteLine($"{samples} samples; per coil {string.Join(' ', outer.Zip(corners, (a, b) => (a / b).ToString("f3", null)))}");
        Assert.All(outer.Zip(corners), pair => Assert.InRange(pair.First / pair.Second, 0.8, 1.25));
    }

    [Fact]
    public void Compression_keeps_the_energy_that_was_asked_for_with_orthonormal_rows()
    {
        using var scope = torch.NewDisposeScope();
        Tensor data = Fourier.Centred(CoilSimulation.Coils(12, Rows, Columns, 2, normalised: false) * EspiritTests.Ellipse(Rows, Columns, 0.7, 0.6));
        double Energy(Tensor k) => Math.Pow(k.norm().abs().ToDouble(), 2);
        long before = 0;
        foreach (double energy in (double[])[0.5, 0.9, 0.99, 0.9999])
        {
            Tensor matrix = CoilCompression.Matrix(data, energy), gram = matrix.Matmul(CoilMatrix.Adjoint(matrix));
            long count = matrix.size(0);
            Assert.True((gram - torch.eye(count)).abs().max().ToDouble() < 1e-10);
            Assert.True(Energy(CoilMatrix.Apply(matrix, data)) >= (energy - 1e-5) * Energy(data));
            if (count > 1) Assert.True(Energy(CoilMatrix.Apply(matrix.narrow(0, 0, count - 1), data)) < energy * Energy(data));
            Assert.True(count >= before);
            before = count;
        }
        Assert.Equal([12L, 12], CoilCompression.Matrix(data, 1).shape);
        Assert.Equal([3L, 12], CoilCompression.Matrix(data, 1, most: 3).shape);
        Assert.Throws<ArgumentException>(() => CoilCompression.Matrix(data, 0));
        Assert.Throws<ArgumentException>(() => CoilCompression.Matrix(data * 0));
    }

    [Fact]
    public void Virtual_coils_are_BART_s()
    {
        using var scope = torch.NewDisposeScope();
        using Bart bart = Bart.Installed();
        Tensor kSpace = Bart.Brain();
        bart.Write("k", kSpace);
        bart.Run("cc", "-p5", "-A", "-S", "@k", "@virtual");
        Tensor mine = CoilMatrix.Apply(CoilCompression.Matrix(kSpace, 1, most: 5), kSpace), theirs = bart.Read("virtual");
        // Each is known up to a phase.
        Tensor overlap = (mine.conj() * theirs).sum([1, 2]).abs() / (mine.abs().square().sum([1, 2]).sqrt() * theirs.abs().square().sum([1, 2]).sqrt());
        Assert.All(overlap.ToDoubles(), cosine => Assert.InRange(cosine, 0.9999, 1.0001));
    }

    /// <remarks>Least squares with maps estimated after compression; the error is of magnitudes, as the phase of maps is free.</remarks>
    [Fact]
    public void The_default_compression_changes_a_brain_s_image_by_less_than_half_a_percent()
    {
        using var scope = torch.NewDisposeScope();
        Tensor kSpace = Bart.Brain(), whole = Combined(kSpace);
        foreach (double energy in (double[])[0.95, 0.98, 0.99, 0.995, 0.998, 0.999])
        {
            Tensor matrix = CoilCompression.Matrix(EspiritTests.Centre(kSpace, 24), energy);
            double error = Error(Combined(CoilMatrix.Apply(matrix, kSpace)), whole);
            output.WriteLine($"{energy}: {matrix.size(0)} coils, NRMSE {error:p3}");
            if (energy == CoilCompression.DefaultEnergy) Assert.True(error < 0.005);
        }
    }

    /// <remarks>BART solves, every third line and 24 in the centre being measured.</remarks>
    [Fact]
    public void An_accelerated_scan_loses_little_by_compression()
    {
        using var scope = torch.NewDisposeScope();
        using Bart bart = Bart.Installed();
        Tensor lines = torch.copy_of([.. Enumerable.Range(0, 180).Select(i => i % 3 == 0 || (i >= 78 && i < 102) ? 1f : 0f)], 180);
        Tensor kSpace = Bart.Brain(), reference = Combined(kSpace), whole = Solved(kSpace * lines), inside = reference.gt(0.1 * reference.max().ToDouble());
        output.WriteLine($"all coils: {Error(whole * inside, reference * inside):p3} from the fully measured image");
        foreach (double energy in (double[])[0.98, 0.99, 0.995, 0.998, 0.999])
        {
            Tensor matrix = CoilCompression.Matrix(EspiritTests.Centre(kSpace, 24), energy), image = Solved(CoilMatrix.Apply(matrix, kSpace * lines));
            double error = Error(image * inside, reference * inside);
            double loss = Error(image * inside, whole * inside);
            output.WriteLine($"{energy}: {matrix.size(0)} coils, {error:p3} from the fully measured image, {loss:p3} from all coils");
            if (energy == CoilCompression.DefaultEnergy) Assert.True(loss < 0.005);
        }

        Tensor Solved(Tensor k)
        {
            bart.Write("k", k);
            bart.Write("maps", Espirit.Maps(EspiritTests.Centre(k, 24), 230, 180).Maps.squeeze(0).squeeze(0));
            bart.Run("pics", "-S", "-l2", "-r0.001", "-i50", "@k", "@maps", "@image");
            return bart.Read("image").squeeze(0).abs();
        }
    }

    [Fact]
    public void The_calibration_region_is_the_largest_measured_rectangle_in_the_centre()
    {
        // 6 x 8, frequency 0 at row 3, column 4.
        string[] rows =
        [
            "00000000",
            "00011000",
            "01111110",
            "01111111",
            "00011110",
            "11111111",
        ];
        bool[] mask = [.. string.Concat(rows).Select(c => c == '1')];
        // Rows 1 to 4, columns 3 to 4: 8; rows 2 and 3, columns 1 to 6: 12; row 3 alone, columns 1 to 7: 7.
        Assert.Equal(new CalibrationRegion(2, 1, 2, 6), CalibrationRegion.Find(mask, 6, 8));
        Assert.Equal(new CalibrationRegion(3, 3, 1, 3), CalibrationRegion.Find(mask, 6, 8).Limited(1, 3));
        Assert.Equal(new CalibrationRegion(0, 0, 5, 4), CalibrationRegion.Find([.. Enumerable.Repeat(true, 20)], 5, 4));
        Assert.Equal(0, CalibrationRegion.Find(new bool[20], 5, 4).Rows);
        // Lines: all rows.
        bool[] lines = Masks.EquispacedLines(16, 4, 0.25)!, plane = [.. Enumerable.Repeat(lines, 10).SelectMany(line => line)];
        Assert.Equal(new CalibrationRegion(0, 6, 10, 4), CalibrationRegion.Find(plane, 10, 16));
        using var scope = torch.NewDisposeScope();
        Assert.Equal([3L, 10, 4], CalibrationRegion.Find(plane, 10, 16).Of(torch.zeros([3, 10, 16])).shape);
    }

    [Fact]
    public void Low_resolution_maps_of_few_lines_are_nearly_the_true_ones()
    {
        using var scope = torch.NewDisposeScope();
        Tensor coils = CoilSimulation.Coils(8, Rows, Columns, 3), image = EspiritTests.Ellipse(Rows, Columns, 0.8, 0.7), k = Fourier.Centred(coils * image);
        Tensor maps = LowResolutionMaps.Maps(k.narrow(1, (Rows / 2) - 8, 16).narrow(2, (Columns / 2) - 4, 8), Rows, Columns);
        Assert.Equal([1L, 1, 8, Rows, Columns], maps.shape);
        Tensor one = maps.reshape(8, Rows, Columns);
        double[] agreement = EspiritTests.Inside((one.conj() * coils).sum([0]).abs(), image.abs().gt(0.5));
        output.WriteLine($"median {EspiritTests.Quantile(agreement, 0.5):f5}, 5 % {EspiritTests.Quantile(agreement, 0.05):f5}");
        Assert.True(EspiritTests.Quantile(agreement, 0.5) > 0.995);
        Assert.All(one.abs().square().sum([0]).ToDoubles(), norm => Assert.Equal(1, norm, 1e-4));
        // The strongest virtual coil has no phase.
        Tensor virtualCoil = CoilMatrix.Apply(CoilCompression.Matrix(k, 1, most: 1), one);
        double[] angles = EspiritTests.Inside((virtualCoil / virtualCoil.sum()).angle(), image.abs().gt(0.5));
        Assert.True(angles.Max() - angles.Min() < 0.3);
    }

    [Fact]
    public void Simulated_coils_are_smooth_differ_and_come_from_their_seed()
    {
        using var scope = torch.NewDisposeScope();
        Tensor coils = CoilSimulation.Coils(8, Rows, Columns, 4), raw = CoilSimulation.Coils(8, Rows, Columns, 4, normalised: false);
        Assert.Equal(coils.ToFloats(), CoilSimulation.Coils(8, Rows, Columns, 4).ToFloats());
        Assert.NotEqual(coils.ToFloats(), CoilSimulation.Coils(8, Rows, Columns, 5).ToFloats());
        Assert.All(coils.abs().square().sum([0]).ToDoubles(), norm => Assert.Equal(1, norm, 1e-5));
        Assert.Equal(1, raw.abs().square().sum([0]).sqrt().mean().ToDouble(), 1e-5);
        Assert.True((coils.slice(2, 1, long.MaxValue, 1) - coils.slice(2, 0, -1, 1)).abs().max().ToDouble() < 0.1);
        // Eight coils see the corners of the image differently: their images are independent.
        Assert.True(torch.linalg.svd(raw.reshape(8, -1), fullMatrices: false).S.min().ToDouble() > 1e-3 * raw.norm().abs().ToDouble());
        Tensor phase = CoilSimulation.ObjectPhase(Rows, Columns, 9, 1.5);
        Assert.Equal(1.5, phase.abs().max().ToDouble(), 1e-5);
        Assert.True((phase.slice(1, 1, long.MaxValue, 1) - phase.slice(1, 0, -1, 1)).abs().max().ToDouble() < 0.3);
    }

    private static double[] Levels(Tensor psi) =>
        [.. Enumerable.Range(0, (int)psi.size(0)).Select(i => Math.Sqrt(psi.select(0, i).select(0, i).real.ToDouble()))];

    private static double Error(Tensor image, Tensor reference) => (image - reference).norm().ToDouble() / reference.norm().ToDouble();

    // |Sᴴ c|, the least-squares image of fully measured data.
    private static Tensor Combined(Tensor kSpace)
    {
        using var scope = torch.NewDisposeScope();
        Tensor maps = Espirit.Maps(EspiritTests.Centre(kSpace, 24), kSpace.size(1), kSpace.size(2)).Maps.squeeze(0).squeeze(0);
        return (maps.conj() * Fourier.CentredInverse(kSpace)).sum([0]).abs().MoveToOuterDisposeScope();
    }

    // Standard normal in both components.
    private static Tensor Noise(long seed, long rows, long columns)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        return torch.view_as_complex(torch.randn([rows, columns, 2], generator, ScalarType.Float64)).MoveToOuterDisposeScope();
    }

    private static Tensor Complex(long side, params double[] pairs)
    {
        using var scope = torch.NewDisposeScope();
        return torch.view_as_complex(torch.copy_of(pairs, [side, side, 2])).MoveToOuterDisposeScope();
    }

    private sealed class Near(double tolerance) : IEqualityComparer<double>
    {
        public bool Equals(double x, double y) => Math.Abs(x - y) <= tolerance;

        public int GetHashCode(double value) => 0;
    }
}
