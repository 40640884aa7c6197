using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A stack of frames is as many problems, solved together.</summary>
[LeavesNoTensors]
public sealed class SequenceTests
{
    private const double Sigma = 0.05;
    private static readonly Dictionary<string, ArrayData> None = [];
    private static readonly ReSampleParameters Quick = ReSampleParameters.Fast with { Samples = 2, Steps = 5 };

    public static TheoryData<string> Cases => ["inpainting", "mri with an estimated phase", "hdr"];

    private static readonly Dictionary<string, Problem> Problems = new()
    {
        ["inpainting"] = new Inpainting(new RandomMask(0.6, 3)),
        ["mri with an estimated phase"] = new CartesianMri(new RandomKSpaceMask(2, 0.3, 1), PhaseSource.Estimated),
        ["hdr"] = new HighDynamicRange(),
    };

    [Theory, MemberData(nameof(Cases))]
    public void Each_frame_is_what_it_is_alone_with_its_own_seed(string name)
    {
        using GaussianModel model = Toy.Gaussian();
        ReconstructionRequest stack = Request(Problems[name]);
        var steps = new List<SolverProgress>();
        ReconstructionResult all = Reconstructor.Run(model, stack, steps.Add, default);
        Assert.Equal([3, 1, 16, 16], all.Image.Shape);
        Assert.Equal([3, 1, 16, 16], all.Deviation!.Shape);
        Assert.Equal(3, all.Frames!.Count);
        Assert.Equal(name == "inpainting" ? 6 : 2, all.Batch);
        Assert.Equal(stack.Seed, all.Frames[0].Seed);
        Assert.Equal(3, all.Frames.Select(frame => frame.Seed).Distinct().Count());
        Assert.All(all.Frames, frame => Assert.InRange(frame.Seed, 0, (1L << 53) - 1));
        Assert.All(steps, step => Assert.Equal(steps[^1].Step, step.Of));
        Assert.Equal(Enumerable.Range(0, steps.Count), steps.Select(step => step.Step));

        for (int i = 0; i < 3; i++)
        {
            ReconstructionResult alone = Reconstructor.Run(
                model, stack with { Measurement = Frame(stack.Measurement, i), Truth = Frame(stack.Truth!, i), Seed = all.Frames[i].Seed }, null, default);
            Assert.Null(alone.Frames);
            Same(alone.Image.Values, Frame(all.Image, i).Values);
            Same(alone.Deviation!.Values, Frame(all.Deviation, i).Values);
            Assert.Equal(alone.Consistency.MeasuredComponents, all.Frames[i].Consistency.MeasuredComponents);
            Assert.Equal(alone.Consistency.Residual, all.Frames[i].Consistency.Residual, 1e-3 * alone.Consistency.Residual + 1e-5);
            Assert.Equal(alone.Quality!.PsnrDb, all.Frames[i].Quality!.PsnrDb, 1e-2);
        }

        Assert.Equal(all.Frames.Sum(frame => frame.Consistency.Residual), all.Consistency.Residual, 1e-9);
        Assert.Equal(all.Consistency.Residual / all.Consistency.Expected, all.Consistency.Ratio!.Value, 1e-9);
        Assert.Equal(all.Frames.Average(frame => frame.Quality!.Ssim), all.Quality!.Ssim, 1e-9);
    }

    [Fact]
    public void A_stack_of_one_frame_stays_a_stack()
    {
        using GaussianModel model = Toy.Gaussian();
        ReconstructionRequest request = Request(Problems["inpainting"], frames: 1);
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal([1, 1, 16, 16], result.Image.Shape);
        Assert.Single(result.Frames!);
    }

