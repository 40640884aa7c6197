using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>
/// Configs and repositories as diffusers and those who publish with it write them: what cannot change a result is passed over, what does is honoured or refused
/// by name.
/// </summary>
[LeavesNoTensors]
public sealed class DiffusersConfigTests : IDisposable
{
    private const string Averaging = """
        "decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0, "optimization_step": 117000, "power": 0.6666666666666666,
        "update_after_step": 0, "use_ema_warmup": true
        """;

    private string _folder = "";

    public void Dispose()
    {
        if (_folder.Length > 0)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(
        "unet2d-attn", """ "mid_block_type": "UNetMidBlock2D", "num_train_timesteps": null, "attn_norm_num_groups": null, "time_embedding_dim": null """)]
    [InlineData("unet2d-attn", """ "num_train_timesteps": 1000, "time_embedding_dim": 32 """)]
    [InlineData("unet2d-attn", Averaging)]
    [InlineData("unet2d-condition-sd1", Averaging)]
    [InlineData("unet2d-condition-sd1", """ "decay": NaN, "power": -Infinity, "dropout": Infinity """)]
    [InlineData("autoencoder-kl", Averaging + """, "shift_factor": 0.0, "latents_mean": null """)]
    [InlineData("autoencoder-kl", """ "shift_factor": -0e0 """)]
    [InlineData("autoencoder-kl", """ "shift_factor": null """)]
    public void Options_that_change_nothing_leave_the_result_as_it_is(string golden, string options)
    {
        With(golden, options);
        Assert.All(GoldenCheck.Run(_folder), result => Assert.True(result.Passes(), $"{result.Tensor}: {result.RelativeError:0.0e+0}"));
    }

    [Theory]
    [InlineData("unet2d-attn", """ "mid_block_type": "UNetMidBlock2DCrossAttn" """, "'mid_block_type' is 'UNetMidBlock2DCrossAttn'")]
    [InlineData("unet2d-attn", """ "mid_block_type": null """, "'mid_block.attentions.0.group_norm.bias' has no place")]
    [InlineData("unet2d-attn", """ "time_embedding_dim": 64 """, "'time_embedding.linear_1.weight' has the shape (32, 8); the config requires (64, 8)")]
    [InlineData("unet2d-attn", """ "norm_eps": NaN """, "'norm_eps' must be a number")]
    [InlineData("unet2d-attn", """ "some_scale": -Infinity """, "'some_scale' is unknown")]
    [InlineData("unet2d-attn", """ "decays": 0.9 """, "'decays' is unknown")]
    [InlineData("autoencoder-kl", """ "shift_factor": 0.1159 """, "'shift_factor' is 0.1159")]
    [InlineData("autoencoder-kl", """ "shift_factor": NaN """, "'shift_factor' must be a number")]
    public void Options_that_change_something_are_refused_by_name(string golden, string options, string message)
    {
        With(golden, options);
        Assert.Contains(message, Assert.Throws<InvalidModelException>(() => GoldenCheck.Run(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_UNet_without_a_middle_is_one()
    {
        With("unet2d-attn", """ "mid_block_type": null """);
        string path = Path.Combine(_folder, Network.WeightsName);
        SafetensorsBuilder builder = SafetensorsBuilder.From(path);
        foreach (string name in builder.Header.Select(pair => pair.Key).Where(name => name.StartsWith("mid_block.", StringComparison.Ordinal)).ToArray())
        {
            builder = builder.With(name, _ => null);
        }

        File.WriteAllBytes(path, builder.ToBytes());
        IReadOnlyList<GoldenResult> results = GoldenCheck.Run(_folder);
        Assert.Equal(2, results.Count);
        Assert.All(results, result => Assert.InRange(result.RelativeError, 1e-3, 100));
    }

    [Theory]
    [InlineData("module.", "all names begin with 'module.', as PyTorch's DataParallel has it")]
    [InlineData("_orig_mod.", "all names begin with '_orig_mod.': save the network that is wrapped")]
    public void A_prefix_of_all_tensors_is_named(string prefix, string message)
    {
        With("unet2d-attn", "");
        string path = Path.Combine(_folder, Network.WeightsName);
        var prefixed = new SafetensorsBuilder();
        SafetensorsBuilder whole = SafetensorsBuilder.From(path);
        foreach (string name in whole.Header.Select(pair => pair.Key))
        {
            whole.With(name, tensor =>
            {
                prefixed.Add(prefix + name, "F32", tensor.Shape, tensor.Bytes);
                return tensor;
            });
        }

        File.WriteAllBytes(path, prefixed.ToBytes());
        Assert.Contains(
            $"'conv_in.weight' is missing; {message}", Assert.Throws<InvalidModelException>(() => GoldenCheck.Run(_folder)).Message, StringComparison.Ordinal);
    }

    /// <remarks>The move is done by a shell, as the message has it.</remarks>
    [Fact]
    public void An_early_repository_is_listed_with_the_move_that_makes_a_package_of_it()
    {
        _folder = PixelPackage.Create(1, 1);
        foreach ((string part, string file) in new[] { ("unet", Network.ConfigName), ("unet", Network.WeightsName), ("scheduler", "scheduler_config.json") })
        {
            File.Move(Path.Combine(_folder, part, file), Path.Combine(_folder, file));
        }

        Directory.Delete(Path.Combine(_folder, "unet"));
        Directory.Delete(Path.Combine(_folder, "scheduler"));
        File.WriteAllText(Path.Combine(_folder, "model_index.json"), """{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}""");
        using var catalog = new ModelCatalog([Path.GetDirectoryName(_folder)!]);
        BrokenModel broken = Assert.Single(catalog.Broken, one => one.Name == Path.GetFileName(_folder));
        Assert.StartsWith("All files are at the top of the folder, as in early repositories", broken.Reason, StringComparison.Ordinal);
        Assert.Equal(broken.Reason, Assert.Throws<InvalidModelException>(() => GoldenCheck.Run(_folder)).Message);
        (int code, string output) = Repository.Run("/bin/sh", ["-c", $"cd {_folder} && {broken.Reason.Split('`')[1]}"]);
        Assert.True(code == 0, output);
        Assert.Contains(catalog.Models, model => model.Id == Path.GetFileName(_folder));
        ModelPackage.Load(_folder).Dispose();
    }

    [Fact]
    public void A_denoiser_with_an_image_beside_the_latent_is_refused_by_that()
    {
        using var package = new StableDiffusionPackage();
        string path = Path.Combine(package.Folder, "unet", Network.ConfigName);
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config["in_channels"] = 8;
        (config["class_embed_type"], config["projection_class_embeddings_input_dim"]) = ("projection", 10);
        File.WriteAllText(path, config.ToJsonString().Replace("\"in_channels\"", Averaging + ", \"in_channels\"", StringComparison.Ordinal));
        string message = Assert.Throws<InvalidModelException>(() => ModelPackage.Load(package.Folder).Dispose()).Message;
        Assert.Contains(
            "from 8 to 4 channels, but the autoencoder's latent has 4 (in_channels): it takes an image or a mask beside the latent", message,
            StringComparison.Ordinal);
    }

    private void With(string golden, string options)
    {
        _folder = TestData.Copy(TestData.Golden(golden));
        string path = Path.Combine(_folder, Network.ConfigName);
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (string name in options.Split('"').Where((_, i) => i % 2 == 1))
        {
            config.Remove(name);
        }

        string text = config.ToJsonString();
        File.WriteAllText(path, options.Length == 0 ? text : $"{text[..^1]}, {options}}}");
    }
}
