using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class LanczosTests
{
    // A wave is zero between pixels that a shift by half a pixel would move.
    [Theory]
    [InlineData(64, 40)]
    [InlineData(64, 64)]
    [InlineData(64, 100)]
    [InlineData(40, 128)]
    public void A_slow_wave_stays_where_it_is(int size, int newSize)
    {
        float[] values = [.. Enumerable.Range(0, size * size).Select(i => Wave(i % size, size) + (2 * Wave(i / size, size)))];
        float[] resized = Lanczos.Resize(values, size, size, newSize, newSize);
        for (int i = 0; i < resized.Length; i++) Assert.Equal(Wave(i % newSize, newSize) + (2 * Wave(i / newSize, newSize)), resized[i], 0.02f);
    }

    [Fact]
    public void Rows_and_columns_are_not_mistaken_for_each_other() =>
        Assert.Equal([1, 3, 5, 7, 2, 4, 6, 8], Lanczos.Resize([1, 3, 5, 7, 2, 4, 6, 8], 2, 4, 2, 4));

    [Fact]
    public void What_is_finer_than_the_new_pixels_is_averaged_away()
    {
        float[] values = [.. Enumerable.Range(0, 64 * 64).Select(i => (float)(i % 2))];
        float[] resized = Lanczos.Resize(values, 64, 64, 16, 16);
        // at its ends a line goes on with its last pixel
        Assert.All(Enumerable.Range(0, 256).Where(i => i % 16 is >= 3 and < 13), i => Assert.Equal(0.5f, resized[i], 0.02f));
    }

    private static float Wave(int at, int size) => MathF.Cos(MathF.PI * 3 * (at + 0.5f) / size);
}
