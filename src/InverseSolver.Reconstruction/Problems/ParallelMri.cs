using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Multi-coil MRI (SENSE): y_c = mask * F(S_c x), F the centred orthonormal 2-D Fourier transform, S_c the coils' sensitivities and x a complex image. The measurement
/// is complex (coils, rows, columns), rows along the readout, with zeros where nothing was measured, for a volume (slices, coils, rows, columns), in any unit; or a
/// raw-data file (ISMRMRD, fastMRI, BART). With the file <c>trajectory</c> it is (coils, samples). Noise is made white, coils are compressed, sensitivities and phase
/// are estimated from it; what was done stands in the report.
/// </summary>
/// <param name="Mask">Which positions are used; absent: the file <c>mask</c>, or where none was sent what is not zero.</param>
/// <param name="Maps">Where the sensitivities come from; the file <c>maps</c>, where it was sent, comes before all.</param>
/// <param name="MapSets">Sets of sensitivities; 2 where the object is larger than the field of view.</param>
/// <param name="VirtualCoils">Coils at most that the measurement is compressed to; absent: as few as keep 99.8 % of the energy.</param>
/// <param name="CalibrationLines">Lines of k-space's centre at most that sensitivities are estimated from.</param>
/// <param name="Rows">Rows of the image, with a trajectory: of (coils, samples) they cannot be told.</param>
/// <param name="Columns">Columns of the image, with a trajectory.</param>
/// <param name="TrajectoryUnit">
/// What the numbers of the trajectory count; absent: of the file <c>trajectory</c> cycles per field of view, of an ISMRMRD file what makes it end at the edge of k-space, or a refusal where that is not one unit only.
/// </param>
public sealed record ParallelMri(
    KSpaceMask? Mask = null,
    MapSource Maps = MapSource.Automatic,
    [property: Range(1, 2)] int MapSets = 1,
    [property: Range(1, 128)] int? VirtualCoils = null,
    [property: Range(8, 128)] int CalibrationLines = 24,
    [property: Range(8, 4096)] int? Rows = null,
    [property: Range(8, 4096)] int? Columns = null,
    TrajectoryUnit? TrajectoryUnit = null) : Problem
{
    /// <summary>The same problem, completed by what a raw-data file says.</summary>
    /// <param name="rows">Rows of the image; 0: not said.</param>
    /// <param name="columns">Columns of the image; 0: not said.</param>
    /// <param name="ownTrajectory">Whether the trajectory is the file's, which is in cycles per field of view once it is read.</param>
    public ParallelMri OfScan(int rows, int columns, bool ownTrajectory) => this with
    {
        Rows = Rows ?? (rows > 0 ? rows : null),
        Columns = Columns ?? (columns > 0 ? columns : null),
        TrajectoryUnit = ownTrajectory ? Problems.TrajectoryUnit.CyclesPerFieldOfView : TrajectoryUnit,
    };

    // What is not zero was measured, and the coils are known from it.
    internal override bool DependsOnMeasurement => true;

    internal override string? PhotonRefusal => "k-space is no count of photons: its noise is Gaussian, and sigma alone says what it is.";
}

/// <summary>What the numbers of a trajectory count.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrajectoryUnit>))]
public enum TrajectoryUnit
{
    /// <summary>Cycles per pixel: up to 0.5.</summary>
    [JsonStringEnumMemberName("cyclesPerPixel")] CyclesPerPixel,

    /// <summary>Cycles per field of view of the image: up to half of its rows and columns.</summary>
    [JsonStringEnumMemberName("cyclesPerFieldOfView")] CyclesPerFieldOfView,

    /// <summary>Cycles per encoded field of view, which an oversampled ISMRMRD scan has larger.</summary>
    [JsonStringEnumMemberName("cyclesPerEncodedFieldOfView")] CyclesPerEncodedFieldOfView,
}

/// <summary>Where coil sensitivities come from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MapSource>))]
public enum MapSource
{
    /// <summary>ESPIRiT where the centre of k-space has enough lines, else the low-resolution images.</summary>
    [JsonStringEnumMemberName("automatic")] Automatic,

    /// <summary>ESPIRiT (Uecker et al. 2014), or a refusal.</summary>
    [JsonStringEnumMemberName("espirit")] Espirit,

    /// <summary>The coils' low-resolution images over their root sum of squares.</summary>
    [JsonStringEnumMemberName("lowResolution")] LowResolution,
}
