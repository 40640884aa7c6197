using System.Buffers.Binary;
using System.IO.Compression;
using SixLabors.ImageSharp.PixelFormats;

namespace InverseSolver.Imaging;

/// <summary>
/// A PNG file: chunks with their checksums up to IEND. The decoder gets IHDR, palette and pixel data; texts, profiles and an animation's further frames are
/// ignored.
/// </summary>
internal sealed class PngContents : ImageContents
{
    private readonly byte[] _header;
    private readonly byte[] _palette;
    private readonly byte[]? _transparency;
    private readonly byte[] _data;

    private PngContents(ImageHeader header, int orientation, byte[] ihdr, byte[] palette, byte[]? transparency, byte[] data)
        : base(header, orientation) => (_header, _palette, _transparency, _data) = (ihdr, palette, transparency, data);

    internal static ReadOnlySpan<byte> Signature => [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    private int Bits => _header[8];

    private int Colours => _header[9];

    internal static PngContents Open(ReadOnlySpan<byte> file)
    {
        byte[] header = [], palette = [];
        byte[]? transparency = null;
        using var data = new MemoryStream();
        int orientation = 1;
        bool dataEnded = false;
        ReadOnlySpan<byte> left = file[Signature.Length..];
        while (true)
        {
            ReadOnlySpan<byte> chunk = Next(ref left, out ReadOnlySpan<byte> type);
            if (header.Length == 0 && !type.SequenceEqual("IHDR"u8)) throw Damaged();
            bool isData = type.SequenceEqual("IDAT"u8);
            dataEnded |= !isData && data.Length > 0;
            if (isData)
            {
                if (dataEnded) throw Damaged();
                data.Write(chunk);
            }
            else if (type.SequenceEqual("IHDR"u8))
            {
                if (header.Length > 0 || chunk.Length != 13) throw Damaged();
                header = chunk.ToArray();
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                if (palette.Length > 0 || dataEnded || chunk.Length is 0 or > 768 || chunk.Length % 3 != 0) throw Damaged();
                palette = chunk.ToArray();
            }
            else if (type.SequenceEqual("tRNS"u8))
            {
                if (transparency is not null || dataEnded) throw Damaged();
                transparency = chunk.ToArray();
            }
            else if (type.SequenceEqual("eXIf"u8)) orientation = Imaging.Orientation.Of(chunk);
            else if (type.SequenceEqual("IEND"u8)) break;
            else if ((type[0] & 0x20) == 0) throw Damaged(); // an unknown chunk that cannot be left out
        }

        if (data.Length == 0) throw Damaged();
        return new PngContents(HeaderOf(header, palette, transparency), orientation, header, palette, transparency, data.ToArray());
    }

    internal override float[] Decode()
    {
        List<(Pass Pass, byte[] Data)> images = Inflate();
        float[] values = new float[(long)Header.Channels * Header.Height * Header.Width];
        int plane = Header.Height * Header.Width;
        ushort[]? key = Key();
        foreach ((Pass pass, byte[] data) in images)
        {
            (int height, int width) = (pass.Rows(Header.Height), pass.Columns(Header.Width));
            Pixels.Decode<Rgba64>(File(height, width, data), height, width, (y, row) =>
            {
                int at = ((pass.Y + (y * pass.Down)) * Header.Width) + pass.X;
                foreach (Rgba64 pixel in row)
                {
                    // Without a tRNS chunk only entries that the palette lacks are not opaque.
                    if (pixel.A != ushort.MaxValue) throw Header.HasAlpha ? Transparent() : Damaged();
                    if (key is not null && pixel.R == key[0] && pixel.G == key[1] && pixel.B == key[2]) throw Transparent();
                    values[at] = pixel.R / 65535f;
                    if (Header.Channels == 3) (values[plane + at], values[(2 * plane) + at]) = (pixel.G / 65535f, pixel.B / 65535f);
                    at += pass.Right;
                }
            });
        }

        return values;
    }

    // The next chunk's data; its checksum is right.
    private static ReadOnlySpan<byte> Next(ref ReadOnlySpan<byte> left, out ReadOnlySpan<byte> type)
    {
        if (left.Length < 12) throw Damaged();
        uint length = BinaryPrimitives.ReadUInt32BigEndian(left);
        if (length > left.Length - 12) throw Damaged();
        ReadOnlySpan<byte> checkedPart = left.Slice(4, 4 + (int)length);
        if (Crc32.Of(checkedPart) != BinaryPrimitives.ReadUInt32BigEndian(left[(8 + (int)length)..])) throw Damaged();
        left = left[(12 + (int)length)..];
        type = checkedPart[..4];
        return checkedPart[4..];
    }

    private static ImageHeader HeaderOf(byte[] header, byte[] palette, byte[]? transparency)
    {
        uint width = BinaryPrimitives.ReadUInt32BigEndian(header), height = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4));
        (byte bits, byte colours) = (header[8], header[9]);
        bool fits = colours switch
        {
            0 => bits is 1 or 2 or 4 or 8 or 16,
            3 => bits is 1 or 2 or 4 or 8 && palette.Length > 0,
            2 or 4 or 6 => bits is 8 or 16,
            _ => false,
        };
        int keyBytes = colours switch { 0 => 2, 2 => 6, _ => 0 };
        if (!fits || width is 0 or > int.MaxValue || height is 0 or > int.MaxValue || header[10] != 0 || header[11] != 0 || header[12] > 1) throw Damaged();
        if (transparency is not null && (colours is 4 or 6 || (keyBytes > 0 && transparency.Length != keyBytes) || transparency.Length > 256)) throw Damaged();
        return new ImageHeader(
            ImageFormat.Png, colours is 0 or 4 ? 1 : 3, (int)height, (int)width, bits == 16 ? 16 : 8, 1, colours is 4 or 6 || transparency is not null);
    }

    // The one transparent colour of an image without alpha, on the scale of 16 bits.
    private ushort[]? Key()
    {
        if (_transparency is null || Colours == 3) return null;
        int largest = (1 << Bits) - 1;
        ushort[] key = [.. Enumerable.Range(0, _transparency.Length / 2).Select(i =>
            (ushort)((BinaryPrimitives.ReadUInt16BigEndian(_transparency.AsSpan(2 * i)) & largest) * (65535 / largest)))];
        return key.Length == 1 ? [key[0], key[0], key[0]] : key;
    }

    // Inflates the rows, because the decoder leaves missing rows black. Each pass of an interlaced image becomes an image
    // of its own: the decoder never ends on narrow ones.
    private List<(Pass Pass, byte[] Data)> Inflate()
    {
        int samples = Colours switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 };
        bool isInterlaced = _header[12] != 0;
        var images = new List<(Pass, byte[])>();
        try
        {
            using var rows = new ZLibStream(new MemoryStream(_data), CompressionMode.Decompress);
            foreach (Pass pass in isInterlaced ? Pass.Adam7 : [Pass.Whole])
            {
                if (pass.Columns(Header.Width) == 0 || pass.Rows(Header.Height) == 0) continue;
                using var data = new MemoryStream();
                using (var stored = new ZLibStream(data, CompressionLevel.NoCompression, leaveOpen: true))
                    CopyRows(rows, isInterlaced ? stored : null, pass.Rows(Header.Height), (((long)pass.Columns(Header.Width) * samples * Bits) + 7) / 8);
                images.Add((pass, isInterlaced ? data.ToArray() : _data));
            }

            rows.ReadByte(); // at the end, the checksum is compared
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw Damaged();
        }

        return images;
    }

    private static void CopyRows(ZLibStream rows, ZLibStream? copy, int count, long bytes)
    {
        byte[] buffer = new byte[1 << 16];
        for (int row = 0; row < count; row++)
        {
            int filter = rows.ReadByte();
            if (filter is < 0 or > 4) throw Damaged();
            copy?.WriteByte((byte)filter);
            for (long missing = bytes; missing > 0;)
            {
                int read = rows.Read(buffer, 0, (int)Math.Min(missing, buffer.Length));
                if (read <= 0) throw Damaged();
                copy?.Write(buffer, 0, read);
                missing -= read;
            }
        }
    }

    private byte[] File(int height, int width, byte[] data)
    {
        using var file = new MemoryStream();
        file.Write(Signature);
        byte[] header = [.. _header];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[12] = 0;
        Write("IHDR"u8, header);
        if (Colours == 3)
        {
            // The decoder substitutes another entry for one that the palette lacks; here the palette is completed with transparent entries.
            byte[] palette = new byte[768], alpha = new byte[256];
            _palette.CopyTo(palette, 0);
            alpha.AsSpan(0, _palette.Length / 3).Fill(255);
            _transparency?.AsSpan(0, Math.Min(_transparency.Length, _palette.Length / 3)).CopyTo(alpha);
            Write("PLTE"u8, palette.AsSpan(0, 3 << Bits));
            Write("tRNS"u8, alpha.AsSpan(0, 1 << Bits));
        }

        Write("IDAT"u8, data);
        Write("IEND"u8, []);
        return file.ToArray();

        void Write(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
        {
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
            file.Write(number);
            file.Write(type);
            file.Write(data);
            BinaryPrimitives.WriteUInt32BigEndian(number, Crc32.Of(type, data));
            file.Write(number);
        }
    }

    // The pixels of one pass and their distances.
    private sealed record Pass(int X, int Y, int Right, int Down)
    {
        internal static Pass Whole { get; } = new(0, 0, 1, 1);

        internal static Pass[] Adam7 { get; } = [
            new(0, 0, 8, 8), new(4, 0, 8, 8), new(0, 4, 4, 8), new(2, 0, 4, 4), new(0, 2, 2, 4), new(1, 0, 2, 2), new(0, 1, 1, 2)];

        internal int Columns(int width) => (int)(((long)width - X + Right - 1) / Right);

        internal int Rows(int height) => (int)(((long)height - Y + Down - 1) / Down);
    }
}
