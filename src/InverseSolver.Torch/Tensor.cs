namespace InverseSolver.Torch;

/// <summary>
/// A PyTorch tensor. Methods carry PyTorch's names and meanings; those that end in <c>_</c> work in place. A tensor made inside a
/// <see cref="torch.NewDisposeScope"/> dies with it unless it is moved out; others are disposed by their owner.
/// </summary>
public sealed class Tensor : IDisposable
{
    internal TensorHandle Handle { get; }

    internal DisposeScope? Scope { get; set; }

    internal Tensor(nint handle)
    {
        Handle = TensorHandle.Owning(handle);
        Scope = DisposeScope.Current;
        Scope?.Add(this);
    }

    /// <summary>Whether it was disposed.</summary>
    public bool IsInvalid => Handle.IsClosed || Handle.IsInvalid;

    /// <summary>Sizes, outermost first.</summary>
    public unsafe long[] shape
    {
        get
        {
            Native.TensorInfo info = Info();
            return new ReadOnlySpan<long>(info.Sizes, info.Dim).ToArray();
        }
    }

    /// <summary>Number of dimensions.</summary>
    public int ndim => Info().Dim;

    /// <summary>Element type.</summary>
    public ScalarType dtype => (ScalarType)Info().DType;

    /// <summary>Where it lives.</summary>
    public Device device
    {
        get
        {
            Native.TensorInfo info = Info();
            return new Device((DeviceType)info.DeviceType, info.DeviceIndex);
        }
    }

    /// <summary>Whether gradients are recorded for it.</summary>
    public bool requires_grad => Info().RequiresGrad != 0;

    /// <summary>Whether it lies in memory in row-major order without gaps.</summary>
    public bool is_contiguous() => Info().IsContiguous != 0;

    /// <summary>Number of elements.</summary>
    public long numel() => Info().Numel;

    /// <summary>Number of dimensions.</summary>
    public int dim() => Info().Dim;

    /// <summary>Size of one dimension; negative ones count from the end.</summary>
    public unsafe long size(int dim)
    {
        Native.TensorInfo info = Info();
        int d = dim < 0 ? dim + info.Dim : dim;
        return d >= 0 && d < info.Dim ? info.Sizes[d] : throw new ArgumentOutOfRangeException(nameof(dim), dim, $"the tensor has {info.Dim} dimensions");
    }

    /// <summary>Whether the element type is complex.</summary>
    public bool is_complex() => dtype is ScalarType.ComplexFloat16 or ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

    /// <summary>Gives it to the scope outside its own, or to nobody when there is none.</summary>
    public Tensor MoveToOuterDisposeScope() => Scope is { } scope ? scope.MoveToOuter(this) : this;

