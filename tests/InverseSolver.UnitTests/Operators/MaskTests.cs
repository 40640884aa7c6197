using InverseSolver.Reconstruction.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

[LeavesNoTensors]
public sealed class MaskTests
{
    [Theory]
    [InlineData(256, 256, 0.7, 45875), InlineData(7, 9, 0.5, 32), InlineData(5, 5, 0, 0)]
    public void Random_drops_exactly_the_fraction(int height, int width, double fraction, int missing)
    {
        Assert.Equal(missing, Masks.Random(height, width, fraction, 3).Count(m => !m));
        Assert.Equal(Masks.Random(height, width, fraction, 3), Masks.Random(height, width, fraction, 3));
    }

    [Fact]
    public void Random_mask_of_a_seed_stays_what_it_is()
    {
        string rows = string.Concat(Masks.Random(4, 8, 0.5, 42).Select(m => m ? '1' : '0'));
        Assert.Equal("00001111110111101011000001100001", rows);
        Assert.NotEqual(Masks.Random(16, 16, 0.5, 42), Masks.Random(16, 16, 0.5, 43));
    }

    [Fact]
    public void Box_is_missing_where_it_was_put()
    {
        bool[] mask = Masks.Box(4, 5, 1, 2, 2, 3);
        Assert.Equal("11111" + "11000" + "11000" + "11111", string.Concat(mask.Select(m => m ? '1' : '0')));
    }

    [Theory]
    [InlineData(320, 4, 0.08), InlineData(320, 8, 0.04), InlineData(21, 3, 0.15), InlineData(20, 1, 0.3), InlineData(64, 64, 0), InlineData(17, 1, 1)]
    public void Lines_are_as_many_as_asked_with_a_full_centre(int width, double acceleration, double centreFraction)
    {
        int centre = Math.Max(1, (int)Math.Round(centreFraction * width)), total = (int)Math.Round(width / acceleration);
        foreach (bool[] mask in
            new[] { Masks.RandomLines(width, acceleration, centreFraction, 9)!, Masks.EquispacedLines(width, acceleration, centreFraction)! })
        {
            Assert.Equal(width, mask.Length);
            Assert.Equal(total, mask.Count(m => m));
            for (int i = 0; i < centre; i++) Assert.True(mask[(width / 2) - (centre / 2) + i]);
        }
    }

    [Fact]
    public void Lines_that_do_not_fit_are_refused()
    {
        Assert.Null(Masks.RandomLines(100, 8, 0.5, 0));
        Assert.Null(Masks.EquispacedLines(100, 8, 0.5));
    }

    [Fact]
    public void Random_lines_of_a_seed_stay_what_they_are() =>
        Assert.Equal("011000000101100000100011", string.Concat(Masks.RandomLines(24, 3, 0.1, 42)!.Select(m => m ? '1' : '0')));

    [Fact]
    public void Equispaced_lines_are_spaced_equally() =>
        Assert.Equal("010001000101101000100010", string.Concat(Masks.EquispacedLines(24, 3, 0.1)!.Select(m => m ? '1' : '0')));

    [Fact]
    public void Every_third_line_with_24_in_the_centre_is_what_a_scanner_measures()
    {
        bool[] mask = LineMasks.Spaced(180, 3, 0, 24)!;
        Assert.Equal(76, mask.Count(m => m));
        Assert.All(Enumerable.Range(0, 180), i => Assert.Equal(i % 3 == 0 || i is >= 78 and < 102, mask[i]));
        Assert.Equal("0100100111100100100", string.Concat(LineMasks.Spaced(19, 3, 1, 3)!.Select(m => m ? '1' : '0')));
        Assert.Equal(180 / 76.0, Masks.NetAcceleration(mask));
    }

    [Fact]
    public void Six_times_fewer_random_lines_with_8_in_the_centre_are_so_many()
    {
        bool[] mask = LineMasks.Random(240, 6, 8, 3)!;
        Assert.Equal(6, Masks.NetAcceleration(mask));
        Assert.All(Enumerable.Range(116, 8), i => Assert.True(mask[i]));
    }

