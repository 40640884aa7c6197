using System.Runtime.InteropServices;
using InverseSolver.Diffusion.Packages;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

[LeavesNoTensors]
public sealed class GoldenTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("autoencoder-kl", 4)]
    [InlineData("vq-model", 4)]
    [InlineData("unet2d-attn", 2)]
    [InlineData("unet2d-ldm", 2)]
    [InlineData("unet2d-condition-sd1", 2)]
    public void A_network_and_its_gradients_agree_with_the_original(string name, int references) => Check(TestData.Golden(name), references);

    [Fact]
    public void The_bundled_model_agrees_with_the_original() => Check(TestData.Brain, 4);

    public static TheoryData<string> Variants =>
        [.. Directory.EnumerateDirectories(TestData.Golden("variants")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Variants))]
    public void Further_configurations_agree_with_a_second_implementation(string name) =>
        Check(
            TestData.Golden(Path.Combine("variants", name)),
            name.StartsWith("kl", StringComparison.Ordinal) ? 4 : name.StartsWith("vq", StringComparison.Ordinal) ? 3 : 2);

    public static TheoryData<string, (string Name, long[] Shape, double Value)[], string> Misfits => new()
    {
        { "latents of another size", [("noisy_latent", [1, 1, 6, 6], 0.5), ("t", [1], 7), ("predicted_noise", [1, 1, 6, 6], 0)], "predicted_noise: " },
        { "latents of three dimensions", [("latent", [1, 8, 8], 0.5), ("decoded", [1, 8, 8], 0)], "decoded: A latent is (N, 1, h, w), not (1, 8, 8)." },
        {
            "latents with other channels", [("latent", [1, 2, 8, 8], 0.5), ("decoded", [1, 2, 8, 8], 0)],
            "decoded: The latent of a 8x8 image is (N, 1, 8, 8), not (1, 2, 8, 8)."
        },
        {
            "an image with other channels", [("image", [1, 3, 8, 8], 0.5), ("latent", [1, 3, 8, 8], 0)],
            "latent: The model takes images (N, 1, H, W), not (1, 3, 8, 8)."
        },
        {
            "a reference of another size", [("image", [1, 1, 8, 8], 0.5), ("latent", [1, 1, 8, 12], 0)],
            "latent: The reference has the shape (1, 1, 8, 12); the network gives (1, 1, 8, 8)."
        },
        { "an empty reference", [("image", [0, 1, 8, 8], 0), ("latent", [0, 1, 8, 8], 0)], "latent: " },
        {
            "more timesteps than items", [("noisy_latent", [1, 1, 8, 8], 0.5), ("t", [2], 7), ("predicted_noise", [1, 1, 8, 8], 0)],
            "predicted_noise: Timesteps must be (N) or (1), not (2)."
        },
        {
            "a timestep beyond the last", [("latent", [1, 1, 8, 8], 0.5), ("noise", [1, 1, 8, 8], 0.5), ("t", [1], 1000), ("noisy_latent", [1, 1, 8, 8], 0)],
            "noisy_latent: Timestep 1000 lies outside 0..999."
        },
        {
            "classes that it does not take",
            [("noisy_latent", [1, 1, 8, 8], 0.5), ("t", [1], 7), ("class_labels", [1], 3), ("predicted_noise", [1, 1, 8, 8], 0)],
            "predicted_noise: The network takes no context."
        },
    };

    [Theory, MemberData(nameof(Misfits))]
    public void A_reference_that_does_not_fit_fails_with_a_sentence(string what, (string Name, long[] Shape, double Value)[] tensors, string text)
    {
        string folder = PixelPackage.Create(1, 1);
        try
        {
            var golden = new SafetensorsBuilder();
            foreach ((string name, long[] shape, double value) in tensors)
            {
                int count = (int)shape.Aggregate(1L, (a, b) => a * b);
                golden.Add(name, name is "t" or "class_labels" ? "I64" : "F32", shape, name is "t" or "class_labels"
                    ? MemoryMarshal.AsBytes<long>(Enumerable.Repeat((long)value, count).ToArray()).ToArray()
                    : MemoryMarshal.AsBytes<float>(Enumerable.Repeat((float)value, count).ToArray()).ToArray());
            }

            File.WriteAllBytes(Path.Combine(folder, GoldenCheck.FileName), golden.ToBytes());
            GoldenResult failed = Assert.Single(GoldenCheck.Run(folder), result => !result.Passes() && result.Reason is not null);
            output.WriteLine($"{what}: {failed.Tensor}: {failed.Reason}");
            Assert.StartsWith(text, $"{failed.Tensor}: {failed.Reason}", StringComparison.Ordinal);
            Assert.DoesNotContain("\n", failed.Reason, StringComparison.Ordinal);
            Assert.DoesNotContain("Parameter", failed.Reason, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private void Check(string folder, int references)
    {
        IReadOnlyList<GoldenResult> results = GoldenCheck.Run(folder, torch.CPU);
        foreach (GoldenResult result in results)
        {
            output.WriteLine($"{result.Tensor} {result.RelativeError:0.0e+0}");
        }

        Assert.Equal(references, results.Count);
        Assert.All(results, result => Assert.True(result.Passes(), $"{result.Tensor}: {result.RelativeError:0.0e+0}"));
    }
}
