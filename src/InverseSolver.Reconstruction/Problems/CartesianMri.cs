using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Single-coil Cartesian MRI: y = mask * F(phase * x), F the centred orthonormal 2-D Fourier transform and x a real image.
/// The measurement is a complex .npy (height, width) with zeros where nothing was measured.
/// </summary>
/// <param name="Mask">The measured positions of k-space.</param>
/// <param name="Phase">The source of the image's phase.</param>
public sealed record CartesianMri([property: Required] KSpaceMask Mask, PhaseSource Phase = PhaseSource.None) : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "mri", new("redDiff", "ddnm"), """{"mask":{"type":"random","acceleration":4,"centreFraction":0.08,"seed":1}}""")
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["mri4"] = seed => new CartesianMri(new RandomKSpaceMask(4, 0.08, seed)) },
    };

    internal override bool IsComplex => true;

    internal override bool DependsOnMeasurement => Phase == PhaseSource.Estimated;

    internal override IReadOnlyList<string> Files =>
        [.. Mask is UploadedKSpaceMask ? ["mask"] : Array.Empty<string>(), .. Phase == PhaseSource.File ? ["phase"] : Array.Empty<string>()];

    internal override long[] MeasurementShape(long[] image) => [image[1], image[2]];

    internal override long[] ImageShape(long[] measurement) => [1, .. measurement];

    internal override void CheckPart(string field, bool isLast)
    {
        base.CheckPart(field, isLast);
        if (Phase == PhaseSource.Estimated) throw new InvalidInputException($"{field}.phase", "Within a composition no phase can be estimated.");
    }

    internal override void CheckImage(long[] image, string field, string problemField)
    {
        if (image[0] != 1) throw new InvalidInputException(field, "An MR image has 1 channel.");
    }

    internal override OperatorArrays Arrays(ProblemInputs inputs)
    {
        (long height, long width) = (inputs.Image[1], inputs.Image[2]);
        return new(
            Mask: ProblemChecks.SomethingMeasured(KSpaceMasks.Of(Mask, height, width, inputs.Files, $"{inputs.Field}.mask"), "files.mask"),
            Phase: Phase == PhaseSource.File ? ProblemChecks.Plane(inputs.Files["phase"], "files.phase", height, width) : null);
    }

    internal override OperatorArrays WithMeasurement(OperatorArrays arrays, ArrayData y)
    {
        if (Phase != PhaseSource.Estimated) return arrays;
        float[] phase = PhaseEstimate.FromCentre(y, arrays.Mask!)
            ?? throw new InvalidInputException("problem.phase", "The centre of k-space is not measured fully, so no phase can be estimated from it.");
        return arrays with { Phase = phase };
    }

    internal override IEnumerable<(string Name, ArrayData Array)> Drawn(long[] image, OperatorArrays arrays) =>
        Mask is UploadedKSpaceMask ? [] : [("mask", ProblemChecks.MaskImage(image, arrays.Mask!))];

    internal override NoiseLevel EstimateNoise(OperatorArrays arrays, ArrayData y) => NoiseEstimate.OfSamples(y, arrays.Mask!);

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        new CartesianMriOperator(image[1], image[2], arrays.Mask!, arrays.Phase, device);

    internal override string? PhotonRefusal => "k-space is no count of photons: its noise is Gaussian, and sigma alone says what it is.";
}

/// <summary>The source of an MR image's phase.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PhaseSource>))]
public enum PhaseSource
{
    /// <summary>The image is real.</summary>
    [JsonStringEnumMemberName("none")] None,

    /// <summary>The uploaded file <c>phase</c>: radians, (height, width).</summary>
    [JsonStringEnumMemberName("file")] File,

    /// <summary>Estimated from the fully measured centre of k-space.</summary>
    [JsonStringEnumMemberName("estimated")] Estimated,
}

/// <summary>The measured positions of k-space. Columns are phase-encoding lines.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(UploadedKSpaceMask), "file")]
[JsonDerivedType(typeof(RandomKSpaceMask), "random")]
[JsonDerivedType(typeof(EquispacedKSpaceMask), "equispaced")]
[JsonDerivedType(typeof(PoissonDiscKSpaceMask), "poissonDisc")]
public abstract record KSpaceMask;

/// <summary>The uploaded file <c>mask</c>: (width) for lines or (height, width); white (values above 0.5) was measured, black is missing.</summary>
public sealed record UploadedKSpaceMask : KSpaceMask;

/// <summary>A fully measured centre and random lines beside it.</summary>
/// <param name="Acceleration">Lines of the image over lines measured, the centre included.</param>
/// <param name="CentreFraction">Share of the lines that forms the centre; 0.08 where centreLines is absent too.</param>
/// <param name="Seed">Seed of the lines.</param>
/// <param name="CentreLines">Lines that form the centre, instead of centreFraction.</param>
/// <param name="PartialFourier">Share of k-space, from its upper end on, that is measured at all; the centre always is.</param>
public sealed record RandomKSpaceMask(
    [property: Range(1.0, 64.0)] double Acceleration = 4,
    [property: Range(0.0, 1.0)] double? CentreFraction = null,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0,
    [property: Range(1, 16384)] int? CentreLines = null,
    [property: Range(0.5, 1.0)] double PartialFourier = 1) : KSpaceMask;

