using InverseSolver.Torch;
using Xunit;

namespace InverseSolver.UnitTests.Torch;

public sealed class SmokeTests
{
    [Fact]
    public void Basics()
    {
        using var scope = torch.NewDisposeScope();
        using var g = new Generator(1);
        var x = torch.randn([2, 3, 8, 8], g);
        var w = torch.randn([4, 3, 3, 3], g);
        Assert.Equal([2, 4, 8, 8], torch.nn.functional.conv2d(x, w, padding: [1, 1]).shape);
        var f = torch.fft.fft2(x, "ortho");
        Assert.True((torch.fft.ifft2(f, "ortho").real - x).abs().max().ToDouble() < 1e-5);
        var (u, s, v) = torch.linalg.svd(torch.randn([5, 4], g));
        Assert.Equal([4], s.shape);
        Assert.Equal([2, 3, 12, 12], torch.nn.functional.pad(x, [2, 2, 2, 2], "reflect").shape);
        Assert.Equal(2.0 * 3, (x.detach().requires_grad_() is var p ? torch.autograd.grad([(p * 2.0).sum() * 3.0], [p], [torch.ones([])])[0] : null)!.max().ToDouble(), 5);
        Assert.Equal("aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", new Op("aten::add", "Tensor").Schema);
        Console.WriteLine(Backend.BlasLibrary() + " " + Backend.CpuCapability + " " + Backend.Version + " " + Backend.Threads);
        var ex = Assert.Throws<NativeException>(() => new Op("aten::add", "Tensor").Call(x, "no"));
        Console.WriteLine(ex.Message);
        ex = Assert.Throws<NativeException>(() => new Op("aten::add", "Tensor").Call(x));
        Console.WriteLine(ex.Message);
        var (t, _) = torch.linalg.eigh(torch.eye(3, ScalarType.Float32));
        Assert.Equal(1.0, t.max().ToDouble());
        Assert.Equal([1f, 2f], torch.tensor([1f, 2f]).ToFloats());
        torch.einsum("nchw,ochw->no", x, torch.ones([1, 3, 8, 8]));
        x.index(null, torch.tensor([0L, 2L]));
        Assert.Equal(0.0, torch.tensor(0.0).ToDouble());
    }
}
