using System.Runtime.InteropServices;
using Xunit;

namespace InverseSolver.UnitTests.Torch;

/// <summary>fixtures/conv-silu.pt; the numbers are what the script beside it printed.</summary>
[LeavesNoTensors]
public sealed class TorchScriptTests
{
    private static readonly string Module = Repository.File("tests", "InverseSolver.UnitTests", "Torch", "fixtures", "conv-silu.pt");

    [Fact]
    public void A_module_gives_what_PyTorch_gave_gradients_included()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using TorchScriptModule module = TorchScriptModule.Load(Module);
        Tensor x = (torch.arange(16).to(ScalarType.Float32) / 16).reshape(1, 1, 4, 4).requires_grad_();
        Tensor y = module.forward(x);
        double[] expected = [
            0.316379, 0.586954, 0.796192, 0.480356, 0.909974, 1.535694, 1.807085, 1.013221, 1.693525, 2.630375, 2.903032, 1.625692, 0.699032, 1.02019, 1.125904,
            0.538866];
        double[] gradient = [
            0.73083, 1.455026, 1.544764, 1.249474, 2.076308, 3.723115, 3.850284, 2.902273, 2.42898, 4.203974, 4.264391, 3.159277, 2.317492, 3.839471, 3.838614,
            2.758069];
        Assert.All(expected.Zip(y.ToDoubles()), pair => Assert.Equal(pair.First, pair.Second, 2e-6));
        Assert.All(
            gradient.Zip(torch.autograd.vjp(y.sum(), x, torch.full([], 1f, ScalarType.Float32)).ToDoubles()),
            pair => Assert.Equal(pair.First, pair.Second, 2e-6));
    }

    [Fact]
    public void A_wrong_call_brings_PyTorchs_own_message()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using TorchScriptModule module = TorchScriptModule.Load(Module);
        Assert.Contains(
            "forward() is missing value for argument 'x'", Assert.Throws<ExternalException>(() => module.forward()).Message, StringComparison.Ordinal);
        Assert.Throws<ExternalException>(() => module.forward(torch.ones([2, 2])));
        module.Dispose();
        Assert.Throws<ObjectDisposedException>(() => module.forward(torch.ones([1, 1, 4, 4])));
    }

    [Fact]
    public void A_file_that_is_no_module_is_an_error() =>
        Assert.Throws<InvalidDataException>(() => TorchScriptModule.Load(Path.ChangeExtension(Module, ".py")));
}
