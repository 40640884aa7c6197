using System.Reflection;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>Every solver beside every kind of problem: it solves it, or says in a sentence why not.</summary>
[LeavesNoTensors]
public sealed class SolverProblemTests
{
    private const int Side = 16;
    private const double Sigma = 0.02;
    // One problem of each kind.
    private static readonly Dictionary<string, Problem> Problems = new()
    {
        ["inpainting"] = new Inpainting(new RandomMask(0.5, 1)),
        ["superResolution"] = new SuperResolution(2),
        ["gaussianBlur"] = new GaussianBlur(1),
        ["motionBlur"] = new MotionBlur(5, 0.5, 1),
        ["pointSpread"] = new PointSpread(),
        ["mri"] = new CartesianMri(new EquispacedKSpaceMask(2, 0.2)),
        ["parallelMri"] = new ParallelMri(new EquispacedKSpaceMask(Spacing: 2, CentreLines: 8), VirtualCoils: 4),
        ["denoising"] = new Denoising(),
        ["ct"] = new ComputedTomography(9),
        ["composition"] = new Composition([new GaussianBlur(1), new SuperResolution(2)]),
        ["colourisation"] = new Colourisation(),
        ["demosaicking"] = new Demosaicking(),
        ["compressedSensing"] = new CompressedSensing(0.5, SensingTransform.Cosine, 1),
        ["hdr"] = new HighDynamicRange(),
        ["clipping"] = new Clipping(),
        ["quantisation"] = new Quantisation(4),
        ["jpeg"] = new Jpeg(10),
        ["phaseRetrieval"] = new PhaseRetrieval(),
        ["codedDiffraction"] = new CodedDiffraction(),
        ["torchScript"] = new TorchScript("module.pt"),
    };

    private static readonly string[] Nonlinear = ["hdr", "clipping", "quantisation", "jpeg", "phaseRetrieval", "codedDiffraction", "torchScript"];

    // What a solver says of which problems. Solvers that are not named here solve everything.
    private static readonly Dictionary<string, (Func<string, bool> Refused, string Sentence)[]> Refusals = new()
    {
        ["ddnm"] = [(Nonlinear.Contains, "DDNM needs a linear problem: it splits an image into what the measurement sees and what it does not.")],
        ["treg"] = [(Nonlinear.Contains, "TReg solves linear problems only: it needs the adjoint of the forward model.")],
        ["psld"] = [(Nonlinear.Contains, "PSLD solves linear problems only: it needs the adjoint of the forward model.")],
        ["ddpmConsistency"] = [(kind => kind != "mri", "DDPM with k-space consistency is for MRI: it replaces the measured lines of k-space.")],
        ["mriPurify"] =
        [
            (kind => kind is not ("mri" or "parallelMri"), "MRI purification is for MRI: it starts from the aliased image and puts the measured k-space back."),
        ],
        ["tspr"] = [(kind => kind != "codedDiffraction", "TSPR solves coded diffraction only.")],
        ["adjoint"] =
        [
            (kind => kind is "phaseRetrieval" or "codedDiffraction", "Magnitudes without their phases are no image, and no adjoint makes one of them."),
        ],
        ["leastSquares"] = [(Nonlinear.Contains, "Least squares needs a linear problem: it solves one linear system for each weight.")],
        ["totalVariation"] = [(Nonlinear.Contains, "Total variation needs a linear problem here: each of its steps solves a linear system.")],
        ["wavelet"] =
        [
            (kind => kind is "phaseRetrieval" or "codedDiffraction",
                "Wavelet thresholding needs a convex problem: from magnitudes alone its steps end wherever they start."),
            (kind => kind == "torchScript", "Wavelet thresholding needs a convex problem, and of a module it is not known whether it is one."),
        ],
    };

    /// <summary>Every solver with every kind of problem that has its data in itself.</summary>
    public static TheoryData<string, string> Pairs =>
        [.. from solver in SolverCatalog.All from kind in Problems.Keys where kind != "torchScript"
            select (solver.Type, kind)];

