using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

[LeavesNoTensors]
public sealed class KernelTests
{
    [Fact]
    public void Gaussian_of_sigma_3_has_the_taps_of_the_papers()
    {
        double[] taps = GaussianKernel.Taps(3);
        Assert.Equal(25, taps.Length);
        Assert.Equal(0.132984538551, taps[12], 12);
        Assert.Equal(0.125797983460, taps[13], 12);
        Assert.Equal(0.017684887494, taps[12] * taps[12], 12);
        Assert.Equal(1, taps.Sum(), 12);
    }

    [Theory]
    [InlineData(0.1, 1), InlineData(0.3, 3), InlineData(1.5, 13), InlineData(32, 257)]
    public void Gaussian_is_cut_at_four_sigma(double sigma, int length) => Assert.Equal(length, GaussianKernel.Taps(sigma).Length);

    [Fact]
    public void Reflection_beyond_several_widths_mirrors_again_and_again()
    {
        long[] expected = [2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0];
        Assert.Equal(expected, Enumerable.Range(-6, 11).Select(i => Borders.Fold(i, 3, Boundary.Reflect)));
        Assert.Equal([0, 0, 0], Enumerable.Range(-1, 3).Select(i => Borders.Fold(i, 1, Boundary.Reflect)));
        Assert.Equal([2, 0, 1, 2, 0], Enumerable.Range(-1, 5).Select(i => Borders.Fold(i, 3, Boundary.Circular)));
        Assert.Equal([2, 2, 1, 0, 0, 1, 2, 2], Enumerable.Range(-4, 8).Select(i => Borders.FoldRepeatingEdge(i, 3)));
    }

    [Fact]
    public void Bicubic_by_4_has_the_taps_of_the_papers()
    {
        double[] expected =
        [
            -.001709, -.010986, -.018311, -.011963, .022705, .097412, .181885, .240967,
            .240967, .181885, .097412, .022705, -.011963, -.018311, -.010986, -.001709,
        ];
        double[,] matrix = Resampling.Bicubic(64, 4);
        double[] row = [.. Enumerable.Range(0, 64).Select(j => matrix[8, j])];
        Assert.All(row[..26], value => Assert.Equal(0, value));
        for (int k = 0; k < 16; k++) Assert.Equal(expected[k], row[26 + k], 6);
        Assert.All(row[42..], value => Assert.Equal(0, value));

        // The first output reads pixels 6 5 4 3 2 1 0 0 1 … 10: mirrored with the edge repeated.
        double[] first = new double[64];
        int[] pixels = [5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (int k = 0; k < 16; k++) first[pixels[k]] += expected[k];
        for (int j = 0; j < 64; j++) Assert.Equal(first[j], matrix[0, j], 5);
    }

    [Theory]
    [InlineData(2), InlineData(3), InlineData(4), InlineData(8)]
    public void Resampling_keeps_constants(int factor)
    {
        foreach (double[,] matrix in
            new[] { Resampling.Bicubic(3 * factor, factor), Resampling.Average(3 * factor, factor), Resampling.Bicubic(factor, factor) })
        {
            for (int i = 0; i < matrix.GetLength(0); i++) Assert.Equal(1, Enumerable.Range(0, matrix.GetLength(1)).Sum(j => matrix[i, j]), 12);
        }
    }

    [Theory]
    [InlineData(61, 0.5, 0), InlineData(61, 0, 1), InlineData(61, 1, 2), InlineData(3, 0.5, 3), InlineData(255, 0.3, 4), InlineData(9, 1, long.MaxValue)]
    public void Motion_kernels_are_a_distribution_around_their_centre(int size, double intensity, long seed)
    {
        double[] kernel = MotionKernel.Draw(size, intensity, seed);
        Assert.Equal(size * size, kernel.Length);
        Assert.All(kernel, value => Assert.InRange(value, 0, 1));
        Assert.Equal(1, kernel.Sum(), 9);
        Assert.Equal(kernel, MotionKernel.Draw(size, intensity, seed));
        Assert.NotEqual(kernel, MotionKernel.Draw(size, intensity, seed - 1));
        double row = kernel.Select((value, i) => value * (i / size)).Sum(), column = kernel.Select((value, i) => value * (i % size)).Sum();
        Assert.InRange(row, 0.3 * size, 0.7 * size);
        Assert.InRange(column, 0.3 * size, 0.7 * size);
    }

    [Fact]
    public void Motion_kernel_of_a_seed_stays_what_it_is()
    {
        double[] kernel = MotionKernel.Draw(61, 0.5, 0);
        Assert.Equal(0.011002843677, kernel.Max(), 10);
        Assert.Equal(28.40795351, kernel.Select((value, i) => value * (i / 61)).Sum(), 7);
        Assert.Equal(30.17391434, kernel.Select((value, i) => value * (i % 61)).Sum(), 7);
        Assert.Equal(178, kernel.Count(value => value > 1e-4));
    }

    [Fact]
    public void Random_numbers_are_those_of_the_published_generator()
    {
        var random = new SplitMix64(1234567);
        ulong[] expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        foreach (ulong value in expected) Assert.Equal(value, random.Next());
    }

    [Fact]
    public void Random_distributions_have_their_means()
    {
        var random = new SplitMix64(5);
        Assert.Equal(2.0 / 22, Enumerable.Range(0, 20000).Average(_ => random.Beta(2, 21)), 2);
        Assert.Equal((0 + 0.5 + 2) / 3, Enumerable.Range(0, 20000).Average(_ => random.Triangular(0, 0.5, 2)), 1);
        Assert.Equal(4.5, Enumerable.Range(0, 20000).Average(_ => (double)random.NextBelow(10)), 1);
    }
}
