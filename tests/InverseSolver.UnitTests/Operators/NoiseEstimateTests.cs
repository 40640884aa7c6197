using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

/// <summary>Noise levels estimated from measurements, beside the true ones.</summary>
public sealed class NoiseEstimateTests(ITestOutputHelper output)
{
    private const int Size = 128;
    private static readonly double[] Sigmas = [0.005, 0.01, 0.05, 0.1];
    private static readonly Dictionary<string, ArrayData> None = [];

    private static readonly Dictionary<string, Problem> Problems = new()
    {
        ["denoising"] = new Denoising(),
        ["random inpainting, 70 % missing"] = new Inpainting(new RandomMask(0.7, 1)),
        ["box inpainting, 48x48"] = new Inpainting(new BoxMask(48, 48)),
        ["super-resolution x4"] = new SuperResolution(4),
        ["Gaussian blur, sigma 2"] = new GaussianBlur(2),
        ["motion blur"] = new MotionBlur(31, 0.5, 1),
        ["blur, super-resolution x2, inpainting"] = new Composition([new GaussianBlur(1), new SuperResolution(2), new Inpainting(new RandomMask(0.3, 1))]),
        ["hdr"] = new HighDynamicRange(),
        ["clipping"] = new Clipping(),
        ["CT, 25 views"] = new ComputedTomography(25),
        ["CT, 25 views, means"] = new ComputedTomography(25, Projector: Projector.Mean),
        ["MRI, 4x random lines"] = new CartesianMri(new RandomKSpaceMask(4, 0.08, 1)),
        ["phase retrieval"] = new PhaseRetrieval(),
    };

    /// <summary>Estimate over truth on the phantom at noise 0.005, 0.01, 0.05 and 0.1, as measured.</summary>
    public static TheoryData<string, double[]> OnThePhantom => new()
    {
        { "denoising", [1.165, 1.164, 1.118, 1.075] },
        { "random inpainting, 70 % missing", [1.032, 1.032, 1.032, 1.032] },
        { "box inpainting, 48x48", [1.141, 1.141, 1.120, 1.083] },
        { "super-resolution x4", [2.564, 1.863, 1.076, 0.987] },
        { "Gaussian blur, sigma 2", [1.014, 1.014, 1.012, 1.012] },
        { "motion blur", [1.142, 1.070, 1.014, 1.015] },
        { "blur, super-resolution x2, inpainting", [1.298, 1.143, 0.971, 0.965] },
        { "hdr", [1.098, 1.098, 1.071, 1.039] },
        { "clipping", [1.140, 1.138, 1.016, 0.969] },
        { "CT, 25 views", [1.681, 1.255, 1.025, 0.999] },
        { "CT, 25 views, means", [1.217, 1.073, 1.013, 1.012] },
        { "MRI, 4x random lines", [7.383, 3.656, 1.352, 1.074] },
        { "phase retrieval", [1.438, 1.125, 0.993, 0.976] },
    };

    /// <summary>Largest and smallest of two slices, at noise 0.01 and 0.1, as measured, 5 % wider.</summary>
    public static TheoryData<string, double, double, double, double> OnSlices => new()
    {
        { "denoising", 1.19, 1.75, 0.97, 1.11 },
        { "random inpainting, 70 % missing", 1.11, 1.88, 0.90, 1.20 },
        { "box inpainting, 48x48", 1.13, 1.75, 0.97, 1.11 },
        { "super-resolution x4", 1.41, 2.40, 0.86, 1.01 },
        { "Gaussian blur, sigma 2", 0.96, 1.07, 0.96, 1.07 },
        { "motion blur", 0.96, 1.10, 0.96, 1.07 },
        { "blur, super-resolution x2, inpainting", 1.21, 1.40, 0.94, 1.08 },
        { "hdr", 2.06, 2.87, 0.97, 1.10 },
        { "clipping", 1.61, 1.97, 0.87, 0.99 },
        { "CT, 25 views", 0.99, 1.31, 0.94, 1.06 },
        { "CT, 25 views, means", 0.97, 1.13, 0.94, 1.05 },
        { "MRI, 4x random lines", 1.14, 1.64, 0.91, 1.06 },
        { "phase retrieval", 0.92, 1.04, 0.92, 1.04 },
    };

    [Theory, InlineData(12, 40), InlineData(33, 41)]
    public void Colours_of_a_mosaic_are_no_noise(int height, int width)
    {
        ArrayData image = new([3, height, width], [.. Enumerable.Range(0, 3 * height * width).Select(i => (i / (height * width) * 0.4f) + 0.1f)]);
        ArrayData y = Reconstructor.Simulate(new Demosaicking(), image, new Dictionary<string, ArrayData>(), 0.02, 3).Measurement;
        NoiseLevel level = NoiseEstimate.Of(new Demosaicking(), [3, height, width], new Dictionary<string, ArrayData>(), y, 0);
        Assert.InRange(level.Sigma, 0.8 * 0.02, 1.2 * 0.02);
    }

    [Theory, MemberData(nameof(OnThePhantom))]
    public void The_phantom_s_noise_is_found_as_it_was(string name, double[] ratios)
    {
        double[] found = [.. Sigmas.Select(sigma => Ratio(name, Toy.Phantom(Size), sigma))];
        for (int i = 0; i < ratios.Length; i++)
        {
            Assert.Equal(ratios[i], found[i], 0.02 * ratios[i]);
        }
    }

