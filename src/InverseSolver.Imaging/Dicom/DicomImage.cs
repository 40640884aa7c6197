namespace InverseSolver.Imaging;

/// <summary>The pixels of a DICOM file and their meaning.</summary>
/// <param name="Values">
/// (frames, channels, rows, columns): grey in modality units, after rescale slope and intercept (MONOCHROME1 turned over within the range of its bits, so that
/// larger is brighter); colours as red, green, blue on [0, 2^<paramref name="BitsStored"/> - 1].
/// </param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Rows">Height.</param>
/// <param name="Columns">Width.</param>
/// <param name="Frames">Position, display window and type of each frame.</param>
/// <param name="Padding">
/// The elements of <paramref name="Values"/> that are padding (PixelPaddingValue, PixelPaddingRangeLimit and those of floating-point pixels); null: none.
/// </param>
/// <param name="BitsStored">Bits of a stored sample; 32 and 64 for floating-point pixels.</param>
/// <param name="Modality">MR, CT, ...</param>
/// <param name="ImageType">ORIGINAL\PRIMARY\M\...; empty where the file does not say.</param>
/// <param name="PhotometricInterpretation">As the file has it.</param>
/// <param name="TransferSyntaxUid">The file's transfer syntax.</param>
/// <param name="IsLossy">True where the file states that its pixels were once compressed with loss.</param>
/// <param name="SopClassUid">The object's SOP class.</param>
/// <param name="SopInstanceUid">The object's UID.</param>
/// <param name="StudyInstanceUid">The study's UID.</param>
/// <param name="SeriesInstanceUid">The series' UID.</param>
/// <param name="FrameOfReferenceUid">The coordinate system of the positions; empty where the file names none.</param>
/// <param name="InstanceNumber">The image's number within its series; null where the file does not say.</param>
/// <param name="IsMosaic">True for a Siemens mosaic: several slices tiled in one picture, whose geometry is that of none of them.</param>
/// <param name="Remarks">Sentences on assumptions and corrections in reading.</param>
/// <param name="Patient">ID, name and birth date, for comparisons between files only; never shown.</param>
public sealed record DicomImage(
    float[] Values,
    int Channels,
    int Rows,
    int Columns,
    IReadOnlyList<DicomFrame> Frames,
    bool[]? Padding,
    int BitsStored,
    string Modality,
    string ImageType,
    string PhotometricInterpretation,
    string TransferSyntaxUid,
    bool IsLossy,
    string SopClassUid,
    string SopInstanceUid,
    string StudyInstanceUid,
    string SeriesInstanceUid,
    string FrameOfReferenceUid,
    double? InstanceNumber,
    bool IsMosaic,
    IReadOnlyList<string> Remarks,
    string Patient)
{
    /// <summary>(frames, channels, rows, columns).</summary>
    public int[] Shape => [Frames.Count, Channels, Rows, Columns];

    /// <summary>True where the smallest stored number is the brightest (MONOCHROME1); the values are then inverted.</summary>
    public bool IsInverted => PhotometricInterpretation == "MONOCHROME1";
}

/// <summary>One frame of a DICOM file.</summary>
/// <param name="Geometry">Its position; null where the file states none, or an impossible one.</param>
/// <param name="Window">The values to show, in the units of the image's values; null where the file does not say.</param>
/// <param name="Type">The meaning of the values: FrameType or else ImageType, then ComplexImageComponent where it is present, separated by backslashes.</param>
/// <param name="EchoTimeMs">EffectiveEchoTime of the frame or EchoTime; null where the file does not say.</param>
/// <param name="RepetitionTimeMs">RepetitionTime; null where the file does not say.</param>
/// <param name="FlipAngleDegrees">FlipAngle; null where the file does not say.</param>
public sealed record DicomFrame(
    FrameGeometry? Geometry, DisplayWindow? Window, string Type = "", double? EchoTimeMs = null, double? RepetitionTimeMs = null,
    double? FlipAngleDegrees = null);

/// <summary>The values that a display spreads from black to white.</summary>
/// <param name="Centre">The middle, in the image's units.</param>
/// <param name="Width">The extent, in the image's units; above 0.</param>
public sealed record DisplayWindow(double Centre, double Width);
