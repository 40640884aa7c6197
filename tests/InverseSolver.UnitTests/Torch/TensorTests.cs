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
        Assert.Contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", Assert.Throws<NativeException>(() => a.matmul(b)).Message, StringComparison.Ordinal);
        Assert.Contains("must match the size", Assert.Throws<NativeException>(() => a + b).Message, StringComparison.Ordinal);
        Assert.Contains("argument 'other'", Assert.Throws<NativeException>(() => new Op("aten::add", "Tensor").Call(a, "text")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Use_after_dispose_is_an_exception()
    {
        Tensor a = torch.ones([2]);
        a.Dispose();
        Assert.True(a.IsInvalid);
        Assert.Throws<ObjectDisposedException>(() => a.neg());
        Assert.Throws<ObjectDisposedException>(() => a.shape);
        Assert.Throws<ObjectDisposedException>(() => a.ToFloats());
        using Tensor b = torch.ones([2]);
        Assert.Throws<ObjectDisposedException>(() => torch.cat([b, a]));
        Assert.Throws<ObjectDisposedException>(() => b.index(a));
        a.Dispose();
        using var generator = new Generator(1);
        generator.Dispose();
        Assert.Throws<ObjectDisposedException>(() => torch.randn([2], generator));
    }

    [Fact]
    public void A_scope_disposes_what_is_not_moved_out()
    {
        long before = torch.live_tensors;
        Tensor kept, outer;
        using (torch.NewDisposeScope())
        {
            using (torch.NewDisposeScope())
            {
                outer = (torch.ones([2]) + 1.0).MoveToOuterDisposeScope();
                kept = (torch.ones([2]) * 3.0).DetachFromDisposeScope();
                Assert.Equal(before + 4, torch.live_tensors);
            }

            Assert.Equal(before + 2, torch.live_tensors);
            Assert.Equal([2f, 2f], outer.ToFloats());
        }

        Assert.True(outer.IsInvalid);
        Assert.Equal([3f, 3f], kept.ToFloats());
        kept.Dispose();
        Assert.Equal(before, torch.live_tensors);
    }

    [Fact]
    public void Numbers_are_coerced_as_in_Python()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.ones([1, 1, 4, 4]);

        // One int for int[2], and an int for a float.
        Assert.Equal([1, 1, 2, 2], new Op("aten::avg_pool2d").Call(x, 2).shape);
        Assert.Equal(2, new Op("aten::leaky_relu").Call(x * -2.0, -1).max().ToDouble());
        Assert.Equal(7, new Op("aten::full").Call(new long[] { 2 }, 7, Arg.Default).max().ToDouble());
        Assert.Equal(ScalarType.ComplexFloat32, new Op("aten::mul", "Scalar").Call(x, Arg.Complex(0, 1)).dtype);
        Assert.Equal(6, new Op("aten::sum").CallNumberOf(torch.tensor([1f, 2f, 3f])));
    }

    [Fact]
    public void Every_kind_of_argument_and_result_passes()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.arange(12).to(ScalarType.Float32).reshape(1, 3, 2, 2);

        // Optional tensors, lists of tensors in and out, a truth value, a number, a memory format, text.
        Assert.Equal([8f, 9f, 10f, 11f, 0f, 1f, 2f, 3f], x.index(null, torch.tensor([2L, 0L])).ToFloats());
        Assert.Equal([1, 9, 2, 2], torch.cat([x, x, x], 1).shape);
        Assert.Equal([[1L, 2, 2, 2], [1, 1, 2, 2]], x.split(2, 1).Select(part => part.shape));
        Assert.Equal(1, new Op("aten::equal").CallNumber(x, x.clone()));
        Assert.Equal(0, new Op("aten::equal").CallNumber(x, x + 1.0));
        const long ChannelsLast = 2;
        Assert.False(new Op("aten::contiguous").Call(x, ChannelsLast).is_contiguous());
        Assert.Equal(4, torch.einsum("nchw,nchw->", x, x.eq(4).to(ScalarType.Float32)).ToDouble());

        // A list of truth values: the gradient of a convolution by its weight alone.
        Tensor[] gradients = new Op("aten::convolution_backward").CallMany(
            2, torch.ones([1, 1, 1, 1]), x, torch.ones([1, 3, 2, 2]), Arg.None, new long[] { 1, 1 }, new long[] { 0, 0 }, new long[] { 1, 1 }, false, new long[] { 0, 0 }, 1, new[] { true, true, false });
        Assert.Equal(x.ToFloats(), gradients[1].ToFloats());
        Assert.Throws<InvalidOperationException>(() => new Op("aten::equal").Call(x, x));
        Assert.Throws<InvalidOperationException>(() => new Op("aten::neg").CallList(x));
    }

    [Fact]
    public void Autograd_goes_through_the_dispatcher()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.tensor([1f, 2f, 3f]).requires_grad_();
        Tensor unused = torch.ones([2]).requires_grad_();
        Tensor[] gradients = torch.autograd.grad([(x * x * x).sum(), x.sum()], [x, unused], [torch.tensor(1), torch.tensor(10)]);
        Assert.Equal([13f, 22f, 37f], gradients[0].ToFloats());
        Assert.Equal([0f, 0f], gradients[1].ToFloats());
        using (torch.no_grad())
        {
            Assert.False((x * x).requires_grad);
            using (torch.enable_grad())
            {
                Assert.True((x * x).requires_grad);
            }
        }

        Assert.True((x * x).requires_grad);
        Assert.Throws<NativeException>(() => torch.autograd.grad([torch.ones([1])], [x], [torch.ones([1])]));
    }

    [Fact]
    public void Complex_tensors_and_Fourier_transforms_are_right()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor z = torch.complex(torch.tensor([3f, 0f]), torch.tensor([4f, -2f]));
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
        Assert.Equal(1, torch.fft.fft2(delta, "ortho").norm().ToDouble(), 5);
        Assert.Equal([3f, 4f, 0f, 1f, 2f], torch.fft.fftshift(torch.tensor([0f, 1f, 2f, 3f, 4f])).ToFloats());
        Assert.Equal([2f, 3f, 4f, 0f, 1f], torch.fft.ifftshift(torch.tensor([0f, 1f, 2f, 3f, 4f])).ToFloats());
    }

    [Theory]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float64)]
    public void Element_types_convert(ScalarType type)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor x = torch.tensor([1.5f, -2f]).to(type);
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
    public void The_product_of_complex_vectors_is_summed_without_conjugation()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Tensor a = torch.complex(torch.tensor([1f, 2]), torch.tensor([3f, -1])), b = torch.complex(torch.tensor([0f, 5]), torch.tensor([1f, 2]));
        // (1 + 3i) i + (2 − i)(5 + 2i)
        Assert.Equal([9, 0], a.dot(b).ToDoubles());
        Assert.Equal([-3 + 12, 1 - 1], a.reshape(2, 1).dot(b).ToDoubles());
    }

    [Fact]
    public void Attention_over_many_positions_is_computed_in_pieces_with_the_same_result()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var g = new Generator(3);
        Tensor q = torch.randn([1, 9000, 2], g), k = torch.randn([1, 9000, 2], g), v = torch.randn([1, 9000, 1], g);
        Tensor whole = torch.nn.functional.scaled_dot_product_attention(q, k, v);
        Tensor last = torch.nn.functional.softmax(q.narrow(1, 8990, 10).matmul(k.transpose(1, 2)) / Math.Sqrt(2), -1).matmul(v);
        Assert.Equal([1, 9000, 1], whole.shape);
        Assert.True((whole.narrow(1, 8990, 10) - last).abs().max().ToDouble() < 1e-5);
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
        c.set_state(state);
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
        Assert.False(Backend.AllowTf32Matmul);
        Assert.False(Backend.AllowTf32Cudnn);
    }

    [Fact]
    public void The_active_blas_is_named_and_fast()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.ones([8, 8]).matmul(torch.ones([8, 8]));
        Assert.Null(Backend.BlasWarning());
        Assert.Equal(Backend.Threads, Backend.BlasThreads);
        Assert.NotEqual("unknown", Backend.CpuCapability);
        Assert.InRange(Backend.Threads, 1, 1024);
    }

    [Fact]
    public void Medians_and_triangular_systems_are_solved_as_by_hand()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        Assert.Equal([2f, 5f], torch.tensor([3f, 1, 2, 9, 5, 4], 2, 3).median(1).ToFloats());
        // [2, 0; i, 1] x = [2; 3 + i] has x = [1; 3]; what stands above the diagonal is not read.
        Tensor a = torch.view_as_complex(torch.tensor([2.0, 0, 7, 7, 0, 1, 1, 0], 2, 2, 2)), b = torch.view_as_complex(torch.tensor([2.0, 0, 3, 1], 2, 1, 2));
        Assert.Equal([1.0, 0, 3, 0], torch.linalg.solve_triangular(a, b, upper: false).ToDoubles());
    }

    [Theory]
    [InlineData("blas/libblas.so.3.11.0", 1, "generic")]
    [InlineData("openblas-pthread/libopenblasp-r0.3.21.so", 2, "compete")]
    [InlineData("openblas-pthread/libopenblasp-r0.3.21.so", 1, null)]
    [InlineData("openblas-openmp/libopenblasp-r0.3.21.so", 2, null)]
    [InlineData("openblas-openmp/libblas.so.3", 2, null)]
    [InlineData(null, 2, null)]
    public void A_slow_blas_is_named_with_the_package_that_helps(string? library, int threads, string? said)
    {
        string? warning = Backend.BlasWarning(library, threads);
        Assert.Equal(said is null, warning is null);
        if (said is not null)
        {
            Assert.Contains(said, warning, StringComparison.Ordinal);
            Assert.Contains("libopenblas0-openmp", warning, StringComparison.Ordinal);
        }
    }
}

internal static class OpCalls
{
    internal static double CallNumberOf(this Op op, Tensor x)
    {
        using Tensor result = op.Call(x);
        return result.ToDouble();
    }
}