/// <summary>A fully measured centre and equally spaced lines beside it.</summary>
/// <param name="Acceleration">Lines of the image over lines measured, the centre included; 4 where spacing is absent too.</param>
/// <param name="CentreFraction">Share of the lines that forms the centre; 0.08 where centreLines is absent too.</param>
/// <param name="CentreLines">Lines that form the centre, instead of centreFraction.</param>
/// <param name="Spacing">Every so many lines one is measured, as a scanner does it, and the centre besides; instead of acceleration.</param>
/// <param name="Offset">With a spacing: the first line, below the spacing; 0 where it is absent.</param>
/// <param name="PartialFourier">Share of k-space, from its upper end on, that is measured at all; the centre always is.</param>
public sealed record EquispacedKSpaceMask(
    [property: Range(1.0, 64.0)] double? Acceleration = null,
    [property: Range(0.0, 1.0)] double? CentreFraction = null,
    [property: Range(1, 16384)] int? CentreLines = null,
    [property: Range(1, 64)] int? Spacing = null,
    [property: Range(0, 63)] int? Offset = null,
    [property: Range(0.5, 1.0)] double PartialFourier = 1) : KSpaceMask;

/// <summary>
/// A fully measured centre and random positions around it that keep a distance, larger towards the border: for scans that encode rows and columns by
/// phase, or with lines for the usual ones.
/// </summary>
/// <param name="Acceleration">Positions over positions measured, the centre included.</param>
/// <param name="Lines">Whether whole lines are measured; else single positions of rows and columns.</param>
/// <param name="CentreFraction">Share of the lines, and else of the rows too, that forms the centre; 0.08 where centreLines is absent too.</param>
/// <param name="Seed">Seed of the positions.</param>
/// <param name="CentreLines">Lines, and else rows too, that form the centre, instead of centreFraction.</param>
public sealed record PoissonDiscKSpaceMask(
    [property: Range(1.0, 64.0)] double Acceleration = 4,
    bool Lines = false,
    [property: Range(0.0, 1.0)] double? CentreFraction = null,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0,
    [property: Range(1, 16384)] int? CentreLines = null) : KSpaceMask;

/// <summary>
/// Single-coil Cartesian MRI of a real image: y = M F(p x), F the centred orthonormal transform, p = exp(iφ), M a mask.
/// Without a phase AᵀA is diagonal in k-space, with weights w(k) = (M(k) + M(−k)) / 2, because the image's spectrum is symmetric;
/// with one the proximal step is solved by conjugate gradients.
/// </summary>
public sealed class CartesianMriOperator : LinearOperator
{
    // With ρ = 0 AᵀA has eigenvalues near 0, and further steps only amplify the rounding of y.
    private const double ExactTolerance = 1e-5, Tolerance = 1e-6;
    private const int Iterations = 200;

    private readonly Tensor _mask;       // (height, width), 1 where measured
    private readonly Tensor _measured;   // the same as bool
    private readonly Tensor _weights;    // w
    private readonly Tensor _zero;
    private readonly Tensor? _phase;     // p, (height, width)

    /// <summary>Describes a scan.</summary>
    /// <param name="height">Height of image and k-space.</param>
    /// <param name="width">Width of image and k-space.</param>
    /// <param name="mask">Row-major, height · width, frequency 0 at (height / 2, width / 2); true where measured.</param>
    /// <param name="phase">φ in radians, row-major, height · width; null for a real image.</param>
    /// <param name="device">Where it computes.</param>
    public CartesianMriOperator(long height, long width, bool[] mask, float[]? phase, Device device)
        : base("mri", [1, height, width], [height, width], 2 * mask.LongCount(m => m), isComplexRange: true)
    {
        using var scope = torch.NewDisposeScope();
        _mask = Own(torch.copy_of(Array.ConvertAll(mask, m => m ? 1f : 0f), [height, width]).to(device));
        _measured = Own(_mask.gt(0.5));
        _weights = Own(torch.copy_of(Weights(mask, height, width), [height, width]).to(device));
        _zero = Own(torch.zeros([1], ScalarType.ComplexFloat32, device));
        if (phase is null) return;
        Tensor angle = torch.copy_of(phase, [height, width]).to(device);
        _phase = Own(torch.complex(angle.cos(), angle.sin()));
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x)
    {
        Tensor image = x.squeeze(1);
        return Fourier.Centred(_phase is null ? torch.complex(image, torch.zeros_like(image)) : image * _phase) * _mask;
    }

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y)
    {
        Tensor image = Fourier.CentredInverse(y * _mask);
        return (_phase is null ? image : image * _phase.conj()).real.unsqueeze(1);
    }

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho)
    {
        Tensor gradient = AdjointCore(y - ApplyCore(x0));
        if (_phase is not null)
        {
            return x0 + ConjugateGradients.Solve(
                d => AdjointCore(ApplyCore(d)) + d * rho, gradient, rho == 0 ? ExactTolerance : Tolerance, Iterations);
        }
        Tensor normal = _weights + rho;
        // With ρ = 0 nothing of the gradient stands where w is 0, so any divisor will do there.
        Tensor divisor = torch.where(normal.gt(0), normal, torch.ones_like(normal));
        Tensor spectrum = Fourier.Centred(torch.complex(gradient, torch.zeros_like(gradient))) / divisor;
        return x0 + Fourier.CentredInverse(spectrum).real;
    }

    /// <inheritdoc/>
    protected override Tensor MeasuredCore(Tensor y) => torch.where(_measured, y, _zero);

    private static float[] Weights(bool[] mask, long height, long width)
    {
        var weights = new float[mask.LongLength];
        for (long i = 0; i < weights.LongLength; i++)
        {
            long row = Opposite(i / width, height), column = Opposite(i % width, width);
            weights[i] = ((mask[i] ? 1f : 0f) + (mask[(row * width) + column] ? 1f : 0f)) / 2;
        }
        return weights;
    }

    // The index of frequency −k, k = index − size / 2; an even size's Nyquist frequency is its own opposite.
    private static long Opposite(long index, long size) => ((2 * (size / 2)) - index + size) % size;
}
