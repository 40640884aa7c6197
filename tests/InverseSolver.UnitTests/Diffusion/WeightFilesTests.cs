using System.Security.Cryptography;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Weights in shards, and as variants.</summary>
[LeavesNoTensors]
public sealed class WeightFilesTests : IDisposable
{
    private const string Index = "diffusion_pytorch_model.safetensors.index.json";
    private const string First = "diffusion_pytorch_model-00001-of-00003.safetensors";
    private const string Second = "diffusion_pytorch_model-00002-of-00003.safetensors";

    private readonly StableDiffusionPackage _package = new();

    public void Dispose() => _package.Dispose();

    [Theory]
    [InlineData(1), InlineData(3)]
    public void Shards_give_the_same_bits_as_one_file(int shards)
    {
        float[] whole = Noise();
        StableDiffusionPackage.Split(_package.Weights("unet"), shards);
        StableDiffusionPackage.Split(_package.Weights("vae"), shards);
        Assert.Equal(whole, Noise());
    }

    [Fact]
    public void A_half_precision_variant_gives_what_its_values_give_in_single_precision()
    {
        float[] full = Noise();
        byte[] half = StableDiffusionPackage.As(_package.Weights("unet"), "F16");
        File.WriteAllBytes(_package.Weights("unet").Replace(".safetensors", ".fp16.safetensors", StringComparison.Ordinal), half);
        Assert.Equal(full, Noise());
        File.Delete(_package.Weights("unet"));
        float[] variant = Noise();
        Assert.NotEqual(full, variant);

        File.WriteAllBytes(_package.Weights("unet"), half);
        File.WriteAllBytes(_package.Weights("unet"), StableDiffusionPackage.As(_package.Weights("unet"), "F32"));
        Assert.Equal(Noise(), variant);
    }

    [Fact]
    public void The_card_may_ask_for_a_variant_which_every_network_then_has_to_have()
    {
        float[] full = Noise();
        _package.Card("""{"variant": "fp16"}""");
        Refused("diffusion_pytorch_model.fp16.safetensors is missing");
        foreach (string network in (string[])["unet", "vae"])
        {
            string half = _package.Weights(network).Replace(".safetensors", ".fp16.safetensors", StringComparison.Ordinal);
            File.WriteAllBytes(half, StableDiffusionPackage.As(_package.Weights(network), "F16"));
        }

        float[] variant = Noise();
        Assert.NotEqual(full, variant);

        // Shards of it under their own names give the same.
        File.Delete(_package.Weights("unet"));
        StableDiffusionPackage.Split(_package.Weights("unet").Replace(".safetensors", ".fp16.safetensors", StringComparison.Ordinal), 2, "fp16");
        Assert.True(File.Exists(Path.Combine(_package.Folder, "unet", "diffusion_pytorch_model.safetensors.index.fp16.json")));
        Assert.True(File.Exists(Path.Combine(_package.Folder, "unet", "diffusion_pytorch_model.fp16-00002-of-00002.safetensors")));
        Assert.Equal(variant, Noise());
        _package.Card("""{"variant": "../x"}""");
        Refused("variant must be a name");
    }

    [Fact]
    public void The_hash_covers_every_shard_and_is_known_without_loading_when_the_card_lists_them()
    {
        StableDiffusionPackage.Split(_package.Weights("unet"), 3);
        Assert.Null(ModelPackage.ReadInfo(_package.Folder).Hash);
        var hashes = new JsonObject();
        foreach (string file in Directory.EnumerateFiles(_package.Folder, "*", SearchOption.AllDirectories))
        {
            hashes[Path.GetRelativePath(_package.Folder, file)] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
        }

        _package.Card(new JsonObject { ["sha256"] = hashes }.ToJsonString());
        string? known = ModelPackage.ReadInfo(_package.Folder).Hash;
        using (LatentModel model = ModelPackage.Load(_package.Folder))
        {
            Assert.Equal(known, model.Info.Hash);
            Assert.Matches("^[0-9a-f]{64}$", known);
        }

        // Another order of the index is another file, and a changed weight another shard.
        hashes.Remove($"unet/{Second}");
        _package.Card(new JsonObject { ["sha256"] = hashes.DeepClone() }.ToJsonString());
        Assert.Null(ModelPackage.ReadInfo(_package.Folder).Hash);
        Flip(Second);
        using (LatentModel model = ModelPackage.Load(_package.Folder))
        {
            Assert.NotEqual(known, model.Info.Hash);
        }

        Flip(First);
        Refused($"unet/{First} is not the file");

        void Flip(string shard)
        {
            string path = Path.Combine(_package.Folder, "unet", shard);
            byte[] bytes = File.ReadAllBytes(path);
            bytes[^4] ^= 1;
            File.WriteAllBytes(path, bytes);
        }
    }

