using InverseSolver.Reconstruction.Mri;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>Trajectories by hand, and what density compensation makes of them.</summary>
[LeavesNoTensors]
public sealed class TrajectoryTests(ITestOutputHelper output)
{
    [Fact]
    public void Spokes_pass_frequency_0_and_turn_evenly_over_half_a_turn()
    {
        double[,] spokes = Trajectories.Radial(8, 4, 4, 6);
        Assert.Equal(24, spokes.GetLength(0));
        Assert.Equal([-4.0, 0, 0, 0], [spokes[0, 0], spokes[0, 1], spokes[3, 0], spokes[3, 1]]);
        // The second spoke at 45 degrees, a third of the band from the centre; the third along the columns.
        Assert.Equal(8.0 / 6 * Math.Sqrt(0.5), spokes[6 + 4, 0], 12);
        Assert.Equal(4.0 / 6 * Math.Sqrt(0.5), spokes[6 + 4, 1], 12);
        Assert.Equal(0, spokes[12, 0], 12);
        Assert.Equal(-2, spokes[12, 1], 12);
    }

    [Fact]
    public void Golden_spokes_turn_by_111_degrees()
    {
        double[,] spokes = Trajectories.GoldenRadial(10, 10, 3, 4);
        Assert.Equal(111.2461179750, Trajectories.GoldenAngle * 180 / Math.PI, 1e-9);
        Assert.Equal(-2.5 * Math.Cos(2 * Trajectories.GoldenAngle) * 2, spokes[8, 0], 12);
        Assert.Equal(-2.5 * Math.Sin(2 * Trajectories.GoldenAngle) * 2, spokes[8, 1], 12);
    }

    [Fact]
    public void Spirals_begin_at_0_gain_one_step_a_turn_and_move_at_one_speed()
    {
        const int Samples = 4000, Turns = 10;
        double[,] spirals = Trajectories.Spiral(100, 60, 2, Samples, Turns);
        Assert.Equal([0.0, 0, 0, 0], [spirals[0, 0], spirals[0, 1], spirals[Samples, 0], spirals[Samples, 1]]);
        double Row(int j) => spirals[j, 0] / 100;
        double Column(int j) => spirals[j, 1] / 60;
        // r = θ / (4π turns) in cycles per pixel, whatever the sample; the second spiral is the first turned by half a turn.
        for (int j = 40; j < Samples; j += 397)
        {
            double radius = Hypot(Row(j), Column(j)), angle = 4 * Math.PI * Turns * radius;
            Assert.Equal(radius * Math.Cos(angle), Row(j), 12);
            Assert.Equal(radius * Math.Sin(angle), Column(j), 12);
            Assert.Equal(-Row(j), Row(Samples + j), 12);
        }

        double[] steps = [.. Enumerable.Range(0, Samples - 1).Select(j => Hypot(Row(j + 1) - Row(j), Column(j + 1) - Column(j)))];
        Assert.InRange(steps.Min() / steps.Max(), 0.96, 1);
        Assert.InRange(Hypot(Row(Samples - 1), Column(Samples - 1)), 0.4998, 0.5);
    }

    [Theory]
    [InlineData(16, 16), InlineData(15, 18), InlineData(46, 45)]
    public void On_the_Cartesian_grid_every_weight_is_1(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        float[] weights = DensityCompensation.Weights(rows, columns, NufftTests.Grid(rows, columns), torch.CPU).ToFloats();
        Assert.InRange(weights.Min(), 0.985, 1.015);
        Assert.InRange(weights.Max(), 0.985, 1.015);
    }

