using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace InverseSolver.ImagingTests;

/// <summary>Makes DICOM files element by element, Explicit VR Little Endian: what DCMTK's tools do not write.</summary>
public sealed class DicomBuilder
{
    internal const string Rle = "1.2.840.10008.1.2.5";

    private readonly SortedDictionary<uint, byte[]> _elements = [];

    /// <summary>An MR image of one slice, 16 bits, without sign; pixels row by row.</summary>
    internal static DicomBuilder Mr(int rows, int columns, params ushort[] pixels) => new DicomBuilder()
        .Text(0x00080008, "CS", @"ORIGINAL\PRIMARY\M").Text(
            0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.4").Text(0x00080018, "UI", "1.2.3.4.1").Text(0x00080060, "CS", "MR")
        .Text(0x00100010, "PN", "Doe^Jane").Text(0x0020000D, "UI", "1.2.3.4").Text(0x0020000E, "UI", "1.2.3.5").Text(0x00200052, "UI", "1.2.3.6")
        .Numbers(0x00280002, 1).Text(0x00280004, "CS", "MONOCHROME2").Numbers(0x00280010, rows).Numbers(0x00280011, columns)
        .Numbers(0x00280100, 16).Numbers(0x00280101, 16).Numbers(0x00280102, 15).Numbers(0x00280103, 0).Pixels(pixels);

    /// <summary>The position of the slice: rows to the left, columns to the back.</summary>
    internal DicomBuilder At(double x, double y, double z, string orientation = @"1\0\0\0\1\0") =>
        Text(0x00200032, "DS", string.Create(CultureInfo.InvariantCulture, $@"{x}\{y}\{z}"))
        .Text(0x00200037, "DS", orientation).Text(0x00280030, "DS", @"1\1").Text(0x00180050, "DS", "2");

    internal DicomBuilder Without(uint tag)
    {
        _elements.Remove(tag);
        return this;
    }

    internal DicomBuilder Text(uint tag, string kind, string value) =>
        Element(tag, kind, Even(Encoding.Latin1.GetBytes(value), kind == "UI" ? (byte)0 : (byte)' '));

    /// <summary>US, or SS where a number is negative.</summary>
    internal DicomBuilder Numbers(uint tag, params int[] values)
    {
        byte[] bytes = new byte[2 * values.Length];
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), unchecked((ushort)values[i]));
        return Element(tag, values.Any(value => value < 0) ? "SS" : "US", bytes);
    }

    internal DicomBuilder Double(uint tag, double value, string kind = "FD") => Element(tag, kind, BitConverter.GetBytes(value));

    internal DicomBuilder Bytes(uint tag, string kind, byte[] value) => Element(tag, kind, Even(value, 0));

    internal DicomBuilder Pixels(params ushort[] values)
    {
        byte[] bytes = new byte[2 * values.Length];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return Element(0x7FE00010, "OW", bytes);
    }

    internal DicomBuilder Sequence(uint tag, params DicomBuilder[] items) => Element(tag, "SQ", [.. items.SelectMany(item => Item(item.Data()))]);

    /// <summary>Compressed pixels: the offsets of frames, and fragments.</summary>
    internal DicomBuilder Fragments(uint[] offsets, params byte[][] fragments)
    {
        byte[] table = [.. offsets.SelectMany(BitConverter.GetBytes)];
        byte[] items = [.. Item(table), .. fragments.SelectMany(fragment => Item(Even(fragment, 0))), 0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
        _elements[0x7FE00010] = [0xE0, 0x7F, 0x10, 0, (byte)'O', (byte)'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, .. items];
        return this;
    }

    internal byte[] File(string transferSyntax = "1.2.840.10008.1.2.1")
    {
        byte[] meta = new DicomBuilder().Text(0x00020010, "UI", transferSyntax).Data();
        return [.. new byte[128], .. "DICM"u8, 2, 0, 0, 0, (byte)'U', (byte)'L', 4, 0, .. BitConverter.GetBytes(meta.Length), .. meta, .. Data()];
    }

    /// <summary>A frame of 16-bit pixels as RLE packs it: the upper bytes, then the lower ones, in literal runs.</summary>
    internal static byte[] RleFrame(params ushort[] pixels)
    {
        byte[] upper = Literal([.. pixels.Select(value => (byte)(value >> 8))]), lower = Literal([.. pixels.Select(value => (byte)value)]);
        byte[] head = new byte[64];
        foreach ((int i, int value) in ((int[])[2, 64, 64 + upper.Length]).Index()) BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(4 * i), value);
        return [.. head, .. upper, .. lower];
    }

    private static byte[] Literal(byte[] bytes) => Even([.. bytes.Chunk(128).SelectMany(run => (byte[])[(byte)(run.Length - 1), .. run])], 0x80);

    private static byte[] Even(byte[] value, byte padding) => value.Length % 2 == 0 ? value : [.. value, padding];

    private static byte[] Item(byte[] data) => [0xFE, 0xFF, 0, 0xE0, .. BitConverter.GetBytes(data.Length), .. data];

    private byte[] Data() => [.. _elements.Values.SelectMany(element => element)];

    private DicomBuilder Element(uint tag, string kind, byte[] value)
    {
        byte[] head = [(byte)(tag >> 16), (byte)(tag >> 24), (byte)tag, (byte)(tag >> 8), (byte)kind[0], (byte)kind[1]];
        _elements[tag] = kind is "OB" or "OW" or "OF" or "OD" or "SQ" or "UN"
            ? [.. head, 0, 0, .. BitConverter.GetBytes(value.Length), .. value]
            : [.. head, .. BitConverter.GetBytes((ushort)value.Length), .. value];
        return this;
    }
}
