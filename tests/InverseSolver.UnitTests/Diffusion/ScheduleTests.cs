using System.Text.Json;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class ScheduleTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, 9)];

    [Theory, MemberData(nameof(Cases))]
    public void A_ddim_step_agrees_with_the_original(int index)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllText(TestData.Golden("schedulers/cases.json")));
        JsonElement one = cases.RootElement[index];
        ReferenceDdim reference = FromJson(one.GetProperty("config").GetRawText(), ReferenceDdim.Read);
        int steps = one.GetProperty("steps").GetInt32();
        int[] expected = [.. one.GetProperty("timesteps").EnumerateArray().Select(t => t.GetInt32())];
        Assert.Equal(expected, reference.Timesteps(steps));

        using SafetensorsFile file = SafetensorsFile.Open(TestData.Golden($"schedulers/ddim-{index}.safetensors"));
        (Tensor z, Tensor output, Tensor noise) = (file.Read("sample"), file.Read("model_output"), file.Read("variance_noise"));
        (int t, double eta) = (one.GetProperty("t").GetInt32(), one.GetProperty("eta").GetDouble());
        (Tensor previous, Tensor original) = reference.Step(output, t, z, steps, eta, noise);
        AssertClose(file.Read("prev_sample"), previous);
        AssertClose(file.Read("pred_original_sample"), original);
        if (reference.Clips)
        {
            return;
        }

        // The solvers' own step, which does not clip: from what the network predicts to ε, from there to x₀ and to the next level.
        SchedulerConfig config = FromJson(one.GetProperty("config").GetRawText(), SchedulerConfig.Read);
        double a = config.Noise.AlphasCumprod[t];
        Tensor epsilon = new DiffusionLevels(torch.copy_of([a], 1, 1, 1, 1)).ToEpsilon(config.PredictionType, output, z);
        var step = new DdimStep(0, 0, t, a, reference.PreviousAlphaCumprod(t, steps));
        AssertClose(file.Read("pred_original_sample"), step.X0(z, epsilon));
        AssertClose(file.Read("prev_sample"), step.Ddim(step.X0(z, epsilon), epsilon, eta, _ => noise));
    }

    [Fact]
    public void The_scaled_linear_schedule_has_the_published_values()
    {
        ReadOnlySpan<double> abar = NoiseSchedule.ScaledLinear(0.0015, 0.0195).AlphasCumprod;
        (int, double)[] published =
        [
            (0, 0.99850000), (1, 0.99699443), (3, 0.99396661), (100, 0.82311704), (250, 0.50842433), (333, 0.34501103), (399, 0.23592447), (500, 0.11492200),
            (667, 0.02305173), (750, 0.00833414), (999, 0.00014230),
        ];
        foreach ((int t, double value) in published)
        {
            Assert.Equal(value, abar[t], 0.5001e-8);
        }

        ReadOnlySpan<double> stable = NoiseSchedule.ScaledLinear(0.00085, 0.012).AlphasCumprod;
        Assert.Equal(0.99915, stable[0], 0.5001e-5);
        Assert.Equal(0.0046601, stable[999], 0.5001e-7);
    }

    [Fact]
    public void The_linear_schedule_has_the_published_values()
    {
        ReadOnlySpan<double> abar = NoiseSchedule.Linear().AlphasCumprod;
        (int, double)[] published =
            [(0, 0.99990000), (100, 0.89514159), (250, 0.52142303), (399, 0.19514644), (500, 0.07779666), (699, 0.00696611), (999, 0.00004036)];
        foreach ((int t, double value) in published)
        {
            Assert.Equal(value, abar[t], 0.5001e-8);
        }
    }

    [Fact]
    public void Rescaling_leaves_the_start_and_takes_all_signal_from_the_end()
    {
        SchedulerConfig plain = FromJson("""{"beta_schedule":"scaled_linear","beta_start":0.00085,"beta_end":0.012,"prediction_type":"v_prediction"}""");
        SchedulerConfig rescaled = FromJson(
            """{"beta_schedule":"scaled_linear","beta_start":0.00085,"beta_end":0.012,"prediction_type":"v_prediction","rescale_betas_zero_snr":true}""");
        Assert.Equal(plain.Noise.AlphasCumprod[0], rescaled.Noise.AlphasCumprod[0], 1e-12);
        Assert.Equal(0, rescaled.Noise.AlphasCumprod[^1]);
    }

    [Theory]
    [InlineData("linspace", new[] { 999, 749, 500, 250, 0 })]
    [InlineData("leading", new[] { 801, 601, 401, 201, 1 })]
    [InlineData("trailing", new[] { 999, 799, 599, 399, 199 })]
    public void Every_spacing_gives_the_timesteps_of_the_original(string spacing, int[] expected) =>
        Assert.Equal(expected, FromJson($$"""{"timestep_spacing":"{{spacing}}","steps_offset":1}""", ReferenceDdim.Read).Timesteps(5));

    [Theory]
    [InlineData("linspace", TimestepSpacing.Linspace), InlineData("trailing", TimestepSpacing.Trailing)]
    public void The_solvers_timesteps_are_those_of_the_original(string spacing, TimestepSpacing kind)
    {
        ReferenceDdim reference = FromJson($$"""{"timestep_spacing":"{{spacing}}"}""", ReferenceDdim.Read);
        Assert.All((int[])[2, 5, 7, 20, 333, 999, 1000], steps => Assert.Equal(reference.Timesteps(steps).Reverse(), DdimSchedule.Spaced(kind, 1000, steps)));
    }

    [Theory]
    [InlineData("""{"beta_schedule":"cosine"}""", "beta_schedule")]
    [InlineData("""{"prediction_type":"x"}""", "prediction_type")]
    [InlineData("""{"timestep_spacing":"karras"}""", "timestep_spacing")]
    [InlineData("""{"use_carras_sigmas":true}""", "use_carras_sigmas")]
    [InlineData("""{"use_flow_sigmas":true}""", "use_flow_sigmas")]
    [InlineData("""{"_class_name":"EulerDiscreteScheduler","timestep_type":"continuous"}""", "timestep_type")]
    [InlineData("""{"_class_name":"DPMSolverMultistepScheduler","use_flow_sigmas":true}""", "use_flow_sigmas")]
    [InlineData("""{"_class_name":"DPMSolverMultistepScheduler","beta_end":Infinity}""", "'beta_end' must be a number")]
    [InlineData("""{"trained_betas":[0.1, NaN],"num_train_timesteps":2}""", "trained_betas")]
    [InlineData("""{"predict_epsilon":false,"prediction_type":"epsilon"}""", "predict_epsilon")]
    [InlineData("""{"num_train_timesteps":0}""", "num_train_timesteps")]
    [InlineData("""{"trained_betas":[0.1, 0.2]}""", "trained_betas")]
    [InlineData("""{"beta_start":-1}""", "beta_start")]
    public void An_option_that_is_not_known_is_named(string json, string option) =>
        Assert.Contains(option, Assert.Throws<InvalidModelException>(() => FromJson(json)).Message, StringComparison.Ordinal);

    // As folders have them; of a sampler's own options nothing is asked.
    [Theory]
    [InlineData(
        """{"_class_name":"EulerDiscreteScheduler","interpolation_type":"linear","use_karras_sigmas":true,"""
            + """ "prediction_type":"v_prediction","timestep_spacing":"trailing"}""",
        PredictionType.VPrediction, TimestepSpacing.Trailing)]
    [InlineData(
        """{"_class_name":"DPMSolverMultistepScheduler","algorithm_type":"dpmsolver++","solver_order":2,"timestep_spacing":"linspace"}""",
        PredictionType.Epsilon, TimestepSpacing.Linspace)]
    [InlineData("""{"_class_name":"DDIMScheduler","tensor_format":"pt","skip_prk_steps":true}""", PredictionType.Epsilon, TimestepSpacing.Leading)]
    [InlineData(
        """{"_class_name":"DPMSolverMultistepScheduler","lambda_min_clipped":-Infinity,"variance_type":null,"""
            + """ "a \"NaN\" text":"-Infinity","timestep_spacing":"linspace"}""",
        PredictionType.Epsilon, TimestepSpacing.Linspace)]
    [InlineData(
        """{"_class_name":"DDIMScheduler","interpolation_type":"linear","skip_prk_steps":true,"use_karras_sigmas":true,"""
            + """ "final_sigmas_type":"zero","lambda_min_clipped":-Infinity}""",
        PredictionType.Epsilon, TimestepSpacing.Leading)]
    [InlineData(
        """{"_class_name":"DDPMScheduler","solver_order":2,"algorithm_type":"dpmsolver++","solver_type":"midpoint","lower_order_final":true,"""
            + """ "sigma_min":null,"use_flow_sigmas":false,"flow_shift":1.0}""",
        PredictionType.Epsilon, TimestepSpacing.Leading)]
    [InlineData(
        """{"_class_name":"PNDMScheduler","timestep_type":"discrete","predict_x0":true,"solver_p":null,"disable_corrector":[],"""
            + """ "euler_at_final":true,"eta":0.5}""",
        PredictionType.Epsilon, TimestepSpacing.Leading)]
    [InlineData("""{"_class_name":"DDPMScheduler","predict_epsilon":false}""", PredictionType.Sample, TimestepSpacing.Leading)]
    [InlineData("""{"_class_name":"DDPMScheduler","predict_epsilon":true}""", PredictionType.Epsilon, TimestepSpacing.Leading)]
    public void Of_other_samplers_the_schedule_is_taken(string json, PredictionType prediction, TimestepSpacing spacing)
    {
        SchedulerConfig schedule = FromJson("""{"beta_schedule":"scaled_linear","beta_start":0.00085,"beta_end":0.012,""" + json[1..]);
        Assert.Equal((prediction, spacing), (schedule.PredictionType, schedule.Spacing));
        Assert.Equal(0.0046601, schedule.Noise.AlphasCumprod[999], 0.5001e-7);
    }

    [Fact]
    public void A_class_that_is_no_sampler_of_such_a_schedule_is_refused() =>
        Assert.Contains(
            "'FlowMatchEulerDiscreteScheduler' is not known",
            Assert.Throws<InvalidModelException>(() => FromJson("""{"_class_name":"FlowMatchEulerDiscreteScheduler"}""")).Message, StringComparison.Ordinal);

    [Fact]
    public void Thresholding_clips_at_the_quantile_and_scales_to_one()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        ReferenceDdim schedule = FromJson(
            """{"prediction_type":"sample","thresholding":true,"dynamic_thresholding_ratio":0.5,"sample_max_value":10}""", ReferenceDdim.Read);
        Tensor said = torch.copy_of([0.5, -2.0, 4.0, 8.0, 0.1, 0.2, -0.3, 0.4], 2, 4).to(ScalarType.Float32);
        (_, Tensor original) = schedule.Step(said, 500, torch.zeros_like(said), 10);
        Assert.Equal([0.5 / 3, -2.0 / 3, 1, 1, 0.1, 0.2, -0.3, 0.4], original.ToDoubles(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    private static SchedulerConfig FromJson(string options) => FromJson(options, SchedulerConfig.Read);

    private static T FromJson<T>(string options, Func<string, T> read)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("inverse-test-").FullName, "scheduler_config.json");
        File.WriteAllText(
            path, options.Contains("_class_name", StringComparison.Ordinal) ? options : """{"_class_name":"DDIMScheduler",""" + options.TrimStart()[1..]);
        try
        {
            return read(path);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        double error = (actual - expected).abs().max().ToDouble() / expected.abs().max().ToDouble();
        Assert.True(error <= 1e-5, $"{error}");
    }
}
