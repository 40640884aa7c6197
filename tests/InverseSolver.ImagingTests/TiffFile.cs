using System.Buffers.Binary;

namespace InverseSolver.ImagingTests;

/// <summary>TIFF files of 8-bit grey put together by hand, also such as no encoder would write.</summary>
internal static class TiffFile
{
    /// <summary>Strips of one row each, unless <paramref name="rowsPerStrip"/> says otherwise, packed as they come.</summary>
    internal static byte[] Build(
        int width = 1, int height = 1, byte[][]? strips = null, int compression = 1, int orientation = 1, uint? rowsPerStrip = null, bool isBigEndian = false,
        (ushort Tag, uint Value)[]? more = null)
    {
        strips ??= [[0]];
        (ushort Tag, uint[] Values)[] tags =
        [
            .. ((ushort Tag, uint[] Values)[])
            [
                (256, [(uint)width]), (257, [(uint)height]), (258, [8]), (259, [(uint)compression]), (262, [1]), (274, [(uint)orientation]),
                (277, [1]), (278, [rowsPerStrip ?? (uint)((height + strips.Length - 1) / strips.Length)]),
                (279, [.. strips.Select(strip => (uint)strip.Length)]),
            ],
            .. (more ?? []).Select(tag => (tag.Tag, (uint[])[tag.Value])),
        ];
        int count = tags.Length + 1, listAt = 8 + 2 + (12 * count) + 4, dataAt = listAt + (8 * strips.Length), at = dataAt;
        uint[] offsets = [.. strips.Select(strip => (uint)((at += strip.Length) - strip.Length))];
        var file = new List<byte>();
        file.AddRange(isBigEndian ? "MM\0*"u8 : "II*\0"u8);
        Number(8, 4);
        Number((uint)count, 2);
        foreach ((ushort tag, uint[] values) in tags.Append(((ushort)273, offsets)).OrderBy(tag => tag.Item1))
        {
            Number(tag, 2);
            Number(4, 2);
            Number((uint)values.Length, 4);
            Number(values.Length == 1 ? values[0] : (uint)(tag == 273 ? listAt : listAt + (4 * strips.Length)), 4);
        }

        Number(0, 4);
        foreach (uint offset in offsets) Number(offset, 4);
        foreach (byte[] strip in strips) Number((uint)strip.Length, 4);
        foreach (byte[] strip in strips) file.AddRange(strip);
        return [.. file];

        void Number(uint number, int bytes)
        {
            byte[] four = new byte[4];
            if (isBigEndian) BinaryPrimitives.WriteUInt32BigEndian(four, number);
            else BinaryPrimitives.WriteUInt32LittleEndian(four, number);
            file.AddRange(isBigEndian ? four[(4 - bytes)..] : four[..bytes]);
        }
    }
}
