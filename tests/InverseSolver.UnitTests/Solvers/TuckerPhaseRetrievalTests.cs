using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Operators;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Sequences of 8 frames of 32x32 that have ranks (5, 5, 3), behind few masks.</summary>
[LeavesNoTensors]
public sealed class TuckerPhaseRetrievalTests
{
    private const int Side = 32, Frames = 8;
    private static readonly TuckerPhaseRetrievalParameters True = new() { RowRank = 5, ColumnRank = 5, FrameRank = 3, Rounds = 60 };

    /// <remarks>
    /// With noise 2.6e-2 was measured, which is what theory allows: 360 free parameters, of which a magnitude sees half, √(2 · 360 σ² / 4) / ‖x‖.
    /// </remarks>
    [Theory]
    [InlineData(4, 0, 1e-3)]
    [InlineData(4, 0.02, 0.03)]
    [InlineData(2, 0, 1e-2)]
    public void A_sequence_of_low_rank_is_recovered_where_spectral_starts_are_not(int masks, double sigma, double most)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using var a = new CodedDiffractionOperator(1, Side, Side, masks, 3, torch.CPU);
        Tensor truth = Sequence(), y = a.Measure(truth, OperatorList.Measurement(a, Frames, 4) * sigma);
        var solver = new TuckerPhaseRetrieval(new SolverInput(model, a, y, sigma), True);
        double start = Toy.Error(solver.SpectralStart(), truth);
        using SolverState state = solver.Start(1);
        double end = Toy.Error(solver.Run(state), truth);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{masks} masks, noise {sigma}: error {end:e2}, spectral start {start:f3}; "
            + $"norm {truth.norm().ToDouble():f2}");
        Assert.True(end < most && start > 0.2, $"{masks} masks, noise {sigma}: error {end:e2}, spectral start {start:f3}");
    }

    [Fact]
    public void More_frames_than_one_help_where_the_masks_are_too_few_for_one()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using var a = new CodedDiffractionOperator(1, Side, Side, 2, 3, torch.CPU);
        Tensor truth = Sequence(), y = a.Measure(truth, OperatorList.Measurement(a, Frames, 4) * 0.05);
        double together = Toy.Error(Solve(y), truth);
        double alone = Toy.Error(torch.cat([.. Enumerable.Range(0, Frames).Select(k => Solve(y.narrow(0, k, 1)))]), truth);
        TestContext.Current.TestOutputHelper?.WriteLine($"together {together:e2}, alone {alone:e2}");
        Assert.True(together < alone, $"together {together:e2}, alone {alone:e2}");

        Tensor Solve(Tensor measured)
        {
            var solver = new TuckerPhaseRetrieval(new SolverInput(model, a, measured, 0.05), True);
            using SolverState state = solver.Start(1);
            return solver.Run(state).clone();
        }
    }

    [Fact]
    public void Any_other_problem_is_refused_by_name()
    {
        using GaussianModel model = Toy.Gaussian();
        Assert.All(
            new Problem[] { new Denoising(), new PhaseRetrieval(), new CartesianMri(new EquispacedKSpaceMask(2, 0.2)) },
            problem => Assert.Contains("coded diffraction", True.Refusal(problem, model.Info)));
        Assert.Null(True.Refusal(new CodedDiffraction(), model.Info));
    }

    // Non-negative, (frames, 1, side, side), at most 1.
    private static Tensor Sequence()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor core = Uniform([3, 5, 5], 1).pow(4), rows = Uniform([Side, 5], 2).pow(4),
            columns = Uniform([Side, 5], 3).pow(4), frames = Uniform([Frames, 3], 4);
        Tensor x = torch.einsum("cab,ha,wb,kc->khw", core, rows, columns, frames).unsqueeze(1);
        return (x / x.max()).MoveToOuterDisposeScope();
    }

    private static Tensor Uniform(long[] shape, long seed)
    {
        using var generator = new Generator((ulong)seed);
        return torch.rand(shape, generator);
    }
}
