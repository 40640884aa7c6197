using System.ComponentModel.DataAnnotations;
using InverseSolver.Reconstruction.Estimates;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Magnitudes of the centred orthonormal Fourier transform of the image padded with zeros on all sides: y = |F P x| + n, (channels, oversampling height,
/// oversampling width). The image turned by 180 degrees has the same magnitudes, as has a shifted one that stays inside. Samples are not averaged; the one
/// with the smallest residual is the result, turned the way that the model finds likelier, with its bright part about the middle. Data steps start from a
/// classical phase retrieval (docs/decisions/0013).
/// </summary>
/// <param name="Oversampling">Sides of the padded image over the image's: 1.5 (as in the papers), 2, 3 or 4.</param>
public sealed record PhaseRetrieval([property: AllowedValues(1.5, 2.0, 3.0, 4.0)] double Oversampling = 2) : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "phaseRetrieval",
        new("diffPir", "diffPir", "Often fails: draw four samples or more, and look at them. Where in the frame the image lies is open."))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["phaseRetrieval"] = _ => new PhaseRetrieval() },
    };

    internal override bool IsLinear => false;

    // Restarts without a prior and Gauss and Newton's steps from them, as measured.
    internal override OperatorBytes Bytes(long[] image, ArrayData y, int frames) => new(7000.0 * y.Values.LongLength, 100.0 * y.Values.LongLength);

    internal override long[] MeasurementShape(long[] image) => [image[0], (long)(image[1] * Oversampling), (long)(image[2] * Oversampling)];

    internal override long[] ImageShape(long[] measurement) =>
        [measurement[0], (long)Math.Round(measurement[1] / Oversampling), (long)Math.Round(measurement[2] / Oversampling)];

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if ((Oversampling - 1) * image[1] % 2 != 0 || (Oversampling - 1) * image[2] % 2 != 0)
        {
            throw new InvalidInputException(
                field, $"What an oversampling of {Oversampling} adds to height {image[1]} and width {image[2]} must be even.");
        }
    }

    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfMagnitudes(y);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new FourierMagnitudeOperator(image[0], image[1], image[2], Oversampling);

    internal override bool HasTwin => true;

    internal override string? PhotonRefusal =>
        "A detector counts |F x|², and the root of a count has the standard deviation 1/2 whatever it is: "
            + "with N photons per unit of |F x|² give sigma = 0.5 / √N.";
}

/// <summary>y = |F P x|, P padding with zeros on all sides and F the centred orthonormal transform: phase retrieval.</summary>
public sealed class FourierMagnitudeOperator : NonlinearOperator
{
    private readonly long _top, _left;

    /// <summary>Describes the padding.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="oversampling">Sides of the padded image over the image's; what it adds is even.</param>
    public FourierMagnitudeOperator(long channels, long height, long width, double oversampling)
        : base(
            "phaseRetrieval", [channels, height, width], [channels, (long)(height * oversampling), (long)(width * oversampling)],
            channels * (long)(height * oversampling) * (long)(width * oversampling)) =>
        (_top, _left) = ((Range[1] - height) / 2, (Range[2] - width) / 2);

    internal override Linearisation? Linearise(Tensor x, Tensor y)
    {
        Tensor spectrum = Spectrum(x), magnitude = spectrum.abs(), direction = spectrum / magnitude.clamp(min: 1e-20);
        Tensor opposite = direction.conj();
        return new Linearisation(
            magnitude - y,
            v => (Spectrum(v) * opposite).real,
            w => Fourier.CentredInverse(direction * w).real.narrow(2, _top, Domain[1]).narrow(3, _left, Domain[2]));
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
        Tensor padded = torch.nn.functional.pad(x, [_left, _left, _top, _top]);
        return Fourier.Centred(torch.complex(padded, torch.zeros_like(padded)));
    }
}
