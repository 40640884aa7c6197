using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class BadModelTests
{
    [Fact]
    public void A_missing_tensor_is_named() =>
        Spoiled("autoencoder-kl", w => w.With("decoder.conv_in.bias", _ => null), "'decoder.conv_in.bias' is missing");

    [Fact]
    public void A_tensor_of_another_shape_is_named_with_both_shapes() =>
        Spoiled(
            "unet2d-attn", w => w.With("mid_block.attentions.0.to_q.weight", t => ([12, 48], t.Bytes)),
            "'mid_block.attentions.0.to_q.weight' has the shape (12, 48); the config requires (24, 24)");

    [Fact]
    public void A_weight_that_is_not_a_number_is_named() =>
        Spoiled(
            "vq-model", w => w.With("quantize.embedding.weight", t => (t.Shape, [.. t.Bytes[..^4], 0, 0, 0xC0, 0x7F])),
            "'quantize.embedding.weight' holds a NaN");

    [Fact]
    public void A_tensor_that_belongs_nowhere_is_named() =>
        Spoiled("unet2d-condition-sd1", w => w.Add("extra.weight", [1f]), "'extra.weight' has no place");

    [Fact]
    public void Whole_numbers_are_no_weights() =>
        Spoiled(
            "unet2d-ldm", w => w.With("conv_in.bias", _ => null).Add("conv_in.bias", "I32", [32], new byte[128]), "'conv_in.bias' has the element type I32");

    [Theory]
    [InlineData("unet2d-attn", "_class_name", "\"UNet3DModel\"", "UNet3DModel")]
    [InlineData("unet2d-attn", "down_block_types", """["DownBlock2D","KDownBlock2D","AttnDownBlock2D"]""", "KDownBlock2D")]
    [InlineData("unet2d-attn", "down_block_types", """["DownBlock2D"]""", "down_block_types")]
    [InlineData("unet2d-attn", "act_fn", "\"tanh\"", "act_fn")]
    [InlineData("unet2d-attn", "resnet_time_scale_shift", "\"ada_group\"", "resnet_time_scale_shift")]
    [InlineData("unet2d-attn", "norm_num_groups", "7", "norm_num_groups")]
    [InlineData("unet2d-attn", "attention_head_dim", "0", "attention_head_dim")]
    [InlineData("unet2d-attn", "class_embed_type", "\"other\"", "class_embed_type")]
    [InlineData("unet2d-attn", "new_option", "3", "new_option")]
    [InlineData("unet2d-attn", "in_channels", "\"4\"", "in_channels")]
    [InlineData("unet2d-condition-sd1", "dual_cross_attention", "true", "dual_cross_attention")]
    [InlineData("unet2d-condition-sd1", "addition_embed_type", "\"text\"", "addition_embed_type")]
    [InlineData("unet2d-condition-sd1", "attention_type", "\"gated\"", "attention_type")]
    [InlineData("unet2d-condition-sd1", "mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\"", "mid_block_type")]
    [InlineData("unet2d-condition-sd1", "layers_per_block", "[1]", "layers_per_block")]
    [InlineData("vq-model", "norm_type", "\"spatial\"", "norm_type")]
    [InlineData("autoencoder-kl", "shift_factor", "0.1", "shift_factor")]
    public void An_option_that_is_not_supported_is_named(string golden, string option, string value, string named) =>
        Spoiled(golden, folder => Edit(Path.Combine(folder, "config.json"), json => json[option] = JsonNode.Parse(value)), named);

    [Fact]
    public void A_pickle_in_place_of_the_weights_is_refused() =>
        Spoiled(
            "vq-model", folder => File.Move(Path.Combine(folder, Network.WeightsName), Path.Combine(folder, "diffusion_pytorch_model.bin")),
            "diffusion_pytorch_model.bin beside it is a pickle");

    [Fact]
    public void A_changed_file_fails_its_hash() =>
        SpoiledPackage(folder => File.AppendAllText(Path.Combine(folder, "model_index.json"), " "), "model_index.json is not the file");

    [Fact]
    public void A_card_that_contradicts_the_configs_is_refused() =>
        SpoiledPackage(folder => Edit(Path.Combine(folder, "model.json"), json => json["sizeMultiple"] = 8), "sizeMultiple");

    [Fact]
    public void A_card_cannot_point_outside_its_package() =>
        SpoiledPackage(folder => Edit(Path.Combine(folder, "model.json"), json => json["sha256"]!["../x"] = new string('0', 64)), "outside the package");

    [Fact]
    public void A_package_without_an_autoencoder_is_refused() =>
        SpoiledPackage(folder => Directory.Delete(Path.Combine(folder, "vae"), recursive: true), "autoencoder");

    [Fact]
    public void A_denoiser_for_other_latents_is_refused() =>
        SpoiledPackage(folder => Edit(Path.Combine(folder, "unet", "config.json"), json => json["in_channels"] = 8), "the autoencoder's latent has 4");

    [Fact]
    public void Random_damage_to_a_config_never_causes_anything_but_the_documented_error()
    {
        string folder = TestData.Copy(TestData.Golden("unet2d-attn"));
        string path = Path.Combine(folder, "config.json");
        byte[] good = File.ReadAllBytes(path);
        var random = new Random(7);
        for (int round = 0; round < 400; round++)
        {
            byte[] bad = [.. good];
            for (int i = 0; i <= random.Next(3); i++)
            {
                bad[random.Next(bad.Length)] = (byte)"0123456789[]{},:\"-.eEtrufalsn "[random.Next(30)];
            }

            File.WriteAllBytes(path, bad);
            try
            {
                Network.LoadUNet(folder, torch.CPU).Dispose();
            }
            catch (InvalidModelException)
            {
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private static void Spoiled(string golden, Func<SafetensorsBuilder, SafetensorsBuilder> change, string message) => Spoiled(golden, folder =>
    {
        string path = Path.Combine(folder, Network.WeightsName);
        byte[] bytes = change(SafetensorsBuilder.From(path)).ToBytes();
        File.WriteAllBytes(path, bytes);
    }, message);

    private static void Spoiled(string golden, Action<string> spoil, string message) =>
        Refused(TestData.Golden(golden), spoil, message, folder => _ = GoldenCheck.Run(folder));

    private static void SpoiledPackage(Action<string> spoil, string message) =>
        Refused(TestData.Brain, spoil, message, folder => ModelPackage.Load(folder).Dispose());

    private static void Refused(string original, Action<string> spoil, string message, Action<string> load)
    {
        string folder = TestData.Copy(original);
        try
        {
            spoil(folder);
            long before = Tensor.TotalCount;
            InvalidModelException e = Assert.Throws<InvalidModelException>(() => load(folder));
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(folder, e.Message, StringComparison.Ordinal);
            Assert.True(Tensor.TotalCount <= before, "a refused model left tensors behind");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Edit(string path, Action<JsonNode> change)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
