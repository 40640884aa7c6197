using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Networks;
using InverseSolver.Diffusion.Packages;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>Packages with a consistency network; the bundled denoiser stands in for its weights.</summary>
public sealed class ConsistencyNetworkTests
{
    [Fact]
    public void The_network_is_scaled_as_published_and_does_nothing_at_the_smallest_noise()
    {
        string folder = Package("""{"sigmaData": 0.5, "sigmaMin": 0.002}""");
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable grad = torch.no_grad();
        using (LatentModel model = ModelPackage.Load(folder), plain = ModelPackage.Load(TestData.Brain))
        using (UNet network = Network.LoadUNet(Path.Combine(folder, "unet"), torch.CPU))
        using (var generator = new Generator(1))
        {
            Assert.True(model.HasConsistencyNetwork);
            Assert.NotEqual(plain.Info.Hash, model.Info.Hash);
            Tensor z = torch.randn([2, 4, 4, 4], generator);

            // σ = 1.2: c_in = 1/1.3, t = 250 ln 1.2, c_skip = 0.25/(1.198² + 0.25), c_out = 1.198 0.5/1.3.
            Tensor said = network.Forward(z / 1.3, torch.copy_of([45.58039, 45.58039]));
            Tensor expected = z * 0.14834998 + said * 0.46076923;
            Assert.True((model.ConsistencyFunction(z, 1.2) - expected).abs().max().ToDouble() < 1e-5);
            Assert.Equal(z.ToFloats(), model.ConsistencyFunction(z, 0.002).ToFloats());
            Assert.Equal(z.ToFloats(), model.ConsistencyFunction(z, 0.0001).ToFloats());

            Assert.False(plain.HasConsistencyNetwork);
            Assert.Throws<NotSupportedException>(() => plain.ConsistencyFunction(z, 1));

            using LinearOperator op = MaskOperator.Denoising(1, 16, 16, torch.CPU);
            var solver = new Dcdp(
                new SolverInput(model, op, torch.full([1, 1, 16, 16], 0.5), 0.01), DcdpParameters.Fast with { Purifier = Purifier.Consistency, Rounds = 10 });
            using SolverState state = solver.Start(1);
            Assert.All(solver.Run(state).ToFloats(), v => Assert.True(float.IsFinite(v)));
            Assert.Equal(10, solver.Calls.Network);
        }

        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Its_references_are_checked_with_the_package_s()
    {
        string folder = Package("""{"sigmaData": 0.5, "sigmaMin": 0.002}""");
        using (DisposeScope scope = torch.NewDisposeScope())
        using (var generator = new Generator(1))
        {
            Tensor z = torch.randn([1, 4, 4, 4], generator), f;
            using (LatentModel model = ModelPackage.Load(folder))
            using (torch.no_grad())
            {
                f = model.ConsistencyFunction(z, 1.2).clone();
            }

            foreach (double factor in (double[])[1, 1.01])
            {
                File.WriteAllBytes(Path.Combine(folder, GoldenCheck.FileName), new SafetensorsBuilder()
                    .Add("consistency_z", "F32", z.shape, Bytes(z)).Add("consistency_sigma", [1.2f]).Add(
                        "consistency_out", "F32", f.shape, Bytes(f * factor)).ToBytes());
                GoldenResult result = Assert.Single(GoldenCheck.Run(folder));
                Assert.Equal(("consistency_out", factor == 1), (result.Tensor, result.Passes()));
            }
        }

        Directory.Delete(folder, recursive: true);

        static byte[] Bytes(Tensor t) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(t.ToFloats()).ToArray();
    }

    [Theory]
    [InlineData("""{"sigmaData": 0.5}""", "sigmaMin")]
    [InlineData("""{"sigmaData": 0, "sigmaMin": 0.002}""", "positive")]
    [InlineData("3", "consistency must hold")]
    public void A_card_without_its_scaling_is_refused(string declared, string message) => Refused(Package(declared), message);

    [Fact]
    public void A_network_that_is_declared_must_be_there_and_fit()
    {
        string folder = Package("""{"sigmaData": 0.5, "sigmaMin": 0.002}""");
        Directory.Delete(Path.Combine(folder, "consistency"), recursive: true);
        CopyFolder(TestData.Golden("unet2d-ldm"), Path.Combine(folder, "consistency"));
        Refused(folder, "must go from 4 to 4 channels", keep: true);
        Directory.Delete(Path.Combine(folder, "consistency"), recursive: true);
        Refused(folder, "consistency/config.json");
    }

    private static void Refused(string folder, string message, bool keep = false)
    {
        long before = Tensor.TotalCount;
        Assert.Contains(message, Assert.Throws<InvalidModelException>(() => ModelPackage.Load(folder)).Message, StringComparison.Ordinal);
        Assert.True(Tensor.TotalCount <= before, "a refused model left tensors behind");
        if (!keep)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Package(string declared)
    {
        string folder = TestData.Copy(TestData.Brain), card = Path.Combine(folder, "model.json");
        CopyFolder(Path.Combine(folder, "unet"), Path.Combine(folder, "consistency"));
        JsonNode json = JsonNode.Parse(File.ReadAllText(card))!;
        json["consistency"] = JsonNode.Parse(declared);
        json["sha256"]!.AsObject().Remove(GoldenCheck.FileName);
        File.WriteAllText(card, json.ToJsonString());
        return folder;
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }
}
