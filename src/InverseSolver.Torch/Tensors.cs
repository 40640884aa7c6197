using System.Runtime.InteropServices;

namespace InverseSolver.Torch;

/// <summary>Functions that TorchSharp's tensors lack.</summary>
public static class Tensors
{
    extension(Tensor tensor)
    {
        /// <summary>The elements as single precision in row-major order; complex ones as real and imaginary parts in turn.</summary>
        public float[] ToFloats() => Host<float>(tensor, ScalarType.Float32);

        /// <summary>The elements as double precision in row-major order; complex ones as real and imaginary parts in turn.</summary>
        public double[] ToDoubles() => Host<double>(tensor, ScalarType.Float64);

        /// <summary>The elements as 64-bit integers in row-major order.</summary>
        public long[] ToLongs() => Host<long>(tensor, ScalarType.Int64);

        /// <summary>The elements as bytes (for masks and generator states).</summary>
        public byte[] ToBytes() => Host<byte>(tensor, ScalarType.Byte);

        /// <summary>
        /// PyTorch's matmul for matrices and stacks of them, (..., m, k) by (..., k, n), by its own folds into mm and bmm. TorchSharp's <c>matmul</c> lets an
        /// error, a lack of memory above all, end the process.
        /// </summary>
        /// <exception cref="ExternalException">The shapes do not fit.</exception>
        public Tensor Matmul(Tensor other)
        {
            if (tensor.dim() == 2 && other.dim() == 2)
            {
                return tensor.mm(other);
            }

            using DisposeScope scope = torch.NewDisposeScope();
            long[] left = tensor.shape, right = other.shape;
            if (other.dim() == 2)
            {
                return tensor.reshape(-1, left[^1]).mm(other).reshape([.. left[..^1], right[1]]).MoveToOuterDisposeScope();
            }

            long[] batch = Broadcast(left[..^2], right[..^2]);
            Tensor a = tensor.expand([.. batch, left[^2], left[^1]]).reshape(-1, left[^2], left[^1]);
            Tensor b = other.expand([.. batch, right[^2], right[^1]]).reshape(-1, right[^2], right[^1]);
            return a.bmm(b).reshape([.. batch, left[^2], right[^1]]).MoveToOuterDisposeScope();
        }

        /// <summary>The medians along a dimension; of an even number of elements the lower middle one.</summary>
        public Tensor median(long dim)
        {
            (Tensor values, Tensor indices) = tensor.sort(dim);
            Tensor median = values.select(dim, (tensor.size((int)dim) - 1) / 2);
            indices.Dispose();
            values.Dispose();
            return median;
        }

        /// <summary>The same elements of (N, C, H, W) with the channels closest together in memory.</summary>
        public Tensor channels_last()
        {
            using Tensor last = tensor.permute(0, 2, 3, 1);
            using Tensor dense = last.contiguous();
            return dense.permute(0, 3, 1, 2);
        }
    }

    extension(torch)
    {
        /// <summary>
        /// A tensor from host memory; <paramref name="shape"/> defaults to one dimension. The tensors of TorchSharp's <c>torch.tensor</c> lie in the managed
        /// array itself, whose alignment is too small for complex numbers of double precision: kernels end the process on them.
        /// </summary>
        public static Tensor copy_of(ReadOnlySpan<float> values, params long[] shape) =>
            from_bytes(MemoryMarshal.AsBytes(values), shape is [] ? [values.Length] : shape, ScalarType.Float32);

        /// <inheritdoc cref="copy_of(ReadOnlySpan{float}, long[])"/>
        public static Tensor copy_of(ReadOnlySpan<double> values, params long[] shape) =>
            from_bytes(MemoryMarshal.AsBytes(values), shape is [] ? [values.Length] : shape, ScalarType.Float64);

        /// <inheritdoc cref="copy_of(ReadOnlySpan{float}, long[])"/>
        public static Tensor copy_of(ReadOnlySpan<long> values, params long[] shape) =>
            from_bytes(MemoryMarshal.AsBytes(values), shape is [] ? [values.Length] : shape, ScalarType.Int64);

        /// <summary>A tensor from raw bytes of its element type, in row-major order.</summary>
        /// <exception cref="ArgumentException">The number of bytes is not what shape and type need.</exception>
        public static Tensor from_bytes(ReadOnlySpan<byte> bytes, long[] shape, ScalarType dtype)
        {
            Tensor tensor = torch.empty(shape, dtype);
            long size = tensor.numel() * tensor.ElementSize;
            if (size != bytes.Length)
            {
                tensor.Dispose();
                throw new ArgumentException($"{bytes.Length} bytes for a tensor of {size}", nameof(bytes));
            }

            if (size > 0)
            {
                bytes.CopyTo(tensor.bytes);
                GC.KeepAlive(tensor);
            }

            return tensor;
        }

        /// <summary>Standard normal numbers, drawn where the generator lives and then moved to <paramref name="device"/>.</summary>
        public static Tensor randn(long[] shape, Generator generator, ScalarType? dtype = null, Device? device = null) =>
            Moved(torch.randn(shape, dtype, generator: Usable(generator)), device);

