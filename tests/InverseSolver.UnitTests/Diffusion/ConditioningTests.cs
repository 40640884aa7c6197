using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Diffusion.Weights;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Models that are told something: Stable Diffusion's kind, by a stored embedding, and those with classes.</summary>
[LeavesNoTensors]
public sealed class ConditioningTests : IDisposable
{
    private readonly StableDiffusionPackage _package = new();

    public void Dispose() => _package.Dispose();

    [Fact]
    public void A_folder_of_Stable_Diffusion_with_a_stored_embedding_needs_no_card()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = Load();
        Assert.Equal((3, 4, 4, 8), (model.Channels, model.Info.LatentChannels, model.Info.LatentDownsampling, model.SizeMultiple));
        Assert.Equal((24, 0.18215, PredictionType.Epsilon), (model.Info.ContextChannels, model.Info.LatentScale, model.Info.PredictionType));
        Assert.Equal(0.0046601, model.AlphasCumprod[999], 0.5001e-7);
        Assert.Equal(new ConditioningInfo { File = "conditioning.safetensors" }, model.Info.Conditioning);
        Assert.Null(model.Info.Missing);

        // What diffusers computed of the first of two items with that context.
        using SafetensorsFile golden = SafetensorsFile.Open(TestData.Golden("unet2d-condition-sd1/golden.safetensors"));
        Tensor said = model.PredictNoise(golden.Read("x").narrow(0, 0, 1), golden.Read("t").narrow(0, 0, 1)), expected = golden.Read("out").narrow(0, 0, 1);
        Assert.True((said - expected).abs().max().ToDouble() <= 1e-4 * expected.abs().max().ToDouble());

        // The check of the package against its references takes the stored context too.
        File.WriteAllBytes(Path.Combine(_package.Folder, GoldenCheck.FileName), new SafetensorsBuilder()
            .Add("noisy_latent", "F32", [1, 4, 16, 16], Bytes("x")).Add("t", "I64", [1], [7, 0, 0, 0, 0, 0, 0, 0]).Add(
                "predicted_noise", "F32", [1, 4, 16, 16], Bytes("out")).ToBytes());
        GoldenResult result = Assert.Single(GoldenCheck.Run(_package.Folder));
        Assert.True(result.Passes(), $"{result}");

