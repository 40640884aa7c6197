using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Optimisation;

/// <summary>The global start of phase retrieval, and the choice between twins.</summary>
[LeavesNoTensors]
public sealed class PhaseRetrievalTests
{
    private const int Side = 24;

    [Fact]
    public void An_image_is_laid_on_its_shifted_and_turned_twin_and_into_the_middle()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor blob = torch.copy_of([1f, 2, 3, 4, 9, 5], 1, 1, 2, 3);
        Tensor x = torch.nn.functional.pad(blob, [1, 6, 0, 7]), middle = torch.nn.functional.pad(blob, [3, 4, 3, 4]);
        Tensor turned = torch.nn.functional.pad(blob.flip(2, 3), [5, 2, 4, 3]);
        Assert.Equal(middle.ToFloats(), Registration.Onto(x, middle, turns: false).ToFloats());
        Assert.Equal(turned.ToFloats(), Registration.Onto(x, turned, turns: true).ToFloats());
        Assert.NotEqual(turned.ToFloats(), Registration.Onto(x, turned, turns: false).ToFloats());
        (double top, double left) = (Row(Registration.Centred(x)), Row(Registration.Centred(x).transpose(2, 3)));
        Assert.InRange(top, 3, 4);
        Assert.InRange(left, 2, 4);
        Assert.Equal(x.ToFloats(), Registration.Onto(x, torch.full(x.shape, 0.5), turns: true).ToFloats());

        static double Row(Tensor image) => Array.FindIndex(image.sum([0, 1, 3]).ToDoubles(), sum => sum > 0);
    }

    [Fact]
    public void The_global_start_explains_magnitudes_that_local_steps_do_not()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var op = new FourierMagnitudeOperator(1, Side, Side, 2);
        ArrayData phantom = Toy.Phantom(Side - 6);
        Tensor truth = torch.nn.functional.pad(phantom.ToTensor(torch.CPU), [3, 3, 3, 3]);
        using var generator = new Generator(1);
        const double sigma = 0.005;
        Tensor y = op.Measure(truth, torch.randn([1, .. op.Range], generator) * sigma);
        Tensor start = op.GlobalStart(op.Measured(y), default)!;
        Assert.Equal(start.ToFloats(), op.GlobalStart(op.Measured(y), default)!.ToFloats());
        double error = Toy.Error(Registration.Onto(start, truth, turns: true), truth);
        Tensor grey = torch.full([1, 1, Side, Side], 0.3) + Toy.Normal([1, 1, Side, Side], 2) * 0.1;
        Tensor local = new GaussNewton(op, sigma, 0.03, default).Solve(grey, y, 0.5)!;
        double without = Toy.Error(Registration.Onto(local, truth, turns: true), truth);
        TestContext.Current.TestOutputHelper?.WriteLine($"error {error:f3}, of local steps {without:f3}");
        Assert.True(error < 0.3 && error < 0.6 * without, $"error {error:f3}, of local steps {without:f3}");
    }

    [Fact]
    public void The_prior_chooses_between_an_image_and_its_twin_and_the_report_says_so()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor phantom = torch.nn.functional.pad(Toy.Phantom(12).ToTensor(torch.CPU), [2, 2, 2, 2]);
        Tensor mean = (phantom * torch.linspace(1, 0.4, 16).reshape(1, 1, 1, 16)).squeeze(0);
        using var model = new GaussianModel(mean, torch.eye(256) * 0.01);
        ArrayData truth = mean.unsqueeze(0).ToArrayData();
        foreach (bool turned in (bool[])[false, true])
        {
            Tensor x = (turned ? mean.flip(1, 2) : mean).unsqueeze(0);
            (Tensor image, TwinReport report) = Twins.Choose(model, x, truth, default);
            Assert.Equal(turned, report.Turned);
            Assert.True(report.Loss < report.OtherLoss);
            Assert.Equal(truth.Values, image.ToFloats());
            Assert.True(report.Registered!.PsnrDb > 60);
        }

        var request = new ReconstructionRequest
        {
            Problem = new PhaseRetrieval(),
            Measurement = Reconstructor.Simulate(new PhaseRetrieval(), truth, new Dictionary<string, ArrayData>(), 0.01, 1).Measurement,
            Sigma = 0.01,
            Solver = SolverCatalog.Resolve("reSample", "fast", null),
            Seed = 1,
            Truth = truth,
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        TestContext.Current.TestOutputHelper?.WriteLine($"{result.Quality} {result.Twin}");
        Assert.True(result.Twin!.Loss < result.Twin.OtherLoss);
        Assert.True(result.Twin.Registered!.PsnrDb >= result.Quality!.PsnrDb);
        Assert.True(result.Quality.PsnrDb > 20, $"{result.Quality}");
    }
}
