using System.Numerics;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class FftTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(30)]
    [InlineData(97)]
    public void Both_directions_are_the_centred_orthonormal_sums(int length)
    {
        var random = new Random(length);
        Complex[] image = [.. Enumerable.Range(0, length).Select(_ => new Complex(random.NextDouble() - 0.5, random.NextDouble() - 0.5))];
        Complex[] line = [.. image];
        var fft = new Fft(length);
        fft.Forward(line);
        for (int k = 0; k < length; k++)
        {
            Complex sum = 0;
            for (int x = 0; x < length; x++)
            {
                sum += image[x] * Complex.FromPolarCoordinates(1 / Math.Sqrt(length), -2 * Math.PI * (k - (length / 2)) * (x - (length / 2)) / length);
            }
            Assert.InRange((sum - line[k]).Magnitude, 0, 1e-12);
        }
        fft.Inverse(line);
        for (int x = 0; x < length; x++) Assert.InRange((image[x] - line[x]).Magnitude, 0, 1e-12);
    }
}
