using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Cli.Convert;

/// <summary><c>inverse models convert</c>, as a user runs it.</summary>
public sealed class ConvertModelTests(CompVisCheckpoints checkpoints) : IClassFixture<CompVisCheckpoints>
{
    private const string Config = """
        model:
          base_learning_rate: 5.0e-07
          target: ldm.models.diffusion.ddpm.LatentDiffusion
          params:
            parameterization: "v"
            linear_start: 0.00085
            linear_end: 0.0120
            timesteps: 1000
            image_size: 96
            scale_factor: 0.18215
            unet_config:
              target: ldm.modules.diffusionmodules.openaimodel.UNetModel
              params:
                attention_resolutions: [ 4, 2, 1 ]
                num_res_blocks: 2
                num_head_channels: 64 # need to fix for flash-attn
                num_heads: -1
            first_stage_config:
              params:
                ddconfig: {num_heads: 3, scale_factor: 9}
        scale_factor: 7
        """;

    [Fact]
    public void The_models_own_configuration_answers_what_the_tensors_do_not()
    {
        string folder = checkpoints.NewFolder(), config = Path.Combine(folder, "v2.yaml"), json = Path.Combine(folder, "report.json");
        File.WriteAllText(config, Config);
        (int exitCode, string output) = Inverse(
            "models", "convert", checkpoints.File("sd2.ckpt"), Path.Combine(folder, "sd-2"),
            "--config", config, "--json", json);
        Assert.True(exitCode == 0, output);
        Assert.Contains("attention      heads of 64 channels  [config]", output, StringComparison.Ordinal);
        Assert.Contains("prediction     v_prediction  [config]", output, StringComparison.Ordinal);
        Assert.Contains("latent scale   0.18215  [config]", output, StringComparison.Ordinal);
        Assert.Contains("missing        It needs a context of 1024 channels", output, StringComparison.Ordinal);
        Assert.Equal("sd-2", (string)JsonNode.Parse(File.ReadAllText(json))!["id"]!);
        JsonNode card = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "sd-2", "model.json")))!;
        Assert.Equal([768, 768], card["nativeSize"]!.AsArray().Select(side => (int)side!));
        Assert.Equal(
            "v_prediction",
            (string)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "sd-2", "scheduler", "scheduler_config.json")))!["prediction_type"]!);
        (exitCode, output) = Inverse("models", "list", "--models", folder);
        Assert.True(exitCode == 0, output);
        Assert.Contains("sd-2, converted from sd2.ckpt", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_context_of_ones_own_becomes_part_of_the_package()
    {
        string package = Path.Combine(checkpoints.NewFolder(), "sd-1"), conditioning = checkpoints.File("sd1.conditioning.safetensors");
        (int exitCode, string output) = Inverse("models", "convert", checkpoints.File("sd1.ckpt"), package, "--conditioning", conditioning);
        Assert.True(exitCode == 0, output);
        Assert.DoesNotContain("missing", output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(conditioning), File.ReadAllBytes(Path.Combine(package, "conditioning.safetensors")));
        Assert.NotNull(JsonNode.Parse(File.ReadAllText(Path.Combine(package, "model.json")))!["sha256"]!["conditioning.safetensors"]);
        (exitCode, output) = Inverse("models", "check", package);
        Assert.True(exitCode == 0, output);
    }

    /// <remarks>The weights are random, so the image is not looked at; that the class reaches the denoiser shows in the report.</remarks>
    [Fact]
    public void A_converted_model_solves_a_job()
    {
        string folder = checkpoints.NewFolder(), models = Path.Combine(folder, "models"),
            measurement = Path.Combine(folder, "y.npy"), problem = Path.Combine(folder, "p.json");
        (int exitCode, string output) = Inverse("models", "convert", checkpoints.File("cin.ckpt"), Path.Combine(models, "cin"), "--class", "7");
        Assert.True(exitCode == 0, output);
        File.WriteAllBytes(measurement, Npy.Write(new ArrayData([3, 32, 32], [.. Enumerable.Range(0, 3072).Select(i => i % 32 / 32f)])));
        File.WriteAllText(problem, """{ "type": "inpainting", "mask": { "type": "box", "height": 8, "width": 8 } }""");
        (exitCode, output) = Inverse(
            "solve", "--problem", problem, "--measurement", measurement, "--sigma", "0.05", "--models", models, "--model", "cin",
            "--solver", "reSample", "--preset", "fast", "--set", "steps=2",
            "--out", Path.Combine(folder, "out"));
        Assert.True(exitCode == 0, output);
        Assert.Equal([3, 32, 32], Npy.Read(File.ReadAllBytes(Path.Combine(folder, "out", "result.npy")), 10_000).Shape);
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "out", "report.json")))!;
        Assert.Equal("conditioning.safetensors", (string)report["model"]!["conditioning"]!["file"]!);
    }

    [Theory]
    [InlineData("a: &x [1]\nb: *x", "anchors and aliases are not read")]
    [InlineData("model: {params: {scale_factor: big}}", "model.params.scale_factor is no number")]
    [InlineData("model: {params: {parameterization: w}}", "model.params.parameterization is 'w'; eps, v and x0 are known")]
    [InlineData("model: {params: {beta_schedule: sqrt}}", "model.params.beta_schedule is 'sqrt'; linear, sqrt_linear and cosine are known")]
    [InlineData("model: [", "is no YAML (line")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "is nested deeper than 32 levels")]
    public void A_configuration_that_is_none_ends_with_2_and_says_why(string yaml, string text)
    {
        string folder = checkpoints.NewFolder(), config = Path.Combine(folder, "c.yaml");
        File.WriteAllText(config, yaml);
        (int exitCode, string output) = Inverse("models", "convert", checkpoints.File("vq4.ckpt"), Path.Combine(folder, "m"), "--config", config);
        Assert.Equal(2, exitCode);
        Assert.Contains($"c.yaml{(text[0] == 'i' ? " " : ": ")}{text}", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder, "m")));
    }

    [Fact]
    public void What_is_missing_ends_with_2()
    {
        (int exitCode, string output) = Inverse("models", "convert", checkpoints.File("sd2.ckpt"), Path.Combine(checkpoints.NewFolder(), "m"));
        Assert.Equal(2, exitCode);
        Assert.Contains("its prediction is unknown", output, StringComparison.Ordinal);
        (exitCode, output) = Inverse("models", "convert", checkpoints.File("none.ckpt"), Path.Combine(checkpoints.NewFolder(), "m"));
        Assert.Equal(2, exitCode);
        Assert.Contains("none.ckpt is missing.", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_configurations_schedule_counts_where_the_checkpoint_has_none_and_a_guided_one_is_asked_for_its_flags()
    {
        string folder = checkpoints.NewFolder(), config = Path.Combine(folder, "c.yaml"),
            bare = Path.Combine(folder, "bare.safetensors"), package = Path.Combine(folder, "m");
        File.WriteAllBytes(bare, SafetensorsBuilder.From(checkpoints.File("vq4-new-order.safetensors")).With("betas", _ => null).ToBytes());
        File.WriteAllText(
            config,
            "model: {params: {timesteps: 2000, beta_schedule: sqrt_linear, "
            + "linear_start: 0.001, linear_end: 0.01, unet_config: {params: {use_new_attention_order: True}}}}");
        (int exitCode, string output) = Inverse("models", "convert", bare, package, "--config", config);
        Assert.True(exitCode == 0, output);
        Assert.Contains("qkv order      new  [config]", output, StringComparison.Ordinal);
        JsonNode scheduler = JsonNode.Parse(File.ReadAllText(Path.Combine(package, "scheduler", "scheduler_config.json")))!;
        Assert.Equal(
            ("linear", 2000, 0.001, 0.01),
            ((string)scheduler["beta_schedule"]!, (int)scheduler["num_train_timesteps"]!, (double)scheduler["beta_start"]!, (double)scheduler["beta_end"]!));

        string[] guided = ["models", "convert", checkpoints.File("pixels-heads.ckpt"), Path.Combine(folder, "g")];
        (exitCode, output) = Inverse(guided);
        Assert.Equal(2, exitCode);
        Assert.Contains("its attention, qkv order, beta schedule and steps are unknown", output, StringComparison.Ordinal);
        (exitCode, output) = Inverse(
        [
            .. guided, "--heads", "4", "--attention-order", "new", "--beta-schedule", "linear",
            "--steps", "4000", "--rescale-timesteps", "true",
        ]);
        Assert.True(exitCode == 0, output);
        Assert.Contains("time           t * 1000 / 4000  [option]", output, StringComparison.Ordinal);
    }

    private static (int ExitCode, string Output) Inverse(params string[] arguments) =>
        Repository.Run(Repository.File("src", "InverseSolver.Cli", "bin", Repository.Configuration, "net10.0", "inverse"), arguments);
}