    [Theory]
    [InlineData("../conv.safetensors"), InlineData("/etc/passwd"), InlineData("a/b.safetensors"), InlineData("..\\x.safetensors"), InlineData("x.bin"),
        InlineData("a\u0000.safetensors"), InlineData("")]
    public void A_shard_is_a_plain_file_name(string name) =>
        Spoiled(index => index["weight_map"]!["conv_in.bias"] = name, "it must be the name of a .safetensors file in the same folder");

    [Fact]
    public void A_shard_that_is_missing_is_named() => Spoiled(_ => File.Delete(Path.Combine(_package.Folder, "unet", First)), $"{First} is missing");

    [Fact]
    public void A_shard_may_be_a_link_as_in_a_cache_of_Hugging_Face()
    {
        float[] whole = Noise();
        StableDiffusionPackage.Split(_package.Weights("unet"), 3);
        string path = Path.Combine(_package.Folder, "unet", First);
        File.Move(path, path + ".data");
        File.CreateSymbolicLink(path, Path.GetFileName(path) + ".data");
        Assert.Equal(whole, Noise());
    }

    [Fact]
    public void A_tensor_that_the_index_does_not_know_is_named() =>
        Spoiled(index => index["weight_map"]!.AsObject().Remove("conv_in.bias"), $"{First} holds the tensor 'conv_in.bias', which {Index} does not name");

    [Fact]
    public void A_tensor_that_lies_in_another_shard_than_the_index_says_is_named() =>
        Spoiled(index => index["weight_map"]!["conv_in.bias"] = Second, $"{First} holds the tensor 'conv_in.bias', which {Index} assigns to {Second}");

    [Fact]
    public void A_tensor_that_only_the_index_knows_is_named() =>
        Spoiled(index => index["weight_map"]!["ghost"] = Second, $"{Index} assigns the tensor 'ghost' to {Second}, which has none of that name");

    [Fact]
    public void A_tensor_in_two_shards_is_named() => Spoiled(
        index =>
        {
            string path = Path.Combine(_package.Folder, "unet", Second);
            File.WriteAllBytes(path, SafetensorsBuilder.From(path).Add("conv_in.bias", new float[16]).ToBytes());
        },
        $"Tensor 'conv_in.bias' is both in {First} and in {Second}");

    // Of fine-tuned and quantised copies the total is often that of the original.
    [Theory]
    [InlineData("1"), InlineData("-1"), InlineData("\"x\""), InlineData("1e300"), InlineData("null")]
    public void A_stale_total_changes_nothing(string total)
    {
        float[] whole = Noise();
        StableDiffusionPackage.Split(_package.Weights("unet"), 3);
        string path = Path.Combine(_package.Folder, "unet", Index);
        JsonNode index = JsonNode.Parse(File.ReadAllText(path))!;
        index["metadata"]!["total_size"] = JsonNode.Parse(total);
        File.WriteAllText(path, index.ToJsonString());
        Assert.Equal(whole, Noise());
    }

    [Fact]
    public void An_index_without_shards_is_refused()
    {
        Spoiled(index => index["weight_map"] = new JsonObject(), "weight_map names 0 shards");
        Spoiled(index => index["weight_map"] = "x", "weight_map must map tensors to shards", split: false);
        Spoiled(
            index =>
                index["weight_map"] = new JsonObject(Enumerable.Range(0, 1001).Select(i => KeyValuePair.Create($"t{i}", (JsonNode?)$"{i}.safetensors"))),
                "names 1001 shards", split: false);
    }

    private void Spoiled(Action<JsonNode> change, string message, bool split = true)
    {
        if (split)
        {
            StableDiffusionPackage.Split(_package.Weights("unet"), 3);
        }

        string path = Path.Combine(_package.Folder, "unet", Index);
        JsonNode index = JsonNode.Parse(File.ReadAllText(path))!;
        change(index);
        File.WriteAllText(path, index.ToJsonString());
        Refused(message);
    }

    private void Refused(string message)
    {
        InvalidModelException e = Assert.Throws<InvalidModelException>(() => ModelPackage.Load(_package.Folder).Dispose());
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_package.Folder, e.Message, StringComparison.Ordinal);
    }

    // What the model says of a fixed latent; the decoded image stands for the autoencoder.
    private float[] Noise()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using LatentModel model = ModelPackage.Load(_package.Folder);
        using var generator = new Generator(1);
        Tensor z = torch.randn([1, 4, 8, 6], generator);
        return [.. model.PredictNoise(z, torch.copy_of([500L])).ToFloats(), .. model.Decode(z, 32, 24).ToFloats()];
    }
}
