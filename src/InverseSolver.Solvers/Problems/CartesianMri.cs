using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Solvers.Problems;

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
public abstract record KSpaceMask;

/// <summary>The uploaded file <c>mask</c>: (width) for lines or (height, width); values above 0.5 were measured.</summary>
public sealed record UploadedKSpaceMask : KSpaceMask;

/// <summary>A fully measured centre and random lines beside it.</summary>
/// <param name="Acceleration">Lines of the image over lines measured, the centre included.</param>
/// <param name="CentreFraction">Share of the lines that forms the centre.</param>
/// <param name="Seed">Seed of the lines.</param>
public sealed record RandomKSpaceMask(
    [property: Range(1.0, 64.0)] double Acceleration = 4,
    [property: Range(0.0, 1.0)] double CentreFraction = 0.08,
    [property: Range(0, long.MaxValue, ErrorMessage = "It is a whole number from 0 to 9223372036854775807.")] long Seed = 0) : KSpaceMask;

/// <summary>A fully measured centre and equally spaced lines beside it.</summary>
/// <param name="Acceleration">Lines of the image over lines measured, the centre included.</param>
/// <param name="CentreFraction">Share of the lines that forms the centre.</param>
public sealed record EquispacedKSpaceMask(
    [property: Range(1.0, 64.0)] double Acceleration = 4,
    [property: Range(0.0, 1.0)] double CentreFraction = 0.08) : KSpaceMask;