    [Fact]
    public void Samples_that_were_taken_twice_share_their_weight()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[,] once = NufftTests.Grid(12, 12), twice = new double[288, 2];
        for (int j = 0; j < 288; j++) (twice[j, 0], twice[j, 1]) = (once[j % 144, 0], once[j % 144, 1]);
        float[] weights = DensityCompensation.Weights(12, 12, twice, torch.CPU).ToFloats();
        Assert.InRange(weights.Min(), 0.4925, 0.5075);
        Assert.InRange(weights.Max(), 0.4925, 0.5075);
    }

    [Fact]
    public void Of_a_full_radial_scan_weights_grow_as_the_ramp()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        const int N = 64, Spokes = 128, PerSpoke = 128;
        float[] weights = DensityCompensation.Weights(N, N, Trajectories.Radial(N, N, Spokes, PerSpoke), torch.CPU).ToFloats();
        for (int s = 70; s < 120; s++)
        {
            double radius = (s - 64.0) / 2, area = Math.PI * radius / Spokes * 0.5;
            Assert.Equal(1, weights[s] / area, 0.02);
        }
    }

    /// <summary>
    /// Gridding the spectrum of a disc, D(k) = ρ J₁(2πρk)/k at k cycles per pixel. What is right is the disc as a circle of the band shows it,
    /// 2π ∫ D(k) J₀(2πkr) k dk up to 1/2: a sum along k that knows neither grids nor weights.
    /// </summary>
    [Theory]
    [InlineData("radial"), InlineData("golden"), InlineData("spiral")]
    public void Gridding_the_spectrum_of_a_disc_gives_the_disc(string kind)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        const int N = 96;
        const double Radius = 30;
        double[,] trajectory = kind switch
        {
            "radial" => Trajectories.Radial(N, N, 160, 2 * N),
            "golden" => Trajectories.GoldenRadial(N, N, 160, 2 * N),
            _ => Trajectories.Spiral(N, N, 16, 1152, 6),
        };
        using var nufft = new Nufft(N, N, trajectory, torch.CPU);
        float[] spectrum =
            [.. Enumerable.Range(0, trajectory.GetLength(0))
                .Select(j => (float)(Disc(Hypot(trajectory[j, 0], trajectory[j, 1]) / N, Radius) / N))];
        Tensor real = torch.copy_of(spectrum), y = torch.complex(real, torch.zeros_like(real));
        float[] image = nufft.Adjoint(y, DensityCompensation.Weights(N, N, trajectory, torch.CPU)).real.ToFloats();
        Dictionary<int, double> profile = [];
        double error = 0, power = 0;
        for (int i = 0; i < N * N; i++)
        {
            int row = (i / N) - (N / 2), column = (i % N) - (N / 2), squared = (row * row) + (column * column);
            if (squared > N * N / 4) continue;
            if (!profile.TryGetValue(squared, out double expected)) profile[squared] = expected = InBand(Math.Sqrt(squared), Radius);
            error += Math.Pow(image[i] - expected, 2);
            power += expected * expected;
        }

        output.WriteLine($"{kind}: {Math.Sqrt(error / power):F4}");
        Assert.InRange(Math.Sqrt(error / power), 0, 0.012);
    }

    private static double Hypot(double a, double b) => Math.Sqrt((a * a) + (b * b));

    private static double InBand(double distance, double radius)
    {
        const int Steps = 400;
        double sum = 0;
        for (int i = 0; i < Steps; i++)
        {
            double k = (i + 0.5) / (2 * Steps);
            sum += Disc(k, radius) * Bessel(0, 2 * Math.PI * k * distance) * 2 * Math.PI * k / (2 * Steps);
        }

        return sum;
    }

    private static double Disc(double k, double radius) => k < 1e-9 ? Math.PI * radius * radius : radius * Bessel(1, 2 * Math.PI * radius * k) / k;

    // J_n(x) = 1/π ∫ cos(n t − x sin t) dt from 0 to π; the rule's error falls faster than any power.
    private static double Bessel(int order, double x)
    {
        const int Steps = 120;
        double sum = 0;
        for (int i = 0; i < Steps; i++)
        {
            double t = Math.PI * (i + 0.5) / Steps;
            sum += Math.Cos((order * t) - (x * Math.Sin(t)));
        }

        return sum / Steps;
    }
}
