namespace InverseSolver.Imaging;

/// <summary>The pixels of a DICOM file and what they mean. It holds nothing about the patient.</summary>
/// <param name="Values">
/// (frames, channels, rows, columns): grey in modality units, after rescale slope and intercept (MONOCHROME1 turned over within the range of its bits, so that
/// larger is brighter); colours as red, green, blue on [0, 2^<paramref name="BitsStored"/> - 1].
/// </param>
/// <param name="Channels">1 or 3.</param>
/// <param name="Rows">Height.</param>
/// <param name="Columns">Width.</param>
/// <param name="Frames">Where each frame lies, and how it is to be shown.</param>
/// <param name="BitsStored">Bits of a stored sample.</param>
/// <param name="Smallest">The smallest of the values.</param>
/// <param name="Largest">The largest of the values.</param>
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
public sealed record DicomImage(
    float[] Values,
    int Channels,
    int Rows,
    int Columns,
    IReadOnlyList<DicomFrame> Frames,
    int BitsStored,
    float Smallest,
    float Largest,
    string Modality,
    string ImageType,
    string PhotometricInterpretation,
    string TransferSyntaxUid,
    bool IsLossy,
    string SopClassUid,
    string SopInstanceUid,
    string StudyInstanceUid,
    string SeriesInstanceUid,
    string FrameOfReferenceUid)
{
    /// <summary>(frames, channels, rows, columns).</summary>
    public int[] Shape => [Frames.Count, Channels, Rows, Columns];
}
