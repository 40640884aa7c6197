using System.Runtime.InteropServices;
using InverseSolver.Diffusion.Backends;
using Xunit;

namespace InverseSolver.UnitTests.Torch;

[LeavesNoTensors]
public sealed class TensorTests
{
    [Fact]
    public void A_wrong_call_brings_PyTorchs_own_message()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor a = torch.ones([2, 3]), b = torch.ones([4, 5]);
        Exception error = Assert.Throws<ExternalException>(() => a.Matmul(b));
        Assert.Equal("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", error.FirstLine);
        Assert.Equal("'mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)'", NetworkFailedException.Of(error).Message);
        Assert.True(error.IsFromTorch);
        Assert.False(error.IsOutOfMemory);
        Assert.StartsWith(
            "The size of tensor a (3) must match the size of tensor b (5)", Assert.Throws<ExternalException>(() => a + b).FirstLine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lack_of_memory_is_told_from_other_errors()
    {
        Exception error = Assert.Throws<ExternalException>(() => torch.zeros([1L << 44]));
        Assert.True(error.IsOutOfMemory, error.FirstLine);
        Assert.True(new InsufficientMemoryException().IsOutOfMemory);
        Assert.False(new System.Net.Sockets.SocketException(12).IsOutOfMemory);
        Assert.False(new System.Net.Sockets.SocketException(12).IsFromTorch);
    }

    [Fact]
    public void The_line_that_names_an_error_in_a_TorchScript_module_is_found()
    {
        const string Text =
            "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent call last):\nRuntimeError: sizes differ\n";
        Assert.Equal("RuntimeError: sizes differ", new InvalidOperationException(Text).FirstLine);
    }

    [Fact]
    public void Use_after_dispose_is_an_exception()
    {
        Tensor a = torch.ones([2]);
        a.Dispose();
        Assert.True(a.IsInvalid);
        Assert.Throws<InvalidOperationException>(() => a.neg());
        Assert.Throws<InvalidOperationException>(() => a.shape);
        Assert.Throws<InvalidOperationException>(() => a.ToFloats());
        using Tensor b = torch.ones([2]);
        Assert.Throws<InvalidOperationException>(() => torch.cat([b, a]));
        a.Dispose();
        using var generator = new Generator(1);
        generator.Dispose();
        Assert.Throws<ObjectDisposedException>(() => torch.randn([2], generator));
    }

    [Fact]
    public void A_scope_disposes_what_is_not_moved_out()
    {
        long before = Tensor.TotalCount;
        Tensor kept, outer;
        using (torch.NewDisposeScope())
        {
            using (torch.NewDisposeScope())
            {
                outer = (torch.ones([2]) + 1.0).MoveToOuterDisposeScope();
                kept = (torch.ones([2]) * 3.0).DetachFromDisposeScope();
                Assert.Equal(before + 4, Tensor.TotalCount);
            }

            Assert.Equal(before + 2, Tensor.TotalCount);
            Assert.Equal([2f, 2f], outer.ToFloats());
        }

        Assert.True(outer.IsInvalid);
        Assert.Equal([3f, 3f], kept.ToFloats());
        kept.Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void A_vector_Jacobian_product_is_the_gradient_and_zero_for_what_does_not_matter()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.copy_of([1f, 2f, 3f]).requires_grad_(), unused = torch.ones([2]).requires_grad_();
        Tensor y = x * x * x;
        Tensor weights = torch.copy_of([1f, 10f, 100f]);
        Assert.Equal([3f, 120f, 2700f], torch.autograd.vjp(y, x, weights, retain_graph: true).ToFloats());

        // Nothing is left in the leaf to be added to the next one.
        Assert.Equal([3f, 120f, 2700f], torch.autograd.vjp(y, x, weights, retain_graph: true).ToFloats());
        Assert.Null(x.grad);
        Assert.Equal([0f, 0f], torch.autograd.vjp(y, unused, weights).ToFloats());
        using (torch.no_grad())
        {
            Assert.False((x * x).requires_grad);
            using (torch.enable_grad())
            {
                Assert.True((x * x).requires_grad);
            }
        }
    }

    // Each of these ends the process in torch.autograd.grad.
    [Fact]
    public void Gradients_that_cannot_be_had_are_exceptions()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.ones([3]).requires_grad_();
        Tensor y = x * x;
        Assert.Contains("shape", Assert.Throws<ExternalException>(() => torch.autograd.vjp(y, x, torch.ones([4]))).FirstLine, StringComparison.Ordinal);
        torch.autograd.vjp(y, x, torch.ones([3]));
        Assert.Contains("second time", Assert.Throws<ExternalException>(() => torch.autograd.vjp(y, x, torch.ones([3]))).FirstLine, StringComparison.Ordinal);
        Assert.Contains(
            "does not require grad", Assert.Throws<ExternalException>(() => torch.autograd.vjp(torch.ones([3]), x, torch.ones([3]))).FirstLine,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => torch.autograd.vjp(y, y, torch.ones([3])));
        Assert.Throws<ArgumentException>(() => torch.autograd.vjp(y, torch.ones([3]), torch.ones([3])));
    }

