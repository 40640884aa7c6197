namespace InverseSolver.Imaging;

/// <summary>What a DICOM file says of one of its frames.</summary>
/// <param name="Geometry">Where it lies; null where the file does not say, or says what cannot be.</param>
/// <param name="Window">The values to show; null where the file does not say.</param>
public sealed record DicomFrame(FrameGeometry? Geometry, DisplayWindow? Window);
