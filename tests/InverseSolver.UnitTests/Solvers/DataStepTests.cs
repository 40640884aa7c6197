using System.Reflection;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>A solver says whose data step it takes, and takes it.</summary>
[LeavesNoTensors]
public sealed class DataStepTests
{
    private const int Side = 8;
    private const double Sigma = 0.05;

    private static readonly string[] Replaced = ["reSample", "dcdp", "diffPir", "ddnm", "ddpmConsistency", "mriPurify", "treg", "daps", "constrainedAdmm"];

    /// <summary>All presets of all solvers with a network but FAST-DIPS, whose step has no assumed deviation.</summary>
    public static TheoryData<string, string> Presets =>
    [
        .. from solver in SolverCatalog.All
           where !solver.IsBaseline && solver.Type != "constrainedAdmm"
           from preset in solver.Presets.Keys
           select (solver.Type, preset),
    ];

    /// <remarks>
    /// Only the proximal step looks at the deviation that it assumes of an estimate. Both runs go on from one start, which RED-diff makes by such a step.
    /// </remarks>
    [Theory, MemberData(nameof(Presets))]
    public void A_run_takes_the_step_that_it_reports(string type, string preset)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["mri"](Side);
        Tensor y = Toy.Measure(model, a, Sigma, 1, 5).Y;
        var parameters = (DiffusionParameters)SolverCatalog.Resolve(type, preset, SolverLawTests.Short(type, preset)) with { FinalProximalStep = false };
        float[] image = Run(parameters), assumed = Run(parameters with { PriorStandardDeviation = 0.5 });
        DataStep taken = image.SequenceEqual(assumed) ? DataStep.Paper : DataStep.Proximal;
        Assert.Equal(taken, parameters.DataStepOn(new CartesianMri(new EquispacedKSpaceMask(2, 0.2))));

        float[] Run(DiffusionParameters other)
        {
            var input = new SolverInput(model, a, y, Sigma);
            using SolverState state = parameters.Create(input).Start(3);
            return other.Create(input).Run(state).ToFloats();
        }
    }

    [Theory]
    [InlineData("paper", DataStep.Paper), InlineData("paperFast", DataStep.Paper)]
    [InlineData("balanced", DataStep.Proximal), InlineData("fast", DataStep.Proximal)]
    public void FAST_DIPS_corrects_the_neighbours_of_a_measured_pixel_where_it_says_so(string preset, DataStep step)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using GaussianModel model = Toy.Gaussian();
        using LinearOperator a = Toy.Operators["inpainting"](Side);
        Tensor y = Toy.Measure(model, a, Sigma, 1, 5).Y, missing = a.Apply(torch.ones([1, 1, Side, Side])).lt(0.5);
        SolverParameters parameters = SolverCatalog.Resolve("constrainedAdmm", preset, SolverLawTests.Short("constrainedAdmm", preset));
        bool moved = !First(y).masked_select(missing).ToFloats().SequenceEqual(First(y + 0.1).masked_select(missing).ToFloats());
        Assert.Equal((step, step == DataStep.Proximal), (parameters.DataStepOn(new Inpainting(new RandomMask(0.5, 1))), moved));

        // The estimate of the first step, which starts from the same noise.
        Tensor First(Tensor measured)
        {
            float[]? first = null;
            Solver solver = parameters.Create(new SolverInput(model, a, measured, Sigma, told => first ??= told.Preview!.Values));
            using SolverState state = solver.Start(3);
            solver.Run(state);
            return torch.copy_of(first!, 1, 1, Side, Side);
        }
    }

    [Fact]
    public void Presets_named_after_the_paper_take_its_step_and_no_other_at_the_end()
    {
        foreach (SolverDescription solver in SolverCatalog.All.Where(one => !one.IsBaseline))
        {
            Assert.All(["paper", "paperFast"], preset =>
            {
                var parameters = (DiffusionParameters)solver.Presets[preset];
                Assert.Equal((DataStep.Paper, false), (parameters.DataStepOn(new Inpainting(new RandomMask(0.5, 1))), parameters.FinalProximalStep));
            });
        }
    }

    [Fact]
    public void Nine_of_twelve_replace_the_paper_s_step_in_their_other_presets_and_the_parameter_has_one_name()
    {
        SolverDescription[] solvers = [.. SolverCatalog.All.Where(one => !one.IsBaseline)];
        Assert.Equal(12, solvers.Length);
        foreach (SolverDescription solver in solvers)
        {
            DataStep expected = Replaced.Contains(solver.Type) ? DataStep.Proximal : DataStep.Paper;
            Assert.All(["balanced", "fast"], preset => Assert.Equal(expected, solver.Presets[preset].DataStepOn(new Inpainting(new RandomMask(0.5, 1)))));
            PropertyInfo[] steps = [.. solver.Presets["fast"].GetType().GetProperties().Where(property => property.PropertyType == typeof(DataStep))];
            Assert.Equal(Replaced.Contains(solver.Type) ? ["DataStep"] : [], steps.Select(property => property.Name));
        }
    }

    [Fact]
    public void Without_a_network_there_is_no_step_to_name() =>
        Assert.All(SolverCatalog.All.Where(one => one.IsBaseline), one => Assert.Null(one.Presets["fast"].DataStepOn(new CodedDiffraction())));

    [Fact]
    public void DiffPIR_reports_the_proximal_step_where_its_own_cannot_be_taken()
    {
        Assert.Equal(DataStep.Proximal, DiffPirParameters.Paper.DataStepOn(new HighDynamicRange()));
        Assert.Equal(DataStep.Paper, DcdpParameters.Paper.DataStepOn(new HighDynamicRange()));
    }
}