    [Fact]
    public void Bytes_go_in_and_come_out_in_row_major_order()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.from_bytes([1, 0, 2, 0, 3, 0, 4, 0], [2, 2], ScalarType.Int16);
        Assert.Equal([1L, 3, 2, 4], x.t().ToLongs());
        Assert.Equal([1L, 2, 3, 4], x.reshape(1, 1, 2, 2).expand(1, 1, 2, 2).channels_last().ToLongs());
        Assert.Empty(torch.zeros([0, 3]).ToFloats());
        Assert.Empty(torch.from_bytes([], [0, 3], ScalarType.Float32).ToFloats());
        Assert.Throws<ArgumentException>(() => torch.from_bytes([1, 2, 3], [2], ScalarType.Int16));
        Assert.Equal([0f, 1f, 2f, -1f], torch.complex(torch.copy_of([0f, 2]), torch.copy_of([-1f, 1])).conj().ToFloats());
    }

    [Theory]
    [InlineData(new long[] { 2, 3 }, new long[] { 3, 4 })]
    [InlineData(new long[] { 2, 3 }, new long[] { 5, 6, 3, 4 })]
    [InlineData(new long[] { 5, 6, 2, 3 }, new long[] { 3, 4 })]
    [InlineData(new long[] { 5, 2, 3 }, new long[] { 5, 3, 4 })]
    [InlineData(new long[] { 1, 6, 2, 3 }, new long[] { 5, 1, 3, 4 })]
    public void Matrices_and_stacks_of_them_are_multiplied_as_by_einsum(long[] left, long[] right)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var g = new Generator(4);
        Tensor a = torch.randn(left, g), b = torch.randn(right, g), expected = torch.einsum("...ij,...jk->...ik", a, b);
        Assert.Equal(expected.shape, a.Matmul(b).shape);
        Assert.True((a.Matmul(b) - expected).abs().max().ToDouble() < 1e-6);
        Tensor za = torch.complex(a, a * 2.0), zb = torch.complex(b, b * -1.0);
        Assert.True((za.Matmul(zb) - torch.einsum("...ij,...jk->...ik", za, zb)).abs().max().ToDouble() < 1e-5);
    }

    [Fact]
    public void Weighted_bags_of_rows_are_summed_and_differentiated()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor table = torch.copy_of([1f, 2, 3, 4, 5, 6], 3, 2).requires_grad_();
        Tensor indices = torch.copy_of([2L, 0, 1]).to(ScalarType.Int32);
        Tensor offsets = torch.copy_of([0L, 2]).to(ScalarType.Int32);
        Tensor weights = torch.copy_of([10f, 1, -1]);
        Tensor bags = torch.nn.functional.embedding_bag(indices, table, offsets, weights);
        Assert.Equal([51f, 62, -3, -4], bags.ToFloats());
        Assert.Equal([1f, 1, -2, -2, 10, 10], torch.autograd.vjp(bags, table, torch.copy_of([1f, 1, 2, 2], 2, 2)).ToFloats());
    }

    [Fact]
    public void Complex_tensors_and_Fourier_transforms_are_right()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor z = torch.complex(torch.copy_of([3f, 0f]), torch.copy_of([4f, -2f]));
        Assert.Equal([5f, 2f], z.abs().ToFloats());
        Assert.Equal([3f, -4f, 0f, 2f], z.conj().ToFloats());
        Assert.Equal([4f, -2f], z.imag.ToFloats());

        // The transform of a shifted delta is a plane wave.
        Tensor delta = torch.zeros([4, 4]);
        delta.select(0, 1).select(0, 0).fill_(1);
        Tensor wave = torch.fft.fft2(delta);
        float[] row = wave.select(1, 0).ToFloats();
        Assert.Equal([1, 0, 0, -1, -1, 0, 0, 1], row.Select(v => (int)MathF.Round(v)));
        Assert.True((torch.fft.ifft2(wave).real - delta).abs().max().ToDouble() < 1e-6);
        Assert.Equal(1, torch.fft.fft2(delta, norm: FFTNormType.Ortho).norm().ToDouble(), 5);
        Assert.Equal([3f, 4f, 0f, 1f, 2f], torch.fft.fftshift(torch.copy_of([0f, 1f, 2f, 3f, 4f])).ToFloats());
        Assert.Equal([2f, 3f, 4f, 0f, 1f], torch.fft.ifftshift(torch.copy_of([0f, 1f, 2f, 3f, 4f])).ToFloats());
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Element_types_convert(ScalarType type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.copy_of([1.5f, -2f]).to(type);
        Assert.Equal(type, x.dtype);
        Assert.Equal([1.5f, -2f], x.ToFloats());
    }

    [Fact]
    public void Attention_equals_its_definition()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var g = new Generator(3);
        Tensor q = torch.randn([2, 3, 5, 4], g), k = torch.randn([2, 3, 6, 4], g), v = torch.randn([2, 3, 6, 7], g);
        Tensor expected = torch.einsum("bhqk,bhkc->bhqc", torch.nn.functional.softmax(torch.einsum("bhqc,bhkc->bhqk", q, k) / 2.0, -1), v);
        Assert.True((torch.nn.functional.scaled_dot_product_attention(q, k, v) - expected).abs().max().ToDouble() < 1e-6);
    }

    [Fact]
    public void Generators_repeat_by_seed_and_go_on_from_a_state()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using Generator a = new(42), b = new(42), c = new(43);
        float[] first = torch.randn([100], a).ToFloats();
        Assert.Equal(first, torch.randn([100], b).ToFloats());
        Assert.NotEqual(first, torch.randn([100], c).ToFloats());
        Tensor state = a.get_state();
        float[] next = torch.randn([33], a).ToFloats();
        c.Restore(state);
        Assert.Equal(next, torch.randn([33], c).ToFloats());
    }

    [Fact]
    public void Two_threads_with_their_own_generators_stay_deterministic()
    {
        float[] Work(long seed)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using var generator = new Generator((ulong)seed);
            Tensor x = torch.randn([1, 8, 24, 24], generator);
            for (int i = 0; i < 50; i++)
            {
                Tensor w = torch.randn([8, 8, 3, 3], generator);
                x = torch.nn.functional.group_norm(torch.nn.functional.conv2d(x, w, padding: [1, 1]), 4);
            }

            return x.ToFloats();
        }

        float[] alone1 = Work(1), alone2 = Work(2);
        float[][] together = new float[2][];
        Thread[] threads = [new(() => together[0] = Work(1)), new(() => together[1] = Work(2))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(alone1, together[0]);
        Assert.Equal(alone2, together[1]);
    }

    [Fact]
    public void Float32_is_float32_unless_somebody_asks_for_less()
    {
        Assert.False(Backend.AllowTf32);
        Assert.True(Backend.DeterministicCudnn);
    }

    [Fact]
    public void Medians_and_triangular_systems_are_solved_as_by_hand()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Assert.Equal([2f, 5f], torch.copy_of([3f, 1, 2, 9, 5, 4], 2, 3).median(1).ToFloats());
        // [2, 0; i, 1] x = [2; 3 + i] has x = [1; 3]; what stands above the diagonal is not read.
        Tensor a = torch.view_as_complex(torch.copy_of([2.0, 0, 7, 7, 0, 1, 1, 0], 2, 2, 2)), b = torch.view_as_complex(torch.copy_of([2.0, 0, 3, 1], 2, 1, 2));
        Assert.Equal([1.0, 0, 3, 0], torch.linalg.solve_triangular(a, b, upper: false).ToDoubles());
    }

}
