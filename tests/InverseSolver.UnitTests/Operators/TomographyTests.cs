using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

public sealed class TomographyTests : IDisposable
{
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(12), InlineData(13)]
    public void A_mean_projection_is_that_of_the_papers_formula(int size)
    {
        var problem = new ComputedTomography(7, 10, 200, Projector.Mean);
        using var op = new TomographyOperator(1, size, problem, torch.CPU);
        Tensor x = OperatorList.Image(op, 1, 1);
        double[] image = x.ToDoubles(), y = op.Apply(x).ToDoubles();
        for (int k = 0; k < 7; k++)
        {
            double theta = (10 + (190.0 * k / 7)) * Math.PI / 180;
            for (int j = 0; j < size; j++)
            {
                double sum = 0;
                for (int i = 0; i < size; i++)
                {
                    double u = ((double)j / size) - 0.5, v = ((double)i / size) - 0.5;
                    double column = ((u * Math.Cos(theta)) - (v * Math.Sin(theta)) + 0.5) * size,
                        row = ((u * Math.Sin(theta)) + (v * Math.Cos(theta)) + 0.5) * size;
                    for (int r = (int)Math.Floor(row); r <= Math.Floor(row) + 1; r++)
                    {
                        for (int c = (int)Math.Floor(column); c <= Math.Floor(column) + 1; c++)
                        {
                            sum += image[((r + size) % size * size) + ((c + size) % size)] * (1 - Math.Abs(r - row)) * (1 - Math.Abs(c - column));
                        }
                    }
                }

                Assert.Equal(sum / size, y[(k * size) + j], 1e-5);
            }
        }
    }

    [Fact]
    public void Projections_along_the_axes_are_sums_and_means()
    {
        using var means = new TomographyOperator(1, 6, new ComputedTomography(2, Projector: Projector.Mean), torch.CPU);
        Tensor x = OperatorList.Image(means, 1, 2);
        double[] columns = x.mean([2]).ToDoubles(), rows = x.mean([3]).ToDoubles(), y = means.Apply(x).ToDoubles();
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(columns[i], y[i], 1e-6);
            Assert.Equal(rows[i], y[6 + i], 1e-6);
        }

        // From below and from the right: detectors count to the right and upwards.
        using var radon = new TomographyOperator(1, 6, new ComputedTomography(2), torch.CPU);
        y = radon.Apply(x).ToDoubles();
        double unit = y[0] / columns[0];
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal(columns[i] * unit, y[i], 1e-5);
            Assert.Equal(rows[5 - i] * unit, y[6 + i], 1e-5);
        }
    }

    [Theory]
    [InlineData(9, 0, 180), InlineData(20, -30, 60), InlineData(16, 0, 360)]
    public void The_line_integrals_have_norm_one(int angles, double start, double end)
    {
        using var op = new TomographyOperator(1, 15, new ComputedTomography(angles, start, end), torch.CPU);
        Tensor columns = op.Apply(torch.eye(225).reshape(225, 1, 15, 15)).reshape(225, -1).to(ScalarType.Float64);
        (_, Tensor values, _) = torch.linalg.svd(columns, fullMatrices: false);
        Assert.Equal(1, values.max().ToDouble(), 2e-3);
    }

    [Fact]
    public void A_discs_line_integrals_are_its_chords()
    {
        const int size = 101;
        using var op = new TomographyOperator(1, size, new ComputedTomography(12), torch.CPU);
        Tensor disc = Disc(size, 30);
        double[] y = op.Apply(disc).ToDoubles();
        double unit = y[size / 2] / 61;   // at 0 degrees through the centre: 61 pixels
        for (int k = 0; k < 12; k++)
        {
            for (int s = 0; s < size; s++)
            {
                double t = s - 50, chord = Math.Abs(t) < 30 ? 2 * Math.Sqrt(900 - (t * t)) : 0;
                // The disc's edge is a staircase.
                Assert.Equal(chord, y[(k * size) + s] / unit, Math.Abs(Math.Abs(t) - 30) < 2 ? 12 : 2.5);
            }
        }
    }

    [Theory]
    [InlineData(Projector.Radon, 180), InlineData(Projector.Radon, 360), InlineData(Projector.Mean, 180)]
    public void Filtered_back_projection_gives_the_image_back(Projector projector, double end)
    {
        const int size = 64;
        using var op = new TomographyOperator(1, size, new ComputedTomography(150, 0, end, projector), torch.CPU);
        Tensor disc = Disc(size, 20) * 0.8 + Disc(size, 8) * 0.2, direct = op.Direct(op.Apply(disc));
        Assert.Equal(1, Mean(Disc(size, 6)), 0.03);
        Assert.Equal(0.8, Mean(Disc(size, 18) - Disc(size, 10)), 0.03);
        // The mean projector's adjoint wraps the corners round.
        Assert.Equal(0, Mean(Disc(size, 31) - Disc(size, 23)), projector == Projector.Mean ? 0.1 : 0.03);
        Assert.True(Math.Sqrt((direct - disc).square().mean().ToDouble()) < (projector == Projector.Mean ? 0.2 : 0.1));

        double Mean(Tensor where) => (direct * where).sum().ToDouble() / where.sum().ToDouble();
    }

    private static Tensor Disc(int size, double radius)
    {
        double centre = (size - 1) / 2.0;
        return torch.copy_of(
            [.. Enumerable.Range(0, size * size)
                .Select(i => double.Hypot((i / size) - centre, (i % size) - centre) <= radius ? 1f : 0f)],
            1, 1, size, size);
    }
}
