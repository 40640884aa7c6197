using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Cli.Convert;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Diffusion.Weights;
using InverseSolver.UnitTests.Diffusion;
using Xunit;

namespace InverseSolver.UnitTests.Cli.Convert;

/// <summary>Checkpoints with the names of latent-diffusion and guided-diffusion become packages that compute what a second implementation does.</summary>
[LeavesNoTensors]
public sealed class CheckpointConversionTests(CompVisCheckpoints checkpoints, ITestOutputHelper output) : IClassFixture<CompVisCheckpoints>
{
    private static readonly Dictionary<string, ConversionOptions> Options = new()
    {
        ["vq4"] = new(),
        ["vq4-new-order"] = new() { Config = new CompVisConfig { NewAttentionOrder = true } },
        ["cin"] = new(),
        ["sd1"] = new(),
        ["sd2"] = new() { Prediction = "v_prediction" },
        ["kl8"] = new(),
        ["pixels"] = Guided,
        ["pixels-heads"] = Guided with { HeadChannels = null, Heads = 4, AttentionOrder = "new", BetaSchedule = "cosine" },
        ["pixels-classes"] = Guided with { ClassLabel = 3 },
    };

    // The flags of most of guided diffusion's own.
    private static ConversionOptions Guided => new() { HeadChannels = 64, AttentionOrder = "old", BetaSchedule = "linear", Steps = 1000 };

    public static TheoryData<string> Names => [.. Options.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_converted_checkpoint_computes_what_its_networks_did(string name)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(checkpoints.File($"{name}.golden.safetensors"));
        (string folder, ConversionReport report) = Convert($"{name}.ckpt", Options[name]);
        bool averaged = golden.Entries.ContainsKey("ema");
        Assert.Equal(averaged ? "ema" : "raw", report.Weights);
        using var model = (NetworkModel)ModelPackage.Load(folder, torch.CPU);
        Compare(model, golden, averaged ? "ema" : "raw");
    }

