using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Backends;
using InverseSolver.Diffusion.Packages;
using Xunit;
using static InverseSolver.UnitTests.Diffusion.Backends.OnnxBuilder;

namespace InverseSolver.UnitTests.Diffusion.Backends;

/// <summary>The same networks as safetensors, TorchScript and ONNX (fixtures/export.py), and small ONNX graphs whose result is known.</summary>
[LeavesNoTensors]
public sealed class BackendTests(ITestOutputHelper output)
{
    private const double Tolerance = 1e-5;

    [Theory]
    [InlineData("torchscript", 1, 16, 24)]
    [InlineData("torchscript", 3, 8, 8)]
    [InlineData("onnx", 1, 16, 24)]
    [InlineData("onnx", 3, 8, 8)]
    [InlineData("onnx", 2, 13, 9)]
    public void A_file_gives_what_the_network_of_libtorch_gives(string backend, int items, int height, int width)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel reference = ModelPackage.Load(OnnxPackage.Fixture("safetensors")), model = ModelPackage.Load(OnnxPackage.Fixture(backend));
        Assert.Equal(
            reference.Info with
            {
                Id = backend,
                Title = backend,
                Hash = model.Info.Hash,
                Backends = model.Info.Backends,
                Gradients = model.Info.Gradients,
                FeatureChannels = null,
            },
            model.Info);
        (Tensor x, Tensor z, Tensor t) = Inputs(reference, items, height, width);
        Agrees("encoder", reference.Encode(x), model.Encode(x));
        Agrees("decoder", reference.Decode(z, height, width), model.Decode(z, height, width));
        Agrees("denoiser", reference.PredictNoise(z, t), model.PredictNoise(z, t));
        Agrees("denoiser, one timestep", reference.PredictNoise(z, t.narrow(0, 0, 1)), model.PredictNoise(z, t.narrow(0, 0, 1)));
    }

    [Fact]
    public void TorchScript_gives_the_gradients_of_the_network_of_libtorch_and_the_same_bits_every_time()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using LatentModel reference = ModelPackage.Load(OnnxPackage.Fixture("safetensors")), model = ModelPackage.Load(OnnxPackage.Fixture("torchscript"));
        (Tensor x, Tensor z, Tensor t) = Inputs(reference, 2, 16, 16);
        Agrees("decoder", Decoder(reference), Decoder(model));
        Agrees("encoder", reference.EncodeVjp(x, latent => latent).Gradient, model.EncodeVjp(x, latent => latent).Gradient);
        Agrees("denoiser", reference.PredictNoiseVjp(z, t, noise => noise).Gradient, model.PredictNoiseVjp(z, t, noise => noise).Gradient);
        Assert.Equal(ModelGradients.All, model.Info.Gradients);

        // The module's weights take no gradient: what is computed without an argument that asks for one records nothing.
        Assert.False(model.Decode(z, 16, 16).requires_grad);
        float[] first = Decoder(model).ToFloats();
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(first, Decoder(model).ToFloats());
        }

        Tensor Decoder(LatentModel of) => of.DecodeVjp(z, 16, 16, image => image.square()).Gradient;
    }

    [Fact]
    public void Parts_of_different_backends_make_one_model_and_only_those_of_ONNX_give_no_gradient()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        string folder = OnnxPackage.Mixed(("onnx", "unet"), ("onnx", "vae_encoder"), ("torchscript", "vae_decoder"));
        try
        {
            using LatentModel model = ModelPackage.Load(folder), reference = ModelPackage.Load(OnnxPackage.Fixture("safetensors"));
            Assert.Equal(new ModelBackends("onnx", "torchscript", "onnx"), model.Info.Backends);
            Assert.Equal(new ModelGradients(Denoiser: false, Decoder: true, Encoder: false), model.Info.Gradients);
            (Tensor x, Tensor z, Tensor t) = Inputs(model, 2, 8, 8);
            Agrees("decoder", reference.DecodeVjp(z, 8, 8, image => image).Gradient, model.DecodeVjp(z, 8, 8, image => image).Gradient);
            Assert.Contains(
                "The encoder of the model", Assert.Throws<NotSupportedException>(() => model.EncodeVjp(x, latent => latent)).Message, StringComparison.Ordinal);
            Assert.Contains(
                "The denoiser of the model", Assert.Throws<NotSupportedException>(() => model.PredictNoiseVjp(z, t, noise => noise)).Message,
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Libtorchs_network_comes_before_TorchScript_before_ONNX_unless_the_card_says_otherwise()
    {
        string folder = OnnxPackage.Mixed(
            ("safetensors", "unet"), ("onnx", "unet"), ("torchscript", "unet"), ("safetensors", "vae"), ("onnx", "vae_encoder"), ("torchscript", "vae_encoder"),
            ("onnx", "vae_decoder"));
        string card = Path.Combine(folder, "model.json");
        try
        {
            Assert.Equal(new ModelBackends("libtorch", "libtorch", "libtorch"), ModelPackage.ReadInfo(folder).Backends);
            File.WriteAllText(card, """{"backend": {"unet": "onnx", "vae_encoder": "torchscript"}}""");
            Assert.Equal(new ModelBackends("onnx", "libtorch", "torchscript"), ModelPackage.ReadInfo(folder).Backends);
            foreach (string file in (string[])["unet/diffusion_pytorch_model.safetensors", "vae/config.json"])
            {
                File.Delete(Path.Combine(folder, file));
            }

            File.Delete(card);
            Assert.Equal(new ModelBackends("torchscript", "onnx", "torchscript"), ModelPackage.ReadInfo(folder).Backends);
            File.WriteAllText(card, """{"backend": {"unet": "libtorch"}}""");
            Refused("model.json: backend names libtorch for unet, but the package has no weights for it.");
            File.WriteAllText(card, """{"backend": {"vae_decoder": "torchscript"}}""");
            Refused("model.json: backend names vae_decoder/model.pt, which is missing.");
            File.WriteAllText(card, """{"backend": {"unet": "tensorrt"}}""");
            Refused("model.json: backend.unet must be libtorch, torchscript or onnx.");
            File.Delete(card);
            Directory.Delete(Path.Combine(folder, "vae_encoder"), recursive: true);
            Refused("The package has vae_decoder without vae_encoder.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        void Refused(string message) => Assert.Equal(message, Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(folder)).Message);
    }

    [Theory]
    [InlineData(FloatType, null, LongType, false)]
    [InlineData(HalfType, null, FloatType, false)]
    [InlineData(FloatType, 1L, LongType, false)]
    [InlineData(HalfType, null, LongType, true)]
    [InlineData(FloatType, null, FloatType, true)]
    public void An_ONNX_graph_gets_the_types_and_the_batch_that_it_asks_for(int type, long? batch, int timeType, bool scalarTime)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var package = new OnnxPackage(OnnxPackage.Times(type, batch, timeType: timeType, scalarTime: scalarTime));
        using LatentModel model = ModelPackage.Load(package.Folder);
        Assert.Equal(type == HalfType ? "float16" : "float32", model.Info.Precision);
        Tensor z = torch.arange(48, ScalarType.Float32).reshape(3, 1, 4, 4) / 8.0;
        Tensor noise = model.PredictNoise(z, torch.copy_of([1L, 3L, 5L]));
        Assert.Equal(ScalarType.Float32, noise.dtype);
        Assert.Equal((z * torch.copy_of([1f, 3f, 5f], 3, 1, 1, 1)).ToFloats(), noise.ToFloats());
        Assert.Equal((z * 7.0).ToFloats(), model.PredictNoise(z, torch.copy_of([7L])).ToFloats());
    }

    [Fact]
    public void External_data_is_read_and_is_part_of_the_models_hash()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var package = new OnnxPackage(OnnxPackage.Weighted(External("weight", [1], ("location", "model.onnx_data"), ("offset", "4"), ("length", "4"))));
        float[] z = [.. Enumerable.Range(0, 16).Select(i => (float)i)];
        (float[] twice, string? first) = Run(2.5f);
        (float[] thrice, string? second) = Run(-3);
        Assert.Equal(z.Select(v => v * 2.5f), twice);
        Assert.Equal(z.Select(v => v * -3), thrice);
        Assert.NotEqual(first, second);

        (float[], string?) Run(float weight)
        {
            File.WriteAllBytes(package.PathOf("model.onnx_data"), [.. BitConverter.GetBytes(99f), .. BitConverter.GetBytes(weight)]);
            using LatentModel model = ModelPackage.Load(package.Folder);
            return (model.PredictNoise(torch.copy_of(z, 1, 1, 4, 4), torch.copy_of([5L])).ToFloats(), model.Info.Hash);
        }
    }

    [Fact]
    public void A_file_for_one_size_says_so()
    {
        using var package = new OnnxPackage(OnnxPackage.Times(FloatType, side: 8), """{"id": "pixels"}""");
        ModelInfo info = ModelPackage.ReadInfo(package.Folder);
        Assert.Equal((8, 8, 8, 1), (info.FixedHeight, info.FixedWidth, info.SizeMultiple, info.Channels));
    }

    [Theory]
    [InlineData("""{"channels": 1}""", "unet/model.onnx does not say sizeMultiple, and there is no unet/config.json: model.json must say it.")]
    [InlineData("""{"sizeMultiple": 0}""", "model.json: sizeMultiple must be from 1 to 65536.")]
    [InlineData("""{"channels": 3, "sizeMultiple": 4}""", "model.json: channels is 3, but the configs say 1.")]
    public void What_neither_the_file_nor_a_config_says_the_card_must_say(string card, string message)
    {
        using var package = new OnnxPackage(OnnxPackage.Times(FloatType), card);
        Assert.Equal(message, Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(package.Folder)).Message);
    }

    [Fact]
    public void A_package_without_configs_is_described_by_its_card()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        string folder = OnnxPackage.Mixed(("torchscript", "unet"), ("onnx", "vae_encoder"), ("onnx", "vae_decoder"));
        try
        {
            foreach (string config in Directory.EnumerateFiles(folder, "config.json", SearchOption.AllDirectories))
            {
                File.Delete(config);
            }

            string card = Path.Combine(folder, "model.json");
            File.WriteAllText(card, """{"channels": 1, "sizeMultiple": 4, "latentChannels": 2, "latentDownsampling": 2}""");
            Assert.Equal(
                "vae_decoder/model.onnx does not say latentScale, and there is no vae_decoder/config.json: model.json must say it.",
                Assert.Throws<InvalidModelException>(() => ModelPackage.ReadInfo(folder)).Message);
            File.WriteAllText(card, """{"channels": 1, "sizeMultiple": 4, "latentChannels": 2, "latentDownsampling": 2, "latentScale": 0.5}""");
            using LatentModel model = ModelPackage.Load(folder), reference = ModelPackage.Load(OnnxPackage.Fixture("safetensors"));
            (Tensor x, Tensor z, Tensor t) = Inputs(reference, 1, 8, 8);
            Agrees("encoder", reference.Encode(x), model.Encode(x));
            Agrees("denoiser", reference.PredictNoise(z, t), model.PredictNoise(z, t));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (Tensor X, Tensor Z, Tensor T) Inputs(LatentModel model, int items, int height, int width)
    {
        using var generator = new Generator(11);
        return (
            torch.rand([items, model.Channels, height, width], generator),
            torch.randn([items, .. model.LatentShape(height, width)], generator),
            torch.copy_of([.. Enumerable.Range(0, items).Select(i => 40L + 300 * i)]));
    }

    private void Agrees(string what, Tensor expected, Tensor given)
    {
        Assert.Equal(expected.shape, given.shape);
        double error = (expected - given).abs().max().ToDouble() / expected.abs().max().ToDouble();
        output.WriteLine($"{what}: {error:0.0e+0}");
        Assert.InRange(error, 0, Tolerance);
    }
}