    [Theory, MemberData(nameof(OnSlices))]
    public void The_noise_of_brain_slices_is_found_as_it_was(string name, double least, double most, double leastLoud, double mostLoud)
    {
        string? folder = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } root ? Path.Combine(root, "mri", "val") : null;
        Assert.SkipUnless(Directory.Exists(folder), "INVERSESOLVER_TEST_DATA names no folder with mri/val.");
        string[] files = [.. Directory.EnumerateFiles(folder!, "*.png").Order(StringComparer.Ordinal)];
        foreach (int at in (int[])[files.Length / 4, 3 * files.Length / 4])
        {
            Image image = ImageFile.Read(File.ReadAllBytes(files[at]), new ImageLimits());
            var truth = new ArrayData([1, image.Height, image.Width], image.Values);
            double[] found = [.. Sigmas.Select(sigma => Ratio(name, truth, sigma))];
            output.WriteLine($"{name} | {string.Join(" | ", found.Select(ratio => ratio.ToString("f2", null)))}");
            Assert.InRange(found[1], least, most);
            Assert.InRange(found[3], leastLoud, mostLoud);
        }
    }

    /// <remarks>White noise alone: within four standard errors, 1.17 / √n for independent responses, here overlapping.</remarks>
    [Fact]
    public void Noise_alone_is_found()
    {
        var flat = new ArrayData([1, Size, Size], [.. Enumerable.Repeat(0.5f, Size * Size)]);
        Assert.InRange(Ratio("denoising", flat, 0.03), 0.95, 1.05);
        Assert.InRange(Ratio("CT, 25 views", new ArrayData([1, Size, Size], new float[Size * Size]), 0.03), 0.95, 1.05);
        Assert.InRange(Ratio("MRI, 4x random lines", new ArrayData([1, Size, Size], new float[Size * Size]), 0.03), 0.8, 1.2);
    }

    [Fact]
    public void Without_noise_it_is_0_or_the_rounding_and_is_solved_for()
    {
        ArrayData ramp = new([1, 64, 64], [.. Enumerable.Range(0, 64 * 64).Select(i => (64 + i % 64) / 256f)]);
        Assert.Equal(0, NoiseEstimate.Of(new Denoising(), [1, 64, 64], None, ramp, 0).Sigma);
        Assert.Equal(0.001, NoiseEstimate.Of(new Denoising(), [1, 64, 64], None, ramp, 0.001).Sigma);
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        ReconstructionResult result = Reconstructor.Run(
            model,
            new ReconstructionRequest
            {
                Problem = new Denoising(),
                Measurement = ramp,
                Sigma = null,
                Solver = ReSampleParameters.Fast with { Samples = 1, Steps = 2 },
                Seed = 1,
            },
            null, default);
        Assert.Equal((0, true), (result.Noise.Sigma, result.Noise.SigmaEstimated));
        Assert.Null(result.Consistency.Ratio);
        Assert.Equal(ramp.Values, result.Image.Values, (a, b) => Math.Abs(a - b) < 1e-5);
    }

    [Fact]
    public void Clipped_values_and_what_was_not_measured_say_nothing()
    {
        ArrayData y = Reconstructor.Simulate(new Denoising(), Toy.Phantom(Size), None, 0.05, 1).Measurement;
        ArrayData clipped = y with { Values = [.. y.Values.Select(v => Math.Clamp(v, 0, 1))] };
        Assert.InRange(NoiseEstimate.Of(new Denoising(), [1, Size, Size], None, clipped, 0).Sigma / 0.05, 0.9, 1.3);

        var mask = new ArrayData([Size, Size], [.. Enumerable.Range(0, Size * Size).Select(i => i % Size < 64 ? 1f : 0)]);
        ArrayData half = y with { Values = [.. y.Values.Select((v, i) => i % Size < 64 ? v : i % 7 * 100f)] };
        double level = NoiseEstimate.Of(
            new Inpainting(new UploadedMask()),
            [1, Size, Size],
            new Dictionary<string, ArrayData> { ["mask"] = mask },
            half with { Values = [.. half.Values.Select(v => Math.Min(v, 10))] },
            0).Sigma;
        Assert.InRange(level / 0.05, 0.9, 1.3);
    }

    [Fact]
    public void Where_too_little_lies_together_it_asks_for_sigma()
    {
        ArrayData y = Reconstructor.Simulate(new Inpainting(new RandomMask(0.9, 1)), Toy.Phantom(Size), None, 0.05, 1).Measurement;
        Refused(new Inpainting(new RandomMask(0.9, 1)), y);
        Refused(new Denoising(), new ArrayData([1, 8, 8], new float[64]));
        Refused(new CompressedSensing(), Toy.Phantom(Size));
    }

    [Fact]
    public void Rounded_images_have_the_rounding_of_their_file()
    {
        foreach (Problem problem in (Problem[])[new Jpeg(10), new Quantisation(8)])
        {
            ArrayData y = Reconstructor.Simulate(problem, Toy.Phantom(Size), None, 0, 1).Measurement;
            Assert.Equal(1 / 255.0 / Math.Sqrt(12), NoiseEstimate.Of(problem, [1, Size, Size], None, y, 0).Sigma, 1e-9);
        }
    }

    private static void Refused(Problem problem, ArrayData y)
    {
        var e = Assert.Throws<InvalidInputException>(() => NoiseEstimate.Of(problem, ProblemOperators.ImageShape(problem, y), None, y, 0));
        Assert.Equal("sigma", e.Field);
        Assert.EndsWith("Give sigma.", e.Message, StringComparison.Ordinal);
    }

    private static double Ratio(string name, ArrayData truth, double sigma)
    {
        ArrayData y = Reconstructor.Simulate(Problems[name], truth, None, sigma, 3).Measurement;
        return NoiseEstimate.Of(Problems[name], [1, Size, Size], None, y, 0).Sigma / sigma;
    }
}
