using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class ImageFileTests
{
    private static readonly ImageLimits Limits = new();

    [Theory]
    [InlineData("grey8.png", 1)]
    [InlineData("rgb8.png", 3)]
    [InlineData("palette.png", 3)]
    [InlineData("opaque.png", 3)]
    [InlineData("grey-opaque.png", 1)]
    [InlineData("lzw.tif", 3)]
    [InlineData("lossless.webp", 3)]
    public void Eight_bit_files_give_their_samples_over_255(string name, int channels)
    {
        Image image = ImageFile.Read(Fixtures.Read(name), Limits);
        Assert.Equal((channels, 3, 5, 8), (image.Channels, image.Height, image.Width, image.BitDepth));
        Assert.Equal(Fixtures.Picture(channels), image.Values);
    }

    [Theory]
    [InlineData("grey16.png")]
    [InlineData("grey16.tif")]
    public void Sixteen_bit_files_give_their_samples_over_65535(string name)
    {
        Image image = ImageFile.Read(Fixtures.Read(name), Limits);
        Assert.Equal((1, 3, 5, 16), (image.Channels, image.Height, image.Width, image.BitDepth));
        Assert.Equal(Enumerable.Range(0, 15).Select(i => (1 + (20000 * (i / 5)) + (4099 * (i % 5))) / 65535f), image.Values);
    }

    [Fact]
    public void A_floating_point_tiff_is_taken_as_it_is()
    {
        Image image = ImageFile.Read(Fixtures.Read("float32.tif"), Limits);
        Assert.Equal((1, 3, 5, 32), (image.Channels, image.Height, image.Width, image.BitDepth));
        Assert.Equal(Enumerable.Range(0, 15).Select(i => ((1 + (20000 * (i / 5)) + (4099 * (i % 5))) / 65536f * 3) - 1), image.Values);
    }

    [Fact]
    public void One_bit_grey_becomes_black_and_white()
    {
        Image image = ImageFile.Read(Fixtures.Read("bits1.png"), Limits);
        Assert.Equal(Enumerable.Range(0, 15).Select(i => ((i / 5) + (i % 5)) % 2 == 0 ? 1f : 0f), image.Values);
    }

    [Fact]
    public void A_png_of_16_bits_put_together_by_hand_is_read_exactly()
    {
        byte[] file = PngFile.Build(2, 2, bits: 16, colourType: 2, rows:
        [
            0, 0x00, 0x01, 0x80, 0x00, 0xFF, 0xFF, 0x12, 0x34, 0x00, 0x00, 0xAB, 0xCD,
            0, 0x00, 0x02, 0x00, 0x03, 0x00, 0x04, 0x00, 0x05, 0x00, 0x06, 0x00, 0x07,
        ]);
        Image image = ImageFile.Read(file, Limits);
        Assert.Equal((3, 2, 2, 16), (image.Channels, image.Height, image.Width, image.BitDepth));
        int[] samples = [0x0001, 0x1234, 2, 5, 0x8000, 0x0000, 3, 6, 0xFFFF, 0xABCD, 4, 7];
        Assert.Equal(samples.Select(sample => sample / 65535f), image.Values);
    }

    [Fact]
    public void A_jpeg_of_constant_blocks_is_read_exactly()
    {
        Image grey = ImageFile.Read(Fixtures.Read("blocks.jpg"), Limits);
        Assert.Equal((1, 8, 16), (grey.Channels, grey.Height, grey.Width));
        Assert.Equal(Enumerable.Range(0, 128).Select(i => (i % 16 < 8 ? 50 : 200) / 255f), grey.Values);

        Image progressive = ImageFile.Read(Fixtures.Read("rgb.jpg"), Limits);
        Assert.Equal([.. grey.Values, .. grey.Values, .. grey.Values], progressive.Values);
    }

    [Fact]
    public void The_exif_orientation_is_applied()
    {
        ImageHeader header = ImageFile.ReadHeader(Fixtures.Read("turned.jpg"));
        Assert.Equal((16, 8), (header.Height, header.Width));
        Image image = ImageFile.Read(Fixtures.Read("turned.jpg"), Limits);
        Assert.Equal((16, 8), (image.Height, image.Width));
        Assert.Equal(Enumerable.Range(0, 128).Select(i => (i / 8 < 8 ? 50 : 200) / 255f), image.Values);
    }

    [Fact]
    public void Cmyk_becomes_rgb()
    {
        Image image = ImageFile.Read(Fixtures.Read("cmyk.jpg"), Limits);
        Assert.Equal((3, 8, 16), (image.Channels, image.Height, image.Width));
        Assert.All(Enumerable.Range(0, 384), i => Assert.True(i % 16 < 8 ? image.Values[i] > 0.95f : image.Values[i] < 0.3f, $"{i}: {image.Values[i]}"));
    }

    [Theory]
    [InlineData("transparent.png", "transparent")]
    [InlineData("two-pages.tif", "more than one image")]
    [InlineData("animated.webp", "more than one image")]
    [InlineData("nan.tif", "not finite")]
    [InlineData("lab.tif", "colour space")]
    [InlineData("picture.gif", "not an image in PNG, JPEG, TIFF or WebP")]
    [InlineData("f4.npy", "not an image in PNG, JPEG, TIFF or WebP")]
    public void What_cannot_be_used_is_refused_with_its_reason(string name, string reason)
    {
        var refused = Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(Fixtures.Read(name), Limits));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>")]
    [InlineData("<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>")]
    [InlineData("%PDF-1.4\n%%EOF")]
    [InlineData("P5 2 2 255 abcd")]
    [InlineData("#?RADIANCE\n\n-Y 1 +X 1\nabcd")]
    [InlineData("BM234567890123456")]
    [InlineData("")]
    public void Other_formats_are_refused(string text)
    {
        byte[] file = System.Text.Encoding.ASCII.GetBytes(text);
        Assert.False(ImageFile.IsImage(file));
        Assert.Contains("not an image in PNG", Assert.Throws<InvalidMeasurementException>(() => ImageFile.ReadHeader(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_files_are_known_by_their_first_bytes()
    {
        Assert.All(Fixtures.Names(".png", ".jpg", ".tif", ".webp"), name => Assert.True(ImageFile.IsImage(Fixtures.Read(name)), name));
        Assert.All(Fixtures.Names(".npy", ".gz", ".nii", ".gif"), name => Assert.False(ImageFile.IsImage(Fixtures.Read(name)), name));
        Assert.Equal(ImageFormat.Png, ImageFile.ReadHeader(Fixtures.Read("rgb8.png")).Format);
        Assert.Equal(ImageFormat.Jpeg, ImageFile.ReadHeader(Fixtures.Read("rgb.jpg")).Format);
        Assert.Equal(ImageFormat.Tiff, ImageFile.ReadHeader(Fixtures.Read("lzw.tif")).Format);
        Assert.Equal(new ImageHeader(ImageFormat.WebP, 3, 3, 5, 8, 2, false), ImageFile.ReadHeader(Fixtures.Read("animated.webp")) with { HasAlpha = false });
    }

    [Fact]
    public void A_decompression_bomb_is_refused_by_its_header()
    {
        // Its pixels end after two rows, which a decoder would say.
        byte[] bomb = PngFile.Build(50_000, 50_000, bits: 8, colourType: 0, rows: new byte[100_000]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(bomb, Limits));
        Assert.Equal("The image has 50000 x 50000 pixels; at most 16777216 are allowed.", refused.Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1_000_000);
    }

    [Fact]
    public void A_jpeg_with_hundreds_of_scans_is_refused()
    {
        byte[] jpeg = Fixtures.Read("blocks.jpg");
        int scan = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        byte[] file = [.. jpeg[..scan], .. Enumerable.Repeat(jpeg[scan..^2], 101).SelectMany(bytes => bytes), .. jpeg[^2..]];
        Assert.Equal("The JPEG image has more than 100 scans.", Assert.Throws<InvalidMeasurementException>(() => ImageFile.ReadHeader(file)).Message);
    }

    [Fact]
    public void Threads_do_not_disturb_each_other()
    {
        float[] expected = Fixtures.Picture(3);
        Parallel.For(0, 200, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            if (i % 3 == 0)
            {
                Assert.Contains(
                    "transparent", Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(Fixtures.Read("transparent.png"), Limits)).Message,
                    StringComparison.Ordinal);
            }
            else if (i % 3 == 1) Assert.Equal(expected, ImageFile.Read(Fixtures.Read("lossless.webp"), Limits).Values);
            else Assert.Equal(expected, ImageFile.Read(ImageFile.WritePng(new Image(3, 3, 5, expected)), Limits).Values);
        });
    }

    [Fact]
    public void The_limit_is_on_pixels_and_inclusive()
    {
        Assert.Equal(15, ImageFile.Read(Fixtures.Read("grey8.png"), new ImageLimits(15)).Values.Length);
        Assert.Throws<InvalidMeasurementException>(() => ImageFile.Read(Fixtures.Read("grey8.png"), new ImageLimits(14)));
    }

    [Theory]
    [InlineData(1, 8)]
    [InlineData(3, 8)]
    [InlineData(1, 16)]
    [InlineData(3, 16)]
    public void Png_round_trips_without_loss(int channels, int bits)
    {
        int largest = (1 << bits) - 1;
        var random = new Random(7);
        float[] values = [.. Enumerable.Range(0, channels * 41 * 23).Select(_ => random.Next(largest + 1) / (float)largest)];
        Image back = ImageFile.Read(ImageFile.WritePng(new Image(channels, 41, 23, values), bits), Limits);
        Assert.Equal((channels, 41, 23, bits), (back.Channels, back.Height, back.Width, back.BitDepth));
        Assert.Equal(values, back.Values);
    }

    [Fact]
    public void Written_values_are_clipped_and_rounded()
    {
        var image = new Image(1, 1, 6, [-3f, 0.4f / 255, 0.6f / 255, 0.5f, 1.5f, 254.6f / 255]);
        Assert.Equal([0f, 0f, 1f / 255, 128f / 255, 1f, 1f], ImageFile.Read(ImageFile.WritePng(image), Limits).Values);
    }

    [Fact]
    public void What_is_not_a_number_is_not_written()
    {
        Assert.Throws<ArgumentException>(() => ImageFile.WritePng(new Image(1, 1, 2, [0, float.NaN])));
        Assert.Throws<ArgumentOutOfRangeException>(() => ImageFile.WritePng(new Image(1, 1, 1, [0]), 12));
    }
}
