using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// Parallel-beam computed tomography of a square image of one or three channels: y is the sinogram (channels, angles, width), the angles equally
/// spaced from <c>startDegrees</c> on, <c>endDegrees</c> excluded. Few angles over 180 degrees are sparse views, fewer degrees a limited angle.
/// </summary>
/// <param name="Angles">Number of projections, the sinogram's rows.</param>
/// <param name="StartDegrees">Angle of the first projection.</param>
/// <param name="EndDegrees">Where the angles end, above the start.</param>
/// <param name="Projector">What a projection is.</param>
/// <param name="Window">The Hounsfield units that images on [0,1] stand for; kept with the result, without an influence on it.</param>
/// <param name="Attenuation">
/// Line integral of the attenuation along the width of an image of ones; counts where the request has <c>photons</c>, of which N exp(-line integral) then arrive.
/// 4 is that of 200 mm of water at 70 keV.
/// </param>
public sealed record ComputedTomography(
    [property: Range(1, 2048)] int Angles = 25,
    [property: Range(-360.0, 360.0)] double StartDegrees = 0,
    [property: Range(-360.0, 360.0)] double EndDegrees = 180,
    Projector Projector = Projector.Radon,
    HounsfieldWindow? Window = null,
    [property: Range(0.01, 100.0)] double Attenuation = 4) : Problem;

/// <summary>What a projection is.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Projector>))]
public enum Projector
{
    /// <summary>Line integrals (Joseph 1982), the whole operator scaled to norm 1. Rays leave the image at its border.</summary>
    [JsonStringEnumMemberName("radon")] Radon,

    /// <summary>The ReSample paper's: means over the rows of the turned image, which is continued periodically, so that sinograms have the image's range.</summary>
    [JsonStringEnumMemberName("mean")] Mean,
}

/// <summary>Hounsfield units: the image's 0 and 1 stand for <c>low</c> and <c>high</c>.</summary>
/// <param name="Low">At 0, for example -1000.</param>
/// <param name="High">At 1, above the low one.</param>
public sealed record HounsfieldWindow([property: Range(-32768.0, 65535.0)] double Low, [property: Range(-32768.0, 65535.0)] double High);
