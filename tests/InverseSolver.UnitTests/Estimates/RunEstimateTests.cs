using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Estimates;

/// <summary>What is estimated of a run is what the run then does.</summary>
public class RunEstimateTests
{
    private static readonly ModelInfo Info = ModelPackage.ReadInfo(Path.Combine(Repository.Root, "models", "brain-mri-128"));

    /// <summary>Every solver with a network, and its presets; of ReSample's long ones the optimisers, which may stop early, are shortened.</summary>
    public static TheoryData<string, string> Presets
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (SolverDescription solver in SolverCatalog.All.Where(solver => !solver.IsBaseline))
            {
                foreach (string preset in solver.Presets.Keys) data.Add(solver.Type, preset);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Presets))]
    public void The_calls_of_a_preset_are_those_that_its_run_reports(string type, string preset)
    {
        SolverParameters parameters = SolverCatalog.Resolve(type, preset, null);
        if (parameters is ReSampleParameters { DataStep: DataStep.Paper } reSample)
        {
            parameters = reSample with { PixelIterations = 2, LatentIterations = 30, FinalLatentIterations = 20 };
        }

        CheckedReconstruction valid = Valid(parameters, 16);
        CostReport estimated = Estimate(valid).Cost, cost = Run(valid).Cost;
        Assert.Equal(cost with { Seconds = 0 }, estimated with { Seconds = 0 });
        Assert.True(cost.NetworkCalls + cost.NetworkGradients > 0);
    }

    [Fact]
    public void Calls_are_counted_for_each_batch_and_timed_by_its_images()
    {
        // 3 frames of 8 samples of 128 x 128 pixels: 16 of them fit into a batch.
        CheckedReconstruction valid = Valid(SolverCatalog.Resolve("diffPir", "balanced", null), 128, frames: 3);
        RunEstimate estimate = Estimate(valid);
        Assert.Equal(60, estimate.Cost.NetworkCalls);
        Assert.Equal([8, 16], estimate.Calls.Where(calls => calls.Kind == CallKind.Network).Select(calls => calls.Items).Order());
        Assert.All(estimate.Calls.Where(calls => calls.Kind == CallKind.Encoder), calls => Assert.Equal(29, calls.Count));
        Assert.Equal(Run(valid).Cost.NetworkCalls, estimate.Cost.NetworkCalls);

        // 24 images each time, at 0.5 s for one of them.
        CallTime[] known = [.. Enum.GetValues<CallKind>().Select(kind => new CallTime(kind, 1, 128, 128, kind == CallKind.Network ? 0.5 : 0, 1))];
        Assert.Equal(0.5 * 24 * 30, estimate.Seconds(new CallTimes(known))!.Value - estimate.DataSeconds - RunEstimate.Start, 1e-6);
        Assert.Null(estimate.Seconds(new CallTimes([])));
    }

    [Fact]
    public void Phase_retrieval_calls_the_model_beside_its_solver_too()
    {
        SolverParameters parameters = SolverCatalog.Resolve("dcdp", "fast", null);
        RunEstimate estimate = Estimate(Valid(parameters, 16, problem: new PhaseRetrieval()));

        // Which of two twins is likelier is asked of three levels with four noises each, before the run and after it.
        Assert.Equal(24, estimate.Calls.Single(calls => calls is { Kind: CallKind.Network, Items: 2 }).Count);
        Assert.Equal(10, estimate.Cost.NetworkCalls);
    }

    [Fact]
    public void A_time_of_another_size_is_scaled_and_one_far_from_it_is_not_known()
    {
        var times = new CallTimes([new(CallKind.Decoder, 2, 64, 64, 0.2, 10), new(CallKind.Decoder, 2, 128, 128, 1, 10)]);
        Assert.Equal(2, times.Seconds(CallKind.Decoder, 4, 128, 128)!.Value, 1e-12);
        Assert.Equal(0.2 * 4 * 72 * 64 / (64 * 64) / 2, times.Seconds(CallKind.Decoder, 4, 72, 64)!.Value, 1e-12);
        Assert.Null(times.Seconds(CallKind.Encoder, 1, 64, 64));
        Assert.True(times.Knows(CallKind.Decoder, 8, 128, 128));
        Assert.False(times.Knows(CallKind.Decoder, 9, 128, 128));
        Assert.False(times.Knows(CallKind.Decoder, 2, 256, 256));
        Assert.False(times.Knows(CallKind.Network, 2, 128, 128));
    }

    [Fact]
    public void A_run_times_the_calls_that_it_makes()
    {
        CheckedReconstruction valid = Valid(SolverCatalog.Resolve("psld", "fast", null), 16);
        ReconstructionResult result = Run(valid);
        Assert.Equal(
            [(CallKind.NetworkGradient, 2, 20), (CallKind.Decoder, 2, 1), (CallKind.DecoderGradient, 2, 20), (CallKind.EncoderGradient, 2, 20)],
            result.CallTimes.OrderBy(time => time.Kind).Select(time => (time.Kind, time.Items, time.Calls)));

        // Each without what runs inside its gradient, so that together they are no longer than the run.
        Assert.True(result.CallTimes.Sum(time => time.Seconds * time.Calls) < result.Cost.Seconds);
    }

    internal static CheckedReconstruction Valid(SolverParameters parameters, int side, int frames = 1, Problem? problem = null)
    {
        var image = new ArrayData(
            [frames, 1, side, side],
            [.. Enumerable.Range(0, frames * side * side).Select(i => 0.5f + (0.4f * MathF.Sin(i % side * 0.2f) * MathF.Cos(i / side * 0.1f)))]);
        problem ??= parameters is DdpmConsistencyParameters or MriPurifyParameters
            ? new CartesianMri(new RandomKSpaceMask(2, 0.25, 1))
            : new Inpainting(new RandomMask(0.7, 1));
        return Reconstructor.Check(Info, new ReconstructionRequest
        {
            Problem = problem,
            Measurement = Reconstructor.Simulate(problem, frames == 1 ? image.Frame(0) : image, new Dictionary<string, ArrayData>(), 0.01, 1).Measurement,
            Sigma = 0.01,
            Solver = parameters,
            Seed = 1,
        });
    }

    private static RunEstimate Estimate(CheckedReconstruction valid) => RunEstimate.Of(valid, [], Info, torch.CPU, CancellationToken.None);

    private static ReconstructionResult Run(CheckedReconstruction valid)
    {
        using var model = new StandInModel(Info, torch.CPU);
        return Reconstructor.Run(model, valid, null, CancellationToken.None);
    }
}