    /// <summary>Takes it out of all scopes: its holder disposes it.</summary>
    public Tensor DetachFromDisposeScope()
    {
        Scope = null;
        return this;
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    /// <summary>The elements as single precision in row-major order; complex ones as real and imaginary parts in turn.</summary>
    public float[] ToFloats() => Host<float>(ScalarType.Float32);

    /// <summary>The elements as double precision in row-major order; complex ones as real and imaginary parts in turn.</summary>
    public double[] ToDoubles() => Host<double>(ScalarType.Float64);

    /// <summary>The elements as 64-bit integers in row-major order.</summary>
    public long[] ToLongs() => Host<long>(ScalarType.Int64);

    /// <summary>The elements as bytes (for masks and generator states).</summary>
    public byte[] ToBytes() => Host<byte>(ScalarType.Byte);

    /// <summary>The only element.</summary>
    public float ToSingle() => (float)ToDouble();

    /// <summary>The only element.</summary>
    public double ToDouble() => ToDoubles() is [double value] ? value : throw new InvalidOperationException("The tensor does not have exactly one element.");

    /// <summary>The only element.</summary>
    public long ToInt64() => ToLongs() is [long value] ? value : throw new InvalidOperationException("The tensor does not have exactly one element.");

    public Tensor add(Tensor other, double alpha = 1) => alpha == 1 ? Aten.add.Call(this, other) : Aten.add.Call(this, other, alpha);

    public Tensor add(double other) => Aten.add_scalar.Call(this, other);

    public Tensor add_(Tensor other, double alpha = 1) => InPlace(Aten.add_, this, other, alpha);

    public Tensor add_(double other) => InPlace(Aten.add_scalar_, this, other);

    public Tensor sub(Tensor other) => Aten.sub.Call(this, other);

    public Tensor sub(double other) => Aten.sub_scalar.Call(this, other);

    public Tensor sub_(Tensor other) => InPlace(Aten.sub_, this, other);

    public Tensor mul(Tensor other) => Aten.mul.Call(this, other);

    public Tensor mul(double other) => Aten.mul_scalar.Call(this, other);

    public Tensor mul_(Tensor other) => InPlace(Aten.mul_, this, other);

    public Tensor mul_(double other) => InPlace(Aten.mul_scalar_, this, other);

    public Tensor div(Tensor other) => Aten.div.Call(this, other);

    public Tensor div(double other) => Aten.div_scalar.Call(this, other);

    public Tensor div_(Tensor other) => InPlace(Aten.div_, this, other);

    public Tensor div_(double other) => InPlace(Aten.div_scalar_, this, other);

    /// <summary>this += value * a * b.</summary>
    public Tensor addcmul_(Tensor a, Tensor b, double value = 1) => InPlace(Aten.addcmul_, this, a, b, value);

    /// <summary>this += value * a / b.</summary>
    public Tensor addcdiv_(Tensor a, Tensor b, double value = 1) => InPlace(Aten.addcdiv_, this, a, b, value);

    public Tensor neg() => Aten.neg.Call(this);

    public Tensor abs() => Aten.abs.Call(this);

    public Tensor sign() => Aten.sign.Call(this);

    public Tensor square() => Aten.square.Call(this);

    public Tensor sqrt() => Aten.sqrt.Call(this);

    public Tensor rsqrt() => Aten.rsqrt.Call(this);

    public Tensor pow(double exponent) => Aten.pow.Call(this, exponent);

    public Tensor exp() => Aten.exp.Call(this);

    public Tensor log() => Aten.log.Call(this);

    public Tensor sin() => Aten.sin.Call(this);

    public Tensor cos() => Aten.cos.Call(this);

    public Tensor sigmoid() => Aten.sigmoid.Call(this);

    public Tensor tanh() => Aten.tanh.Call(this);

    public Tensor relu() => Aten.relu.Call(this);

    public Tensor round() => Aten.round.Call(this);

    public Tensor floor() => Aten.floor.Call(this);

    public Tensor reciprocal() => Aten.reciprocal.Call(this);

    public Tensor clamp(double? min = null, double? max = null) => Aten.clamp.Call(this, min, max);

    public Tensor sum() => Aten.sum.Call(this);

    public Tensor sum(long[] dims, bool keepdim = false, ScalarType? dtype = null) => Aten.sum_dim.Call(this, dims, keepdim, dtype);

    public Tensor mean() => Aten.mean.Call(this);

    public Tensor mean(long[] dims, bool keepdim = false) => Aten.mean_dim.Call(this, dims, keepdim);

    /// <summary>The 2-norm of all elements.</summary>
    public Tensor norm() => Aten.norm.Call(this, 2.0);

    public Tensor max() => Aten.max.Call(this);

    public Tensor min() => Aten.min.Call(this);

    public Tensor amax(long[] dims, bool keepdim = false) => Aten.amax.Call(this, dims, keepdim);

    public Tensor amin(long[] dims, bool keepdim = false) => Aten.amin.Call(this, dims, keepdim);

    public Tensor argmin(long? dim = null, bool keepdim = false) => Aten.argmin.Call(this, dim, keepdim);

    public Tensor argmax(long? dim = null, bool keepdim = false) => Aten.argmax.Call(this, dim, keepdim);

    public Tensor cumsum(long dim) => Aten.cumsum.Call(this, dim);

    public Tensor cumprod(long dim) => Aten.cumprod.Call(this, dim);

    public Tensor var(long[] dims, bool unbiased = true, bool keepdim = false) => Aten.var.Call(this, dims, unbiased, keepdim);

    /// <summary>The medians along a dimension; of an even number of elements the lower one in the middle.</summary>
    public Tensor median(long dim)
    {
        Tensor[] parts = Aten.median_dim.CallMany(2, this, dim);
        parts[1].Dispose();
        return parts[0];
    }

    public Tensor quantile(double q) => Aten.quantile.Call(this, q);

    public Tensor all() => Aten.all.Call(this);

    public Tensor any() => Aten.any.Call(this);

    public Tensor matmul(Tensor other) => Aten.matmul.Call(this, other);

    public Tensor mm(Tensor other) => Aten.mm.Call(this, other);

    public Tensor bmm(Tensor other) => Aten.bmm.Call(this, other);

    /// <summary>The sum of the products of all elements, whatever the shapes; complex elements are not conjugated.</summary>
    public Tensor dot(Tensor other) => is_complex()
        // aten::dot of complex tensors gives 0 or chance with Debian's libtorch 1.13: its BLAS returns a complex number in another way than the caller reads.
        ? (reshape(-1) * other.reshape(-1)).sum()
        : Aten.dot.Call(reshape(-1), other.reshape(-1));

    public Tensor conj() => Aten.conj.Call(this);

    public Tensor resolve_conj() => Aten.resolve_conj.Call(this);

    public Tensor real => Aten.real.Call(this);

    public Tensor imag => Aten.imag.Call(this);

    public Tensor angle() => Aten.angle.Call(this);

    public Tensor reshape(params long[] shape) => Aten.reshape.Call(this, shape);

    public Tensor view(params long[] shape) => Aten.view.Call(this, shape);

    public Tensor permute(params long[] dims) => Aten.permute.Call(this, dims);

    public Tensor transpose(long a, long b) => Aten.transpose.Call(this, a, b);

    public Tensor t() => Aten.t.Call(this);

    public Tensor flatten(long start = 0, long end = -1) => Aten.flatten.Call(this, start, end);

    public Tensor unsqueeze(long dim) => Aten.unsqueeze.Call(this, dim);

    public Tensor squeeze(long dim) => Aten.squeeze.Call(this, dim);

    public Tensor expand(params long[] shape) => Aten.expand.Call(this, shape);

    public Tensor repeat(params long[] repeats) => Aten.repeat.Call(this, repeats);

    public Tensor flip(params long[] dims) => Aten.flip.Call(this, dims);

    public Tensor roll(long[] shifts, long[] dims) => Aten.roll.Call(this, shifts, dims);

    public Tensor contiguous() => Aten.contiguous.Call(this);

    public Tensor contiguous(MemoryFormat memory_format) => Aten.contiguous.Call(this, (long)memory_format);

    public Tensor clone() => Aten.clone.Call(this);

    public Tensor narrow(long dim, long start, long length) => Aten.narrow.Call(this, dim, start, length);

    public Tensor select(long dim, long index) => Aten.select.Call(this, dim, index);

    public Tensor slice(long dim, long? start = null, long? end = null, long step = 1) => Aten.slice.Call(this, dim, start, end, step);

    public Tensor index_select(long dim, Tensor index) => Aten.index_select.Call(this, dim, index);

    /// <summary>PyTorch's <c>this[i, j, ...]</c> with index tensors; null takes a whole dimension.</summary>
    public Tensor index(params Tensor?[] indices) => Aten.index.Call(this, Arg.OptionalTensors(indices));

    public Tensor gather(long dim, Tensor index) => Aten.gather.Call(this, dim, index);

    public Tensor scatter(long dim, Tensor index, Tensor source) => Aten.scatter.Call(this, dim, index, source);

    public Tensor index_add(long dim, Tensor index, Tensor source) => Aten.index_add.Call(this, dim, index, source);

    public Tensor copy_(Tensor source) => InPlace(Aten.copy_, this, source);

    public Tensor fill_(double value) => InPlace(Aten.fill_, this, value);

    public Tensor zero_() => InPlace(Aten.zero_, this);

    public Tensor[] chunk(long chunks, long dim = 0) => Aten.chunk.CallList(this, chunks, dim);

    public Tensor[] split(long size, long dim = 0) => Aten.split.CallList(this, size, dim);

    public Tensor detach() => Aten.detach.Call(this);

    public Tensor alias() => Aten.alias.Call(this);

    public Tensor requires_grad_(bool requires = true) => InPlace(Aten.requires_grad_, this, requires);

    public Tensor to(ScalarType type) => Aten.to_dtype.Call(this, type);

    public Tensor to(Device device) => Aten.to_device.Call(this, device, dtype);

    public Tensor to(Device device, ScalarType type) => Aten.to_device.Call(this, device, type);

    public Tensor cpu() => to(torch.CPU);

    public Tensor eq(Tensor other) => Aten.eq.Call(this, other);

    public Tensor eq(double other) => Aten.eq_scalar.Call(this, other);

    public Tensor ne(Tensor other) => Aten.ne.Call(this, other);

    public Tensor ne(double other) => Aten.ne_scalar.Call(this, other);

    public Tensor lt(Tensor other) => Aten.lt.Call(this, other);

    public Tensor lt(double other) => Aten.lt_scalar.Call(this, other);

    public Tensor le(Tensor other) => Aten.le.Call(this, other);

    public Tensor le(double other) => Aten.le_scalar.Call(this, other);

    public Tensor gt(Tensor other) => Aten.gt.Call(this, other);

    public Tensor gt(double other) => Aten.gt_scalar.Call(this, other);

    public Tensor ge(Tensor other) => Aten.ge.Call(this, other);

    public Tensor ge(double other) => Aten.ge_scalar.Call(this, other);

    public Tensor logical_not() => Aten.logical_not.Call(this);

    public Tensor logical_and(Tensor other) => Aten.logical_and.Call(this, other);

    public Tensor logical_or(Tensor other) => Aten.logical_or.Call(this, other);

    public Tensor isfinite() => Aten.isfinite.Call(this);

    public Tensor isnan() => Aten.isnan.Call(this);

    public static Tensor operator +(Tensor a, Tensor b) => a.add(b);

    public static Tensor operator +(Tensor a, double b) => a.add(b);

    public static Tensor operator +(double a, Tensor b) => b.add(a);

    public static Tensor operator -(Tensor a, Tensor b) => a.sub(b);

    public static Tensor operator -(Tensor a, double b) => a.sub(b);

    public static Tensor operator -(double a, Tensor b) => Aten.rsub.Call(b, a);

    public static Tensor operator -(Tensor a) => a.neg();

    public static Tensor operator *(Tensor a, Tensor b) => a.mul(b);

    public static Tensor operator *(Tensor a, double b) => a.mul(b);

    public static Tensor operator *(double a, Tensor b) => b.mul(a);

    public static Tensor operator /(Tensor a, Tensor b) => a.div(b);

    public static Tensor operator /(Tensor a, double b) => a.div(b);

    public static Tensor operator /(double a, Tensor b)
    {
        using Tensor inverse = b.reciprocal();
        return inverse.mul(a);
    }

    // A reference for the length of a native call; DangerousRelease gives it back.
    internal nint Borrow()
    {
        bool added = false;
        Handle.DangerousAddRef(ref added);
        return Handle.DangerousGetHandle();
    }

    private static Tensor InPlace(Op op, params ReadOnlySpan<Arg> args)
    {
        op.Invoke(args);
        return (Tensor)args[0].Reference!;
    }

    private unsafe Native.TensorInfo Info()
    {
        Native.TensorInfo info;
        Native.Check(Native.inv_tensor_info_get(Handle, &info));
        return info;
    }

    private unsafe T[] Host<T>(ScalarType type)
        where T : unmanaged
    {
        using Tensor? resolved = is_complex() ? Aten.resolve_conj.Call(this) : null;
        Tensor source = resolved is null ? this : Aten.view_as_real.Call(resolved);
        Tensor converted = source.dtype == type ? source : source.to(type);
        try
        {
            var values = new T[converted.numel()];
            fixed (T* p = values)
            {
                Native.Check(Native.inv_tensor_to_host(converted.Handle, p, values.LongLength * sizeof(T)));
            }

            return values;
        }
        finally
        {
            if (converted != source)
            {
                converted.Dispose();
            }

            if (source != this)
            {
                source.Dispose();
            }
        }
    }
}
