using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

/// <summary>Each nonlinear model against hand-computed values.</summary>
public sealed class NonlinearModelTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Clipped_pixels_count_only_what_they_say()
    {
        float[] measured = [0, 0.5f, 1, 1];
        sbyte[] censored = ClippingOperator.Censored(measured, 0, 1, 0);
        Assert.Equal(new sbyte[] { -1, 0, 1, 1 }, censored);
        Assert.Equal(new sbyte[] { -1, 0, 1, 1 }, ClippingOperator.Censored([0.02f, 0.5f, 0.98f, 1.01f], 0, 1, 0.03));
        using var op = new ClippingOperator("hdr", [1, 1, 4], 2, 0, 1, censored, torch.CPU);
        Assert.Equal(1, op.MeasuredComponents);
        Tensor x = torch.copy_of([0.1f, 0.3f, 0.4f, 0.9f, -3, 0.6f, 0.5f, 7], 2, 1, 1, 4), y = torch.copy_of([.. measured, .. measured], 2, 1, 1, 4);

        // 2 x is 0.2 0.6 0.8 1.8 and -6 1.2 1 14.
        Assert.All(op.Residual2(x, y).ToDoubles().Zip([0.04 + 0.01 + 0.04, 0.49]), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Assert.All(op.Gradient(x, y).ToDoubles().Zip([0.4, 0.2, -0.4, 0, 0, 1.4, 0, 0]), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Assert.All(op.Apply(x).ToDoubles().Zip([0.2, 0.6, 0.8, 1, 0, 1, 1, 1]), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
    }

    [Fact]
    public void A_rounded_pixel_stands_for_its_cell()
    {
        using QuantisationOperator op = QuantisationOperator.Levels([1, 1, 5], 3, torch.CPU);
        Tensor x = torch.copy_of([-2f, 0.2f, 0.3f, 0.8f, 4], 1, 1, 1, 5);
        Assert.Equal([0f, 0, 0.5f, 1, 1], op.Apply(x).ToFloats());
        Tensor y = torch.copy_of([0f, 0.5f, 0, 1, 1], 1, 1, 1, 5);
        // Cells: below 0.25, 0.25 to 0.75, above 0.75.
        Assert.All(op.Gradient(x, y).ToDoubles().Zip([0, -0.05, 0.05, 0, 0]), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
        Assert.Equal(0.005, op.Residual2(x, y).ToDouble(), 1e-6);
    }

    [Fact]
    public void Jpeg_tables_are_scaled_as_libjpeg_does()
    {
        Assert.Equal([16, 11, 10, 16, 24, 40, 51, 61], QuantisationOperator.Table(false, 50)[..8]);
        Assert.Equal([80, 55, 50, 80, 120, 200, 255, 255], QuantisationOperator.Table(false, 10)[..8]);
        Assert.Equal([3, 2, 2, 3, 5, 8, 10, 12], QuantisationOperator.Table(false, 90)[..8]);
        Assert.Equal([9, 9, 12, 24, 50, 50, 50, 50], QuantisationOperator.Table(true, 75)[..8]);
        Assert.All(QuantisationOperator.Table(true, 100), step => Assert.Equal(1, step));
    }

    [Fact]
    public void Jpeg_rounds_the_mean_of_a_flat_block_to_its_table()
    {
        // A flat block has one coefficient, 8 (255 v − 128); at quality 50 it is rounded to multiples of 16, hence v to steps of 2 / 255 around 128 / 255.
        using QuantisationOperator op = QuantisationOperator.Jpeg([1, 8, 8], 50, torch.CPU);
        Tensor x = torch.full([1, 1, 8, 8], 133.2 / 255);
        Assert.All(op.Apply(x).ToDoubles(), value => Assert.Equal(134 / 255.0, value, 1e-5));
        // Cells of ±1: 135.5 lies half a grey level outside, in all 64 pixels.
        Assert.Equal(64 * Math.Pow(0.5 / 255, 2), op.Residual2(torch.full([1, 1, 8, 8], 135.5 / 255), op.Apply(x)).ToDouble(), 1e-6);
    }

    [Fact]
    public void A_grey_image_in_three_channels_has_no_chrominance()
    {
        using QuantisationOperator grey = QuantisationOperator.Jpeg([1, 16, 8], 30, torch.CPU), colour = QuantisationOperator.Jpeg([3, 16, 8], 30, torch.CPU);
        Tensor x = OperatorList.Unit(grey.Domain, 2, 1);
        Assert.True((colour.Apply(x.repeat(1, 3, 1, 1)) - grey.Apply(x)).abs().max().ToDouble() < 1e-4);
    }

    [Fact]
    public void Magnitudes_are_those_of_the_Fourier_sum_and_blind_to_half_a_turn()
    {
        using var op = new FourierMagnitudeOperator(1, 4, 2, 2);
        Tensor x = OperatorList.Unit(op.Domain, 1, 3), y = op.Apply(x);
        Assert.Equal([1, 1, 8, 4], y.shape);
        float[] image = x.ToFloats(), magnitudes = y.ToFloats();
        for (int v = 0; v < 8; v++)
        {
            for (int u = 0; u < 4; u++)
            {
                System.Numerics.Complex sum = 0;
                for (int i = 0; i < 8; i++)
                    sum += image[i]
                        * System.Numerics.Complex.FromPolarCoordinates(1, -2 * Math.PI * (((v - 4) * (i / 2) / 8.0) + ((u - 2) * (i % 2) / 4.0)));
                Assert.Equal(sum.Magnitude / Math.Sqrt(32), magnitudes[(v * 4) + u], 5);
            }
        }

        Assert.True((op.Apply(x.flip(2, 3)) - y).abs().max().ToDouble() < 1e-5);
    }
}
