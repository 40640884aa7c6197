using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Packages without an autoencoder: models on pixels.</summary>
[LeavesNoTensors]
public sealed class PixelModelTests
{
    [Theory]
    [InlineData(1), InlineData(3)]
    public void The_latent_is_the_image_between_minus_one_and_one(int channels) => With(channels, channels, folder =>
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(folder);
        Assert.Equal((channels, channels, 1, 4), (model.Channels, model.Info.LatentChannels, model.Info.LatentDownsampling, model.SizeMultiple));
        Assert.Equal((1.0, PredictionType.Epsilon, 1000), (model.Info.LatentScale, model.Info.PredictionType, model.Info.TrainTimesteps));
        Assert.Equal([channels, 12L, 16L], model.LatentShape(12, 16));
        Assert.Equal(0.52142303, model.AlphasCumprod[250], 8);
        Tensor x = Toy.Normal([2, channels, 12, 16], 1), z = model.Encode(x);
        Assert.Equal((x * 2 - 1).ToFloats(), z.ToFloats());
        Assert.True(Toy.Error(model.Decode(z, 12, 16), x) < 1e-6);

        // The decoder's Jacobian is a half.
        (_, Tensor gradient) = model.DecodeVjp(z, 12, 16, _ => x);
        Assert.Equal((x * 0.5).ToFloats(), gradient.ToFloats());
    });

    [Fact]
    public void Any_size_is_padded_to_what_the_network_takes() => With(1, 1, folder =>
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(folder);
        Assert.Equal([1L, 16, 20], model.LatentShape(14, 17));
        Tensor x = Toy.Normal([1, 1, 14, 17], 1), z = model.Encode(x);
        Assert.Equal([1L, 1, 16, 20], z.shape);
        Assert.True(Toy.Error(model.Decode(z, 14, 17), x) < 1e-6);
    });

    [Fact]
    public void The_noise_is_what_the_network_says() => With(1, 1, folder =>
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(folder);
        using UNet network = Network.LoadUNet(Path.Combine(folder, "unet"), torch.CPU);
        Tensor z = Toy.Normal([2, 1, 16, 16], 1), t = torch.copy_of([10L, 700L]), said = network.Forward(z, t, null);
        Assert.Equal(said.ToFloats(), model.PredictNoise(z, t).ToFloats());
        Assert.True(said.abs().max().ToDouble() > 1e-3);
    });

    [Fact]
    public void It_is_listed_and_its_files_make_its_hash() => With(1, 1, folder =>
    {
        ModelInfo info = ModelPackage.ReadInfo(folder);
        Assert.Null(info.Hash);
        using LatentModel model = ModelPackage.Load(folder);
        Assert.Equal(info, model.Info with { Hash = null });
        Assert.Matches("^[0-9a-f]{64}$", model.Info.Hash);
        using var catalogue = new ModelCatalog([Path.GetDirectoryName(folder)!]);
        Assert.Contains(catalogue.Models, m => m.Id == Path.GetFileName(folder));
    });

    [Fact]
    public void A_card_may_say_the_same_and_no_other_thing() => With(1, 1, folder =>
    {
        string card = Path.Combine(folder, "model.json");
        File.WriteAllText(
            card, """{"id": "pixels", "channels": 1, "latentChannels": 1, "latentDownsampling": 1, "sizeMultiple": 4, "networkRange": [-1, 1]}""");
        Assert.Equal("pixels", ModelPackage.ReadInfo(folder).Id);
        File.WriteAllText(card, """{"latentDownsampling": 4}""");
        Refused(folder, "latentDownsampling is 4");
        File.WriteAllText(card, """{"sha256": {"vae/config.json": "ZEROS"}}""".Replace("ZEROS", new string('0', 64), StringComparison.Ordinal));
        Refused(folder, "names an autoencoder");
    });

    [Theory]
    [InlineData("vae"), InlineData("vqvae")]
    public void A_pipeline_with_an_autoencoder_that_is_missing_is_no_model_on_pixels(string name) => With(1, 1, folder =>
    {
        File.WriteAllText(Path.Combine(folder, "model_index.json"), $$"""{"_class_name": "LDMPipeline", "{{name}}": ["diffusers", "VQModel"]}""");
        Refused(folder, "names an autoencoder");
        File.WriteAllText(Path.Combine(folder, "model_index.json"), """{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}""");
        ModelPackage.Load(folder).Dispose();
    });

    [Theory]
    [InlineData(4, 4, "no autoencoder")]
    [InlineData(3, 6, "from 3 to 6 channels, but the image has 3")]
    public void Channels_that_no_image_has_are_refused(int channels, int predicted, string message) =>
        With(channels, predicted, folder => Refused(folder, message));

    [Theory]
    [InlineData("learned_range"), InlineData("learned")]
    public void Of_a_network_with_a_learned_variance_the_first_half_is_the_noise(string variance) => With(3, 6, folder =>
    {
        string scheduler = Path.Combine(folder, "scheduler", "scheduler_config.json");
        File.WriteAllText(scheduler, $$"""{"_class_name": "DDPMScheduler", "beta_schedule": "linear", "variance_type": "{{variance}}"}""");
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(folder);
        using UNet network = Network.LoadUNet(Path.Combine(folder, "unet"), torch.CPU);
        Tensor z = Toy.Normal([2, 3, 16, 16], 1), t = torch.copy_of([10L, 700L]), w = Toy.Normal([2, 3, 16, 16], 2);
        Tensor leaf = z.detach().requires_grad_(), said = network.Forward(leaf, t, null);
        Assert.Equal(6, said.size(1));
        Tensor first = said.split(3, 1)[0];
        (Tensor noise, Tensor gradient) = model.PredictNoiseVjp(z, t, _ => w);
        Assert.Equal(first.detach().ToFloats(), noise.ToFloats());
        Assert.True(Toy.Error(gradient, torch.autograd.vjp(first, leaf, w)) < 1e-6);

        // A whole job, of a size that has to be padded.
        float[] truth = Toy.Normal([3, 22, 17], 2).sigmoid().ToFloats();
        var problem = new Inpainting(new RandomMask(0.5, 3));
        SimulatedMeasurement simulated = Reconstructor.Simulate(problem, new ArrayData([3, 22, 17], truth), new Dictionary<string, ArrayData>(), 0.02, 1);
        var request = new ReconstructionRequest
        {
            Problem = problem,
            Measurement = simulated.Measurement,
            Sigma = 0.02,
            Solver = SolverCatalog.Resolve("diffPir", "fast", null),
            Seed = 1,
        };
        ReconstructionResult result = Reconstructor.Run(model, request, null, default);
        Assert.All(result.Image.Values, value => Assert.True(float.IsFinite(value)));
        Assert.InRange(result.Consistency.Ratio!.Value, 0, 3);
    });

    [Theory]
    [InlineData(3, 3), InlineData(3, 9)]
    public void A_learned_variance_is_as_large_as_the_noise(int channels, int predicted) => With(channels, predicted, folder =>
    {
        File.WriteAllText(Path.Combine(folder, "scheduler", "scheduler_config.json"), """{"_class_name": "DDPMScheduler", "variance_type": "learned_range"}""");
        if (predicted == channels)
        {
            ModelPackage.Load(folder).Dispose();
        }
        else
        {
            Refused(folder, "from 3 to 9 channels, but the image has 3");
        }
    });

    // A network that says nothing is the exact model of white noise where it predicts v, and of grey where it predicts the image.
    [Theory]
    [InlineData("v_prediction", 0.25), InlineData("sample", 0.0)]
    public void A_whole_job_with_another_prediction_gives_what_the_known_model_gives(string prediction, double variance) => With(1, 1, folder =>
    {
        string weights = Path.Combine(folder, "unet", Network.WeightsName);
        File.WriteAllBytes(weights, SafetensorsBuilder.From(weights).With("conv_out.weight", Zero).With("conv_out.bias", Zero).ToBytes());
        File.WriteAllText(
            Path.Combine(folder, "scheduler", "scheduler_config.json"),
            $$"""
            {
              "_class_name": "EulerDiscreteScheduler", "beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195,
              "prediction_type": "{{prediction}}", "interpolation_type": "linear"
            }
            """);
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(folder);
        using var known = new GaussianModel((_, _) => variance);
        var problem = new Inpainting(new RandomMask(0.5, 3));
        SimulatedMeasurement simulated = Reconstructor.Simulate(
            problem, new ArrayData([1, 24, 20], Toy.Normal([1, 24, 20], 2).sigmoid().ToFloats()), new Dictionary<string, ArrayData>(), 0.05, 1);
        foreach (string solver in (string[])["reSample", "diffPir", "latentDps"])
        {
            var request = new ReconstructionRequest
            {
                Problem = problem,
                Measurement = simulated.Measurement,
                Sigma = 0.05,
                Solver = SolverCatalog.Resolve(solver, "fast", null),
                Seed = 1,
            };
            float[] image = Reconstructor.Run(model, request, null, default).Image.Values;
            float[] expected = Reconstructor.Run(known, request, null, default).Image.Values;
            double error = image.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
            Assert.True(error < 1e-3, $"{solver} {error}");
            Assert.True(expected.Max() - expected.Min() > 0.1);
        }

        static (long[] Shape, byte[] Bytes)? Zero((long[] Shape, byte[] Bytes) tensor) => (tensor.Shape, new byte[tensor.Bytes.Length]);
    });

    [Fact]
    public void A_denoiser_that_takes_texts_needs_an_autoencoder() => With(1, 1, folder =>
    {
        string config = Path.Combine(folder, "unet", Network.ConfigName);
        JsonNode json = JsonNode.Parse(File.ReadAllText(config))!;
        json["_class_name"] = "UNet2DConditionModel";
        File.WriteAllText(config, json.ToJsonString());
        Refused(folder, "UNet2DConditionModel");
    });

    /// <summary>All solvers of single images.</summary>
    public static TheoryData<string> Solvers => [.. SolverCatalog.All.Where(solver => !solver.Presets["fast"].JointFrames).Select(solver => solver.Type)];

    [Theory]
    [MemberData(nameof(Solvers))]
    public void Solvers_run_on_it(string type) => With(1, 1, folder =>
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(folder);
        const double Sigma = 0.05;
        using var op = new CartesianMriOperator(14, 16, Masks.Random(14, 16, 0.6, 3), null, torch.CPU);
        Tensor truth = Toy.Normal([1, 1, 14, 16], 2).sigmoid(), y = op.Apply(truth);
        Tensor x = torch.copy_of(Toy.Run(model, op, y, Sigma, SolverCatalog.Resolve(type, "fast", null), 1), 1, 1, 14, 16);
        Assert.All(x.ToFloats(), v => Assert.True(float.IsFinite(v)));
        double residual = op.Residual2(x, y).ToDoubles()[0], before = op.Residual2(torch.full([1, 1, 14, 16], 0.5), y).ToDoubles()[0];
        Assert.True(residual < 0.3 * before, $"{residual} of {before}");
    });

    [Fact]
    public void Without_noise_DDNM_keeps_measured_pixels_exactly() => With(1, 1, folder =>
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = ModelPackage.Load(folder);
        using var op = new MaskOperator(1, 16, 16, Masks.Random(16, 16, 0.6, 3), torch.CPU);
        Tensor y = op.Apply(Toy.Normal([1, 1, 16, 16], 2).sigmoid());
        Tensor x = torch.copy_of(Toy.Run(model, op, y, 0, DdnmParameters.Paper with { Steps = 20 }, 1), 1, 1, 16, 16);
        Assert.True((op.Apply(x) - y).abs().max().ToDouble() < 1e-5);
    });

    private static void With(int channels, int predicted, Action<string> test)
    {
        string folder = PixelPackage.Create(channels, predicted);
        try
        {
            test(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Refused(string folder, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidModelException>(() => ModelPackage.Load(folder).Dispose()).Message, StringComparison.Ordinal);
}
