using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A job that is interrupted after each of its steps gives the bits of one that was not.</summary>
[LeavesNoTensors]
public sealed class CheckpointTests
{
    private const int Frames = 3;

    public static TheoryData<string> Solvers => [.. SolverCatalog.All.Select(solver => solver.Type)];

    [Theory]
    [MemberData(nameof(Solvers))]
    public void A_run_that_is_interrupted_after_every_step_gives_the_bits_of_an_unbroken_one(string type)
    {
        using GaussianModel model = Toy.Gaussian();
        CheckedReconstruction stack = Reconstructor.Check(model.Info, Request(type, model.Info));
        ReconstructionResult whole, broken;
        using (var unbroken = new RunPosition { Batch = 2 })
        {
            whole = Reconstructor.Run(model, stack, unbroken, static _ => { }, default);
        }

        var files = new Dictionary<string, byte[]>();
        byte[]? saved = null;
        int interruptions = 0;
        while (true)
        {
            JobCheckpoint? under = null;
            using JobCheckpoint checkpoint = under = Checkpoint(
                files,
                () =>
                {
                    saved = under!.Save();
                    throw new OperationCanceledException();
                });
            if (saved is null)
            {
                checkpoint.Run(0).Batch = 2;
            }
            else
            {
                int before = checkpoint.Steps;
                Assert.True(checkpoint.Load(saved));
                Assert.Equal((0, ++interruptions), (before, checkpoint.Steps));
                Assert.Equal(interruptions, checkpoint.Resumptions.Count);
                Assert.Equal((interruptions, true), (checkpoint.Resumptions[^1].Step, checkpoint.Resumptions[^1].SameFingerprint));
            }

            try
            {
                broken = Reconstructor.Run(model, stack, checkpoint.Run(0), static _ => { }, default);
                break;
            }
            catch (OperationCanceledException)
            {
                // Interrupted as intended.
            }
        }

        Assert.Equal(whole.Image.Values, broken.Image.Values);
        Assert.Equal(whole.Deviation?.Values, broken.Deviation?.Values);
        Assert.Equal(whole.Residuals, broken.Residuals);
        Assert.Equal(interruptions, whole.Residuals.Count);
        Assert.Equal(whole.Batch, broken.Batch);
        Assert.Equal(whole.Cost with { Seconds = 0 }, broken.Cost with { Seconds = 0 });
    }

    [Fact]
    public void A_checkpoint_that_is_damaged_or_lacks_a_file_is_refused()
    {
        using GaussianModel model = Toy.Gaussian();
        CheckedReconstruction stack = Reconstructor.Check(model.Info, Request("diffPir", model.Info));
        var files = new Dictionary<string, byte[]>();
        byte[] saved = [];
        using (JobCheckpoint checkpoint = Checkpoint(files, static () => { }))
        {
            checkpoint.Run(0).Batch = 2;
            Reconstructor.Run(model, stack, checkpoint.Run(0), static _ => { }, default);
            saved = checkpoint.Save();
            Assert.Equal(files.Keys.Order(), checkpoint.Files.Order());
            Assert.Equal(["kept-solver0-batch0.npy", "kept-solver0-batch1.npy", "kept-solver0-batch2.npy"], files.Keys.Order());
        }

        Refused(saved[..^9]);
        Refused([]);
        byte[] images = files["kept-solver0-batch1.npy"];
        images[^1] ^= 1;
        Refused(saved);
        files.Remove("kept-solver0-batch1.npy");
        Refused(saved);

        void Refused(byte[] bytes)
        {
            using JobCheckpoint checkpoint = Checkpoint(files, static () => { });
            Assert.Throws<InvalidDataException>(() => checkpoint.Load(bytes));
        }
    }

    private static JobCheckpoint Checkpoint(Dictionary<string, byte[]> files, Action betweenSteps) => new(
        torch.CPU,
        betweenSteps,
        (name, bytes) =>
        {
            files[$"kept-{name}"] = bytes;
            return $"kept-{name}";
        },
        name => files.TryGetValue(name, out byte[]? bytes) ? bytes : throw new FileNotFoundException(null, name));

    private static ReconstructionRequest Request(string type, ModelInfo model)
    {
        SolverParameters solver = SolverCatalog.Resolve(type, "fast", SolverLawTests.Short(type, "fast"));
        Problem[] problems = [new Inpainting(new RandomMask(0.6, 3)), new CartesianMri(new RandomKSpaceMask(2, 0.3, 1)), new CodedDiffraction(4)];
        Problem problem = problems.First(one => solver.Refusal(one, model) is null);
        ArrayData image = Toy.Phantom(16);
        var stack = new ArrayData([Frames, .. image.Shape], [.. Enumerable.Range(1, Frames).SelectMany(k => image.Values.Select(v => v / k))]);
        SimulatedMeasurement simulated = Reconstructor.Simulate(problem, stack, new Dictionary<string, ArrayData>(), 0.05, 7);
        return new ReconstructionRequest
        {
            Problem = problem,
            Measurement = simulated.Measurement,
            Sigma = 0.05,
            Solver = solver,
            Seed = 5,
        };
    }
}
