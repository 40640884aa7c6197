using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Multi-coil MRI, y_c = M F Σ_s S_s,c x_s, with sensitivities S of each frame's own (Pruessmann, Weiger, Scheidegger, Boesiger: SENSE, 1999; several sets
/// of maps: Uecker et al. 2014). The unknown is either complex, with real and imaginary part of each x_s as two channels, or the real image x with x₁ =
/// exp(iφ) x, φ known, and x_s = 0 beside it.
/// </summary>
/// <remarks>Frame i of a batch has the maps of frame i; maps of one frame are those of all items.</remarks>
public sealed class SenseOperator : LinearOperator
{
    private readonly KSpaceSampling _sampling;
    private readonly bool _owns;
    private readonly Tensor _conjugate;

    /// <summary>Describes a scan.</summary>
    /// <param name="sampling">M F.</param>
    /// <param name="maps">S, complex (frames, sets, coils, rows, columns).</param>
    /// <param name="phase">exp(iφ), complex (frames, rows, columns); null for a complex image.</param>
    /// <param name="owns">Whether the sampling is disposed with the operator.</param>
    internal SenseOperator(KSpaceSampling sampling, Tensor maps, Tensor? phase, bool owns)
        : base(
            "parallelMri", [phase is null ? 2 * maps.size(1) : 1, maps.size(3), maps.size(4)],
            [maps.size(2), .. sampling.Range], 2 * sampling.Samples * maps.size(2), isComplexRange: true)
    {
        (_sampling, _owns) = (sampling, owns);
        Maps = Own(maps.alias());
        _conjugate = Own(maps.conj().resolve_conj());
        Phase = phase is null ? null : Own(phase.alias());
    }

    internal override bool HasCoils => true;

    internal override bool HasComplexImages => Phase is null;

    // Images of larger matrices are sparser. Fitted, see docs/decisions/0017.
    internal override double SparsityGain => 4;

    /// <summary>S.</summary>
    internal Tensor Maps { get; }

    /// <summary>exp(iφ); null where the image is complex.</summary>
    internal Tensor? Phase { get; }

    /// <summary>M F.</summary>
    internal KSpaceSampling Sampling => _sampling;

    /// <summary>Sets of maps.</summary>
    internal long Sets => Maps.size(1);

    internal override IMetricProx MetricProx(double sigma, double tau, Action check) => new SenseProx(this, sigma, tau, check);

    /// <summary>The operator of some frames, in their order; it shares the sampling with this one, which must outlive it.</summary>
    internal SenseOperator Frames(params long[] frames)
    {
        using var scope = torch.NewDisposeScope();
        Tensor index = torch.copy_of(frames, frames.LongLength).to(Maps.device);
        return new SenseOperator(_sampling, Maps.index_select(0, index), Phase?.index_select(0, index), owns: false);
    }

    /// <summary>The same scan of a complex image; it shares the sampling with this operator, which must outlive it.</summary>
    internal SenseOperator WithoutPhase() => new(_sampling, Maps, null, owns: false);

    /// <summary>1 where some coil sees something, else 0: (frames, 1, rows, columns).</summary>
    internal Tensor Support() => Maps.select(1, 0).abs().sum([1], keepdim: true).gt(0).to(ScalarType.Float32);

    /// <summary>The complex images of x: (N, sets, rows, columns), or with a phase (N, 1, rows, columns).</summary>
    internal Tensor ToComplex(Tensor x) => Phase is null
        ? torch.view_as_complex(x.reshape(x.size(0), -1, 2, x.size(2), x.size(3)).permute(0, 1, 3, 4, 2).contiguous())
        : x * Phase.unsqueeze(1);

    /// <summary>Adjoint of <see cref="ToComplex"/>: maps complex images back to x.</summary>
    internal Tensor FromComplex(Tensor images) => Phase is null
        ? torch.view_as_real(images.resolve_conj()).permute(0, 1, 4, 2, 3).reshape(images.size(0), -1, images.size(2), images.size(3))
        : (images * Phase.conj().unsqueeze(1)).real;

    /// <summary>y of complex images.</summary>
    /// <param name="images">(N, sets or 1, rows, columns).</param>
    internal Tensor ApplyComplex(Tensor images) => _sampling.Forward(Coils(images));

    /// <summary>The adjoint of <see cref="ApplyComplex"/>.</summary>
    internal Tensor AdjointComplex(Tensor y, long sets) => Combined(_sampling.Adjoint(y), sets);

    /// <summary>AᴴA of complex images.</summary>
    internal Tensor NormalComplex(Tensor images) => Combined(_sampling.Normal(Coils(images)), images.size(1));

    /// <summary>AᵀA x.</summary>
    /// <param name="x">(N, channels, rows, columns).</param>
    internal Tensor Normal(Tensor x) => FromComplex(NormalComplex(ToComplex(x)));

    /// <summary>
    /// The eigenvalues of the circulant matrix nearest to AᴴA of the first set (T. Chan: An optimal circulant preconditioner for Toeplitz systems, 1988),
    /// frequency 0 first:
    /// (frames, 1, rows, columns).
    /// </summary>
    internal Tensor CirculantEigenvalues()
    {
        using var scope = torch.NewDisposeScope();
        Tensor spectra = torch.fft.fft2(Maps.select(1, 0), norm: FFTNormType.Ortho).abs().square().sum([1], keepdim: true);
        // Σ_q M(q) |Ŝ(q − k)|² / n, a correlation.
        Tensor product = torch.fft.fft2(_sampling.Density) * torch.fft.fft2(spectra).conj();
        return (torch.fft.ifft2(product).real / (Maps.size(3) * Maps.size(4))).clamp(min: 0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => ApplyComplex(ToComplex(x));

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => FromComplex(AdjointComplex(y, Phase is null ? Sets : 1));

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho) => SenseProx.Prox(this, x0, y, rho);

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => _sampling.Measured(y);

    private protected override Tensor DirectCore(Tensor y) => FromComplex(Combined(_sampling.Direct(y), Phase is null ? Sets : 1));

    /// <inheritdoc/>
    protected override void DisposeCore()
    {
        if (_owns) _sampling.Dispose();
    }

    // (N, sets, rows, columns) to (N, coils, rows, columns).
    private Tensor Coils(Tensor images) => images.size(1) == 1
        ? Maps.select(1, 0) * images
        : (Maps * images.unsqueeze(2)).sum([1]);

    private Tensor Combined(Tensor coils, long sets) => sets == 1
        ? (_conjugate.select(1, 0) * coils).sum([1], keepdim: true)
        : (_conjugate * coils.unsqueeze(1)).sum([2]);
}
