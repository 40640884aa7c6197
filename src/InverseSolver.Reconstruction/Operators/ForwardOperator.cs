namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// A forward model A of y = A(x) + n, in float32, for N ≥ 1 items at a time that share A and nothing else:
/// the result of an item does not depend on the other items. Immutable. Images are (N, channels, height, width).
/// Entries of y that were not measured are ignored everywhere, whatever they hold.
/// </summary>
/// <remarks>The inner product is the real one, ⟨a, b⟩ = Re Σ a conj(b), for complex measurements too.</remarks>
public abstract class ForwardOperator : IDisposable
{
    private readonly List<Tensor> _owned = [];

    /// <summary>Describes A.</summary>
    /// <param name="name">What errors call it.</param>
    /// <param name="domain">(channels, height, width) of x.</param>
    /// <param name="range">Shape of y without the items' dimension.</param>
    /// <param name="measuredComponents">m, real components measured per item.</param>
    /// <param name="isComplexRange">Whether y is complex.</param>
    private protected ForwardOperator(string name, long[] domain, long[] range, long measuredComponents, bool isComplexRange)
    {
        Name = name;
        Domain = domain;
        Range = range;
        MeasuredComponents = measuredComponents;
        IsComplexRange = isComplexRange;
    }

    /// <summary>Name of the operator in error messages.</summary>
    public string Name { get; }

    /// <summary>(channels, height, width) of x.</summary>
    public IReadOnlyList<long> Domain { get; }

    /// <summary>Shape of y without the items' dimension.</summary>
    public IReadOnlyList<long> Range { get; }

    /// <summary>True where y is complex.</summary>
    public bool IsComplexRange { get; }

    /// <summary>m, real components measured per item; a complex sample counts two.</summary>
    public long MeasuredComponents { get; }

    /// <summary>
    /// Line integral k that the unit 1 of y stands for, where y is the attenuation of a transmitted beam: of N photons N exp(−k y) arrive. Null where the
    /// detector counts y itself.
    /// </summary>
    internal virtual double? Attenuation => null;

    /// <summary>True where each of several coils measures the image.</summary>
    internal virtual bool HasCoils => false;

    /// <summary>True where pairs of channels are the real and imaginary parts of complex images.</summary>
    internal virtual bool HasComplexImages => false;

