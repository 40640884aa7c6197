using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using Xunit;
using static InverseSolver.UnitTests.Mri.SenseScans;

namespace InverseSolver.UnitTests.Mri;

/// <summary>What multi-coil MRI has beside the laws of all operators.</summary>
[LeavesNoTensors]
public sealed class SenseOperatorTests
{
    private static readonly Dictionary<string, Func<SenseOperator>> All = new()
    {
        ["lines"] = () => Cartesian(12, 10, Lines(12, 10)),
        ["lines, odd, two sets"] = () => Cartesian(9, 11, Lines(9, 11), sets: 2),
        ["points"] = () => Cartesian(9, 10, Positions(9, 10)),
        ["points, odd, two sets"] = () => Cartesian(11, 7, Positions(11, 7), sets: 2),
        ["spokes"] = () => Radial(10, 12),
        ["spokes, odd, two sets"] = () => Radial(11, 9, sets: 2),
    };

    public static TheoryData<string> Names => [.. All.Keys];

    [Theory, MemberData(nameof(Names))]
    public void The_normal_operator_is_the_adjoint_of_what_apply_gives(string name)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = All[name]();
        Tensor u = Complex(1, 2, op.Sets, op.Domain[1], op.Domain[2]);
        double error = Error(op.NormalComplex(u), op.AdjointComplex(op.ApplyComplex(u), op.Sets));
        Assert.True(error <= (name.StartsWith("spokes", StringComparison.Ordinal) ? 1e-4 : 1e-5), $"{error:e2}");
    }

    /// <remarks>Σ_r S(r) x(r) exp(−2πi f·(r − n/2) / n) / √(rows columns), the sum written out.</remarks>
    [Theory, InlineData("lines, odd, two sets"), InlineData("points"), InlineData("spokes"), InlineData("spokes, odd, two sets")]
    public void It_measures_the_sum_that_its_documentation_states(string name)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = All[name]();
        (long rows, long columns) = (op.Domain[1], op.Domain[2]);
        Tensor u = Complex(1, 1, op.Sets, rows, columns), coils = (op.Maps * u.unsqueeze(2)).sum([1]).to(ScalarType.ComplexFloat64);
        double[,] frequencies = name.StartsWith("spokes", StringComparison.Ordinal) ? Trajectories.GoldenRadial(rows, columns, 11, 16) : Grid(rows, columns);
        Tensor phases = Axis(frequencies, 0, rows).unsqueeze(2) + Axis(frequencies, 1, columns).unsqueeze(1);
        Tensor waves = torch.polar(torch.full([1], 1 / Math.Sqrt(rows * columns), ScalarType.Float64), phases);
        Tensor expected = torch.einsum("nij,cij->cn", waves, coils.squeeze(0)).reshape([1, .. op.Range]);
        Tensor actual = op.ApplyComplex(u);
        if (op.Sampling is CartesianSampling) expected = op.Measured(expected.to(ScalarType.ComplexFloat32));
        double error = Error(actual, expected);
        Assert.True(error <= 1e-5, $"{error:e2}");

        // −2π f (r − n/2) / n, (frequencies, n).
        static Tensor Axis(double[,] frequencies, int axis, long size)
        {
            double[] values =
            [
                .. from f in Enumerable.Range(0, frequencies.GetLength(0)) from r in Enumerable.Range(0, (int)size)
                    select -2 * Math.PI * frequencies[f, axis] * (r - size / 2) / size,
            ];
            return torch.copy_of(values, frequencies.GetLength(0), size);
        }
    }

    /// <remarks>Positions of the grid are a trajectory as well.</remarks>
    [Fact]
    public void Along_positions_of_the_grid_it_measures_what_the_mask_does()
    {
        using var scope = torch.NewDisposeScope();
        bool[] mask = Positions(9, 10);
        double[,] grid = Grid(9, 10);
        int[] used = [.. Enumerable.Range(0, mask.Length).Where(i => mask[i])];
        var trajectory = new double[used.Length, 2];
        for (int i = 0; i < used.Length; i++) (trajectory[i, 0], trajectory[i, 1]) = (grid[used[i], 0], grid[used[i], 1]);
        using SenseOperator masked = Cartesian(9, 10, mask);
        using var free = new SenseOperator(new TrajectorySampling(9, 10, trajectory, torch.CPU), masked.Maps, null, owns: true);
        Tensor u = Complex(1, 2, 1, 9, 10);
        Tensor index = torch.copy_of([.. used.Select(i => (long)i)], used.Length);
        Assert.True(Error(free.ApplyComplex(u), masked.ApplyComplex(u).reshape(2, 3, 90).index_select(2, index)) < 1e-5);
        Assert.True(Error(free.NormalComplex(u), masked.NormalComplex(u)) < 1e-4);
        Assert.True(Error(free.CirculantEigenvalues(), masked.CirculantEigenvalues()) < 1e-5);
    }

    [Theory, InlineData(false, 1), InlineData(true, 1), InlineData(false, 2), InlineData(true, 2)]
    public void A_frame_of_a_volume_is_measured_with_its_own_maps_and_phase(bool phase, long sets)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Cartesian(9, 10, Positions(9, 10), sets: sets, phase: phase, frames: 3);
        Tensor x = Operators.OperatorList.Image(op, 3, 1), y = Operators.OperatorList.Measurement(op, 3, 2);
        (Tensor ax, Tensor back, Tensor prox, Tensor normal, Tensor values) =
            (op.Apply(x), op.Adjoint(y), op.Prox(x, y, 0.1), op.Normal(x), op.CirculantEigenvalues());
        for (int i = 0; i < 3; i++)
        {
            using SenseOperator one = op.Frames(i);
            Tensor xi = x.narrow(0, i, 1), yi = y.narrow(0, i, 1);
            Assert.True(Error(one.Apply(xi), ax.narrow(0, i, 1)) < 1e-6);
            Assert.True(Error(one.Adjoint(yi), back.narrow(0, i, 1)) < 1e-6);
            Assert.True(Error(one.Normal(xi), normal.narrow(0, i, 1)) < 1e-6);
            Assert.True(Error(one.Prox(xi, yi, 0.1), prox.narrow(0, i, 1)) < 1e-5);
            Assert.True(Error(one.CirculantEigenvalues(), values.narrow(0, i, 1)) < 1e-6);
            using SenseOperator next = op.Frames((i + 1) % 3);
            Assert.True(Error(next.Apply(xi), ax.narrow(0, i, 1)) > 0.1);
        }

        using SenseOperator turned = op.Frames(2, 0);
        Tensor swapped = torch.cat([x.narrow(0, 2, 1), x.narrow(0, 0, 1)]);
        Assert.True(Error(turned.Apply(swapped), torch.cat([ax.narrow(0, 2, 1), ax.narrow(0, 0, 1)])) < 1e-6);
    }

    [Theory, InlineData("lines"), InlineData("points"), InlineData("lines, odd, two sets")]
    public void The_circulant_s_eigenvalues_are_the_diagonal_in_the_frequency_domain(string name)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = All[name]();
        (long rows, long columns) = (op.Domain[1], op.Domain[2]);
        long pixels = rows * columns;
        // Column k of Fᴴ, and the first set's AᴴA of it.
        Tensor waves = torch.fft.ifft2(torch.eye(pixels).to(ScalarType.ComplexFloat32).reshape(pixels, 1, rows, columns), norm: FFTNormType.Ortho);
        using var first = new SenseOperator(op.Sampling, op.Maps.narrow(1, 0, 1), null, owns: false);
        Tensor diagonal = (waves.conj() * first.NormalComplex(waves)).real.sum([1, 2, 3]);
        double error = Error(op.CirculantEigenvalues().reshape(-1), diagonal);
        Assert.True(error < 1e-5, $"{error:e2}");
    }

    [Fact]
    public void With_a_phase_the_image_is_the_one_set_s_and_real()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Cartesian(9, 10, Positions(9, 10), sets: 2, phase: true), free = op.WithoutPhase();
        Tensor x = Operators.OperatorList.Image(op, 2, 1), turned = x * op.Phase!.unsqueeze(1);
        Tensor channels = torch.cat([turned.real, torch.view_as_real(turned).select(-1, 1), torch.zeros([2, 2, 9, 10])], 1);
        Assert.Equal([4L, 9, 10], free.Domain);
        Assert.True(Error(free.Apply(channels), op.Apply(x)) < 1e-6);
        Assert.True(Error(free.FromComplex(free.ToComplex(channels)), channels) < 1e-7);
    }

    // Of (rows, columns) row-major, in cycles per field of view.
    private static double[,] Grid(long rows, long columns)
    {
        var grid = new double[rows * columns, 2];
        for (long i = 0; i < rows * columns; i++) (grid[i, 0], grid[i, 1]) = (i / columns - rows / 2, i % columns - columns / 2);
        return grid;
    }
}
