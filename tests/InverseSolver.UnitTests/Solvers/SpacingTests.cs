using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>How a scheduler's config reaches the solvers' grid (docs/decisions/0018).</summary>
[LeavesNoTensors]
public sealed class SpacingTests : IDisposable
{
    private readonly StableDiffusionPackage _package = new();

    public void Dispose() => _package.Dispose();

    [Theory]
    [InlineData("leading", 5, new[] { 1, 251, 500, 750, 999 })]
    [InlineData("linspace", 5, new[] { 0, 250, 500, 749, 999 })]
    [InlineData("trailing", 5, new[] { 199, 399, 599, 799, 999 })]
    [InlineData("leading", 3, new[] { 1, 500, 999 })]
    [InlineData("linspace", 3, new[] { 0, 500, 999 })]
    [InlineData("trailing", 3, new[] { 332, 666, 999 })]
    [InlineData("leading", 1, new[] { 999 })]
    [InlineData("linspace", 1, new[] { 999 })]
    [InlineData("trailing", 1, new[] { 999 })]
    public void The_grid_has_the_spacing_of_the_scheduler(string spacing, int steps, int[] expected)
    {
        foreach (bool one in (bool[])[false, true])
        {
            using LatentModel model = Load(spacing, setAlphaToOne: one);
            var grid = new DdimSchedule(model, steps);
            Assert.Equal(expected, grid.Timesteps());
            Assert.Equal(expected.Select(t => model.AlphasCumprod[t]), grid.From(0).Reverse().Select(step => step.AlphaCumprod));

            // Of scaled-linear 0.0015 to 0.0195.
            Assert.Equal(one ? 1 : 0.9985, grid[0].AlphaCumprodPrev, 1e-9);
            Assert.All(Enumerable.Range(1, steps - 1), i => Assert.Equal(grid[i - 1].AlphaCumprod, grid[i].AlphaCumprodPrev));
        }
    }