    [Theory]
    [InlineData("vq4"), InlineData("kl8")]
    public void Raw_weights_are_others_than_their_moving_average(string name)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(checkpoints.File($"{name}.golden.safetensors"));
        (string folder, ConversionReport report) = Convert($"{name}.ckpt", Options[name] with { Raw = true });
        Assert.Equal("raw", report.Weights);
        Assert.True(report.LeftOut["model_ema"] > 100);
        using var model = (NetworkModel)ModelPackage.Load(folder, torch.CPU);
        Compare(model, golden, "raw");
        using DisposeScope scope = torch.NewDisposeScope();
        Assert.True(Distance(golden.Read("raw"), golden.Read("ema")) > 0.01);
    }

    /// <remarks>
    /// The pickle holds convolutions in another order in memory (channels_last), a Parameter, and objects of a trainer; the copy holds plain tensors.
    /// </remarks>
    [Theory, MemberData(nameof(Names))]
    public void A_pickle_and_its_safetensors_copy_give_the_same_package(string name)
    {
        JsonNode first = Hashes(Convert($"{name}.ckpt", Options[name]).Folder), second = Hashes(Convert($"{name}.safetensors", Options[name]).Folder);
        Assert.Equal(first.ToJsonString(), second.ToJsonString());
        Assert.Equal(name.StartsWith("pixels", StringComparison.Ordinal) ? 3 : name == "cin" ? 6 : 5, first.AsObject().Count);
    }

    [Fact]
    public void What_is_settled_says_where_it_comes_from()
    {
        ConversionReport report = Convert("kl8.ckpt", new()).Report;
        Assert.Equal(
            [
                "weights: moving average (EMA) [checkpoint]", "denoiser: 32, 64, 64 channels, 2 blocks a level [shapes]",
                "autoencoder: KL-8, latent of 4 channels [shapes]",
                "attention: 8 heads [assumed: unconditional latent diffusion, KL]", "qkv order: old [assumed: unconditional latent diffusion, KL]",
                "latent scale: 0.22765929 [checkpoint]",
                "prediction: epsilon [assumed: unconditional latent diffusion, KL]", "betas: scaled_linear, 0.0015 to 0.0155, 1000 steps [checkpoint]",
            ],
            report.Findings.Select(finding => $"{finding.Name}: {finding.Value} [{finding.Source}]"));
        Assert.Equal(["alphas_cumprod", "first_stage_model.loss", "logvar"], report.LeftOut.Keys);
        Assert.Equal("kl8.ckpt", report.Source);
        Assert.Equal(64, report.SourceSha256.Length);
    }

    [Fact]
    public void Options_go_before_the_config_and_both_before_what_is_usual()
    {
        var config = new CompVisConfig
        {
            HeadChannels = 16,
            Heads = 4,
            LatentScale = 0.5,
            Prediction = "sample",
            LatentSize = 64,
            BetaStart = 0.1,
            BetaEnd = 0.2,
        };
        (string folder, ConversionReport report) = Convert("vq4.safetensors", new() { Config = config, Prediction = "epsilon" });
        string[] found = [.. report.Findings.Select(finding => $"{finding.Name}: {finding.Value} [{finding.Source}]")];
        Assert.Contains("attention: heads of 16 channels [config]", found);
        Assert.Contains("latent scale: 0.5 [config]", found);
        Assert.Contains("prediction: epsilon [option]", found);
        Assert.Contains("betas: scaled_linear, 0.0015 to 0.0195, 1000 steps [checkpoint]", found);
        ModelInfo info = ModelPackage.ReadInfo(folder);
        Assert.Equal((256, 256, 0.5), (info.NativeHeight, info.NativeWidth, info.LatentScale));
        (folder, report) = Convert("vq4.safetensors", new() { BetaStart = 0.001, BetaEnd = 0.01, LatentScale = 2, Heads = 2 });
        JsonNode scheduler = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "scheduler", "scheduler_config.json")))!;
        Assert.Equal((0.001, 0.01), ((double)scheduler["beta_start"]!, (double)scheduler["beta_end"]!));
        Assert.Contains(report.Findings, finding => finding is { Name: "attention", Value: "2 heads", Source: "option" });
        JsonNode unet = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "unet", "config.json")))!;
        Assert.Equal([32, 32, 48], unet["attention_head_dim"]!.AsArray().Select(size => (int)size!));
    }

    [Fact]
    public void The_schedule_is_that_of_the_papers()
    {
        using LatentModel latents = ModelPackage.Load(Convert("vq4.ckpt", new()).Folder), pixels = ModelPackage.Load(Convert("pixels.ckpt", Guided).Folder);
        Assert.Equal([0.99850000, 0.82311704, 0.11492200, 0.00014230], new[] { 0, 100, 500, 999 }.Select(t => Math.Round(latents.AlphasCumprod[t], 8)));
        Assert.Equal([0.99990000, 0.89514159, 0.07779666, 0.00004036], new[] { 0, 100, 500, 999 }.Select(t => Math.Round(pixels.AlphasCumprod[t], 8)));
    }

    /// <remarks>
    /// Cosine by the formula of Nichol and Dhariwal 2021, ᾱ = f(t + 1) / f(0), f(t) = cos²((t/T + 0.008) / 1.008 · π/2), far from where β is clipped.
    /// </remarks>
    [Fact]
    public void Other_schedules_and_numbers_of_steps_are_those_that_guided_diffusion_computes()
    {
        static double Cosine(double t, int steps) => Math.Pow(Math.Cos((t / steps + 0.008) / 1.008 * Math.PI / 2), 2);
        using LatentModel cosine = Loaded(Guided with { BetaSchedule = "cosine" }),
        many = Loaded(Guided with { BetaSchedule = "cosine", Steps = 4000, RescaleTimesteps = false }),
            rescaled = Loaded(Guided with { BetaSchedule = "cosine", Steps = 4000, RescaleTimesteps = true }),
            few = Loaded(Guided with { Steps = 500, RescaleTimesteps = false });
        Assert.Equal([1000, 4000, 1000, 500], new[] { cosine, many, rescaled, few }.Select(model => model.AlphasCumprod.Length));
        foreach (int t in new[] { 0, 100, 500, 900 })
        {
            Assert.Equal(Cosine(t + 1, 1000) / Cosine(0, 1000), cosine.AlphasCumprod[t], 1e-9);
            Assert.Equal(Cosine(4 * t + 1, 4000) / Cosine(0, 4000), many.AlphasCumprod[4 * t], 1e-9);
            Assert.Equal(many.AlphasCumprod[4 * t], rescaled.AlphasCumprod[t], 1e-9);
        }

        Assert.Equal(1 - 0.0002, few.AlphasCumprod[0], 1e-12);
        Assert.Equal(0.04, 1 - few.AlphasCumprod[499] / few.AlphasCumprod[498], 1e-9);

        LatentModel Loaded(ConversionOptions options) => ModelPackage.Load(Convert("pixels.ckpt", options).Folder);
    }

    [Theory]
    [InlineData(4, null, "new", 0, 1e-5)]
    [InlineData(4, null, "old", 1e-2, 1e9)]
    [InlineData(2, null, "new", 1e-2, 1e9)]
    [InlineData(null, 16, "new", 1e-3, 1e9)]
    public void Other_heads_than_those_of_the_training_are_another_network(int? heads, int? channels, string order, double least, double most)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(checkpoints.File("pixels-heads.golden.safetensors"));
        using DisposeScope scope = torch.NewDisposeScope();
        using var grad = torch.no_grad();
        using var model = (NetworkModel)ModelPackage.Load(
            Convert("pixels-heads.ckpt", Guided with { Heads = heads, HeadChannels = channels, AttentionOrder = order }).Folder);
        Assert.InRange(Distance(model.Denoiser.Forward(golden.Read("z"), golden.Read("t")), golden.Read("raw")), least, most);
    }

    [Fact]
    public void A_class_is_a_row_of_the_table_that_the_checkpoint_holds()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using SafetensorsFile source = SafetensorsFile.Open(checkpoints.File("cin.safetensors"));
        Tensor table = source.Read("cond_stage_model.embedding.weight");
        foreach ((int? asked, int row) in new (int?, int)[] { (null, 1000), (207, 207), (0, 0) })
        {
            using SafetensorsFile written = SafetensorsFile.Open(Path.Combine(
                Convert("cin.ckpt", new() { ClassLabel = asked }).Folder, "conditioning.safetensors"));
            Assert.Equal(table.narrow(0, row, 1).ToFloats(), written.Read("embedding").ToFloats());
            Assert.Equal(table.narrow(0, 1000, 1).ToFloats(), written.Read("unconditional").ToFloats());
            Assert.Equal([1L, 48L], written.Entries["embedding"].Shape);
        }
    }

    [Fact]
    public void The_card_names_the_source_and_every_file()
    {
        (string folder, ConversionReport report) = Convert("cin.ckpt", new());
        JsonNode card = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "model.json")))!;
        Assert.Equal(
            (Path.GetFileName(folder), report.SourceSha256, "raw"),
            ((string)card["id"]!, (string)card["conversion"]!["sourceSha256"]!, (string)card["conversion"]!["weights"]!));
        Assert.Equal("conditioning.safetensors", (string)card["conditioning"]!["file"]!);
        IEnumerable<string> files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file =>
            Path.GetRelativePath(folder, file)).Where(file => file != "model.json");
        Assert.Equal(files.Order(StringComparer.Ordinal), card["sha256"]!.AsObject().Select(pair => pair.Key));
        Assert.Equal([Path.GetFileName(folder)], Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(folder)!).Select(Path.GetFileName));
    }

    public static TheoryData<string, string, ConversionOptions> Refusals => new()
    {
        {
            "sd2.ckpt",
            "sd2.ckpt: its prediction is unknown. The tensors do not determine this, and models of this kind (Stable Diffusion 2) differ: "
                + "give --prediction, or the model's own file (--config).",
            new()
        },
        {
            "vq4.ckpt", "vq4.ckpt: attention over 64 channels cannot be split into heads of 20 channels (--heads, --head-channels).",
            new() { HeadChannels = 20 }
        },
        { "vq4.ckpt", "--heads and --head-channels exclude each other: give one of them.", new() { HeadChannels = 32, Heads = 1 } },
        { "vq4.ckpt", "--beta-start and --beta-end must be given together, both above 0 and below 1.", new() { BetaStart = 0.1 } },
        { "vq4.ckpt", "--prediction must be epsilon, v_prediction or sample.", new() { Prediction = "noise" } },
        { "vq4.ckpt", "--latent-scale must be positive.", new() { LatentScale = 0 } },
        { "vq4.ckpt", "vq4.ckpt: the denoiser is unconditional; leave out --class and --conditioning.", new() { ClassLabel = 3 } },
        { "cin.ckpt", "cin.ckpt: --class is 1001; there are 1001 classes, from 0.", new() { ClassLabel = 1001 } },
        { "pixels-classes.ckpt", "pixels-classes.ckpt: the denoiser needs one of 5 classes: --class, from 0 to 4.", Guided },
        {
            "pixels.ckpt",
            "pixels.ckpt: its attention, qkv order, beta schedule and steps are unknown. "
                + "The tensors do not determine this, and models of this kind (guided diffusion on pixels) differ: "
                + "give --heads or --head-channels, --attention-order, --beta-schedule and --steps; docs/models.md has them for the published ones.",
            new()
        },
        { "pixels.ckpt", "pixels.ckpt: its qkv order is unknown.", Guided with { AttentionOrder = null } },
        { "pixels.ckpt", "pixels.ckpt: its beta schedule and steps are unknown.", new() { HeadChannels = 128 } },
        {
            "pixels.ckpt",
            "pixels.ckpt: its time is unknown. The tensors do not determine this, and models of this kind (guided "
                + "diffusion on pixels) differ: give --rescale-timesteps;",
            Guided with { Steps = 4000 }
        },
        { "pixels.ckpt", "pixels.ckpt: its betas are unknown.", Guided with { BetaSchedule = "scaled_linear" } },
        {
            "pixels.ckpt", "pixels.ckpt: 1500 steps with rescaled times are not supported; give a multiple of 1000.",
            Guided with { Steps = 1500, RescaleTimesteps = true }
        },
        { "sd1.ckpt", "sd1.ckpt: --attention-order applies only to models without a context; here q, k and v are separate.", new() { AttentionOrder = "new" } },
        {
            "vq4.ckpt", "vq4.ckpt: --rescale-timesteps applies only to guided diffusion, and this is unconditional latent diffusion, codebook.",
            new() { RescaleTimesteps = true }
        },
        { "vq4.ckpt", "--attention-order must be old or new.", new() { AttentionOrder = "True" } },
        { "vq4.ckpt", "--beta-schedule must be linear, scaled_linear or cosine.", new() { BetaSchedule = "sigmoid" } },
        {
            "vq4.ckpt", "--beta-start and --beta-end have no effect where --beta-schedule is cosine: leave them out.",
            new() { BetaSchedule = "cosine", BetaStart = 0.1, BetaEnd = 0.2 }
        },
        { "vq4.ckpt", "--steps must be from 1 to 100000.", new() { Steps = 0 } },
        { "nothing.ckpt", "nothing.ckpt is missing.", new() },
    };

    [Theory, MemberData(nameof(Refusals))]
    public void What_cannot_be_converted_is_refused_and_leaves_nothing_behind(string file, string text, ConversionOptions options)
    {
        string folder = checkpoints.NewFolder();
        InvalidModelException refusal = Assert.Throws<InvalidModelException>(() =>
            CheckpointConversion.Run(checkpoints.File(file), Path.Combine(folder, "model"), options));
        Assert.StartsWith(text, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public void A_folder_that_exists_is_not_overwritten()
    {
        string folder = Path.Combine(checkpoints.NewFolder(), "model");
        Directory.CreateDirectory(folder);
        Assert.Equal(
            "model exists already; a package is never overwritten.",
            Assert.Throws<InvalidModelException>(() => CheckpointConversion.Run(checkpoints.File("vq4.ckpt"), folder)).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public void A_cancelled_conversion_leaves_nothing_behind()
    {
        string folder = checkpoints.NewFolder();
        Assert.Throws<OperationCanceledException>(() =>
            CheckpointConversion.Run(checkpoints.File("vq4.ckpt"), Path.Combine(folder, "model"), cancellation: new CancellationToken(canceled: true)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    public static TheoryData<string, string, string> Changes => new()
    {
        {
            "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "remove",
            "model.safetensors: tensor 'model.diffusion_model.input_blocks.1.0.in_layers.2.weight' is missing."
        },
        {
            "model.diffusion_model.input_blocks.1.0.in_layers.2.weight", "reshape",
            "diffusion_pytorch_model.safetensors: tensor 'down_blocks.0.resnets.0.conv1.weight' has the shape"
        },
        {
            "model.diffusion_model.middle_block.1.qkv.weight", "reshape",
            "diffusion_pytorch_model.safetensors: tensor 'mid_block.attentions.0.to_q.weight' has the shape ("
        },
        { "model.diffusion_model.out.2.weight", "nan", "diffusion_pytorch_model.safetensors: tensor 'conv_out.weight' holds a NaN or an infinity." },
        { "first_stage_model.quantize.embedding.weight", "remove", "model.safetensors: its latent scale is unknown." },
        {
            "first_stage_model.decoder.up.1.block.0.conv1.bias", "remove",
            "model.safetensors: tensor 'first_stage_model.decoder.up.1.block.0.conv1.bias' is missing."
        },
        { "model.diffusion_model.extra", "add", "model.safetensors: 'model.diffusion_model.extra' has no place in a network of this kind (1 such)." },
        { "model.diffusion_model.input_blocks.999999999999.weight", "add", "model.safetensors: 'input_blocks' is not a list of at most 1000 blocks." },
        {
            "model_ema.diffusion_modeltime_embed0weight", "remove",
            "model.safetensors: there are moving averages (model_ema), but none of 'model.diffusion_model.time_embed.0.weight' "
                + "in its shape; use the raw weights instead (--raw)."
        },
    };

    [Theory, MemberData(nameof(Changes))]
    public void A_checkpoint_that_is_not_whole_is_refused(string tensor, string change, string text)
    {
        string folder = checkpoints.NewFolder(), path = Path.Combine(folder, "model.safetensors");
        SafetensorsBuilder builder = SafetensorsBuilder.From(checkpoints.File("vq4.safetensors"));
        builder = change switch
        {
            "add" => builder.Add(tensor, [1f]),
            "remove" => builder.With(tensor, _ => null),
            "reshape" => builder.With(tensor, old => ([old.Bytes.Length / 4, 1], old.Bytes)),
            _ => builder.With(tensor, old => (old.Shape, [0, 0, 0xC0, 0x7F, .. old.Bytes[4..]])),
        };
        File.WriteAllBytes(path, builder.ToBytes());
        InvalidModelException refusal = Assert.Throws<InvalidModelException>(() =>
            CheckpointConversion.Run(path, Path.Combine(folder, "out"), new() { Raw = !tensor.StartsWith("model_ema", StringComparison.Ordinal) }));
        Assert.StartsWith(text, refusal.Message, StringComparison.Ordinal);
        Assert.Equal([path], Directory.EnumerateFileSystemEntries(folder));
    }

    /// <remarks>INVERSESOLVER_FUZZ says how many tensors are changed (40), INVERSESOLVER_FUZZ_SEED which.</remarks>
    [Theory]
    [InlineData("sd1"), InlineData("pixels-classes")]
    public void Whatever_tensor_has_another_shape_or_none_the_conversion_refuses_or_is_done(string name)
    {
        var random = new Random(int.TryParse(Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ_SEED"), out int seed) ? seed : 20_261_121);
        int count = int.TryParse(Environment.GetEnvironmentVariable("INVERSESOLVER_FUZZ"), out int named) ? named : 40, refused = 0;
        string folder = checkpoints.NewFolder(), path = Path.Combine(folder, "model.safetensors"), target = Path.Combine(folder, "out");
        SafetensorsBuilder whole = SafetensorsBuilder.From(checkpoints.File($"{name}.safetensors"));
        string[] names = [.. whole.Header.Select(pair => pair.Key)];
        for (int i = 0; i < count; i++)
        {
            File.WriteAllBytes(path, whole.With(names[random.Next(names.Length)], old => Reshaped(old.Shape, old.Bytes, random)).ToBytes());
            try
            {
                CheckpointConversion.Run(path, target, Options[name]);
                Directory.Delete(target, recursive: true);
            }
            catch (InvalidModelException e)
            {
                Assert.DoesNotContain(folder, e.Message, StringComparison.Ordinal);
                refused++;
            }

            Assert.Equal([path], Directory.EnumerateFileSystemEntries(folder));
        }

        Assert.InRange(refused, 1, count);
    }

    private static (long[], byte[])? Reshaped(long[] shape, byte[] bytes, Random random)
    {
        long elements = shape.Aggregate(1L, (product, size) => product * size);
        long bytesEach = bytes.Length / Math.Max(1, elements);
        return random.Next(7) switch
        {
            0 => null,
            1 => ([elements], bytes),
            2 => ([1, elements], bytes),
            3 => ([elements, 1, 1, 1], bytes),
            4 => ([], bytes[..(int)bytesEach]),
            5 => ([0, .. shape], []),
            _ => ([.. shape.Reverse()], bytes),
        };
    }

    [Fact]
    public void A_file_that_is_no_denoiser_is_refused()
    {
        string folder = checkpoints.NewFolder(), path = Path.Combine(folder, "a.safetensors");
        File.WriteAllBytes(path, new SafetensorsBuilder().Add("encoder.conv_in.weight", [1f]).ToBytes());
        Assert.Equal(
            "a.safetensors has no denoiser: no tensor's name begins with model.diffusion_model. or input_blocks.",
            Assert.Throws<InvalidModelException>(() => CheckpointConversion.Run(path, Path.Combine(folder, "out"))).Message);
        File.WriteAllBytes(path, new SafetensorsBuilder().Add("module.input_blocks.0.0.weight", [1f]).Add("module.out.2.weight", [1f]).ToBytes());
        Assert.Contains(
            "all names begin with 'module.', as PyTorch's DataParallel has it",
            Assert.Throws<InvalidModelException>(() => CheckpointConversion.Run(path, Path.Combine(folder, "out"))).Message, StringComparison.Ordinal);
        File.WriteAllBytes(path, [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, .. Encoding.ASCII.GetBytes("jP.")]);
        Assert.StartsWith(
            "a.safetensors is a pickle of PyTorch before 1.6, which is not supported",
            Assert.Throws<InvalidModelException>(() => CheckpointConversion.Run(path, Path.Combine(folder, "out"))).Message, StringComparison.Ordinal);
    }

    private (string Folder, ConversionReport Report) Convert(string file, ConversionOptions options)
    {
        string folder = Path.Combine(checkpoints.NewFolder(), "my-model");
        return (folder, CheckpointConversion.Run(checkpoints.File(file), folder, options));
    }

    private static JsonNode Hashes(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "model.json")))!["sha256"]!;

    private void Compare(NetworkModel model, SafetensorsFile golden, string predicted)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var grad = torch.no_grad();
        Tensor z = golden.Read("z");
        Tensor? context = golden.Entries.ContainsKey("context") ? golden.Read("context") : null;
        Tensor? labels = model.Denoiser.NeedsClassLabels ? torch.full([2], 3, ScalarType.Int64) : null;
        Agrees(predicted, model.Denoiser.Forward(z, golden.Read("t"), context, labels), golden.Read(predicted));
        if (model.Autoencoder is { } autoencoder)
        {
            Agrees("latent", autoencoder.Encode(golden.Read("image")) * model.Info.LatentScale, golden.Read("latent"));
            Agrees("decoded", autoencoder.Decode(golden.Read("latent") / model.Info.LatentScale), golden.Read("decoded"));
        }
    }

    private void Agrees(string name, Tensor computed, Tensor expected)
    {
        double distance = Distance(computed, expected);
        output.WriteLine($"{name} {distance:0.0e+0}");
        Assert.True(distance <= 1e-4, $"{name}: {distance:0.0e+0}");
    }

    private static double Distance(Tensor computed, Tensor expected)
    {
        Assert.Equal(expected.shape, computed.shape);
        return (computed - expected).abs().max().ToDouble() / expected.abs().max().ToDouble();
    }
}
