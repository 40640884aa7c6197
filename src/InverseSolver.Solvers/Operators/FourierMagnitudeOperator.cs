using InverseSolver.Torch;

namespace InverseSolver.Solvers.Operators;

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

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => Spectrum(x).abs();

    private Tensor Spectrum(Tensor x)
    {
        Tensor padded = torch.nn.functional.pad(x, [left, left, top, top]);
        return Fourier.Centred(torch.complex(padded, torch.zeros_like(padded)));
    }
}
