using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Mri;

/// <summary>The transform at any frequencies against its sum, and its laws.</summary>
[LeavesNoTensors]
public sealed class NufftTests(ITestOutputHelper output)
{
    /// <summary>Even, odd, not square, tiny, and sizes whose grid is exactly twice the image.</summary>
    public static TheoryData<int, int> Sizes => new() { { 24, 24 }, { 23, 30 }, { 32, 17 }, { 1, 5 }, { 3, 2 }, { 46, 45 } };

    [Theory, MemberData(nameof(Sizes))]
    public void Samples_are_those_of_the_direct_sum(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[,] trajectory = Anywhere(rows, columns, 500, 1);
        using var nufft = new Nufft(rows, columns, trajectory, torch.CPU);
        Tensor x = Random([2, rows, columns], 2);
        Near(DirectSum(x, trajectory), nufft.Forward(x), 1e-6);
    }

    [Fact]
    public void Every_single_frequency_is_right_and_so_are_the_edges()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        // An image of one pixel in a corner, where the correction for the kernel is the largest.
        Tensor x = torch.zeros([1, 20, 15], ScalarType.ComplexFloat32);
        x.narrow(1, 0, 1).narrow(2, 0, 1).fill_(1);
        double[,] trajectory = { { -10, -7.5 }, { 10, 7.5 }, { 10, -7.5 }, { 0, 0 }, { 9.99, 0.01 }, { -0.5, 3.25 } };
        using var nufft = new Nufft(20, 15, trajectory, torch.CPU);
        Tensor error = (nufft.Forward(x) - DirectSum(x, trajectory).to(ScalarType.ComplexFloat32)).abs() * Math.Sqrt(20 * 15);
        Assert.InRange(error.max().ToDouble(), 0, 5e-6);
    }

    [Theory, MemberData(nameof(Sizes))]
    public void The_adjoint_is_the_transpose(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var nufft = new Nufft(rows, columns, Anywhere(rows, columns, 400, 3), torch.CPU);
        Tensor x = Random([3, rows, columns], 4), y = Random([3, 400], 5), ax = nufft.Forward(x), ay = nufft.Adjoint(y);
        Tensor difference = Inner(ax, y) - Inner(x, ay);
        Assert.InRange(difference.abs().ToDouble(), 0, 1e-6 * ax.abs().norm().ToDouble() * y.abs().norm().ToDouble());
    }

    [Theory]
    [InlineData(12, 10), InlineData(11, 14), InlineData(9, 7)]
    public void On_the_Cartesian_grid_it_is_the_centred_transform(int rows, int columns)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var nufft = new Nufft(rows, columns, Grid(rows, columns), torch.CPU);
        Tensor x = Random([2, rows, columns], 6), k = Fourier.Centred(x);
        Near(k.reshape(2, -1), nufft.Forward(x), 1e-6);
        Near(x, nufft.Adjoint(k.reshape(2, -1)), 1e-6);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void The_Toeplitz_product_is_forward_and_adjoint(bool weighted)
    {
        foreach ((int rows, int columns) in ((int, int)[])[(24, 24), (23, 30), (17, 20), (3, 2), (1, 5)])
        {
            using DisposeScope inner = torch.NewDisposeScope();
            double[,] trajectory = Trajectories.GoldenRadial(rows, columns, 20, 48);
            using var nufft = new Nufft(rows, columns, trajectory, torch.CPU);
            Tensor? weights = weighted ? DensityCompensation.Weights(rows, columns, trajectory, torch.CPU) : null;
            using var normal = new ToeplitzNormal(rows, columns, trajectory, weights, torch.CPU);
            Tensor x = Random([2, 3, rows, columns], 7);
            Near(nufft.Adjoint(nufft.Forward(x), weights), normal.Apply(x), 3e-6);
        }
    }

    [Fact]
    public void At_the_size_of_a_scan_it_is_as_near()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        const int Rows = 230, Columns = 180;
        double[,] whole = Trajectories.GoldenRadial(Rows, Columns, 64, 460), some = new double[64 * 46, 2];
        for (int j = 0; j < some.GetLength(0); j++) (some[j, 0], some[j, 1]) = (whole[10 * j, 0], whole[10 * j, 1]);
        using var nufft = new Nufft(Rows, Columns, whole, torch.CPU);
        using var normal = new ToeplitzNormal(Rows, Columns, whole, null, torch.CPU);
        // An object without a phase, nearly all of whose energy lies around frequency 0, and noise, whose energy lies everywhere.
        Tensor block = torch.zeros([1, Rows, Columns], ScalarType.ComplexFloat32), noise = Random([1, Rows, Columns], 11);
        block.narrow(1, 60, 120).narrow(2, 30, 110).fill_(1);
        foreach (Tensor x in (Tensor[])[block, noise])
        {
            Tensor y = nufft.Forward(x), sampled = y.slice(1, 0, long.MaxValue, 10), exact = DirectSum(x, some), both = nufft.Adjoint(y), at = normal.Apply(x);
            double adjoint = (Inner(y, y) - Inner(x, both)).abs().ToDouble() / Inner(y, y).abs().ToDouble();
            output.WriteLine($"forward {Distance(exact, sampled):E1}, adjoint {adjoint:E1}, Toeplitz {Distance(both, at):E1}");
            Assert.InRange(Distance(exact, sampled), 0, 2e-6);
            Assert.InRange(adjoint, 0, 1e-6);
            Assert.InRange(Distance(both, at), 0, 1e-5);
        }
    }

    [Fact]
    public void Leading_dimensions_are_a_batch_and_items_do_not_touch_each_other()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var nufft = new Nufft(16, 18, Anywhere(16, 18, 100, 8), torch.CPU);
        Tensor x = Random([2, 3, 16, 18], 9), y = nufft.Forward(x), back = nufft.Adjoint(y);
        Assert.Equal([2, 3, 100], y.shape);
        Assert.Equal([2, 3, 16, 18], back.shape);
        Near(nufft.Forward(x.select(0, 1).select(0, 2)), y.select(0, 1).select(0, 2), 1e-6);
        Near(nufft.Adjoint(y.select(0, 1).select(0, 2)), back.select(0, 1).select(0, 2), 1e-6);
        // A lazily conjugated and a strided tensor are what they show.
        Near(nufft.Forward(x.clone()), nufft.Forward(x.conj().resolve_conj().conj()), 1e-7);
        Near(nufft.Adjoint(y.conj().resolve_conj()), nufft.Adjoint(y.conj()), 1e-7);
        Near(nufft.Forward(x.transpose(0, 1).contiguous()), nufft.Forward(x.transpose(0, 1)), 1e-7);
    }

    [Fact]
    public void The_same_input_gives_the_same_bits()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[,] trajectory = Trajectories.Spiral(40, 36, 4, 300, 6);
        Tensor x = Random([2, 40, 36], 10);
        float[][] runs = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using DisposeScope inner = torch.NewDisposeScope();
            using var nufft = new Nufft(40, 36, trajectory, torch.CPU);
            Tensor weights = DensityCompensation.Weights(40, 36, trajectory, torch.CPU), y = nufft.Forward(x);
            using var normal = new ToeplitzNormal(40, 36, trajectory, weights, torch.CPU);
            return (float[])[.. weights.ToFloats(), .. y.ToFloats(), .. nufft.Adjoint(y, weights).ToFloats(), .. normal.Apply(x).ToFloats()];
        })];
        Assert.Equal(runs[0], runs[1]);
    }

    [Theory]
    [InlineData(8, 8, new[] { 0.0, 4.01 }, "outside [-4, 4]")]
    [InlineData(8, 8, new[] { 0.0, 0, -1e6, 0 }, "Sample 1")]
    [InlineData(9, 8, new[] { double.NaN, 0 }, "NaN")]
    [InlineData(9, 8, new[] { double.PositiveInfinity, 0 }, "Infinity")]
    [InlineData(9, 8, new double[0], "0 samples")]
    [InlineData(0, 8, new[] { 0.0, 0 }, "0 x 8")]
    [InlineData(1, 8193, new[] { 0.0, 0 }, "1 x 8193")]
    public void What_cannot_be_planned_is_refused(int rows, int columns, double[] frequencies, string text)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var trajectory = new double[frequencies.Length / 2, 2];
        for (int i = 0; i < frequencies.Length; i++) trajectory[i / 2, i % 2] = frequencies[i];
        Assert.Contains(text, Assert.Throws<ArgumentException>(() => Nufft.Check(rows, columns, trajectory)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Nufft(rows, columns, trajectory, torch.CPU));
        Assert.Throws<ArgumentException>(() => new ToeplitzNormal(rows, columns, trajectory, null, torch.CPU));
    }

    [Fact]
    public void Tensors_of_other_shapes_and_types_are_refused()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[,] trajectory = Trajectories.Radial(8, 9, 3, 10);
        using var nufft = new Nufft(8, 9, trajectory, torch.CPU);
        using var normal = new ToeplitzNormal(8, 9, trajectory, null, torch.CPU);
        Assert.Throws<ArgumentException>(() => nufft.Forward(Random([1, 9, 8], 1)));
        Assert.Throws<ArgumentException>(() => nufft.Forward(torch.zeros([1, 8, 9])));
        Assert.Throws<ArgumentException>(() => nufft.Adjoint(Random([1, 31], 1)));
        Assert.Throws<ArgumentException>(() => normal.Apply(Random([9], 1)));
    }

    /// <summary>Frequencies drawn evenly from the whole band.</summary>
    internal static double[,] Anywhere(int rows, int columns, int samples, int seed)
    {
        var random = new Random(seed);
        var trajectory = new double[samples, 2];
        for (int j = 0; j < samples; j++) (trajectory[j, 0], trajectory[j, 1]) = ((random.NextDouble() - 0.5) * rows, (random.NextDouble() - 0.5) * columns);
        return trajectory;
    }

    /// <summary>The frequencies of the centred transform, row by row.</summary>
    internal static double[,] Grid(int rows, int columns)
    {
        var grid = new double[rows * columns, 2];
        for (int j = 0; j < rows * columns; j++) (grid[j, 0], grid[j, 1]) = ((j / columns) - (rows / 2), (j % columns) - (columns / 2));
        return grid;
    }

    /// <summary>Standard normal complex numbers.</summary>
    internal static Tensor Random(long[] shape, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.complex(torch.randn(shape, generator), torch.randn(shape, generator));
    }

    /// <summary>The norm of the difference over that of what is expected.</summary>
    internal static double Distance(Tensor expected, Tensor actual) =>
        (expected.to(ScalarType.ComplexFloat64) - actual.to(ScalarType.ComplexFloat64)).abs().norm().ToDouble() / expected.abs().norm().ToDouble();

    internal static void Near(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.InRange(Distance(expected, actual), 0, tolerance);
    }

    // The sum of the definition, in double precision: one matrix of exponentials for each dimension.
    private static Tensor DirectSum(Tensor x, double[,] trajectory)
    {
        long rows = x.size(1), columns = x.size(2);
        Tensor a = Exponentials(trajectory, 0, rows), b = Exponentials(trajectory, 1, columns);
        return (a.Matmul(x.to(ScalarType.ComplexFloat64)) * b).sum([2]) / Math.Sqrt(rows * columns);
    }

    // (samples, size)
    private static Tensor Exponentials(double[,] trajectory, int dimension, long size)
    {
        double[] frequencies = [.. Enumerable.Range(0, trajectory.GetLength(0)).Select(j => trajectory[j, dimension])];
        double[] places = [.. Enumerable.Range(0, (int)size).Select(r => -2 * Math.PI * (r - (size / 2)) / size)];
        Tensor angle = torch.outer(torch.copy_of(frequencies), torch.copy_of(places));
        return torch.complex(angle.cos(), angle.sin());
    }

    private static Tensor Inner(Tensor a, Tensor b) => (a.to(ScalarType.ComplexFloat64) * b.conj().resolve_conj().to(ScalarType.ComplexFloat64)).sum();
}
