using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using Xunit;

namespace InverseSolver.UnitTests.Metrics;

public sealed class ImageQualityTests
{
    [Fact]
    public void Metrics_agree_with_an_independent_computation_over_whole_windows()
    {
        // Expected values: NumPy in double precision, every 11 x 11 window summed directly.
        QualityReport report = ImageQuality.Report(Image(0.1), Image(0));
        Assert.Equal(36.53309331, report.PsnrDb, 6);
        Assert.Equal(0.99509163, report.Ssim, 7);
        Assert.Equal(7.008461545e-4, report.Nmse, 11);
    }

    [Fact]
    public void An_image_agrees_with_itself_fully()
    {
        QualityReport report = ImageQuality.Report(Image(0), Image(0));
        Assert.Equal(new QualityReport(150, 1, 0), report with { Ssim = Math.Round(report.Ssim, 9) });
    }

    [Fact]
    public void A_constant_error_of_a_tenth_is_20_dB()
    {
        ArrayData truth = Image(0), image = truth with { Values = Array.ConvertAll(truth.Values, value => value + 0.1f) };
        Assert.Equal(20, ImageQuality.Psnr(image, truth), 4);
    }

    [Fact]
    public void Truth_that_metrics_cannot_use_is_refused()
    {
        long[] shape = [1, 12, 12];
        ImageQuality.CheckTruth(Flat(12, 0.5f), shape);
        foreach (ArrayData truth in new[] { Flat(12, 0), Flat(12, float.NaN), Flat(13, 0.5f), Flat(12, 0.5f) with { IsComplex = true } })
        {
            Assert.Equal("files.truth", Assert.Throws<InvalidInputException>(() => ImageQuality.CheckTruth(truth, shape)).Field);
        }
        Assert.Equal("files.truth", Assert.Throws<InvalidInputException>(() => ImageQuality.CheckTruth(Flat(10, 1), [1, 10, 10])).Field);
        Assert.Throws<ArgumentException>(() => ImageQuality.Ssim(Flat(10, 1), Flat(10, 1)));
        Assert.Throws<ArgumentException>(() => ImageQuality.Psnr(Flat(12, 1), Flat(11, 1)));
    }

    private static ArrayData Flat(int size, float value) => new([1, size, size], [.. Enumerable.Repeat(value, size * size)]);

    private static ArrayData Image(double shift)
    {
        const int height = 16, width = 19;
        var values = new float[3 * height * width];
        for (int n = 0; n < values.Length; n++)
        {
            int c = n / (height * width), i = n / width % height, j = n % width;
            values[n] = (float)(0.5 + (0.3 * Math.Sin((0.7 * i) + (0.3 * c) + shift) * Math.Cos((0.5 * j) - (0.2 * c)))
                + (0.1 * (((i * 7) + (j * 3) + c) % 5) / 5));
        }
        return new ArrayData([3, height, width], values);
    }
}