    [Fact]
    public void A_file_with_a_plane_for_each_frame_gives_each_frame_its_own()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] masks = [.. Enumerable.Range(0, 3 * 256).Select(i => i / 256 == i % 16 % 3 ? 1f : 0f)];
        ReconstructionRequest request = Request(new Denoising()) with
        {
            Problem = new Inpainting(new UploadedMask()),
            Files = new Dictionary<string, ArrayData> { ["mask"] = new([3, 16, 16], masks) },
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        for (int i = 0; i < 3; i++)
        {
            // Columns 0, 3, ... of the first frame, 1, 4, ... of the second, 2, 5, ... of the third.
            Assert.Equal(16 * (i == 0 ? 6 : 5), result.Frames![i].Consistency.MeasuredComponents);
        }

        ReconstructionResult last = Reconstructor.Run(
            model,
            request with
            {
                Measurement = Frame(request.Measurement, 2),
                Truth = null,
                Seed = result.Frames![2].Seed,
                Files = new Dictionary<string, ArrayData> { ["mask"] = new([16, 16], masks[512..]) },
            },
            null, default);
        Same(last.Image.Values, Frame(result.Image, 2).Values);
    }

    [Fact]
    public void A_large_sequence_is_solved_in_batches()
    {
        using LatentModel model = ModelPackage.Load(Diffusion.TestData.Brain);
        var request = new ReconstructionRequest
        {
            Problem = new Denoising(),
            Measurement = new ArrayData([3, 1, 320, 320], [.. Enumerable.Range(0, 3 * 320 * 320).Select(i => i / (320 * 320) * 0.2f + 0.2f)]),
            Sigma = 0.1,
            Solver = Quick with { Samples = 1, Steps = 1 },
            Seed = 1,
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        // 2^18 pixels are two frames of 320 x 320: two and one.
        Assert.Equal(2, result.Batch);
        Assert.Equal(2, result.Cost.NetworkCalls);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(0.2 + 0.2 * i, Frame(result.Image, i).Values.Average(), 0.05);
        }
    }

    [Fact]
    public void Frames_that_are_one_problem_are_solved_together()
    {
        using GaussianModel model = Toy.Gaussian();
        float[] phantom = Toy.Phantom(16).Values;
        // Frames of one shape at different brightness: rank 1 over the frames.
        var truth = new ArrayData([4, 1, 16, 16], [.. Enumerable.Range(0, 4).SelectMany(i => phantom.Select(v => v * (1 - 0.2f * i)))]);
        ReconstructionRequest request = Request(new CodedDiffraction(2)) with
        {
            Measurement = Reconstructor.Simulate(new CodedDiffraction(2), truth, None, 0.1, 3).Measurement,
            Sigma = 0.1,
            Truth = truth,
            Solver = SolverCatalog.Resolve("tspr", "balanced", new() { ["frameRank"] = 1 }),
        };
        ReconstructionResult together = Reconstructor.Run(model, request, null, default);
        Assert.Equal(4, together.Batch);
        Assert.Equal(0, together.Cost.NetworkCalls);
        double alone = Enumerable.Range(0, 4).Average(i => Reconstructor.Run(
            model, request with { Measurement = Frame(request.Measurement, i), Truth = Frame(truth, i) }, null, default).Quality!.PsnrDb);
        Assert.True(together.Quality!.PsnrDb > alone + 1, $"{together.Quality.PsnrDb:f2} dB together, {alone:f2} dB frame by frame");
    }

    [Fact]
    public void A_stack_is_simulated_frame_by_frame_with_noise_of_its_own()
    {
        var image = new ArrayData([2, 1, 16, 16], [.. Enumerable.Repeat(0.5f, 512)]);
        ArrayData y = Reconstructor.Simulate(new Denoising(), image, None, 0.1, 7).Measurement;
        Assert.Equal([2, 1, 16, 16], y.Shape);
        Assert.Equal(Reconstructor.Simulate(new Denoising(), Frame(image, 0), None, 0.1, 7).Measurement.Values, Frame(y, 0).Values);
        Assert.NotEqual(Frame(y, 0).Values, Frame(y, 1).Values);
    }

    [Fact]
    public void What_does_not_fit_is_named_with_its_frame()
    {
        ReconstructionRequest good = Request(new Denoising());
        float[] values = [.. good.Measurement.Values];
        values[2 * 256 + 5] = float.NaN;
        Assert.Contains("Frame 2:", Refused(good with { Measurement = good.Measurement with { Values = values } }, "files.measurement"));
        Assert.Contains("stack of 3", Refused(good with { Truth = Frame(good.Truth!, 0) }, "files.truth"));
        Refused(good with { Truth = new ArrayData([2, 1, 16, 16], new float[512]) }, "files.truth");
        Assert.Contains(
            "(frames, channels, height, width)",
            Refused(good with { Measurement = new ArrayData([3, 16, 2, 1, 8], new float[768]), Truth = null }, "files.measurement"));
        Assert.Contains(
            "(frames, channels, height, width)",
            Refused(good with { Measurement = new ArrayData([5, 16, 16], new float[5 * 256]), Truth = null }, "files.measurement"));
        Refused(good with { Measurement = good.Measurement with { Shape = [3, 1, 16, 17] } }, "files.measurement");
    }

    [Fact]
    public void A_montage_shows_the_frames_in_reading_order()
    {
        Image montage = Montage.Draw([.. Enumerable.Range(0, 3).Select(i => new Image(3, 2, 2, [.. Enumerable.Range(0, 12).Select(v => i + v / 100f)]))]);
        Assert.Equal((3, 4, 4), (montage.Channels, montage.Height, montage.Width));
        // Channel 1: its values begin at 0.04.
        Assert.Equal([0.04f, 0.05f, 1.04f, 1.05f, 0.06f, 0.07f, 1.06f, 1.07f, 2.04f, 2.05f, 0, 0, 2.06f, 2.07f, 0, 0], montage.Values[16..32]);
    }

    private static string Refused(ReconstructionRequest request, string field)
    {
        using GaussianModel model = Toy.Gaussian();
        var error = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, request));
        Assert.Equal(field, error.Field);
        return error.Message;
    }

    private static ReconstructionRequest Request(Problem problem, int frames = 3)
    {
        float[] phantom = Toy.Phantom(16).Values;
        var truth = new ArrayData([frames, 1, 16, 16], [.. Enumerable.Range(0, frames).SelectMany(i => phantom.Select(v => v * (1 - 0.3f * i)))]);
        return new ReconstructionRequest
        {
            Problem = problem,
            Measurement = Reconstructor.Simulate(problem, truth, None, Sigma, 11).Measurement,
            Sigma = Sigma,
            Solver = Quick,
            Seed = 42,
            Truth = truth,
        };
    }

    [Fact]
    public void The_middle_of_images_keeps_their_middle_pixel()
    {
        ArrayData middle = new ArrayData([2, 1, 3, 4], [.. Enumerable.Range(0, 24).Select(i => (float)i)]).Middle(2, 3);
        Assert.Equal([2, 1, 2, 3], middle.Shape);
        Assert.Equal([1, 2, 3, 5, 6, 7, 13, 14, 15, 17, 18, 19], middle.Values);
    }

    private static ArrayData Frame(ArrayData stack, int frame)
    {
        int size = stack.Values.Length / stack.Shape[0];
        return new ArrayData(stack.Shape[1..], stack.Values[(frame * size)..((frame + 1) * size)], stack.IsComplex);
    }

    private static void Same(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-3f);
        }
    }
}
