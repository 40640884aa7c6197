using System.Buffers.Binary;
using System.IO.Compression;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Damage that decoders accept: files with an intact container and damaged pixels, and data beside the pixels.</summary>
public class DamagedImageTests
{
    private static readonly ImageLimits Limits = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_png_with_right_checksums_and_rows_that_are_missing_is_refused(byte interlaced)
    {
        byte[] rows = Rows(6, 5, interlaced == 1);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => i / 255f), ImageFile.Read(PngFile.Build(6, 5, 8, 0, rows, interlaced: interlaced), Limits).Values);
        for (int length = 0; length < rows.Length; length++) Refused(PngFile.Build(6, 5, 8, 0, rows[..length], interlaced: interlaced));
    }

    [Fact]
    public void Interlaced_pngs_of_every_small_size_are_read()
    {
        for (int size = 1; size <= 100; size++)
        {
            (int width, int height) = (1 + (size % 10), 1 + (size / 10));
            byte[] file = PngFile.Build(width, height, 8, 0, Rows(width, height, isInterlaced: true), interlaced: 1);
            Assert.Equal(Enumerable.Range(0, width * height).Select(i => i / 255f), ImageFile.Read(file, Limits).Values);
        }
    }

    [Fact]
    public void A_png_whose_filter_does_not_exist_is_refused() => Refused(PngFile.Build(2, 2, 8, 0, [0, 1, 2, 5, 1, 2]));

    [Fact]
    public void A_png_is_checked_to_its_end_and_what_follows_is_left_aside()
    {
        byte[] file = PngFile.Build(2, 1, 8, 0, [0, 51, 102]);
        Assert.Equal([0.2f, 0.4f], ImageFile.Read([.. file, .. "IDAT and so on"u8], Limits).Values);
        Refused(file[..^12]); // IEND
        for (int at = 8; at < file.Length; at++)
        {
            byte[] damaged = [.. file];
            damaged[at] ^= 1;
            Refused(damaged);
        }
    }

    [Theory]
    [InlineData("tEXt", true)]
    [InlineData("iCCP", true)]
    [InlineData("acTL", true)]
    [InlineData("fcTL", true)]
    [InlineData("fdAT", true)]
    [InlineData("CgBI", false)]
    [InlineData("IHDR", false)]
    [InlineData("IEND", false)]
    public void Chunks_that_may_be_left_out_are_left_out_and_others_refused(string type, bool read)
    {
        byte[] file = PngFile.Build(2, 1, 8, 0, [0, 51, 102], [(type, new byte[26])]);
        if (read) Assert.Equal([0.2f, 0.4f], ImageFile.Read(file, Limits).Values);
        else Refused(file);
    }

    [Fact]
    public void A_text_that_inflates_to_gigabytes_takes_no_memory()
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            for (int i = 0; i < 100; i++) zlib.Write(new byte[1 << 20]);
        byte[] file = PngFile.Build(
            2, 1, 8, 0, [0, 51, 102], [("zTXt", [.. "bomb\0\0"u8, .. packed.ToArray()]), ("iTXt", [.. "bomb\0\x1\0\0\0"u8, .. packed.ToArray()])]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal([0.2f, 0.4f], ImageFile.Read(file, Limits).Values);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20 << 20);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    public void An_entry_that_the_palette_lacks_is_no_colour(byte interlaced, int transparency)
    {
        (string, byte[])[] chunks = [
            ("PLTE", [10, 20, 30, 40, 50, 60]), .. transparency > 0 ? [("tRNS", (byte[])[255, 255])] : Array.Empty<(string, byte[])>()];
        Assert.Equal(
            [40, 10, 50, 20, 60, 30],
            ImageFile.Read(
                PngFile.Build(2, 1, 8, 3, interlaced == 0 ? [0, 1, 0] : [0, 1, 0, 0], chunks, interlaced),
                Limits).Values.Select(value => (int)MathF.Round(255 * value)));
        Assert.Throws<InvalidMeasurementException>(() =>
            ImageFile.Read(PngFile.Build(2, 1, 8, 3, interlaced == 0 ? [0, 1, 2] : [0, 1, 0, 2], chunks, interlaced), Limits));
        Assert.Throws<InvalidMeasurementException>(() =>
            ImageFile.Read(PngFile.Build(2, 1, 8, 3, interlaced == 0 ? [0, 255, 0] : [0, 255, 0, 0], chunks, interlaced), Limits));
    }

    [Theory]
    [InlineData("blocks.jpg")]
    [InlineData("rgb.jpg")]
    [InlineData("codecs/420.jpg")]
    [InlineData("codecs/420-progressive-restarts.jpg")]
    [InlineData("codecs/444-channels-restarts.jpg")]
    public void A_jpeg_that_lacks_pixel_data_is_refused_although_it_has_an_end(string name)
    {
        byte[] file = Fixtures.Read(name);
        int scan = file.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        int data = scan + 2 + BinaryPrimitives.ReadUInt16BigEndian(file.AsSpan(scan + 2));
        Assert.NotEmpty(ImageFile.Read(file, Limits).Values);
        for (int length = data; length < file.Length - 2; length++)
        {
            if (length > data && file[length - 1] == 0xFF) continue; // half a marker
            Refused([.. file[..length], 0xFF, 0xD9]);
        }

        Refused([.. file[..^2], 0x12, 0x34, 0xFF, 0xD9]); // and one that has too many
        Refused(file[..^2]);
        Refused([.. file[..scan], 0xFF, 0xD9]);
    }

    [Fact]
    public void The_end_of_a_jpeg_is_the_one_after_its_last_scan()
    {
        byte[] file = Fixtures.Read("blocks.jpg");
        float[] expected = ImageFile.Read(file, Limits).Values;
        byte[] thumbnail = [0xFF, 0xE1, 0, 10, .. "Exif\0\0"u8, 0xFF, 0xD9];
        Assert.Equal(expected, ImageFile.Read([.. file[..2], .. thumbnail, .. file[2..], .. "trailing bytes"u8], Limits).Values);
        Refused([.. file[..2], .. thumbnail, .. file[2..^2]]);
        Assert.Equal(expected, ImageFile.Read([.. file[..^2], 0xFF, 0xFF, 0xFF, 0xD9], Limits).Values);
    }

    [Fact]
    public void A_restart_marker_out_of_turn_is_refused()
    {
        byte[] jpeg = Fixtures.Read("blocks.jpg");
        Refused([.. jpeg[..^2], 0xFF, 0xD0, 0xFF, 0xD9]);
        byte[] file = Fixtures.Read("codecs/rgb.jpg");
        int second = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xD1]);
        file[second + 1] = 0xD2;
        Refused(file);
    }

    [Theory]
    [InlineData("lossless.webp", 0)]
    [InlineData("codecs/rgb8.webp", 0)]
    [InlineData("codecs/lossy.webp", 2)] // its format has nothing that says how much there is: a few slip through
    public void A_webp_that_lacks_data_is_refused_although_its_lengths_are_right(string name, int most)
    {
        byte[] file = Fixtures.Read(name);
        float[] whole = ImageFile.Read(file, Limits).Values;
        int size = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(16)), same = 0, wrong = 0;
        for (int missing = 1; missing < size - 20; missing++)
        {
            byte[] shorter = [.. file[..(20 + size - missing)], .. new byte[(size - missing) & 1]];
            BinaryPrimitives.WriteInt32LittleEndian(shorter.AsSpan(16), size - missing);
            BinaryPrimitives.WriteInt32LittleEndian(shorter.AsSpan(4), shorter.Length - 8);
            try
            {
                float[] values = ImageFile.Read(shorter, Limits).Values;
                if (values.SequenceEqual(whole)) same++;
                else wrong++;
            }
            catch (InvalidMeasurementException e)
            {
                Assert.Equal("The image is damaged or truncated.", e.Message);
            }
        }

        Assert.InRange(same, 0, 16); // the last bytes only fill up
        Assert.InRange(wrong, 0, most);
        Assert.Equal(whole, ImageFile.Read([.. file, .. "trailing bytes"u8], Limits).Values);
        Refused(file[..^2]);
    }

    [Fact]
    public void An_animated_webp_of_one_picture_is_refused_by_name()
    {
        byte[] image = Fixtures.Read("codecs/rgb8.webp")[12..];
        byte[] frame = [.. "ANMF"u8, .. Number(16 + image.Length), .. new byte[6], 10, 0, 0, 6, 0, 0, 10, 0, 0, 0, .. image];
        byte[] chunks = [.. "WEBPVP8X"u8, .. Number(10), 2, 0, 0, 0, 10, 0, 0, 6, 0, 0, .. "ANIM"u8, .. Number(6), .. new byte[6], .. frame];
        byte[] file = [.. "RIFF"u8, .. Number(chunks.Length), .. chunks];
        Assert.Contains("animation", Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(file, Limits)).Message, StringComparison.Ordinal);

        static byte[] Number(int number) => BitConverter.GetBytes(number);
    }

    // PackBits: 16 times one byte, then 4 as they are. LZW: clear, 'a', 'b', 258, 260, end, as section 13 of TIFF 6.0 has them.
    private static readonly byte[] PackBits = [0xF1, 7, 3, 1, 2, 3, 4];
    private static readonly byte[] Lzw = Codes(256, 'a', 'b', 258, 260, 257);

    [Fact]
    public void Strips_are_unpacked_as_they_were_packed()
    {
        Assert.Equal([.. Enumerable.Repeat(7, 16), 1, 2, 3, 4], Bytes(TiffFile.Build(10, 2, [PackBits], 32773)));
        Assert.Equal("abababa", string.Concat(Bytes(TiffFile.Build(7, 1, [Lzw], 5)).Select(value => (char)value)));
        Assert.Equal([1, 2, 3, 4, 5, 6], Bytes(TiffFile.Build(3, 2, [Packed(1, 2, 3), Packed(4, 5, 6)], 8)));
        Assert.Equal([1, 2, 3, 4], Bytes(TiffFile.Build(2, 2, [[1, 2, 3, 4]], rowsPerStrip: uint.MaxValue)));
    }

    [Fact]
    public void Strips_that_are_too_short_are_refused_whatever_packed_them()
    {
        Refused(TiffFile.Build(3, 2, [[1, 2, 3], [4, 5]]));
        Refused(TiffFile.Build(3, 3, [[1, 2, 3], [4, 5, 6]], rowsPerStrip: 1));
        Refused(TiffFile.Build(11, 2, [PackBits], 32773));
        Refused(TiffFile.Build(10, 2, [PackBits[..^1]], 32773));
        Refused(TiffFile.Build(8, 1, [Lzw], 5));
        Refused(TiffFile.Build(7, 1, [Lzw[..^2]], 5));
        Refused(TiffFile.Build(3, 2, [Packed(1, 2, 3), Packed(4, 5)], 8));
        byte[] wrong = Packed(4, 5, 6);
        wrong[^1] ^= 1; // its checksum
        Refused(TiffFile.Build(3, 2, [Packed(1, 2, 3), wrong], 8));
    }

    [Fact]
    public void A_tiff_directory_that_refers_to_itself_is_refused()
    {
        byte[] file = TiffFile.Build(2, 1, [[1, 2]]);
        int entries = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(10 + (12 * entries)), 8);
        Refused(file);
    }

    [Fact]
    public void Sizes_that_a_small_file_only_claims_take_no_memory()
    {
        byte[][] files =
        [
            TiffFile.Build(4096, 4096, [[1]]),
            TiffFile.Build(4096, 4096, [Packed(1)], 8, rowsPerStrip: uint.MaxValue),
            TiffFile.Build(int.MaxValue, 1, [[1]]),
            PngFile.Build(4096, 4096, 16, 6, [0, 1]),
            PngFile.Build(int.MaxValue, int.MaxValue, 16, 6, [0, 1]),
        ];
        foreach (byte[] file in files)
        {
            // The values' own array is as large as the header says; nothing else is.
            Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(file, new ImageLimits(1 << 24)));
            Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(file, new ImageLimits(1 << 10)));
        }
    }

    // Pixel i has the value i; each row begins with filter 0.
    private static byte[] Rows(int width, int height, bool isInterlaced)
    {
        (int X, int Y, int Right, int Down)[] passes = isInterlaced
            ? [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            : [(0, 0, 1, 1)];
        var rows = new List<byte>();
        foreach ((int left, int top, int right, int down) in passes.Where(pass => pass.X < width))
        {
            for (int y = top; y < height; y += down)
            {
                rows.Add(0);
                for (int x = left; x < width; x += right) rows.Add((byte)((y * width) + x));
            }
        }

        return [.. rows];
    }

    private static byte[] Packed(params byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true)) zlib.Write(bytes);
        return packed.ToArray();
    }

    // Nine bits each, the highest first.
    private static byte[] Codes(params int[] codes)
    {
        string bits = string.Concat(codes.Select(code => Convert.ToString(code, 2).PadLeft(9, '0')));
        return [.. bits.PadRight((bits.Length + 7) / 8 * 8, '0').Chunk(8).Select(eight => Convert.ToByte(new string(eight), 2))];
    }

    private static int[] Bytes(byte[] file) => [.. ImageFile.Read(file, Limits).Values.Select(value => (int)MathF.Round(value * 255))];

    private static void Refused(byte[] file) =>
        Assert.Equal("The image is damaged or truncated.", Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(file, Limits)).Message);
}
