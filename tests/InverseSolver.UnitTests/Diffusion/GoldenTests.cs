using InverseSolver.Diffusion;
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

    public static TheoryData<string> Variants => [.. Directory.EnumerateDirectories(TestData.Golden("variants")).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Variants))]
    public void Further_configurations_agree_with_a_second_implementation(string name) =>
        Check(TestData.Golden(Path.Combine("variants", name)), name.StartsWith("kl", StringComparison.Ordinal) ? 4 : name.StartsWith("vq", StringComparison.Ordinal) ? 3 : 2);

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
