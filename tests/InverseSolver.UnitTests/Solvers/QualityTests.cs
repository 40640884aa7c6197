using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Metrics;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>What the bundled model and the preset <c>fast</c> reach, beside the best that least squares can do.</summary>
[LeavesNoTensors]
public sealed class QualityTests
{
    private const double Sigma = 0.01;

    /// <remarks>Measured: 24.9 dB, least squares 21.4 dB.</remarks>
    [Fact]
    public void A_phantom_is_inpainted_as_well_as_it_was()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        (double psnr, double baseline) = Solve(model, Toy.Phantom(128), new Inpainting(new RandomMask(0.7, 1)), 1);
        Assert.True(psnr > 24.9 - 1 && psnr > baseline + 2, $"{psnr:f2} dB, least squares {baseline:f2} dB");
    }

    /// <remarks>Measured: 2.2 dB more on average, between 1.5 and 3.0 dB.</remarks>
    [Fact]
    public void Brain_slices_come_out_better_than_least_squares()
    {
        string? folder = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } root ? Path.Combine(root, "mri", "val") : null;
        Assert.SkipUnless(Directory.Exists(folder), "INVERSESOLVER_TEST_DATA names no folder with mri/val.");
        string[] files = [.. Directory.EnumerateFiles(folder!, "*.png").Order(StringComparer.Ordinal)];
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        var gains = new List<double>();
        foreach (int at in (int[])[files.Length / 4, 3 * files.Length / 4])
        {
            Image image = ImageFile.Read(File.ReadAllBytes(files[at]), new ImageLimits());
            var truth = new ArrayData([1, image.Height, image.Width], image.Values);
            foreach (Problem problem in (Problem[])[new Inpainting(new RandomMask(0.7, 1)), new CartesianMri(new RandomKSpaceMask(4, 0.08, 1))])
            {
                (double psnr, double baseline) = Solve(model, truth, problem, 1);
                gains.Add(psnr - baseline);
            }
        }

        Assert.True(gains.Average() >= 1, $"Gains over least squares in dB: {string.Join(", ", gains.Select(g => g.ToString("f2", null)))}");
    }

    [Fact]
    public void A_blur_in_linear_light_that_a_module_describes_is_undone()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        string folder = Repository.File("tests", "InverseSolver.UnitTests", "Torch", "fixtures");
        var problem = new TorchScript("nonlinear-blur");
        ArrayData truth = Toy.Phantom(128), y = Reconstructor.Simulate(problem, truth, new Dictionary<string, ArrayData>(), Sigma, 1, folder).Measurement;
        var request = new ReconstructionRequest
        {
            Problem = problem,
            Measurement = y,
            Sigma = Sigma,
            Solver = SolverCatalog.Resolve("reSample", "fast", null),
            Seed = 1,
            Truth = truth,
            OperatorFolder = folder,
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        double psnr = result.Quality!.PsnrDb, blurred = ImageQuality.Psnr(y with { Values = [.. y.Values.Select(value => Math.Clamp(value, 0, 1))] }, truth);
        TestContext.Current.TestOutputHelper?.WriteLine($"{psnr:f2} dB, the blurred image {blurred:f2} dB");
        Assert.True(psnr > blurred + 1, $"{psnr:f2} dB, the blurred image {blurred:f2} dB");
        Assert.Equal(
            Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "nonlinear-blur.pt")))),
            result.OperatorHash);
    }

    private static (double Psnr, double Baseline) Solve(LatentModel model, ArrayData truth, Problem problem, long seed)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var none = new Dictionary<string, ArrayData>();
        ArrayData y = Reconstructor.Simulate(problem, truth, none, Sigma, seed).Measurement;
        var request = new ReconstructionRequest
        {
            Problem = problem,
            Measurement = y,
            Sigma = Sigma,
            Solver = SolverCatalog.Resolve("reSample", "fast", null),
            Seed = seed,
            Truth = truth,
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        using ForwardOperator op = ProblemOperators.Create(problem, [.. truth.Shape.Select(n => (long)n)], none, y, torch.CPU);
        Tensor best = LeastSquares.BestOf9((LinearOperator)op, y.ToTensor(torch.CPU), truth.ToTensor(torch.CPU)).Images;
        return (result.Quality!.PsnrDb, ImageQuality.Psnr(best.clamp(0, 1).ToArrayData(), truth));
    }
}
