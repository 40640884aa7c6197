using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Single-coil Cartesian MRI: y = mask * F(phase * x), F the centred orthonormal 2-D Fourier transform and x a real image.
/// The measurement is a complex .npy (height, width) with zeros where nothing was measured.
/// </summary>
/// <param name="Mask">Which k-space positions were measured.</param>
/// <param name="Phase">Where the image's phase comes from.</param>
public sealed record CartesianMri([property: Required] KSpaceMask Mask, PhaseSource Phase = PhaseSource.None) : Problem
{
    internal override bool DependsOnMeasurement => Phase == PhaseSource.Estimated;

    internal override string? PhotonRefusal => "k-space is no count of photons: its noise is Gaussian, and sigma alone says what it is.";
}

/// <summary>Where the phase of an MR image comes from.</summary>
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

/// <summary>Which k-space positions were measured. Columns are phase-encoding lines.</summary>
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
