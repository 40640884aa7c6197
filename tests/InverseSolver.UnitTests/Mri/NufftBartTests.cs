using InverseSolver.Reconstruction.Mri;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>
/// The same transform by BART: its sum (nufft -s), which has no factor 1/√pixels and counts from the point n/2, between two pixels where n is odd,
/// and its gridding (nufft -P; without -P it drops what the kernel would take from beyond the edge), which has the factor and no use for odd sizes.
/// </summary>
[LeavesNoTensors]
public sealed class NufftBartTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(24, 24), InlineData(30, 22), InlineData(23, 17), InlineData(24, 31)]
    public void Samples_are_those_of_the_sum_of_BART(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        double[,] trajectory = NufftTests.Anywhere(rows, columns, 300, 1);
        using var nufft = new Nufft(rows, columns, trajectory, torch.CPU);
        Tensor x = NufftTests.Random([1, rows, columns], 2);
        WriteTrajectory(bart, trajectory);
        bart.Write("image", x.squeeze(0));
        bart.Run("nufft", "-s", "@trajectory", "@image", "@sum");
        Tensor sum = bart.Read("sum", 2) / Math.Sqrt(rows * columns);
        NufftTests.Near(sum, nufft.Forward(x) * HalfPixels(rows, columns, trajectory), 1e-5);
    }

    [Theory]
    [InlineData(24, 24), InlineData(23, 30)]
    public void The_adjoint_is_that_of_the_sum_of_BART(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        double[,] trajectory = NufftTests.Anywhere(rows, columns, 300, 3);
        using var nufft = new Nufft(rows, columns, trajectory, torch.CPU);
        Tensor y = NufftTests.Random([1, 300], 4);
        WriteTrajectory(bart, trajectory);
        bart.Write("samples", y);
        bart.Run("nufft", "-s", "-a", "-d", $"{rows}:{columns}:1", "@trajectory", "@samples", "@sum");
        Tensor sum = bart.Read("sum", 2).unsqueeze(0) / Math.Sqrt(rows * columns);
        NufftTests.Near(sum, nufft.Adjoint(y * HalfPixels(rows, columns, trajectory).conj()), 1e-5);
    }

    [Theory]
    [InlineData(24, 24), InlineData(30, 22)]
    public void Samples_are_those_of_the_gridding_of_BART_but_for_what_it_misses(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var bart = new BartProgram();
        double[,] trajectory = NufftTests.Anywhere(rows, columns, 300, 5);
        using var nufft = new Nufft(rows, columns, trajectory, torch.CPU);
        Tensor x = NufftTests.Random([1, rows, columns], 6);
        WriteTrajectory(bart, trajectory);
        bart.Write("image", x.squeeze(0));
        bart.Run("nufft", "-s", "@trajectory", "@image", "@sum");
        bart.Run("nufft", "-P", "@trajectory", "@image", "@gridded");
        Tensor sum = bart.Read("sum", 2) / Math.Sqrt(rows * columns), gridded = bart.Read("gridded", 2);
        double missed = NufftTests.Distance(sum, gridded), apart = NufftTests.Distance(gridded, nufft.Forward(x));
        output.WriteLine($"BART's gridding is {missed:E2} from its sum and {apart:E2} from ours");
        // 1.3e-3 with BART 0.8, nearly all of it one factor.
        Assert.InRange(missed, 0, 2e-3);
        Assert.InRange(apart, 0, missed + 1e-5);
    }

    // What a shift of odd sizes by half a pixel does to each sample.
    private static Tensor HalfPixels(int rows, int columns, double[,] trajectory)
    {
        double[] angles = [.. Enumerable.Range(0, trajectory.GetLength(0)).Select(j =>
            Math.PI * ((rows % 2 * trajectory[j, 0] / rows) + (columns % 2 * trajectory[j, 1] / columns)))];
        Tensor angle = torch.copy_of(angles).to(ScalarType.Float32);
        return torch.complex(angle.cos(), angle.sin());
    }

    // (3, samples), in cycles per field of view, the first dimension of the image first.
    private static void WriteTrajectory(BartProgram bart, double[,] trajectory)
    {
        long samples = trajectory.GetLength(0);
        var values = new double[3 * samples];
        for (long j = 0; j < samples; j++) (values[j], values[samples + j]) = (trajectory[j, 0], trajectory[j, 1]);
        Tensor real = torch.copy_of(values, 3, samples).to(ScalarType.Float32);
        bart.Write("trajectory", torch.complex(real, torch.zeros_like(real)));
    }
}
