using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>DICOM image files, parsed by DCMTK in the reader's process: uncompressed in either byte order, deflated, RLE, JPEG and JPEG-LS, whole and floating-point numbers.</summary>
public static class DicomFile
{
    /// <summary>How the reader's refusal of a report, a document or a structure set begins.</summary>
    internal const string NoPixels = "The DICOM object holds no pixels";

    /// <summary>What a caller is told who sends a DICOM image as k-space.</summary>
    public const string NoKSpace =
        "A DICOM image holds magnitudes that the scanner has already reconstructed; phase and coil data are gone, so there is no k-space in it. "
        + "Send the raw data (ISMRMRD, fastMRI HDF5, .npy, BART .cfl), or treat the image as a measurement of another kind (inpainting, super-resolution, denoising).";

    /// <summary>
    /// Whether the bytes are a DICOM file's: the preamble and "DICM", or, without a preamble, a first element of group 0002 or 0008 as one begins.
    /// </summary>
    public static bool IsDicom(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 132 && file[128..132].SequenceEqual("DICM"u8)) return true;
        if (file.Length < 16) return false;
        return IsFirstElement(file, BinaryPrimitives.ReadUInt16LittleEndian(file), BinaryPrimitives.ReadUInt16LittleEndian(file[2..]), BinaryPrimitives.ReadUInt32LittleEndian(file[4..]))
            || IsFirstElement(file, BinaryPrimitives.ReadUInt16BigEndian(file), BinaryPrimitives.ReadUInt16BigEndian(file[2..]), null);
    }

    /// <summary>Reads pixels and geometry.</summary>
    /// <param name="reader">The process that parses; its limits hold.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidMeasurementException">
    /// The file is damaged, too large, holds no pixels (a report, a document, a structure set), does not say what they mean (PhotometricInterpretation), or is compressed as
    /// DCMTK cannot read it (JPEG 2000, video).
    /// </exception>
    public static DicomImage Read(FormatReader reader, ReadOnlyMemory<byte> file)
    {
        ReaderAnswer answer = reader.Call("dicom", [file]);
        ReaderArray values = answer.Arrays["values"];
        JsonElement head = answer.Head;
        bool[]? padding = answer.Arrays.TryGetValue("padding", out ReaderArray? marks) ? Array.ConvertAll(marks.Bytes, mark => mark != 0) : null;
        var remarks = new List<string>(head.GetProperty("remarks").EnumerateArray().Select(remark => remark.GetString()!));
        long mosaic = head.GetProperty("mosaicImages").GetInt64();
        // VFRAME is United Imaging's word for it.
        bool isMosaic = mosaic > 1 || (mosaic == 0 && Text("imageType").Split('\\') is var type && (type.Contains("MOSAIC") || type.Contains("VFRAME")));
        DicomFrame[] frames = [.. head.GetProperty("frames").EnumerateArray().Select(frame => ReadFrame(frame, remarks))];
        if (isMosaic) frames = Array.ConvertAll(frames, frame => frame with { Geometry = null });
        return new DicomImage(
            values.ToFloats(), values.Shape[1], values.Shape[2], values.Shape[3], frames, padding, head.GetProperty("bitsStored").GetInt32(),
            Text("modality"), Text("imageType"), Text("photometricInterpretation"), Text("transferSyntaxUid"), head.GetProperty("isLossy").GetBoolean(),
            Text("sopClassUid"), Text("sopInstanceUid"), Text("studyInstanceUid"), Text("seriesInstanceUid"), Text("frameOfReferenceUid"),
            Number(head, "instanceNumber"), isMosaic, [.. remarks.Distinct()], Text("patient"));

        string Text(string name) => head.GetProperty(name).GetString()!;
    }

    /// <summary>Reads what a reference is compared by: the patient's identifier, name, birth date and sex, the study's UID and date, the frame of reference.</summary>
    /// <param name="reader">The process that parses.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged.</exception>
    internal static StudyInformation ReadStudy(FormatReader reader, ReadOnlyMemory<byte> file)
    {
        IReadOnlyDictionary<string, ReaderArray> texts = reader.Call("dicom-study", [file]).Arrays;
        Encoding? characters = Characters(Encoding.Latin1.GetString(texts["characterSet"].Bytes));
        return new StudyInformation
        {
            PatientId = Text("patientId"),
            PatientName = Text("patientName"),
            PatientBirthDate = Text("patientBirthDate"),
            PatientSex = Text("patientSex"),
            StudyInstanceUid = Text("studyInstanceUid"),
            StudyDate = Text("studyDate"),
            FrameOfReferenceUid = Text("frameOfReferenceUid"),
        };

        // What is in characters that are not known here cannot be compared.
        string? Text(string name)
        {
            byte[] bytes = texts[name].Bytes;
            return bytes.Length == 0 ? null : Ascii.IsValid(bytes) ? Encoding.ASCII.GetString(bytes) : characters?.GetString(bytes);
        }
    }

    // SpecificCharacterSet's first value (PS3.3, C.12.1.1.2); what a file without one has beyond ASCII is most often Latin 1.
    private static Encoding? Characters(string name) => name.Replace("ISO 2022 IR ", "", StringComparison.Ordinal).Replace("ISO_IR ", "", StringComparison.Ordinal) switch
    {
        "192" => Encoding.UTF8,
        "" or "6" or "100" => Encoding.Latin1,
        "101" => CodePage(28592),
        "109" => CodePage(28593),
        "110" => CodePage(28594),
        "144" => CodePage(28595),
        "127" => CodePage(28596),
        "126" => CodePage(28597),
        "138" => CodePage(28598),
        "148" => CodePage(28599),
        "166" => CodePage(874),
        "203" => CodePage(28605),
        "GB18030" or "GBK" => CodePage(54936),
        _ => null,
    };

    private static Encoding? CodePage(int number) => CodePagesEncodingProvider.Instance.GetEncoding(number);

    // The group's length (element 0000), or one of the elements that stand first: version, character set, image type, ..., SOP class.
    private static bool IsFirstElement(ReadOnlySpan<byte> file, int group, int element, uint? implicitLength)
    {
        if (group is not (0x0002 or 0x0008) || element > 0x0018) return false;
        bool hasKind = file[4] is >= (byte)'A' and <= (byte)'Z' && file[5] is >= (byte)'A' and <= (byte)'Z';
        return hasKind || (implicitLength is { } length && length <= 128);
    }

    private static DicomFrame ReadFrame(JsonElement frame, List<string> remarks)
    {
        double? centre = Number(frame, "windowCentre"), width = Number(frame, "windowWidth");
        return new DicomFrame(
            ReadGeometry(frame, remarks), centre is { } middle && width is > 0 ? new DisplayWindow(middle, width.Value) : null, frame.GetProperty("type").GetString()!,
            Number(frame, "echoTime"), Number(frame, "repetitionTime"), Number(frame, "flipAngle"));
    }

    private static FrameGeometry? ReadGeometry(JsonElement frame, List<string> remarks)
    {
        if (Numbers(frame, "position") is not [var x, var y, var z] || Numbers(frame, "pixelSpacing") is not [> 0 and var rows, > 0 and var columns]) return null;
        if (Numbers(frame, "orientation") is not [var ax, var ay, var az, var bx, var by, var bz]) return null;
        if (FrameGeometry.Directions(new(ax, ay, az), new(bx, by, bz)) is not { } directions)
        {
            remarks.Add("The DICOM image's ImageOrientationPatient is not two directions of length 1 at a right angle: its place is not used.");
            return null;
        }

        if (directions.Mended) remarks.Add("The DICOM image's ImageOrientationPatient is rounded: its directions were brought to length 1 and to a right angle.");
        if (!FrameGeometry.AreMillimetres(rows, columns))
        {
            remarks.Add(FormattableString.Invariant($"The DICOM image's PixelSpacing of {rows:G4} x {columns:G4} is hardly in millimetres: size and place of the pixels are not used."));
            return null;
        }

        return new FrameGeometry(new(x, y, z), directions.AlongRow, directions.AlongColumn, rows, columns, Positive(frame, "sliceThickness"), Positive(frame, "sliceSpacing"));
    }

    private static double[]? Numbers(JsonElement frame, string name) =>
        frame.GetProperty(name) is { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray().Select(number => number.GetDouble())] : null;

    private static double? Number(JsonElement frame, string name) => frame.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static double? Positive(JsonElement frame, string name) => Number(frame, name) is > 0 and var number ? number : null;
}

/// <summary>What a DICOM file says of one of its frames.</summary>
/// <param name="Geometry">Where it lies; null where the file does not say, or says what cannot be.</param>
/// <param name="Window">The values to show, in the units of the image's values; null where the file does not say.</param>
/// <param name="Type">What the values mean: FrameType or else ImageType, then ComplexImageComponent where that is said, with backslashes between them.</param>
/// <param name="EchoTimeMs">EffectiveEchoTime of the frame or EchoTime; null where the file does not say.</param>
/// <param name="RepetitionTimeMs">RepetitionTime; null where the file does not say.</param>
/// <param name="FlipAngleDegrees">FlipAngle; null where the file does not say.</param>
public sealed record DicomFrame(
    FrameGeometry? Geometry, DisplayWindow? Window, string Type = "",
    double? EchoTimeMs = null, double? RepetitionTimeMs = null, double? FlipAngleDegrees = null);
