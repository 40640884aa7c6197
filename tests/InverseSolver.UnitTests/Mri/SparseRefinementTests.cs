using InverseSolver.Reconstruction.Mri;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.UnitTests.Operators;
using Xunit;
using static InverseSolver.UnitTests.Mri.SenseScans;

namespace InverseSolver.UnitTests.Mri;

/// <summary>The last step of multi-coil MRI.</summary>
[LeavesNoTensors]
public sealed class SparseRefinementTests(ITestOutputHelper output)
{
    private const int Rows = 32, Columns = 24;

    // As docs/decisions/0017 states them.
    private const double Power = 1.6, Epsilon = 0.02;

    /// <remarks>Over the shifts that its seed draws, the weighted objective's mean. Steps of one shift each end near its minimum, not at it.</remarks>
    [Theory, InlineData(0.02), InlineData(0.1)]
    public void It_ends_near_the_minimum_of_its_objective(double sigma)
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Scan();
        (Tensor truth, Tensor start, Tensor y) = Problem(op, sigma);
        Tensor x = SparseRefinement.Refine(op, start, y, sigma, 5, static () => { });
        double at = Objective(op, x, start, y, sigma), before = Objective(op, start, start, y, sigma);
        output.WriteLine(
            $"objective {before:f3} to {at:f3}, of the truth {Objective(op, truth, start, y, sigma):f3}; "
            + $"error {Error(start, truth):f4} to {Error(x, truth):f4}");
        Assert.True(at < before);
        double size = OperatorList.Norm(torch.view_as_real(x));
        foreach (double step in (double[])[0.01, 0.03, 0.1])
        {
            foreach (Tensor direction in (Tensor[])
                [
                    start - x, x - start, x, x * -1,
                    truth - x, x - truth, Complex(7, 1, 1, Rows, Columns), Complex(8, 1, 1, Rows, Columns),
                ])
            {
                Tensor moved = x + direction * (step * size / OperatorList.Norm(torch.view_as_real(direction)));
                double there = Objective(op, moved, start, y, sigma);
                Assert.True(there > at * (1 - 2e-3), $"{there:f4} at {step} is below {at:f4}");
            }
        }
    }

    [Fact]
    public void Without_noise_the_data_alone_decide()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator full = Cartesian(Rows, Columns, Full(Rows, Columns), coils: 4);
        (Tensor truth, _, Tensor y) = Problem(full, 0);
        // A wrong start, flat: it would shrink every edge.
        Tensor wrong = torch.complex(torch.full([1, 1, Rows, Columns], 0.3), torch.zeros([1, 1, Rows, Columns]));
        double before = double.MaxValue;
        foreach (double sigma in (double[])[0.05, 0.01, 1e-4])
        {
            double error = Error(SparseRefinement.Refine(full, wrong, y, sigma, 1, static () => { }), truth);
            output.WriteLine($"sigma {sigma}: {error:e2}");
            Assert.True(error < before);
            before = error;
        }

        Assert.True(before < 1e-3);
    }

    [Fact]
    public void Same_seed_gives_the_same_bits_and_another_one_nearly_the_same_image()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Scan();
        (_, Tensor start, Tensor y) = Problem(op, 0.05);
        Tensor one = SparseRefinement.Refine(op, start, y, 0.05, 5, static () => { }), again = SparseRefinement.Refine(op, start, y, 0.05, 5, static () => { });
        Tensor other = SparseRefinement.Refine(op, start, y, 0.05, 6, static () => { });
        Assert.Equal(one.ToFloats(), again.ToFloats());
        Assert.NotEqual(one.ToFloats(), other.ToFloats());
        Assert.True(Error(other, one) < 0.05);
    }

    [Fact]
    public void A_turned_measurement_gives_the_turned_image()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Scan();
        (_, Tensor start, Tensor y) = Problem(op, 0.05);
        Tensor turn = torch.polar(torch.ones([1]), torch.full([1], 1.1)), x = SparseRefinement.Refine(op, start, y, 0.05, 5, static () => { });
        double error = Error(SparseRefinement.Refine(op, start * turn, y * turn, 0.05, 5, static () => { }), x * turn);
        Assert.True(error < 1e-5, $"{error:e2}");
    }

    [Fact]
    public void It_asks_before_each_iteration_whether_to_go_on()
    {
        using var scope = torch.NewDisposeScope();
        using SenseOperator op = Scan();
        (_, Tensor start, Tensor y) = Problem(op, 0.05);
        int asked = 0;
        Assert.Throws<OperationCanceledException>(
            () => SparseRefinement.Refine(
                op, start, y, 0.05, 5,
                () => { if (++asked == 3) throw new OperationCanceledException(); }));
        Assert.Equal(3, asked);
    }

    private static SenseOperator Scan() => Cartesian(Rows, Columns, Lines(Rows, Columns), coils: 4);

    // An ellipse with a phase; the start is that with an error as wide as a few pixels.
    private static (Tensor Truth, Tensor Start, Tensor Y) Problem(SenseOperator op, double sigma)
    {
        Tensor angle = CoilSimulation.ObjectPhase(Rows, Columns, 3), inner = EspiritTests.Ellipse(Rows, Columns, 0.4, 0.3);
        Tensor truth = ((EspiritTests.Ellipse(Rows, Columns, 0.8, 0.7) - inner * 0.5) * torch.polar(torch.ones_like(angle), angle))
            .to(ScalarType.ComplexFloat32).reshape(1, 1, Rows, Columns);
        Tensor y = op.Measured(op.ApplyComplex(truth) + OperatorList.Measurement(op, 1, 2) * sigma);
        return (truth, truth + Complex(4, 1, 1, Rows, Columns) * 0.03, y);
    }

    // ½ ‖A x − y‖² + p σ² / ε Σ |W x| / (1 + |W start| / ε) over the details, the mean over eight shifts.
    private static double Objective(SenseOperator op, Tensor x, Tensor start, Tensor y, double sigma)
    {
        using var scope = torch.NewDisposeScope();
        using var wavelet = new OrthogonalWavelet(Rows, Columns, torch.CPU);
        var random = new SplitMix64(5);
        double penalty = 0;
        for (int i = 0; i < 8; i++)
        {
            long[] shift = [(long)random.Uniform(0, 16), (long)random.Uniform(0, 16)];
            penalty += (Sizes(x) / (Sizes(start) / Epsilon + 1) * wavelet.Details).sum().ToDouble() / 8;

            Tensor Sizes(Tensor image) =>
                (wavelet.Forward(image.real.roll(shift, (long[])[2, 3])).square()
                    + wavelet.Forward(torch.view_as_real(image).select(-1, 1).contiguous().roll(shift, (long[])[2, 3])).square()).sqrt();
        }

        double residual = OperatorList.Norm(torch.view_as_real(op.ApplyComplex(x) - y));
        return residual * residual / 2 + Power * sigma * sigma / Epsilon * penalty;
    }
}
