using System.Runtime.InteropServices;

namespace InverseSolver.Torch;

/// <summary>PyTorch's functions by PyTorch's names. Random functions take an explicit <see cref="Generator"/>; there is no global one.</summary>
public static partial class torch
{
    /// <summary>The host.</summary>
    public static readonly Device CPU = new(DeviceType.CPU);

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public static Device device(string text) => Device.Parse(text);

    /// <summary>Tensors alive in this process.</summary>
    public static long live_tensors => Native.inv_tensor_live_count();

    /// <summary>Tensors made on this thread until its disposal are disposed with it, unless moved out.</summary>
    public static DisposeScope NewDisposeScope() => new();

    /// <summary>No gradients are recorded on this thread until its disposal.</summary>
    public static GradMode no_grad() => new(enabled: false);

    /// <summary>Gradients are recorded on this thread until its disposal.</summary>
    public static GradMode enable_grad() => new(enabled: true);

    /// <summary>Whether gradients are recorded on this thread.</summary>
    public static bool is_grad_enabled() => Native.inv_grad_mode_get() != 0;

    public static Tensor zeros(long[] shape, ScalarType? dtype = null, Device? device = null) => Aten.zeros.Call(shape, dtype, Arg.None, device);

    public static Tensor ones(long[] shape, ScalarType? dtype = null, Device? device = null) => Aten.ones.Call(shape, dtype, Arg.None, device);

    public static Tensor empty(long[] shape, ScalarType? dtype = null, Device? device = null) => Aten.empty.Call(shape, dtype, Arg.None, device);

    public static Tensor full(long[] shape, double value, ScalarType? dtype = ScalarType.Float32, Device? device = null) =>
        Aten.full.Call(shape, value, dtype, Arg.None, device);

    public static Tensor zeros_like(Tensor like) => Aten.zeros_like.Call(like);

    public static Tensor ones_like(Tensor like) => Aten.ones_like.Call(like);

    public static Tensor arange(long end, ScalarType? dtype = ScalarType.Int64, Device? device = null) => arange(0, end, 1, dtype, device);

    public static Tensor arange(double start, double end, double step = 1, ScalarType? dtype = null, Device? device = null) =>
        Aten.arange.Call(start, end, step, dtype, Arg.None, device);

    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null) =>
        Aten.linspace.Call(start, end, steps, dtype, Arg.None, device);

    public static Tensor eye(long n, ScalarType? dtype = null, Device? device = null) => Aten.eye.Call(n, dtype, Arg.None, device);

    /// <summary>Standard normal numbers, drawn where the generator lives and then moved to <paramref name="device"/>.</summary>
    public static Tensor randn(long[] shape, Generator generator, ScalarType? dtype = null, Device? device = null) =>
        Moved(Aten.randn.Call(shape, generator, dtype), device);

    /// <summary>Uniform numbers in [0, 1), drawn where the generator lives and then moved to <paramref name="device"/>.</summary>
    public static Tensor rand(long[] shape, Generator generator, ScalarType? dtype = null, Device? device = null) =>
        Moved(Aten.rand.Call(shape, generator, dtype), device);

    /// <summary>Poisson-distributed numbers with the given rates, drawn where the generator lives.</summary>
    public static Tensor poisson(Tensor rates, Generator generator) => Aten.poisson.Call(rates, generator);

    /// <summary>A random permutation of 0..n-1.</summary>
    public static Tensor randperm(long n, Generator generator) => Aten.randperm.Call(n, generator, ScalarType.Int64);

    /// <summary>A tensor from host memory; <paramref name="shape"/> defaults to one dimension.</summary>
    public static Tensor tensor(ReadOnlySpan<float> values, params long[] shape) => FromHost(values, ScalarType.Float32, shape);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, long[])"/>
    public static Tensor tensor(ReadOnlySpan<double> values, params long[] shape) => FromHost(values, ScalarType.Float64, shape);

    /// <inheritdoc cref="tensor(ReadOnlySpan{float}, long[])"/>
    public static Tensor tensor(ReadOnlySpan<long> values, params long[] shape) => FromHost(values, ScalarType.Int64, shape);

    /// <summary>A tensor without dimensions.</summary>
    public static Tensor tensor(double value, ScalarType dtype = ScalarType.Float32, Device? device = null) => full([], value, dtype, device);

    /// <summary>A tensor from raw bytes of its element type.</summary>
    /// <exception cref="NativeException">The length is not what shape and type need.</exception>
    public static Tensor from_bytes(ReadOnlySpan<byte> bytes, long[] shape, ScalarType dtype) => FromHost(bytes, dtype, shape);

    public static Tensor cat(Tensor[] tensors, long dim = 0) => Aten.cat.Call(tensors, dim);

    public static Tensor stack(Tensor[] tensors, long dim = 0) => Aten.stack.Call(tensors, dim);

    public static Tensor where(Tensor condition, Tensor a, Tensor b) => Aten.where.Call(condition, a, b);

    public static Tensor minimum(Tensor a, Tensor b) => Aten.minimum.Call(a, b);

    public static Tensor maximum(Tensor a, Tensor b) => Aten.maximum.Call(a, b);

    public static Tensor complex(Tensor real, Tensor imaginary) => Aten.complex.Call(real, imaginary);

    public static Tensor polar(Tensor magnitude, Tensor angle) => Aten.polar.Call(magnitude, angle);

    public static Tensor view_as_real(Tensor complex) => Aten.view_as_real.Call(complex);

    public static Tensor view_as_complex(Tensor pairs) => Aten.view_as_complex.Call(pairs);

    public static Tensor einsum(string equation, params Tensor[] tensors) => Aten.einsum.Call(equation, tensors);

    public static Tensor outer(Tensor a, Tensor b) => Aten.outer.Call(a, b);

    private static Tensor Moved(Tensor made, Device? device)
    {
        if (device is not { Type: not DeviceType.CPU } target)
        {
            return made;
        }

        Tensor moved = made.to(target);
        made.Dispose();
        return moved;
    }

    private static unsafe Tensor FromHost<T>(ReadOnlySpan<T> values, ScalarType dtype, long[] shape)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        long[] sizes = shape is [] && typeof(T) != typeof(byte) ? [values.Length] : shape;
        fixed (byte* data = bytes)
        fixed (long* p = sizes)
        {
            Native.Check(Native.inv_tensor_from_host(data, bytes.Length, (int)dtype, p, sizes.Length, out nint handle));
            return new Tensor(handle);
        }
    }
}
