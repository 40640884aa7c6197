using InverseSolver.Solvers.Operators;
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
        foreach (bool[] mask in new[] { Masks.RandomLines(width, acceleration, centreFraction, 9)!, Masks.EquispacedLines(width, acceleration, centreFraction)! })
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
}
