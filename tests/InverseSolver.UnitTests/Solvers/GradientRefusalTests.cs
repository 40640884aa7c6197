using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A solver is refused a model without a gradient exactly when it asks for that gradient.</summary>
[LeavesNoTensors]
public sealed class GradientRefusalTests
{
    private const int Side = 16;

    /// <summary>Every preset and every gradient alone. Presets <c>paper</c> take too long to run.</summary>
    public static TheoryData<string, string, string> Cases =>
    [
        .. from solver in SolverCatalog.All
           from preset in (string[])["fast", "balanced"]
           where solver.Type != "tspr"
           from network in (string[])["denoiser", "decoder", "encoder"]
           select (solver.Type, preset, network),
    ];

    [Theory, MemberData(nameof(Cases))]
    public void A_solver_is_refused_what_it_would_ask_for(string type, string preset, string network) =>
        RefusedExactlyWhenAskedFor(SolverCatalog.Resolve(type, preset, null), Without(network));

    public static TheoryData<SolverParameters> Others =>
    [
        new LatentDpsParameters { Samples = 1, Steps = 2, ThroughNetwork = true },
        new DapsParameters { Samples = 1, Steps = 2, HmcSteps = 1, DataStep = DataStep.Paper },
        new ConstrainedAdmmParameters { Samples = 1, Steps = 3, PixelIterations = 1, SigmaSwitch = 1 },
        new ConstrainedAdmmParameters { Samples = 1, Steps = 3, PixelIterations = 1, SigmaSwitch = 1, DataStep = DataStep.Paper },
        new DcdpParameters { Samples = 1, Rounds = 2, Iterations = 1, Space = DcdpSpace.Latent },
        new DcdpParameters { Samples = 1, Rounds = 2, Iterations = 1, Space = DcdpSpace.Latent, DataStep = DataStep.Paper },
        new ReSampleParameters { Samples = 1, Steps = 4, LdpsScale = 0.1 },
        new ReSampleParameters { Samples = 1, Steps = 4, FinalLatentIterations = 1, LatentFraction = 1, LatentIterations = 1 },
        new ReSampleParameters { Samples = 1, Steps = 4, FinalLatentIterations = 1, DataStep = DataStep.Paper, PixelIterations = 2 },
        new ReSampleParameters { Samples = 1, Steps = 4, LatentFraction = 1, LatentIterations = 1, DataStep = DataStep.Paper },
        new ReSampleParameters { Samples = 1, Steps = 4, LatentFraction = 1, LatentIterations = 0, DataStep = DataStep.Paper },
    ];

    [Theory, MemberData(nameof(Others), DisableDiscoveryEnumeration = true)]
    public void Parameters_decide_what_is_asked_for(SolverParameters parameters)
    {
        foreach (string network in (string[])["denoiser", "decoder", "encoder"])
        {
            RefusedExactlyWhenAskedFor(parameters, Without(network));
        }
    }

    [Fact]
    public void The_sentence_names_the_gradient_and_the_solvers_that_do_without()
    {
        using GaussianModel inner = Toy.Gaussian();
        using var model = new WithoutGradients(inner, ModelGradients.None);
        InvalidInputException error = Assert.Throws<InvalidInputException>(
            () => Reconstructor.Check(model.Info, Request(SolverCatalog.Resolve("psld", "fast", null))));
        Assert.Equal("solver.type", error.Field);
        Assert.Equal(
            "PSLD with these parameters needs the gradient of the denoiser and of the decoder and of the encoder, which the model 'gaussian' does not give. "
            + "With their balanced presets these solvers can use it: reSample, dcdp, diffPir, ddnm, ddpmConsistency, mriPurify, treg, daps, constrainedAdmm.",
            error.Message);
    }

    [Fact]
    public void A_model_for_one_size_takes_that_size_and_smaller_ones()
    {
        using GaussianModel inner = Toy.Gaussian();
        using var model = new WithoutGradients(inner, ModelGradients.All, size: 32);
        SolverParameters solver = SolverCatalog.Resolve("diffPir", "fast", null);
        Reconstructor.Check(model.Info, Request(solver, 32));
        Reconstructor.Check(model.Info, Request(solver, 20));
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(model.Info, Request(solver, 40)));
        Assert.Equal(
            ("files.measurement", "Its image has 40 x 40 pixels; the model 'gaussian' takes 32 x 32 only, and smaller ones mirrored up to them."),
            (error.Field, error.Message));
    }

    private static ModelGradients Without(string network) => new(network != "denoiser", network != "decoder", network != "encoder");

    private static void RefusedExactlyWhenAskedFor(SolverParameters parameters, ModelGradients gradients)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel inner = Toy.Gaussian();
        using var model = new WithoutGradients(inner, gradients);
        bool refused = SolverCatalog.GradientRefusal(parameters, model.Info) is not null, asked = false;
        string operation = parameters is DdpmConsistencyParameters or MriPurifyParameters ? "mri" : "inpainting";
        using LinearOperator a = Toy.Operators[operation](Side);
        try
        {
            Toy.Run(model, a, Toy.Measure(inner, a, 0.05, 1, 3).Y, 0.05, parameters, 1);
        }
        catch (NotSupportedException e) when (e.Message.Contains("gives no gradients", StringComparison.Ordinal))
        {
            asked = true;
        }

        Assert.Equal(asked, refused);
    }

    private static ReconstructionRequest Request(SolverParameters solver, int side = Side) => new()
    {
        Problem = new Denoising(),
        Measurement = Toy.Phantom(side),
        Sigma = 0.05,
        Solver = solver,
        Seed = 1,
        Files = new Dictionary<string, ArrayData>(),
    };

    /// <summary>The Gaussian model with some gradients left out, as a file of ONNX leaves them out.</summary>
    private sealed class WithoutGradients(GaussianModel inner, ModelGradients gradients, int? size = null) : LatentModel(inner.AlphasCumprod)
    {
        public override ModelInfo Info { get; } =
            inner.Info with { Gradients = gradients, FixedHeight = size, FixedWidth = size, SizeMultiple = size ?? inner.Info.SizeMultiple };

        public override Device Device => torch.CPU;

        public override Tensor PredictNoise(Tensor z, Tensor t, Tensor? conditioning = null) => inner.PredictNoise(z, t, conditioning);

        internal override Tensor EncodeCore(Tensor x) => x.alias();

        internal override Tensor DecodeCore(Tensor z) => z.alias();
    }
}
