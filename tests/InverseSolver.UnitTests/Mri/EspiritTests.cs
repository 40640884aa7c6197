using System.Diagnostics;
using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

[LeavesNoTensors]
public sealed class EspiritTests(ITestOutputHelper output)
{
    private const long Rows = 96, Columns = 80;

    [Fact]
    public void Maps_of_a_brain_agree_with_BART()
    {
        using var scope = torch.NewDisposeScope();
        using Bart bart = Bart.Installed();
        Tensor kSpace = Bart.Brain();
        bart.Write("k", kSpace);
        var watch = Stopwatch.StartNew();
        bart.Run("ecalib", "-m1", "-r24", "@k", "@maps", "@values");
        TimeSpan theirs = watch.Elapsed;
        Tensor expected = bart.Read("maps");
        watch.Restart();
        CoilMaps found = Espirit.Maps(Centre(kSpace, 24), 230, 180);
        output.WriteLine($"bart {theirs.TotalSeconds:f2} s, here {watch.Elapsed.TotalSeconds:f2} s");
        Tensor maps = found.Maps.reshape(8, 230, 180);

        Tensor mine = Support(maps), bartSupport = Support(expected), both = mine.logical_and(bartSupport);
        double overlap = Count(both) / Count(mine.logical_or(bartSupport));
        double[] agreement = Inside((maps.conj() * expected).sum([0]).abs(), both);
        Tensor images = Fourier.CentredInverse(kSpace);
        (double here, double there) = (Residual(images, maps.unsqueeze(0)), Residual(images, expected.unsqueeze(0)));
        output.WriteLine(
            $"agreement: median {Quantile(agreement, 0.5):f6}, 1 % {Quantile(agreement, 0.01):f6}, 0.1 % {Quantile(agreement, 0.001):f6}; "
            + $"overlap {overlap:f4}; residual {here:f5}, BART's {there:f5}");
        (double[] mySteps, double[] theirSteps) = (Steps(maps, both), Steps(expected, both));
        output.WriteLine(
            $"steps between neighbours: 99.9 % {Quantile(mySteps, 0.999):f4}, largest {mySteps.Max():f4}; "
            + $"BART's {Quantile(theirSteps, 0.999):f4}, {theirSteps.Max():f4}");
        Assert.True(Quantile(mySteps, 0.999) <= 1.1 * Quantile(theirSteps, 0.999));
        Assert.True(Quantile(agreement, 0.5) >= 0.999);
        Assert.True(Quantile(agreement, 0.01) >= 0.99);
        Assert.True(overlap >= 0.98);
        Assert.True(here <= 1.01 * there);
    }

    [Fact]
    public void Two_sets_of_a_brain_span_what_BART_s_span()
    {
        using var scope = torch.NewDisposeScope();
        using Bart bart = Bart.Installed();
        Tensor kSpace = Bart.Brain();
        bart.Write("k", kSpace);
        bart.Run("ecalib", "-m2", "-r24", "@k", "@maps");
        Tensor expected = bart.Read("maps"), maps = Espirit.Maps(Centre(kSpace, 24), 230, 180, sets: 2).Maps.squeeze(0);
        // The smallest cosine between the planes, where both have both maps.
        Tensor both = Support(maps.select(0, 1)).logical_and(Support(expected.select(0, 1)));
        Tensor mixed = torch.einsum("scxy,tcxy->xyst", maps.conj(), expected);
        double[] cosines = Inside(torch.linalg.svd(mixed, fullMatrices: false).S.select(-1, 1), both);
        double overlap = Count(both) / Count(Support(maps.select(0, 1)).logical_or(Support(expected.select(0, 1))));
        Tensor images = Fourier.CentredInverse(kSpace);
        (double here, double there) = (Residual(images, maps), Residual(images, expected));
        output.WriteLine(
            $"{cosines.Length} pixels with two maps, overlap {overlap:f4}: median {Quantile(cosines, 0.5):f6}, 5 % {Quantile(cosines, 0.05):f6}; "
            + $"residual {here:f5}, BART's {there:f5}");
        Assert.True(Quantile(cosines, 0.5) >= 0.999);
        Assert.True(here <= 1.01 * there);
    }