        byte[] Bytes(string name)
        {
            var bytes = new byte[golden.Entries[name].Length];
            golden.CopyBytes(golden.Entries[name], bytes);
            return bytes[..(bytes.Length / 2)];
        }
    }

    [Theory]
    [InlineData(7.5), InlineData(0.0), InlineData(0.5)]
    public void Guidance_is_its_formula_of_two_calls_and_so_is_its_gradient(double scale)
    {
        _package.Card(FormattableString.Invariant($$"""{"conditioning": {"prompt": "a photo", "guidanceScale": {{scale}} } }"""));
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = Load();
        Assert.Equal(new ConditioningInfo { File = "conditioning.safetensors", Prompt = "a photo", GuidanceScale = scale }, model.Info.Conditioning);
        using SafetensorsFile stored = SafetensorsFile.Open(Path.Combine(_package.Folder, "conditioning.safetensors"));
        Tensor z = Toy.Normal([2, 4, 8, 8], 1), t = torch.copy_of([300L, 800L]), w = Toy.Normal([2, 4, 8, 8], 2);
        Tensor wanted = Context("embedding"), other = Context("unconditional");
        Tensor leaf = z.detach().requires_grad_();
        Tensor c = model.PredictNoise(leaf, t, wanted), u = model.PredictNoise(leaf, t, other), expected = u + (c - u) * scale;
        (Tensor noise, Tensor gradient) = model.PredictNoiseVjp(z, t, _ => w);
        Assert.True(Toy.Error(noise, expected.detach()) < 1e-5);
        Assert.True(Toy.Error(gradient, torch.autograd.vjp(expected, leaf, w)) < 1e-5);
        Assert.True(Toy.Error(c.detach(), u.detach()) > 1e-3);

        // One timestep for all items is the same as that timestep for each.
        using IDisposable grad = torch.no_grad();
        Assert.Equal(model.PredictNoise(z, torch.copy_of([300L, 300L])).ToFloats(), model.PredictNoise(z, torch.copy_of([300L])).ToFloats());

        Tensor Context(string name) => stored.Read(name).unsqueeze(0).expand(2, 7, 24);
    }

    [Fact]
    public void Without_guidance_the_network_gets_the_batch_as_it_is()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = Load();
        using SafetensorsFile stored = SafetensorsFile.Open(Path.Combine(_package.Folder, "conditioning.safetensors"));
        Tensor z = Toy.Normal([2, 4, 8, 8], 1), t = torch.copy_of([300L, 800L]);
        Assert.Equal(model.PredictNoise(z, t, stored.Read("embedding").unsqueeze(0).expand(2, 7, 24)).ToFloats(), model.PredictNoise(z, t).ToFloats());
    }

    [Fact]
    public void A_network_says_the_same_noise_whatever_it_was_trained_to_predict()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        Tensor z = Toy.Normal([2, 4, 8, 8], 1), t = torch.copy_of([300L, 800L]);
        Tensor said = Noise(StableDiffusionPackage.Pndm), v = Noise(StableDiffusionPackage.VPrediction);
        Tensor clean = Noise(StableDiffusionPackage.VPrediction.Replace("v_prediction", "sample", StringComparison.Ordinal));

        // By v = √ᾱ ε - √(1-ᾱ) z₀ and z = √ᾱ z₀ + √(1-ᾱ) ε.
        double[] abar = [AlphasCumprod(300), AlphasCumprod(800)];
        Tensor a = torch.copy_of(abar, 2, 1, 1, 1).to(ScalarType.Float32), s = a.sqrt(), n = (1.0 - a).sqrt();
        Tensor z0OfV = (z - v * n) / s, z0OfSample = (z - clean * n) / s;
        Assert.True(Toy.Error(v * s - z0OfV * n, said) < 1e-5);
        Assert.True(Toy.Error(z0OfSample, said) < 1e-5);

        Tensor Noise(string scheduler)
        {
            _package.Scheduler(scheduler);
            using LatentModel model = Load();
            return model.PredictNoise(z, t);
        }

        static double AlphasCumprod(int t) => NoiseSchedule.ScaledLinear(0.00085, 0.012).AlphasCumprod[t];
    }

    public static TheoryData<string, double> Jobs => new()
    {
        { StableDiffusionPackage.Pndm, 1 },
        { StableDiffusionPackage.Pndm, 3 },
        { StableDiffusionPackage.VPrediction, 3 },
        { StableDiffusionPackage.VPrediction.Replace("v_prediction", "sample", StringComparison.Ordinal), 3 },
        {
            """{"_class_name": "DDIMScheduler", "beta_schedule": "scaled_linear", "clip_sample": false,"""
                + """ "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}""",
            3
        },
    };

    [Theory, MemberData(nameof(Jobs))]
    public void A_whole_job_runs_on_sizes_that_have_to_be_padded(string scheduler, double scale)
    {
        _package.Scheduler(scheduler);
        _package.Card(FormattableString.Invariant($$"""{"conditioning": {"guidanceScale": {{scale}} } }"""));
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel model = Load();
        float[] truth = Toy.Normal([3, 50, 37], 2).sigmoid().ToFloats();
        var problem = new Inpainting(new RandomMask(0.5, 3));
        SimulatedMeasurement simulated = Reconstructor.Simulate(problem, new ArrayData([3, 50, 37], truth), new Dictionary<string, ArrayData>(), 0.02, 1);
        ReconstructionResult result = Reconstructor.Run(
            model,
            new ReconstructionRequest
            {
                Problem = problem,
                Measurement = simulated.Measurement,
                Sigma = 0.02,
                Solver = ReSampleParameters.Fast with { Samples = 1, Steps = 8 },
                Seed = 1,
            },
            null,
            default);
        Assert.Equal([3, 50, 37], result.Image.Shape);
        Assert.All(result.Image.Values, value => Assert.True(float.IsFinite(value)));
        Assert.True(result.Consistency.Ratio < 3, $"{result.Consistency.Ratio}");
    }

    [Fact]
    public void A_model_without_the_embedding_that_it_needs_is_listed_and_refused_with_the_way_to_make_it()
    {
        File.Delete(Path.Combine(_package.Folder, "conditioning.safetensors"));
        using var catalogue = new ModelCatalog([_package.Folder]);
        ModelInfo info = Assert.Single(catalogue.Models);
        Assert.Equal(
            "needs a context such as a text's embedding, and there is no conditioning.safetensors in its folder: "
                + "scripts/write-conditioning.py writes one for the empty prompt (docs/models.md)",
            info.Missing);
        var problem = new Denoising();
        var request = new ReconstructionRequest
        {
            Problem = problem,
            Measurement = new ArrayData([3, 16, 16], new float[768]),
            Sigma = 0.1,
            Solver = ReSampleParameters.Fast,
            Seed = 1,
        };
        InvalidInputException e = Assert.Throws<InvalidInputException>(() => Reconstructor.Check(info, request));
        Assert.Equal("model", e.Field);
        Assert.Contains(info.Missing!, e.Message, StringComparison.Ordinal);

        _package.Card("""{"conditioning": {"file": "other.safetensors"}}""");
        Assert.Contains("there is no other.safetensors", ModelPackage.ReadInfo(_package.Folder).Missing, StringComparison.Ordinal);
        _package.Contexts("other.safetensors", "embedding");
        ModelInfo there = ModelPackage.ReadInfo(_package.Folder);
        Assert.Equal((null, "other.safetensors"), (there.Missing, there.Conditioning!.File));
    }

    [Fact]
    public void What_the_model_is_told_is_part_of_its_hash()
    {
        string plain = Hash();
        _package.Contexts("conditioning.safetensors", "unconditional", "embedding");
        string swapped = Hash();
        _package.Card("""{"title": "x"}""");
        Assert.Equal(swapped, Hash());
        _package.Card("""{"conditioning": {"guidanceScale": 2}}""");
        string guided = Hash();
        _package.Card("""{"conditioning": { "guidanceScale": 3 }}""");
        Assert.Equal(4, new HashSet<string>([plain, swapped, guided, Hash()]).Count);

        string Hash()
        {
            using LatentModel model = Load();
            return model.Info.Hash!;
        }
    }

    [Theory]
    [InlineData("""{"conditioning": 3}""", "conditioning must be an object")]
    [InlineData("""{"conditioning": {"file": "../x.safetensors"}}""", "conditioning.file must be the name of a .safetensors file")]
    [InlineData("""{"conditioning": {"file": "x.bin"}}""", "conditioning.file must be the name of a .safetensors file")]
    [InlineData("""{"conditioning": {"guidanceScale": -1}}""", "conditioning.guidanceScale must lie in [0, 100]")]
    [InlineData("""{"conditioning": {"guidanceScale": "7"}}""", "guidanceScale must be a number")]
    [InlineData("""{"conditioning": {"scale": 7}}""", "conditioning has 'scale', which is unknown")]
    [InlineData("""{"conditioning": {"classLabel": 7}}""", "states a class, but the denoiser takes a context")]
    [InlineData("""{"conditioning": {"classLabel": -7}}""", "conditioning.classLabel must be a whole number from 0")]
    public void A_card_that_says_something_else_is_refused(string card, string message)
    {
        _package.Card(card);
        Assert.Contains(message, Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(_package.Folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_does_not_fit_is_refused_by_name()
    {
        _package.Card("""{"conditioning": {"guidanceScale": 2}}""");
        _package.Contexts("conditioning.safetensors", "embedding");
        Refused("conditioning.safetensors: tensor 'unconditional' is missing, which conditioning.guidanceScale other than 1");
        _package.Contexts("conditioning.safetensors", "unconditional");
        Refused("conditioning.safetensors: tensor 'embedding' is missing");
        Write(new SafetensorsBuilder().Add("embedding", "F32", [1, 7, 24], new byte[672]));
        Refused("tensor 'embedding' has the shape (1, 7, 24); the denoiser takes (L, 24)");
        Write(new SafetensorsBuilder().Add("embedding", "F32", [7, 12], new byte[336]));
        Refused("tensor 'embedding' has the shape (7, 12); the denoiser takes (L, 24)");
        Write(new SafetensorsBuilder().Add("embedding", "F32", [7, 24], new byte[672]).Add("unconditional", "F32", [8, 24], new byte[768]));
        Refused("'unconditional' has the shape (8, 24), 'embedding' has (7, 24)");
        Write(new SafetensorsBuilder().Add("embedding", "F32", [7, 24], new byte[672]).Add("unconditional", "F32", [7, 24], new byte[672]).Add("x", [1f]));
        Refused("tensor 'x' of type F32 is unknown");
        byte[] nan = [.. new byte[668], 0, 0, 0xC0, 0x7F];
        Write(new SafetensorsBuilder().Add("embedding", "F32", [7, 24], nan).Add("unconditional", "F32", [7, 24], new byte[672]));
        Refused("tensor 'embedding' holds a NaN");

        void Write(SafetensorsBuilder builder) => File.WriteAllBytes(Path.Combine(_package.Folder, "conditioning.safetensors"), builder.ToBytes());
    }

    [Fact]
    public void A_model_with_classes_has_one_on_its_card()
    {
        // A model on pixels, five classes.
        Directory.Delete(Path.Combine(_package.Folder, "vae"), recursive: true);
        File.Delete(Path.Combine(_package.Folder, "model_index.json"));
        foreach (string file in (string[])[Network.ConfigName, Network.WeightsName])
        {
            File.Copy(Path.Combine(TestData.Golden("variants/u-class"), file), Path.Combine(_package.Folder, "unet", file), overwrite: true);
        }

        Assert.Equal(
            "needs a class, and its model.json names none: \"conditioning\": {\"classLabel\": n}, n from 0 to 4 (docs/models.md)",
            ModelPackage.ReadInfo(_package.Folder).Missing);
        CardRefused("""{"conditioning": {"classLabel": 5}}""", "a class beyond the denoiser's 5");
        CardRefused("""{"conditioning": {"classLabel": 1, "guidanceScale": 2}}""", "without an unconditionalClass");
        CardRefused("""{"conditioning": {"file": "x.safetensors"}}""", "a file, but the denoiser takes classes");

        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        Tensor z = Toy.Normal([2, 3, 8, 12], 1), t = torch.copy_of([300L, 800L]);
        _package.Card("""{"conditioning": {"classLabel": 2}}""");
        using (LatentModel model = Load())
        {
            Assert.Equal(model.PredictNoise(z, t, torch.copy_of([2L, 2L])).ToFloats(), model.PredictNoise(z, t).ToFloats());
            Assert.NotEqual(model.PredictNoise(z, t, torch.copy_of([3L, 3L])).ToFloats(), model.PredictNoise(z, t).ToFloats());
        }

        _package.Card("""{"conditioning": {"classLabel": 2, "unconditionalClass": 4, "guidanceScale": 1.5}}""");
        using (LatentModel model = Load())
        {
            Tensor c = model.PredictNoise(z, t, torch.copy_of([2L, 2L])), u = model.PredictNoise(z, t, torch.copy_of([4L, 4L]));
            Assert.True(Toy.Error(model.PredictNoise(z, t), u + (c - u) * 1.5) < 1e-5);
        }

        void CardRefused(string card, string message)
        {
            _package.Card(card);
            Assert.Contains(message, Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(_package.Folder)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_unconditional_model_is_told_nothing()
    {
        string folder = PixelPackage.Create(1, 1);
        File.WriteAllText(Path.Combine(folder, "model.json"), """{"conditioning": {"classLabel": 1}}""");
        Assert.Contains(
            "the denoiser takes none", Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(folder)).Message, StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    private LatentModel Load() => ModelPackage.Load(_package.Folder);

    private void Refused(string message)
    {
        InvalidModelException e = Assert.Throws<InvalidModelException>(() => Load().Dispose());
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_package.Folder, e.Message, StringComparison.Ordinal);
    }
}