    [Fact]
    public void Partial_Fourier_leaves_the_lines_below_its_cut_out_but_for_the_centre()
    {
        // 40 lines, 5/8 of them: below 15 nothing, but for a centre of 12, from 14 on.
        foreach (bool[] mask in
            new[] { LineMasks.Random(40, 2, 12, 1, 0.625)!, LineMasks.Equispaced(40, 2, 12, 0.625)!, LineMasks.Spaced(40, 2, 0, 12, 0.625)! })
        {
            Assert.All(mask[..14], Assert.False);
            Assert.All(mask[14..26], Assert.True);
            Assert.True(mask[26..].Count(m => m) is >= 7 and < 14);
        }
        Assert.Equal(20, LineMasks.Random(40, 2, 12, 1, 0.625)!.Count(m => m));
        Assert.Null(LineMasks.Random(40, 1.1, 12, 1, 0.625));
        Assert.Null(LineMasks.Spaced(40, 2, 0, 41));
    }

    [Theory]
    [InlineData(96, 80, 4, 16, 16), InlineData(64, 64, 1.5, 8, 8), InlineData(128, 128, 12, 20, 24)]
    [InlineData(1, 320, 4, 1, 24), InlineData(1, 180, 2, 1, 8), InlineData(16, 16, 1, 4, 4)]
    public void Poisson_discs_are_as_many_as_asked_and_keep_their_distance(int rows, int columns, double acceleration, int centreRows, int centreColumns)
    {
        (bool[] mask, double distance) = PoissonDisc.Draw(rows, columns, acceleration, centreRows, centreColumns, 5)!.Value;
        Assert.Equal(mask, PoissonDisc.Mask(rows, columns, acceleration, centreRows, centreColumns, 5)!);
        Assert.Equal((int)Math.Round(rows * columns / acceleration), mask.Count(m => m));
        Assert.InRange(Masks.NetAcceleration(mask), 0.98 * acceleration, 1.02 * acceleration);
        int[] taken = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i] && !Central(i))];
        Assert.Equal(mask.Count(m => m), taken.Length + (centreRows * centreColumns));
        for (int a = 0; a < taken.Length; a++)
        {
            for (int b = a + 1; b < taken.Length; b++)
            {
                double least = distance
                    * (1 + (PoissonDisc.Growth * Math.Min(PoissonDisc.Radius(taken[a], rows, columns), PoissonDisc.Radius(taken[b], rows, columns))));
                int y = (taken[a] / columns) - (taken[b] / columns), x = (taken[a] % columns) - (taken[b] % columns);
                Assert.True((y * y) + (x * x) >= least * least * (1 - 1e-12));
            }
        }

        bool Central(int i)
        {
            int top = (rows / 2) - (centreRows / 2), left = (columns / 2) - (centreColumns / 2);
            return i / columns >= top && i / columns < top + centreRows && i % columns >= left && i % columns < left + centreColumns;
        }
    }

    [Fact]
    public void Poisson_discs_are_denser_towards_the_centre_and_come_from_their_seed()
    {
        const int Side = 128;
        bool[] mask = PoissonDisc.Mask(Side, Side, 8, 4, 4, 1)!;
        double Share(double from, double to)
        {
            int[] ring = [.. Enumerable.Range(0, Side * Side).Where(i => PoissonDisc.Radius(i, Side, Side) is var r && r >= from && r < to)];
            return ring.Count(i => mask[i]) / (double)ring.Length;
        }

        Assert.True(Share(0.05, 0.3) > 1.5 * Share(0.3, 0.6));
        Assert.True(Share(0.3, 0.6) > 1.3 * Share(0.6, 1));
        Assert.NotEqual(mask, PoissonDisc.Mask(Side, Side, 8, 4, 4, 2));
        Assert.Null(PoissonDisc.Mask(Side, Side, 8, 64, 64, 1));
        Assert.Null(PoissonDisc.Mask(1, Side, 2, 1, Side + 1, 1));
        Assert.Equal("0010010111100010", string.Concat(PoissonDisc.Mask(1, 16, 2.3, 1, 3, 42)!.Select(m => m ? '1' : '0')));
    }
}