    /// <remarks>Of 24 x 24 samples both are near the reference; of few lines ESPIRiT finds no signal subspace any more.</remarks>
    [Theory, InlineData(8, 0.9965, 0.99, 0), InlineData(12, 0.999, 0.996, 0.9995), InlineData(16, 0.9995, 0.998, 0.9995)]
    public void Few_lines_of_a_brain_give_low_resolution_maps_and_from_12_on_ESPIRiT_s(int lines, double median, double low, double espirit)
    {
        using var scope = torch.NewDisposeScope();
        Tensor kSpace = Bart.Brain(), reference = Espirit.Maps(Centre(kSpace, 24), 230, 180).Maps.reshape(8, 230, 180);
        Tensor image = (reference.conj() * Fourier.CentredInverse(kSpace)).sum([0]).abs(), bright = image.gt(0.1 * image.max().ToDouble());
        Tensor calibration = new CalibrationRegion(115 - 16, 90 - (lines / 2), 32, lines).Of(kSpace);
        double[] lowResolution = Inside((LowResolutionMaps.Maps(calibration, 230, 180).reshape(8, 230, 180).conj() * reference).sum([0]).abs(), bright);
        double[] mine = Inside((Espirit.Maps(calibration, 230, 180).Maps.reshape(8, 230, 180).conj() * reference).sum([0]).abs(), bright);
        output.WriteLine(
            $"low resolution: median {Quantile(lowResolution, 0.5):f5}, 5 % {Quantile(lowResolution, 0.05):f5}; "
            + $"ESPIRiT: median {Quantile(mine, 0.5):f5}, 5 % {Quantile(mine, 0.05):f5}");
        Assert.True(Quantile(lowResolution, 0.5) >= median && Quantile(lowResolution, 0.05) >= low);
        Assert.True(Quantile(mine, 0.05) >= espirit);
    }

    [Fact]
    public void Maps_of_a_simulated_object_are_those_it_was_made_with()
    {
        using var scope = torch.NewDisposeScope();
        Tensor coils = CoilSimulation.Coils(8, Rows, Columns, seed: 3), image = Ellipse(Rows, Columns, 0.7, 0.6);
        Tensor kSpace = Fourier.Centred(coils * image);
        CoilMaps found = Espirit.Maps(Centre(kSpace, 24), Rows, Columns);
        Tensor maps = found.Maps.reshape(8, Rows, Columns), object_ = image.abs().gt(0.1);
        double[] agreement = Inside((maps.conj() * coils).sum([0]).abs(), object_);
        output.WriteLine($"agreement: median {Quantile(agreement, 0.5):f6}, least {agreement.Min():f6}");
        Assert.Equal([1L, 1, 8, Rows, Columns], found.Maps.shape);
        Assert.Equal([1L, 1, Rows, Columns], found.Eigenvalues.shape);
        Assert.True(Quantile(agreement, 0.02) >= 0.999);
        Assert.InRange(found.Eigenvalues.max().ToDouble(), 0.99, 1.001);
    }

    [Fact]
    public void Phases_are_smooth_and_a_pixel_s_norm_is_1_or_0()
    {
        using var scope = torch.NewDisposeScope();
        Tensor kSpace = Fourier.Centred(CoilSimulation.Coils(8, Rows, Columns, seed: 3) * Ellipse(Rows, Columns, 0.7, 0.6));
        Tensor maps = Espirit.Maps(Centre(kSpace, 24), Rows, Columns).Maps.reshape(8, Rows, Columns),
            norm = maps.abs().square().sum([0]).sqrt(), inside = norm.gt(0.5);
        Assert.All(Inside(norm, inside), value => Assert.Equal(1, value, 1e-4));
        Assert.Equal(0, Inside(norm, inside.logical_not()).Max());
        // From one pixel to the next a smooth map hardly changes; one with phases at random changes by √2 on average.
        Assert.True(Steps(maps, inside).Max() < 0.2);
    }

    [Fact]
    public void An_object_larger_than_the_field_of_view_needs_two_sets()
    {
        using var scope = torch.NewDisposeScope();
        // Every second line folds the outer quarters of the field of view onto its inner half. Of a smooth object one map would do: it would hold the sum
        // of both.
        const long Wide = 128, Half = Wide / 2;
        using var generator = new Generator(11);
        Tensor coils = CoilSimulation.Coils(8, Rows, Wide, seed: 5), ellipse = Ellipse(Rows, Wide, 0.8, 0.9);
        Tensor image = ellipse * torch.view_as_complex(torch.randn([1, Rows, Wide, 2], generator));
        Tensor folded = Fourier.Centred(coils * image).slice(2, 0, Wide, 2);
        Tensor maps = Espirit.Maps(Centre(folded, 24), Rows, Half, sets: 2).Maps.squeeze(0), images = Fourier.CentredInverse(folded);
        (double two, double one) = (Residual(images, maps), Residual(images, maps.narrow(0, 0, 1)));
        output.WriteLine($"residual with two sets {two:f5}, with one {one:f5}");
        Assert.True(two < 0.05 && one > 0.15);

        Tensor inner = coils.narrow(2, Half / 2, Half), outer = torch.cat([coils.narrow(2, Wide - (Half / 2), Half / 2), coils.narrow(2, 0, Half / 2)], 2);
        Tensor there = ellipse.abs().squeeze(0).gt(0.3);
        Tensor covered = torch.cat([there.narrow(1, Wide - (Half / 2), Half / 2), there.narrow(1, 0, Half / 2)], 1)
            .logical_and(there.narrow(1, Half / 2, Half));
        foreach (Tensor truth in (Tensor[])[inner, outer])
        {
            Tensor seen = (maps.conj() * truth.unsqueeze(0)).sum([1]).abs().square().sum([0]).sqrt();
            double[] share = Inside(seen, covered);
            output.WriteLine($"{share.Length} pixels: median {Quantile(share, 0.5):f6}, 5 % {Quantile(share, 0.05):f6}");
            Assert.True(Quantile(share, 0.5) >= 0.999);
        }
    }

