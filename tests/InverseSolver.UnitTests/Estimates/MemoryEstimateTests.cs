using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Estimates;

/// <summary>The memory of jobs, beside peaks of runs that were measured with <c>inverse solve</c> and <c>inverse bench solvers</c>.</summary>
public class MemoryEstimateTests
{
    private const double Gibibyte = 1L << 30;

    private static readonly ModelInfo Info = ModelPackage.ReadInfo(Path.Combine(Repository.Root, "models", "brain-mri-128"));

    [Fact]
    public void A_sequence_of_many_frames_of_few_coils_is_seen_to_take_gigabytes()
    {
        // Of 850 KiB as .npz; measured: 8.5 GiB.
        MemoryEstimate estimate = Of(new ParallelMri(), new ArrayData([256, 4, 256, 256], KSpace(256, 4, 256), true), "adjoint", "fast");
        Assert.InRange(estimate.LeastBytes / Gibibyte, 8.4, 17);
    }

    [Fact]
    public void A_long_trajectory_is_seen_to_take_gigabytes()
    {
        const int Samples = 1_500_000;
        float[] path = [.. Enumerable.Range(0, 2 * Samples).Select(i => (i % 61) - 30f)];
        var problem = new ParallelMri(Rows: 64, Columns: 64);
        var files = new Dictionary<string, ArrayData> { ["trajectory"] = new([Samples, 2], path) };
        MemoryEstimate estimate = Of(problem, new ArrayData([1, Samples], [.. Enumerable.Repeat(1f, 2 * Samples)], true), "adjoint", "fast", files);
        Assert.InRange(estimate.LeastBytes / Gibibyte, 3, 9);
    }

    [Theory]
    [InlineData("reSample", "fast", 128, 95)]
    [InlineData("reSample", "balanced", 128, 315)]
    [InlineData("reSample", "fast", 256, 548)]
    [InlineData("redDiff", "fast", 128, 135)]
    [InlineData("redDiff", "fast", 256, 644)]
    [InlineData("latentDps", "balanced", 128, 429)]
    [InlineData("psld", "fast", 256, 1683)]
    [InlineData("psld", "balanced", 128, 688)]
    public void The_presets_take_what_was_measured_and_not_twice_of_it(string solver, string preset, int side, double measuredMebibytes)
    {
        MemoryEstimate estimate = MemoryEstimate.Of(RunEstimateTests.Valid(SolverCatalog.Resolve(solver, preset, null), side), Info);
        Assert.InRange(estimate.Bytes / (1 << 20) / measuredMebibytes, 0.9, 2);
        Assert.True(estimate.LeastBytes <= estimate.Bytes);
    }

    [Fact]
    public void Matrices_of_a_projection_count()
    {
        CheckedReconstruction Ct(int angles) =>
            RunEstimateTests.Valid(SolverCatalog.Resolve("leastSquares", "fast", null), 128, problem: new ComputedTomography(angles));
        long few = MemoryEstimate.Of(Ct(20), Info).Bytes, many = MemoryEstimate.Of(Ct(180), Info).Bytes;
        Assert.InRange((many - few) / (128.0 * 128 * 160), 64, 300);
    }

    private static float[] KSpace(int frames, int coils, int side)
    {
        var values = new float[2L * frames * coils * side * side];
        int plane = 2 * side * side, centre = side / 2;
        for (int i = 0; i < frames * coils; i++)
        {
            for (int row = centre - 12; row < centre + 12; row++) values.AsSpan((i * plane) + (2 * ((row * side) + centre - 12)), 48).Fill(1 + (i % coils));
        }

        return values;
    }

    private static MemoryEstimate Of(
        Problem problem, ArrayData measurement, string solver, string preset, IReadOnlyDictionary<string, ArrayData>? files = null) =>
        MemoryEstimate.Of(
            Reconstructor.Check(Info, new ReconstructionRequest
            {
                Problem = problem,
                Measurement = measurement,
                Files = files ?? new Dictionary<string, ArrayData>(),
                Sigma = 0.01,
                Solver = SolverCatalog.Resolve(solver, preset, null),
                Seed = 1,
            }),
            Info);
}
