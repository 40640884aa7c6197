namespace InverseSolver.Imaging;

/// <summary>The pixels of a DICOM file and what they mean. It holds nothing about the patient.</summary>
/// <param name="Values">
/// (frames, channels, rows, columns): grey in modality units, after rescale slope and intercept (MONOCHROME1 turned over within the range of its bits, so that
/// larger is brighter); colours as red, green, blue on [0, 2^<paramref name="BitsStored"/> - 1].
/// </param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Rows">Height.</param>
/// <param name="Columns">Width.</param>
/// <param name="Frames">What each frame says of itself: its place, window and type.</param>
/// <param name="Padding">
/// As <paramref name="Values"/>: which of them are padding (PixelPaddingValue, PixelPaddingRangeLimit and those of floating-point pixels) and measure nothing; null: none.
/// </param>
/// <param name="BitsStored">Bits of a stored sample; 32 and 64 for floating-point pixels.</param>
/// <param name="Modality">MR, CT, ...</param>
/// <param name="ImageType">ORIGINAL\PRIMARY\M\...; empty where the file does not say.</param>
/// <param name="PhotometricInterpretation">As the file has it.</param>
/// <param name="TransferSyntaxUid">How the file was stored.</param>
/// <param name="IsLossy">Whether the file says that its pixels were once compressed with loss.</param>
/// <param name="SopClassUid">What kind of object it is.</param>
/// <param name="SopInstanceUid">The object's UID.</param>
/// <param name="StudyInstanceUid">The study's UID.</param>
/// <param name="SeriesInstanceUid">The series' UID.</param>
/// <param name="FrameOfReferenceUid">The coordinate system of the positions; empty where the file names none.</param>
/// <param name="InstanceNumber">The image's number within its series; null where the file does not say.</param>
/// <param name="IsMosaic">Whether a Siemens scanner tiled several slices into this one picture, so that its geometry is that of no slice.</param>
/// <param name="Remarks">What was assumed or mended in reading, in sentences.</param>
/// <param name="Patient">ID, name and birth date together, to compare files by; never told.</param>
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

    /// <summary>Whether the file's smallest number is the brightest, so that its values are turned over.</summary>
    public bool IsInverted => PhotometricInterpretation == "MONOCHROME1";
}
