namespace InverseSolver.Reconstruction.Operators;

/// <summary>y = |F P x|, P padding with zeros on all sides and F the centred orthonormal transform: phase retrieval.</summary>
public sealed class FourierMagnitudeOperator : NonlinearOperator
{
    private readonly long top, left;

    /// <summary>Describes the padding.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="oversampling">Sides of the padded image over the image's; what it adds is even.</param>
    public FourierMagnitudeOperator(long channels, long height, long width, double oversampling)
        : base(
            "phaseRetrieval", [channels, height, width], [channels, (long)(height * oversampling), (long)(width * oversampling)],
            channels * (long)(height * oversampling) * (long)(width * oversampling)) =>
        (top, left) = ((Range[1] - height) / 2, (Range[2] - width) / 2);

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor spectrum = Spectrum(x), magnitude = spectrum.abs(), direction = spectrum / magnitude.clamp(min: 1e-20);
        Tensor opposite = direction.conj();
        return new Linearisation(
            magnitude - y, v => (Spectrum(v) * opposite).real, w => Fourier.CentredInverse(direction * w).real.narrow(2, top, Domain[1]).narrow(3, left, Domain[2]));
    }

    // Each channel's magnitudes leave its place and its orientation open; all follow the first one.
    internal override Tensor GlobalStart(Tensor y, CancellationToken cancellation)
    {
        var items = new List<Tensor>();
        for (long i = 0; i < y.size(0); i++)
        {
            var channels = new List<Tensor>();
            for (long c = 0; c < Domain[0]; c++)
            {
                using DisposeScope scope = torch.NewDisposeScope();
                Tensor image = HybridInputOutput.Solve(y.select(0, i).select(0, c), Domain[1], Domain[2], cancellation).reshape(1, 1, Domain[1], Domain[2]);
                channels.Add((c == 0 ? image : Registration.Onto(image, channels[0], turns: true)).contiguous().MoveToOuterDisposeScope());
            }

            items.Add(torch.cat([.. channels], 1));
        }

        return Registration.Centred(torch.cat([.. items]));
    }

    internal override Tensor Near(Tensor start, Tensor estimate) => Registration.Onto(start, estimate, turns: false);

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Spectrum(x).abs();

    private Tensor Spectrum(Tensor x)
    {
        Tensor padded = torch.nn.functional.pad(x, [left, left, top, top]);
        return Fourier.Centred(torch.complex(padded, torch.zeros_like(padded)));
    }
}
