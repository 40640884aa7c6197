using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>
/// DICOM image files, parsed by DCMTK in the reader's process: uncompressed in either byte order, deflated, RLE, JPEG and JPEG-LS, whole and floating-point
/// numbers.
/// </summary>
public static class DicomFile
{
    /// <summary>The start of the reader's message that refuses a report, a document or a structure set.</summary>
    internal const string NoPixels = "The DICOM object holds no pixels";

    /// <summary>The message for a DICOM image that is sent as k-space.</summary>
    public const string NoKSpace =
        "A DICOM image holds magnitudes that the scanner has already reconstructed; phase and coil data are gone, so there is no k-space in it. "
        + "Send the raw data (ISMRMRD, fastMRI HDF5, .npy, BART .cfl), or treat the image as a measurement of another kind "
        + "(inpainting, super-resolution, denoising).";

    /// <summary>
    /// True where the bytes begin as a DICOM file does: with the preamble and "DICM", or, without a preamble, with an element of group 0002 or 0008.
    /// </summary>
    public static bool IsDicom(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 132 && file[128..132].SequenceEqual("DICM"u8)) return true;
        if (file.Length < 16) return false;
        return IsFirstElement(
            file, BinaryPrimitives.ReadUInt16LittleEndian(file), BinaryPrimitives.ReadUInt16LittleEndian(file[2..]),
            BinaryPrimitives.ReadUInt32LittleEndian(file[4..]))
            || IsFirstElement(file, BinaryPrimitives.ReadUInt16BigEndian(file), BinaryPrimitives.ReadUInt16BigEndian(file[2..]), null);
    }

    /// <summary>Reads pixels and geometry.</summary>
    /// <param name="reader">The process that parses; its limits hold.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidMeasurementException">
    /// The file is damaged, too large, holds no pixels (a report, a document, a structure set), does not state their meaning (PhotometricInterpretation), or
    /// has a compression that DCMTK does not read (JPEG 2000, video).
    /// </exception>
    public static DicomImage Read(FormatReader reader, ReadOnlyMemory<byte> file)
    {
        ReaderAnswer answer = reader.Call("dicom", [file]);
        ReaderArray values = answer.Arrays["values"];
        JsonElement head = answer.Head;
        bool[]? padding = answer.Arrays.TryGetValue("padding", out ReaderArray? marks) ? Array.ConvertAll(marks.Bytes, mark => mark != 0) : null;
        var remarks = new List<string>(head.GetProperty("remarks").EnumerateArray().Select(remark => remark.GetString()!));
        long mosaic = head.GetProperty("mosaicImages").GetInt64();
        // VFRAME is United Imaging's term.
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

    /// <summary>
    /// Reads the fields by which a reference is compared: the patient's identifier, name, birth date and sex, the study's UID and date, the frame of reference.
    /// </summary>
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

        // Texts in unsupported character sets cannot be compared.
        string? Text(string name)
        {
            byte[] bytes = texts[name].Bytes;
            return bytes.Length == 0 ? null : Ascii.IsValid(bytes) ? Encoding.ASCII.GetString(bytes) : characters?.GetString(bytes);
        }
    }

    // SpecificCharacterSet's first value (PS3.3, C.12.1.1.2); a file without one that goes beyond ASCII is most often Latin 1.
    private static Encoding? Characters(string name) =>
        name.Replace("ISO 2022 IR ", "", StringComparison.Ordinal).Replace("ISO_IR ", "", StringComparison.Ordinal) switch
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
            ReadGeometry(frame, remarks), centre is { } middle && width is > 0 ? new DisplayWindow(middle, width.Value) : null,
            frame.GetProperty("type").GetString()!,
            Number(frame, "echoTime"), Number(frame, "repetitionTime"), Number(frame, "flipAngle"));
    }

    private static FrameGeometry? ReadGeometry(JsonElement frame, List<string> remarks)
    {
        if (Numbers(frame, "position") is not [var x, var y, var z] || Numbers(frame, "pixelSpacing") is not [> 0 and var rows, > 0 and var columns])
        {
            return null;
        }
        if (Numbers(frame, "orientation") is not [var ax, var ay, var az, var bx, var by, var bz]) return null;
        if (FrameGeometry.Directions(new(ax, ay, az), new(bx, by, bz)) is not { } directions)
        {
            remarks.Add("The DICOM image's ImageOrientationPatient is not a pair of orthogonal directions of length 1: the image's position is not used.");
            return null;
        }

        if (directions.Mended)
        {
            remarks.Add("The DICOM image's ImageOrientationPatient is rounded: its directions were normalised and made orthogonal.");
        }
        if (!FrameGeometry.AreMillimetres(rows, columns))
        {
            remarks.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The DICOM image's PixelSpacing of {rows:G4} x {columns:G4} is not plausible in millimetres: "
                    + $"the size and position of the pixels are not used."));
            return null;
        }

        return new FrameGeometry(
            new(x, y, z), directions.AlongRow, directions.AlongColumn, rows, columns, Positive(frame, "sliceThickness"), Positive(frame, "sliceSpacing"));
    }

    private static double[]? Numbers(JsonElement frame, string name) =>
        frame.GetProperty(name) is { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray().Select(number => number.GetDouble())] : null;

    private static double? Number(JsonElement frame, string name) =>
        frame.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static double? Positive(JsonElement frame, string name) => Number(frame, name) is > 0 and var number ? number : null;
}