    [Fact]
    public void Slices_are_estimated_each_by_itself_and_too_little_is_refused()
    {
        using var scope = torch.NewDisposeScope();
        Tensor image = Ellipse(Rows, Columns, 0.7, 0.6);
        Tensor[] slices = [.. new long[] { 1, 2 }.Select(seed => Centre(Fourier.Centred(CoilSimulation.Coils(4, Rows, Columns, seed) * image), 20))];
        CoilMaps all = Espirit.Maps(torch.stack(slices), Rows, Columns);
        Assert.Equal([2L, 1, 4, Rows, Columns], all.Maps.shape);
        Assert.Equal(Espirit.Maps(slices[1], Rows, Columns).Maps.ToFloats(), all.Maps.narrow(0, 1, 1).ToFloats());
        // Of one coil the map is 1 where there is signal.
        Tensor single = Espirit.Maps(Centre(Fourier.Centred(image), 20), Rows, Columns).Maps.reshape(Rows, Columns);
        Assert.All(Inside((single - 1).abs(), image.abs().squeeze(0).gt(0.2)), difference => Assert.Equal(0, difference, 1e-4));
        Assert.Throws<ArgumentException>(() => Espirit.Maps(Centre(slices[0], 5), Rows, Columns));
        Assert.Throws<ArgumentException>(() => Espirit.Maps(slices[0], Rows, Columns, sets: 5));
        Assert.Throws<ArgumentException>(() => Espirit.Maps(slices[0] * 0, Rows, Columns));
    }

    internal static Tensor Centre(Tensor kSpace, long side) =>
        CalibrationRegion.Find([.. Enumerable.Repeat(true, (int)(kSpace.size(-2) * kSpace.size(-1)))], kSpace.size(-2), kSpace.size(-1))
            .Limited(side, side).Of(kSpace);

    /// <summary>A complex image (1, rows, columns): a smooth-edged ellipse with a hole and a smooth phase.</summary>
    internal static Tensor Ellipse(long rows, long columns, double height, double width)
    {
        using var scope = torch.NewDisposeScope();
        var values = new float[rows * columns];
        for (long i = 0; i < values.LongLength; i++)
        {
            double y = ((i / columns) - (rows / 2)) * 2.0 / rows, x = ((i % columns) - (columns / 2)) * 2.0 / columns;
            double radius = Math.Sqrt((y * y / (height * height)) + (x * x / (width * width))), hole = Math.Sqrt(((y - 0.2) * (y - 0.2)) + (x * x));
            values[i] = (float)(1 / (1 + Math.Exp((radius - 1) * 25)) * (1 - (0.6 / (1 + Math.Exp((hole - 0.2) * 40)))));
        }
        return torch.polar(torch.copy_of(values, [rows, columns]), CoilSimulation.ObjectPhase(rows, columns, 7)).unsqueeze(0).MoveToOuterDisposeScope();
    }

    /// <summary>|c − S Sᴴ c| / |c| of coil images c with maps S (sets, coils, rows, columns), orthonormal in each pixel.</summary>
    internal static double Residual(Tensor images, Tensor maps)
    {
        using var scope = torch.NewDisposeScope();
        Tensor explained = (maps * (maps.conj() * images).sum([1], keepdim: true)).sum([0]);
        return (images - explained).norm().abs().ToDouble() / images.norm().abs().ToDouble();
    }

    internal static double[] Inside(Tensor values, Tensor mask)
    {
        double[] all = values.ToDoubles();
        byte[] where = mask.ToBytes();
        return [.. all.Where((_, i) => where[i] != 0)];
    }

    internal static double Quantile(double[] values, double q) => values.Order().ElementAt((int)(q * (values.Length - 1)));

    // How far maps (coils, rows, columns) change from one column to the next.
    private static double[] Steps(Tensor maps, Tensor mask) =>
        Inside(
            (maps.slice(2, 1, long.MaxValue, 1) - maps.slice(2, 0, -1, 1)).abs().square().sum([0]).sqrt(),
            mask.slice(1, 1, long.MaxValue, 1).logical_and(mask.slice(1, 0, -1, 1)));

    private static Tensor Support(Tensor maps) => maps.abs().square().sum([0]).gt(0.5);

    private static double Count(Tensor mask) => mask.to(ScalarType.Float64).sum().ToDouble();
}
