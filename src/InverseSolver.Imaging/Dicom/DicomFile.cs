using System.Buffers.Binary;
using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>DICOM image files, parsed by DCMTK in the reader's process: uncompressed in either byte order, deflated, RLE, JPEG and JPEG-LS.</summary>
public static class DicomFile
{
    /// <summary>What a caller is told who sends a DICOM image as k-space.</summary>
    public const string NoKSpace =
        "A DICOM image holds magnitudes that the scanner has already reconstructed; phase and coil data are gone, so there is no k-space in it. "
        + "Send the raw data (ISMRMRD, fastMRI HDF5, .npy, BART .cfl), or treat the image as a measurement of another kind (inpainting, super-resolution, denoising).";

    private const double DirectionTolerance = 1e-3;

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
    /// The file is damaged, too large, holds no pixels (a report, a document, a structure set), or is compressed as DCMTK cannot read it (JPEG 2000, video).
    /// </exception>
    public static DicomImage Read(FormatReader reader, ReadOnlyMemory<byte> file)
    {
        ReaderAnswer answer = reader.Call("dicom", [file]);
        ReaderArray values = answer.Arrays["values"];
        JsonElement head = answer.Head;
        return new DicomImage(
            values.ToFloats(), values.Shape[1], values.Shape[2], values.Shape[3], [.. head.GetProperty("frames").EnumerateArray().Select(ReadFrame)],
            head.GetProperty("bitsStored").GetInt32(), head.GetProperty("smallest").GetSingle(), head.GetProperty("largest").GetSingle(),
            Text("modality"), Text("imageType"), Text("photometricInterpretation"), Text("transferSyntaxUid"), head.GetProperty("isLossy").GetBoolean(),
            Text("sopClassUid"), Text("sopInstanceUid"), Text("studyInstanceUid"), Text("seriesInstanceUid"), Text("frameOfReferenceUid"));

        string Text(string name) => head.GetProperty(name).GetString()!;
    }

    // The group's length (element 0000), or one of the elements that stand first: version, character set, image type, ..., SOP class.
    private static bool IsFirstElement(ReadOnlySpan<byte> file, int group, int element, uint? implicitLength)
    {
        if (group is not (0x0002 or 0x0008) || element > 0x0018) return false;
        bool hasKind = file[4] is >= (byte)'A' and <= (byte)'Z' && file[5] is >= (byte)'A' and <= (byte)'Z';
        return hasKind || (implicitLength is { } length && length <= 128);
    }

    private static DicomFrame ReadFrame(JsonElement frame)
    {
        double? centre = Number(frame, "windowCentre"), width = Number(frame, "windowWidth");
        return new DicomFrame(ReadGeometry(frame), centre is { } middle && width is > 0 ? new DisplayWindow(middle, width.Value) : null);
    }

    private static FrameGeometry? ReadGeometry(JsonElement frame)
    {
        if (Numbers(frame, "position") is not [var x, var y, var z] || Numbers(frame, "pixelSpacing") is not [> 0 and var rows, > 0 and var columns]) return null;
        if (Numbers(frame, "orientation") is not [var ax, var ay, var az, var bx, var by, var bz]) return null;
        PatientVector alongRow = new(ax, ay, az), alongColumn = new(bx, by, bz);
        if (Math.Abs(alongRow.Norm - 1) > DirectionTolerance || Math.Abs(alongColumn.Norm - 1) > DirectionTolerance) return null;
        if (Math.Abs(alongRow.Dot(alongColumn)) > DirectionTolerance) return null;
        return new FrameGeometry(new(x, y, z), alongRow, alongColumn, rows, columns, Positive(frame, "sliceThickness"), Positive(frame, "sliceSpacing"));
    }

    private static double[]? Numbers(JsonElement frame, string name) =>
        frame.GetProperty(name) is { ValueKind: JsonValueKind.Array } array ? [.. array.EnumerateArray().Select(number => number.GetDouble())] : null;

    private static double? Number(JsonElement frame, string name) => frame.GetProperty(name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    private static double? Positive(JsonElement frame, string name) => Number(frame, name) is > 0 and var number ? number : null;
}