        /// <summary>Uniform numbers in [0, 1), drawn where the generator lives and then moved to <paramref name="device"/>.</summary>
        public static Tensor rand(long[] shape, Generator generator, ScalarType? dtype = null, Device? device = null) =>
            Moved(torch.rand(shape, dtype, generator: Usable(generator)), device);
    }

    extension(torch.autograd)
    {
        /// <summary>
        /// The vector-Jacobian product: the gradient of ⟨output, cotangent⟩ by a leaf, zeros where the output does not depend on it. An error is an
        /// exception here; in <c>torch.autograd.grad</c> it would end the process.
        /// </summary>
        /// <param name="output">A result computed from the leaf.</param>
        /// <param name="leaf">A tensor that requires a gradient and has no history.</param>
        /// <param name="cotangent">A tensor of the output's shape.</param>
        /// <param name="retain_graph">True where the graph is used again.</param>
        public static Tensor vjp(Tensor output, Tensor leaf, Tensor cotangent, bool retain_graph = false)
        {
            if (!leaf.is_leaf || !leaf.requires_grad)
            {
                throw new ArgumentException("The leaf must require a gradient.", nameof(leaf));
            }

            torch.autograd.backward([output], [cotangent], retain_graph, inputs: [leaf]);
            Tensor? gradient = leaf.grad;
            leaf.grad = null;
            return gradient ?? torch.zeros_like(leaf);
        }
    }

    extension(torch.nn.functional)
    {
        /// <summary>PyTorch's embedding_bag, mode sum: for each bag the weighted sum of rows of a table. Differentiable by the table.</summary>
        /// <param name="indices">Rows of all bags, int32 (n).</param>
        /// <param name="table">The table, float32 (rows, K).</param>
        /// <param name="offsets">The start of each bag in the indices, int32 (bags).</param>
        /// <param name="per_sample_weights">A weight for each index, float32 (n).</param>
        /// <returns>float32 (bags, K).</returns>
        public static unsafe Tensor embedding_bag(Tensor indices, Tensor table, Tensor offsets, Tensor per_sample_weights)
        {
            // A value that may be absent is passed by an address, which libtorch frees.
            ulong* weights = (ulong*)NativeMemory.Alloc(sizeof(ulong));
            *weights = Symbols.Handle(per_sample_weights);
            ulong* stack = stackalloc ulong[]
            {
                Symbols.Handle(table), Symbols.Handle(indices), Symbols.Handle(offsets), 0, 0, 0, (ulong)weights, 0, ulong.MaxValue,
            };
            if (Symbols.aoti_torch_call_dispatcher("aten::embedding_bag", "", stack) != 0)
            {
                throw new InvalidOperationException("embedding_bag failed; libtorch wrote the reason to the standard error.");
            }

            for (int i = 1; i < 4; i++)
            {
                Tensor.UnsafeCreateTensor((nint)stack[i]).Dispose();
            }

            return Tensor.UnsafeCreateTensor((nint)stack[0]);
        }
    }

    extension(Generator generator)
    {
        /// <summary>Goes on from a state that <c>get_state</c> gave; anything else would end the process in <c>set_state</c>.</summary>
        /// <exception cref="ArgumentException">The tensor is no state of such a generator.</exception>
        public void Restore(Tensor state)
        {
            using Tensor current = generator.get_state();
            if (state.dtype != current.dtype || !state.shape.SequenceEqual(current.shape))
            {
                throw new ArgumentException("The tensor is not a state of this kind of generator.", nameof(state));
            }

            generator.set_state(state);
        }
    }

    private static long[] Broadcast(long[] a, long[] b)
    {
        int rank = Math.Max(a.Length, b.Length);
        return [.. Enumerable.Repeat(1L, rank - a.Length).Concat(a).Zip(Enumerable.Repeat(1L, rank - b.Length).Concat(b), Math.Max)];
    }

    private static T[] Host<T>(Tensor tensor, ScalarType type)
        where T : unmanaged
    {
        using Tensor detached = tensor.detach();
        using Tensor resolved = detached.resolve_conj();
        using Tensor parts = resolved.is_complex() ? resolved.view_as_real() : resolved.alias();
        using Tensor wanted = parts.to(type);
        using Tensor host = wanted.cpu();
        using Tensor dense = host.contiguous();
        using Tensor flat = dense.view(-1);
        var values = new T[flat.numel()];

        // A span has at most 2 GiB of bytes.
        for (int start = 0, count; start < values.Length; start += count)
        {
            count = Math.Min(values.Length - start, 1 << 27);
            using Tensor piece = flat.narrow(0, start, count);
            MemoryMarshal.Cast<byte, T>(piece.bytes).CopyTo(values.AsSpan(start));
            GC.KeepAlive(piece);
        }

        return values;
    }

    // libtorch would draw from its default generator in place of a disposed one.
    private static Generator Usable(Generator generator)
    {
        ObjectDisposedException.ThrowIf(generator.Handle == 0, generator);
        return generator;
    }

    private static Tensor Moved(Tensor made, Device? device)
    {
        if (device is null || device.type == DeviceType.CPU)
        {
            return made;
        }

        Tensor moved = made.to(device);
        made.Dispose();
        return moved;
    }
}
