using InverseSolver.Solvers.Mri;
using InverseSolver.Torch;
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
        double[,] spirals = Trajectories.Spiral(100, 100, 2, Samples, Turns);
        Assert.Equal([0.0, 0, 0, 0], [spirals[0, 0], spirals[0, 1], spirals[Samples, 0], spirals[Samples, 1]]);
        double Radius(int j) => Math.Sqrt((spirals[j, 0] * spirals[j, 0]) + (spirals[j, 1] * spirals[j, 1]));
        // After a quarter of the way half the turns, and half the radius.
        Assert.Equal(25, Radius(Samples / 4), 9);
        Assert.Equal(25, spirals[Samples / 4, 0], 9);
        Assert.Equal(-25, spirals[Samples + (Samples / 4), 0], 9);
        double Step(int j) => Math.Sqrt(Math.Pow(spirals[j + 1, 0] - spirals[j, 0], 2) + Math.Pow(spirals[j + 1, 1] - spirals[j, 1], 2));
        Assert.Equal(Step(1000), Step(3900), 2e-3 * Step(1000));
    }

    [Theory]
    [InlineData(16, 16), InlineData(15, 18)]
    public void On_the_Cartesian_grid_every_weight_is_1(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var nufft = new Nufft(rows, columns, NufftTests.Grid(rows, columns), torch.CPU);
        Assert.All(nufft.DensityWeights().ToFloats(), w => Assert.Equal(1, w, 5e-3f));
    }

    [Fact]
    public void Samples_that_were_taken_twice_share_their_weight()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[,] once = NufftTests.Grid(12, 12), twice = new double[288, 2];
        for (int j = 0; j < 288; j++) (twice[j, 0], twice[j, 1]) = (once[j % 144, 0], once[j % 144, 1]);
        using var nufft = new Nufft(12, 12, twice, torch.CPU);
        Assert.All(nufft.DensityWeights().ToFloats(), w => Assert.Equal(0.5, w, 5e-3f));
    }

    [Fact]
    public void Of_a_full_radial_scan_weights_grow_as_the_ramp()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        const int N = 64, Spokes = 128, PerSpoke = 128;
        using var nufft = new Nufft(N, N, Trajectories.Radial(N, N, Spokes, PerSpoke), torch.CPU);
        float[] weights = nufft.DensityWeights().ToFloats();
        for (int s = 68; s < 120; s++)
        {
            double radius = (s - 64.0) / 2, area = Math.PI * radius / Spokes * 0.5;
            Assert.InRange(weights[s] / area, 0.85, 1.15);
        }
    }

    /// <summary>Gridding a disc's own spectrum, which no program made: ρ J₁(2πρ|k|/n)/|k|, by Bessel's integral.</summary>
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
            _ => Trajectories.Spiral(N, N, 16, 2 * N * 6, 6),
        };
        using var nufft = new Nufft(N, N, trajectory, torch.CPU);
        double[] spectrum = [.. Enumerable.Range(0, trajectory.GetLength(0)).Select(j => Disc(Math.Sqrt(Math.Pow(trajectory[j, 0], 2) + Math.Pow(trajectory[j, 1], 2)) / N, Radius) / N)];
        Tensor real = torch.tensor(spectrum).to(ScalarType.Float32), y = torch.complex(real, torch.zeros_like(real));
        float[] image = nufft.Adjoint(y, nufft.DensityWeights()).real.ToFloats();
        double error = 0, power = 0, inside = 0, outside = 0;
        for (int i = 0; i < N * N; i++)
        {
            double distance = Math.Sqrt(Math.Pow((i / N) - (N / 2), 2) + Math.Pow((i % N) - (N / 2), 2)), disc = distance < Radius ? 1 : 0;
            if (distance > N / 2.0) continue;
            error += Math.Pow(image[i] - disc, 2);
            power += disc;
            // Away from the edge, where the band's end rings.
            if (distance < Radius - 6) inside = Math.Max(inside, Math.Abs(image[i] - 1));
            if (distance > Radius + 6) outside = Math.Max(outside, Math.Abs(image[i]));
        }

        output.WriteLine($"{kind}: {Math.Sqrt(error / power):F4} of the disc's norm, {inside:F4} inside, {outside:F4} outside");
        Assert.InRange(Math.Sqrt(error / power), 0, 0.1);
        Assert.InRange(inside, 0, 0.05);
        Assert.InRange(outside, 0, 0.05);
    }

    // ∫ over the disc of exp(−2πi k·r) at |k| = k cycles per pixel: ρ J₁(2πρk) / k, J₁(x) = 1/π ∫₀^π cos(t − x sin t) dt.
    private static double Disc(double k, double radius)
    {
        if (k < 1e-9) return Math.PI * radius * radius;
        double x = 2 * Math.PI * radius * k, sum = 0;
        const int Steps = 512;
        for (int i = 0; i < Steps; i++)
        {
            double t = Math.PI * (i + 0.5) / Steps;
            sum += Math.Cos(t - (x * Math.Sin(t)));
        }

        return radius * sum / Steps / k;
    }
}
