namespace InverseSolver.Imaging;

/// <summary>
/// Contrast, time and sequence parameters of a frame. Null: the value of the scan holds. NaN: the value differs between frames, and that of this frame is
/// unknown.
/// </summary>
public sealed record FrameDetails
{
    /// <summary>The index of the scan's volume to which the slice belongs, from 0; null: to be found from the frames' positions.</summary>
    public int? Volume { get; init; }

    /// <summary>The number of the echo, from 1 (EchoNumbers).</summary>
    public int? EchoNumber { get; init; }

    /// <summary>The number of the point in time, from 1 (TemporalPositionIdentifier).</summary>
    public int? TemporalPosition { get; init; }

    /// <summary>The number of points in time (NumberOfTemporalPositions).</summary>
    public int? TemporalPositions { get; init; }

    /// <summary>The number of the set, or of a contrast that is not an echo, from 1 (AcquisitionNumber).</summary>
    public int? AcquisitionNumber { get; init; }

    /// <summary>In milliseconds.</summary>
    public double? EchoTimeMs { get; init; }

    /// <summary>In milliseconds.</summary>
    public double? RepetitionTimeMs { get; init; }

    /// <summary>In milliseconds.</summary>
    public double? InversionTimeMs { get; init; }

    /// <summary>In degrees.</summary>
    public double? FlipAngleDegrees { get; init; }
}