    /// <summary>A x; differentiable. Entries that are not measured are 0.</summary>
    /// <param name="x">(N, channels, height, width), float32.</param>
    /// <exception cref="ArgumentException">x has another shape or type.</exception>
    public Tensor Apply(Tensor x)
    {
        CheckImage(x);
        using var scope = torch.NewDisposeScope();
        return ApplyCore(x).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// ‖A x − y‖² over the m measured components, per item: shape (N); differentiable. Where y is clipped or rounded, the squared distance to all that it
    /// may stand for.
    /// </summary>
    /// <param name="x">(N, channels, height, width).</param>
    /// <param name="y">(N, range).</param>
    /// <exception cref="ArgumentException">x or y has another shape or type.</exception>
    public Tensor Residual2(Tensor x, Tensor y)
    {
        CheckImage(x);
        CheckMeasurement(y);
        CheckSameItems(x, y);
        using var scope = torch.NewDisposeScope();
        return SquaresPerItem(ResidualCore(x, MeasuredCore(y))).MoveToOuterDisposeScope();
    }

    /// <summary>y with 0 where nothing was measured, whatever stood there.</summary>
    /// <param name="y">(N, range).</param>
    /// <exception cref="ArgumentException">y has another shape or type.</exception>
    public Tensor Measured(Tensor y)
    {
        CheckMeasurement(y);
        using var scope = torch.NewDisposeScope();
        return MeasuredCore(y).clone().MoveToOuterDisposeScope();
    }

    /// <summary>A(x) + n, or what a detector that clips or rounds makes of it.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    /// <param name="noise">n, (N, range).</param>
    /// <exception cref="ArgumentException">x or the noise has another shape or type.</exception>
    public Tensor Measure(Tensor x, Tensor noise)
    {
        CheckImage(x);
        CheckMeasurement(noise);
        CheckSameItems(x, noise);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        return MeasuredCore(MeasureCore(x, noise)).clone().MoveToOuterDisposeScope();
    }

    /// <summary>∇ₓ ½ of <see cref="Residual2"/>, per item: Jᵀ(A(x) − y). Not differentiable.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    /// <param name="y">(N, range).</param>
    /// <exception cref="ArgumentException">x or y has another shape or type.</exception>
    public Tensor Gradient(Tensor x, Tensor y)
    {
        CheckImage(x);
        CheckMeasurement(y);
        CheckSameItems(x, y);
        using var scope = torch.NewDisposeScope();
        return GradientCore(x, MeasuredCore(y)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Reconstructs an image from y directly, without a prior: by the adjoint where nothing better is usual. The image is for display and as a start, and
    /// lies on [0,1] at best roughly.
    /// </summary>
    /// <param name="y">(N, range).</param>
    /// <returns>(N, channels, height, width).</returns>
    /// <exception cref="ArgumentException">y has another shape or type.</exception>
    public Tensor Direct(Tensor y)
    {
        CheckMeasurement(y);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        return DirectCore(MeasuredCore(y)).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Computes the signal at the detector: A x of all entries, measured or not, before anything is clipped or rounded.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    internal Tensor Ideal(Tensor x)
    {
        CheckImage(x);
        using var scope = torch.NewDisposeScope();
        return IdealCore(x).MoveToOuterDisposeScope();
    }

    /// <summary>Signed residual of each entry, whose squares <see cref="Residual2"/> sums; differentiable.</summary>
    /// <param name="x">(N, channels, height, width).</param>
    /// <param name="y">(N, range).</param>
    internal Tensor Residual(Tensor x, Tensor y)
    {
        CheckImage(x);
        CheckMeasurement(y);
        CheckSameItems(x, y);
        using var scope = torch.NewDisposeScope();
        return ResidualCore(x, MeasuredCore(y)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _owned) tensor.Dispose();
        _owned.Clear();
        DisposeCore();
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes what is not a constant of its own.</summary>
    protected virtual void DisposeCore()
    {
    }

    /// <summary>A(x) of a checked x; entries that are not measured must become 0.</summary>
    protected abstract Tensor ApplyCore(Tensor x);

    /// <summary>A(x) of a checked x without a mask, clipping or rounding.</summary>
    private protected virtual Tensor IdealCore(Tensor x) => ApplyCore(x);

    /// <summary>A(x) − y, or the signed distance to what y may stand for, of a checked x and of a y that is 0 where nothing was measured.</summary>
    private protected virtual Tensor ResidualCore(Tensor x, Tensor y) => ApplyCore(x) - y;

    /// <summary>Simulates the detector's reading for a checked image x and noise n.</summary>
    protected virtual Tensor MeasureCore(Tensor x, Tensor noise) => ApplyCore(x) + noise;

    /// <summary>Jᵀ(A(x) − y) of a checked x and of a y that is 0 where nothing was measured.</summary>
    private protected abstract Tensor GradientCore(Tensor x, Tensor y);

    /// <summary>An image from a checked y that is 0 where nothing was measured.</summary>
    private protected abstract Tensor DirectCore(Tensor y);

    /// <summary>y with 0 where nothing was measured; y itself where everything is.</summary>
    protected virtual Tensor MeasuredCore(Tensor y) => y;

    /// <summary>Keeps a constant for the operator's life.</summary>
    protected Tensor Own(Tensor constant)
    {
        constant.DetachFromDisposeScope();
        _owned.Add(constant);
        return constant;
    }

    /// <summary>Σ |t|² of each item, shape (N).</summary>
    internal static Tensor SquaresPerItem(Tensor t)
    {
        Tensor components = t.dtype == ScalarType.ComplexFloat32 ? torch.view_as_real(t) : t;
        return components.reshape(t.size(0), -1).square().sum([1], false);
    }

    /// <summary>Σ t of each item, shape (N).</summary>
    internal static Tensor SumPerItem(Tensor t) => t.reshape(t.size(0), -1).sum([1], false);

    private protected void CheckImage(Tensor x) => Check(x, Domain, ScalarType.Float32, "an image");

    private protected void CheckMeasurement(Tensor y) =>
        Check(y, Range, IsComplexRange ? ScalarType.ComplexFloat32 : ScalarType.Float32, "a measurement");

    private void Check(Tensor t, IReadOnlyList<long> shape, ScalarType type, string what)
    {
        long[] given = t.shape;
        if (given.Length != shape.Count + 1 || given[0] < 1 || !given.Skip(1).SequenceEqual(shape) || t.dtype != type)
        {
            throw new ArgumentException(
                $"{Name}: {what} is (N, {string.Join(", ", shape)}) of {type}; given ({string.Join(", ", given)}) of {t.dtype}.");
        }
    }

    private protected void CheckSameItems(Tensor x, Tensor y)
    {
        if (x.size(0) != y.size(0)) throw new ArgumentException($"{Name}: {x.size(0)} images and {y.size(0)} measurements.");
    }
}
