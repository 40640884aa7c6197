namespace InverseSolver.Imaging;

/// <summary>What tells a frame from the others of its scan, beside its place. Null: nothing is said of single frames, what is said of the scan holds. NaN: it is known to vary, but not to which value.</summary>
public sealed record FrameDetails
{
    /// <summary>Which of the scan's volumes it is a slice of, from 0; null: the frames' places say it.</summary>
    public int? Volume { get; init; }

    /// <summary>Which echo, from 1 (EchoNumbers).</summary>
    public int? EchoNumber { get; init; }

    /// <summary>Which point in time, from 1 (TemporalPositionIdentifier).</summary>
    public int? TemporalPosition { get; init; }

    /// <summary>How many points in time there are (NumberOfTemporalPositions).</summary>
    public int? TemporalPositions { get; init; }

    /// <summary>Which set, or which contrast that is no echo, from 1 (AcquisitionNumber).</summary>
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