    [Theory]
    [InlineData("leading"), InlineData("linspace"), InlineData("trailing")]
    public void As_many_steps_as_timesteps_visit_each_once(string spacing)
    {
        using LatentModel model = Load(spacing);
        Assert.Equal(Enumerable.Range(0, 1000), new DdimSchedule(model, 1000).Timesteps());
        Assert.All((int[])[999, 777, 500, 7], steps => Assert.Equal(steps, new DdimSchedule(model, steps).Timesteps().Distinct().Count()));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DdimSchedule(model, 1001));
    }

    [Fact]
    public void The_bundled_model_keeps_the_grid_of_the_papers()
    {
        using LatentModel model = ModelPackage.Load(TestData.Brain);
        Assert.Equal((TimestepSpacing.Leading, false), (model.Info.TimestepSpacing, model.Info.SetAlphaToOne));
        Assert.Equal(Enumerable.Range(0, 500).Select(i => 2 * i + 1), new DdimSchedule(model, 500).Timesteps());
        Assert.Equal(model.AlphasCumprod[0], new DdimSchedule(model, 20)[0].AlphaCumprodPrev);
    }

    [Fact]
    public void The_reference_s_timesteps_stand_where_the_steps_divide_the_schedule_evenly_spaced()
    {
        using LatentModel leading = Load("leading"), trailing = Load("trailing");
        Assert.Equal(Enumerable.Range(0, 40).Select(i => 25 * i + 1), new DdimSchedule(leading, 40, reference: true).Timesteps());
        Assert.Equal([1, 501], new DdimSchedule(leading, 2, reference: true).Timesteps());
        Assert.Equal(leading.AlphasCumprod[951], new DdimSchedule(leading, 40, reference: true)[39].AlphaCumprodPrev);
        Assert.All(
            (int[])[1, 3, 30, 500, 999, 1000],
            steps => Assert.Equal(new DdimSchedule(leading, steps).Timesteps(), new DdimSchedule(leading, steps, reference: true).Timesteps()));
        Assert.Equal(new DdimSchedule(trailing, 40).Timesteps(), new DdimSchedule(trailing, 40, reference: true).Timesteps());
    }

    [Theory]
    [InlineData("epsilon", false, false)]
    [InlineData("epsilon", true, false)]
    [InlineData("v_prediction", false, false)]
    [InlineData("v_prediction", true, true)]
    [InlineData("sample", false, true)]
    [InlineData("sample", true, false)]
    public void A_solver_that_leaves_the_measurement_aside_samples_as_the_original_does(string prediction, bool setAlphaToOne, bool zeroSnr)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = Load("trailing", prediction, setAlphaToOne, zeroSnr);
        using LinearOperator op = MaskOperator.Denoising(3, 30, 24, torch.CPU);
        const int Steps = 5;
        TRegParameters parameters = TRegParameters.Paper with { Steps = Steps, ConsistencyEnd = 0, FinalProximalStep = false };
        var solver = new TReg(new SolverInput(model, op, torch.zeros([1, 3, 30, 24]), 0.1), parameters);
        using SolverState state = solver.Start(7);
        using IDisposable grad = torch.no_grad();
        Tensor z = state.Latent.clone();
        Assert.Equal([1L, 4, 8, 6], z.shape);
        solver.Run(state);

        using UNet network = Network.LoadUNet(Path.Combine(_package.Folder, "unet"), torch.CPU);
        using SafetensorsFile stored = SafetensorsFile.Open(Path.Combine(_package.Folder, "conditioning.safetensors"));
        Tensor context = stored.Read("embedding").unsqueeze(0);
        ReferenceDdim schedule = ReferenceDdim.Read(Path.Combine(_package.Folder, "scheduler", "scheduler_config.json"));
        foreach (int t in schedule.Timesteps(Steps))
        {
            (z, _) = schedule.Step(network.Forward(z, torch.copy_of([(long)t]), context), t, z, Steps);
        }

        // Of no signal at all a little is kept, 2^-24, whose root is 2.4e-4.
        double error = Toy.Error(state.Latent, z);
        Assert.True(error < (zeroSnr ? 2e-3 : 1e-5), $"{error}");
        Assert.All(state.Image!.ToFloats(), value => Assert.True(float.IsFinite(value)));
    }

    /// <summary>All solvers of single images.</summary>
    public static TheoryData<string> Solvers => [.. SolverCatalog.All.Where(solver => !solver.Presets["fast"].JointFrames).Select(solver => solver.Type)];

    [Theory]
    [MemberData(nameof(Solvers))]
    public void Every_solver_runs_from_pure_noise_to_an_end_without_noise(string type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = Load("trailing", "v_prediction", setAlphaToOne: true, zeroSnr: true);
        Assert.Equal(1.0 / (1 << 24), model.AlphasCumprod[999]);
        using var op = new MaskOperator(3, 30, 24, Masks.Random(30, 24, 0.6, 3), torch.CPU);
        Tensor truth = Toy.Normal([1, 3, 30, 24], 2).sigmoid(), y = op.Apply(truth);
        foreach (string preset in (string[])["fast", "paper"])
        {
            SolverParameters parameters = SolverCatalog.Resolve(type, "fast", null);
            Tensor x = torch.copy_of(Toy.Run(model, op, y, 0.05, preset == "fast" ? parameters : Published(parameters), 1), 1, 3, 30, 24);
            Assert.All(x.ToFloats(), value => Assert.True(float.IsFinite(value), preset));
            double residual = op.Residual2(x, y).ToDoubles()[0], before = op.Residual2(torch.full([1, 3, 30, 24], 0.5), y).ToDoubles()[0];
            Assert.True(preset == "paper" || residual < 0.5 * before, $"{residual} of {before}");
        }

        // The authors' data steps in as few steps as the fast preset has, without our last step.
        static SolverParameters Published(SolverParameters parameters) => parameters switch
        {
            DdnmParameters p => p with { DataStep = DataStep.Paper, FinalProximalStep = false },
            DiffPirParameters p => p with { DataStep = DataStep.Paper, FinalProximalStep = false },
            DdpmConsistencyParameters p => p with { DataStep = DataStep.Paper, FinalProximalStep = false },
            DiffusionParameters p => p with { FinalProximalStep = false },
            _ => parameters,
        };
    }

    [Fact]
    public void Predicted_noise_is_refused_where_a_timestep_has_no_signal()
    {
        string message = Assert.Throws<InvalidModelException>(() => Load("trailing", zeroSnr: true)).Message;
        Assert.Contains("scheduler/scheduler_config.json: rescale_betas_zero_snr leaves no signal", message, StringComparison.Ordinal);
    }

    private LatentModel Load(string spacing, string prediction = "epsilon", bool setAlphaToOne = false, bool zeroSnr = false)
    {
        (string one, string zero) = (setAlphaToOne ? "true" : "false", zeroSnr ? "true" : "false");
        _package.Scheduler($$"""
            {"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195,
            "clip_sample": false, "steps_offset": 0, "prediction_type": "{{prediction}}", "timestep_spacing": "{{spacing}}",
            "set_alpha_to_one": {{one}}, "rescale_betas_zero_snr": {{zero}}}
            """);
        return ModelPackage.Load(_package.Folder);
    }
}
