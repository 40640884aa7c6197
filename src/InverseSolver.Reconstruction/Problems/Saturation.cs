using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// A detector that saturates: y = clip(gain x + n, 0, 1), n before the clipping. Of a pixel at a limit only that is used which it says: that the image is
/// not below (not above) it.
/// </summary>
/// <param name="Gain">How much brighter the exposure is than the image.</param>
/// <param name="Margin">Values this near to a limit count as clipped; about 3 sigma where the noise came after the clipping.</param>
public sealed record HighDynamicRange(
    [property: Range(0.01, 100.0)] double Gain = 2,
    [property: Range(0.0, 0.49)] double Margin = 0) : Problem
{
    internal override bool IsLinear => false;

    internal override bool DependsOnMeasurement => true;
}

/// <summary>Clipped measurements: y = clip(x + n, low, high), n before the clipping; pixels at a limit are used as with <c>hdr</c>.</summary>
/// <param name="Low">The lower limit.</param>
/// <param name="High">The upper limit.</param>
/// <param name="Margin">Values this near to a limit count as clipped; about 3 sigma where the noise came after the clipping.</param>
public sealed record Clipping(
    [property: Range(-1e3, 1e3)] double Low = 0.1,
    [property: Range(-1e3, 1e3)] double High = 0.6,
    [property: Range(0.0, 0.49)] double Margin = 0) : Problem
{
    internal override bool IsLinear => false;

    internal override bool DependsOnMeasurement => true;
}
