using System.IO.Compression;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Problems;
using Xunit;

namespace InverseSolver.UnitTests.Operators;

/// <summary>Torch/fixtures/conv-silu.pt as a forward model: silu of the convolution with 0 … 8 over 9, one channel.</summary>
public sealed class TorchScriptOperatorTests : IDisposable
{
    private static readonly string Folder = Repository.File("tests", "InverseSolver.UnitTests", "Torch", "fixtures");
    private static readonly Dictionary<string, ArrayData> None = [];
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void A_module_is_a_forward_model_with_its_own_gradient()
    {
        using ForwardOperator op = ProblemOperators.Create(new TorchScript("conv-silu"), [1, 6, 5], None, null, torch.CPU, Folder);
        Assert.Equal(30, op.MeasuredComponents);
        Tensor x = OperatorList.Unit([1, 6, 5], 2, 1), kernel = (torch.arange(9).to(ScalarType.Float32) / 9).reshape(1, 1, 3, 3);
        Tensor leaf = x.clone().requires_grad_(), expected = torch.nn.functional.silu(torch.nn.functional.conv2d(leaf, kernel, padding: [1, 1]));
        Assert.True((op.Apply(x) - expected).abs().max().ToDouble() < 1e-5);
        Tensor y = op.Apply(OperatorList.Unit([1, 6, 5], 2, 2)), half = (expected - y).square().sum() / 2;
        Tensor gradient = torch.autograd.vjp(half, leaf, torch.ones_like(half));
        Assert.True((op.Gradient(x, y) - gradient).abs().max().ToDouble() < 1e-4);
    }

    [Fact]
    public void A_module_that_is_not_there_or_does_not_fit_is_named()
    {
        var image = new ArrayData([1, 4, 4], new float[16]);
        Refused("problem.module", new TorchScript("conv-silu"), image, null);
        Refused("problem.module", new TorchScript("other"), image, Folder);
        Refused("problem.module", new TorchScript("../fixtures/conv-silu"), image, Folder);
        Refused("problem.module", new TorchScript(""), image, Folder);
        Refused("problem.module", new TorchScript("conv-silu", Channels: 3), image, Folder);
        Refused("problem.channels", new TorchScript("conv-silu", Channels: 2), image, Folder);
        Refused("files.measurement", new TorchScript("conv-silu", Height: 5), image, Folder);

        static void Refused(string field, Problem problem, ArrayData y, string? folder) => Assert.Equal(field, Assert.Throws<InvalidInputException>(() =>
            ProblemOperators.Create(problem, ProblemOperators.ImageShape(problem, y), None, y, torch.CPU, folder)).Field);
    }

    [Fact]
    public void A_module_can_be_measured_with()
    {
        ArrayData image = new([1, 4, 4], [.. Enumerable.Range(0, 16).Select(i => i / 16f)]);
        ArrayData y = Reconstructor.Simulate(new TorchScript("conv-silu"), image, None, 0, 0, Folder).Measurement;
        double[] expected = [0.316379, 0.586954, 0.796192, 0.480356];
        Assert.All(expected.Zip(y.Values), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
    }

    [Theory]
    [InlineData("str", "\"x\"", "cannot be applied")]
    [InlineData("List[str]", "[\"x\"]", "cannot be applied")]
    [InlineData("Tuple[Tuple[Tensor, Tensor], Tensor]", "((x, x), x)", "cannot be applied")]
    [InlineData("Tensor", "torch.to_sparse(x)", "cannot be applied")]
    [InlineData("Tensor", "torch.slice(x, 3, 0, 0)", "does not give float32 of the shape")]
    [InlineData("Tensor", "torch.detach(x)", "has no gradient by the image")]
    [InlineData("Tensor", "torch.mul_(x, x)", "cannot be applied")]
    public void A_module_that_gives_no_image_with_a_gradient_is_refused(string type, string result, string words)
    {
        string folder = Directory.CreateTempSubdirectory().FullName, file = Path.Combine(folder, "changed.pt");
        try
        {
            File.Copy(Path.Combine(Folder, "conv-silu.pt"), file);
            using (ZipArchive archive = ZipFile.Open(file, ZipArchiveMode.Update))
            {
                ZipArchiveEntry code = archive.GetEntry("conv-silu/code/__torch__.py")!;
                string text;
                using (var reader = new StreamReader(code.Open())) text = reader.ReadToEnd();
                code.Delete();
                text = text.Replace("-> Tensor", $"-> {type}", StringComparison.Ordinal).Replace("return _0", $"return {result}", StringComparison.Ordinal);
                using var writer = new StreamWriter(archive.CreateEntry("conv-silu/code/__torch__.py", CompressionLevel.NoCompression).Open());
                writer.Write(text);
            }

            InvalidInputException error = Assert.Throws<InvalidInputException>(
                () => ProblemOperators.Create(new TorchScript("changed"), [1, 6, 5], None, null, torch.CPU, folder));
            Assert.Equal("problem.module", error.Field);
            Assert.Contains(words, error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
