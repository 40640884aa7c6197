namespace InverseSolver.Imaging;

/// <summary>What a DICOM file says of one of its frames.</summary>
/// <param name="Geometry">Where it lies; null where the file does not say, or says what cannot be.</param>
/// <param name="Window">The values to show, in the units of the image's values; null where the file does not say.</param>
/// <param name="Type">What the values mean: FrameType or else ImageType, then ComplexImageComponent where that is said, with backslashes between them.</param>
/// <param name="EchoTimeMs">EffectiveEchoTime of the frame or EchoTime; null where the file does not say.</param>
/// <param name="RepetitionTimeMs">RepetitionTime; null where the file does not say.</param>
/// <param name="FlipAngleDegrees">FlipAngle; null where the file does not say.</param>
public sealed record DicomFrame(
    FrameGeometry? Geometry, DisplayWindow? Window, string Type = "", double? EchoTimeMs = null, double? RepetitionTimeMs = null, double? FlipAngleDegrees = null);