    [Fact]
    public void The_list_holds_every_kind_of_problem() => Assert.Equal(
        Problem.Kinds.Select(kind => (kind.Name, kind.Type)).Order(),
        Problems.Select(kind => (kind.Key, kind.Value.GetType())).Order());

    [Fact]
    public void Refusals_are_those_of_the_table_with_every_preset()
    {
        using GaussianModel model = Toy.Gaussian();
        foreach (SolverDescription solver in SolverCatalog.All)
        {
            foreach ((string kind, Problem problem) in Problems)
            {
                Assert.All(solver.Presets.Values, parameters => Assert.Equal(Expected(solver.Type, kind), parameters.Refusal(problem, model.Info)));
            }
        }
    }

    /// <remarks>Quantised and clipped values may lie anywhere within their interval, so that residuals of 0 are right.</remarks>
    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_solver_refuses_with_its_sentence_or_explains_the_measurement_better_than_grey_does(string type, string kind)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Problem problem = Problems[kind];
        int channels = problem.GreyMeasurement is null ? 1 : 3;
        using var model = new GaussianModel((fy, fx) => 0.25 / (1 + (40 * ((fy * fy) + (fx * fx)))), channels: channels);
        using var generator = new Generator(5);
        ArrayData image = new([channels, Side, Side], model.Sample(1, Side, Side, generator).clamp(0, 1).ToFloats());
        Dictionary<string, ArrayData> files = kind == "pointSpread"
            ? new() { ["psf"] = new ArrayData([3, 3], [0, 1 / 8f, 0, 1 / 8f, 1 / 2f, 1 / 8f, 0, 1 / 8f, 0]) }
            : [];
        SimulatedMeasurement simulated = Reconstructor.Simulate(problem, image, files, Sigma, 1);
        if (kind == "parallelMri") files["maps"] = simulated.Files["maps"];
        var request = new ReconstructionRequest
        {
            Problem = problem,
            Measurement = simulated.Measurement,
            Files = files,
            Sigma = Sigma,
            Solver = SolverCatalog.Resolve(type, "fast", null),
            Seed = 1,
        };
        if (Expected(type, kind) is { } sentence)
        {
            var refused = Assert.Throws<InvalidInputException>(() => Reconstructor.Run(model, request, null, default));
            Assert.Equal(("solver.type", sentence), (refused.Field, refused.Message));
            return;
        }

        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.Equal(image.Shape, result.Image.Shape);
        Assert.All(result.Image.Values, v => Assert.True(float.IsFinite(v)));
        if (kind == "parallelMri")
        {
            // In units of its own; grey is no better a start than nothing, whose relative residual is 1.
            Assert.True(
                type == "adjoint" || result.Consistency.RelativeResidual < 0.5 || result.Consistency.Ratio < 1.5,
                $"{type}: {result.Consistency.RelativeResidual:g3}");
            return;
        }

        using ForwardOperator op = ProblemOperators.Create(problem, [channels, Side, Side], files, request.Measurement, torch.CPU);
        double grey = op.Residual2(torch.full([1, channels, Side, Side], 0.5), request.Measurement.ToTensor(torch.CPU)).ToDoubles()[0];
        if (type == "adjoint")
        {
            // It solves nothing: what it sees explains its measurement for few operators only.
            return;
        }

        double explained = Math.Max(0.3 * grey, 1.5 * result.Consistency.Expected);
        Assert.True(
            result.Consistency.Residual < explained && result.Consistency.Residual < grey,
            $"{type} {kind}: {grey:g3} -> {result.Consistency.Residual:g3}, noise {result.Consistency.Expected:g3}");
    }

    private static string? Expected(string type, string kind) => Refusals.GetValueOrDefault(type, []).FirstOrDefault(refusal => refusal.Refused(kind)).Sentence;
}
