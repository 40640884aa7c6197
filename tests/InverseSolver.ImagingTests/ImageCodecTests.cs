using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Files that libtiff, libjpeg, libpng and libwebp wrote (fixtures/codecs/write.c), whose pixels are known by a formula or by libjpeg.</summary>
public class ImageCodecTests
{
    private const int Width = 11, Height = 7;
    private static readonly ImageLimits Limits = new();

    [Theory]
    [InlineData("rgb8-lzw-predictor.tif", 3, 8)]
    [InlineData("rgb8-packbits-planar-big-endian.tif", 3, 8)]
    [InlineData("rgb8-alpha-deflate-bigtiff.tif", 3, 8)]
    [InlineData("rgb16-lzw-predictor-big-endian.tif", 3, 16)]
    [InlineData("rgb16-alpha.tif", 3, 16)]
    [InlineData("rgb16-deflate-planar.tif", 3, 16)]
    [InlineData("grey8-alpha-planar.tif", 1, 8)]
    [InlineData("grey16-alpha-packbits.tif", 1, 16)]
    [InlineData("grey8-white-is-zero.tif", 1, -8)]
    [InlineData("grey1.tif", 1, 1)]
    [InlineData("grey2-packbits.tif", 1, 2)]
    [InlineData("grey4-lzw.tif", 1, 4)]
    [InlineData("grey16-interlaced.png", 1, 16)]
    [InlineData("grey2-interlaced.png", 1, 2)]
    [InlineData("grey4.png", 1, 4)]
    [InlineData("rgb8-interlaced.png", 3, 8)]
    [InlineData("rgb16-alpha-interlaced.png", 3, 16)]
    [InlineData("grey16-alpha.png", 1, 16)]
    [InlineData("rgb16-other-key.png", 3, 16)]
    [InlineData("rgb8.webp", 3, 8)]
    public void Samples_are_those_that_were_written(string name, int channels, int bits)
    {
        int depth = Math.Abs(bits);
        Image image = Read(name);
        Assert.Equal((channels, Height, Width, depth == 16 ? 16 : 8), (image.Channels, image.Height, image.Width, image.BitDepth));
        Assert.Equal(
            Pixels(channels).Select(at =>
            {
                float value = depth == 16 ? ((Sample(at) * 255) + at.X) / 65535f
                    : depth == 8 ? Sample(at) / 255f
                    : (Sample(at) >> (8 - depth)) / (float)((1 << depth) - 1);
                return bits < 0 ? (255 - Sample(at)) / 255f : value;
            }),
            image.Values);
    }

    [Theory]
    [InlineData("float32-rgb-deflate-big-endian.tif", 3)]
    [InlineData("float32-rgb-lzw-planar.tif", 3)]
    [InlineData("float64.tif", 1)]
    [InlineData("float64-packbits-big-endian.tif", 1)]
    public void Floating_point_samples_below_zero_and_above_one_are_those_that_were_written(string name, int channels)
    {
        Image image = Read(name);
        Assert.Equal((channels, Height, Width, 32), (image.Channels, image.Height, image.Width, image.BitDepth));
        Assert.Equal(
            Pixels(channels).Select(at => name.StartsWith("float64", StringComparison.Ordinal) ? (float)((Sample(at) - 100) / 50.0) : (Sample(at) - 100) / 50f),
            image.Values);
        Assert.True(image.Values.Min() < -1 && image.Values.Max() > 1);
    }

    [Theory]
    [InlineData("palette8-deflate.tif", 8)]
    [InlineData("palette4.tif", 4)]
    [InlineData("palette4-interlaced.png", 4)]
    [InlineData("palette2.png", 2)]
    public void A_palette_gives_its_colours(string name, int bits)
    {
        int[] factors = [3, 5, 7];
        Assert.Equal(Pixels(3).Select(at => ((Sample(at with { Channel = 0 }) >> (8 - bits)) * factors[at.Channel] % 256) / 255f), Read(name).Values);
    }

    [Theory]
    [InlineData("444.jpg", "444.jpg.png", 2, 0.6)]
    [InlineData("444-no-markers.jpg", "444.jpg.png", 2, 0.6)]
    [InlineData("444-progressive.jpg", "444.jpg.png", 2, 0.6)]
    [InlineData("444-channels-restarts.jpg", "444.jpg.png", 2, 0.6)]
    [InlineData("rgb.jpg", "rgb.jpg.png", 1, 0.3)]
    [InlineData("rgb-no-markers.jpg", "rgb.jpg.png", 1, 0.3)]
    [InlineData("grey-2x2.jpg", "grey-2x2.jpg.png", 1, 0.3)]
    [InlineData("420.jpg", "420.jpg.png", 32, 6)]
    [InlineData("420-progressive-restarts.jpg", "420.jpg.png", 32, 6)]
    [InlineData("422-channels.jpg", "422-channels.jpg.png", 16, 4)]
    public void A_jpeg_is_what_libjpeg_makes_of_it_but_for_rounding_and_the_interpolation_of_chroma(string name, string judge, double most, double mean)
    {
        float[] values = Read(name).Values, expected = Read(judge).Values;
        Assert.Equal(expected.Length, values.Length);
        double[] differences = [.. values.Zip(expected, (a, b) => Math.Abs(a - b) * 255.0)];
        Assert.InRange(differences.Max(), 0, most + 0.01);
        Assert.InRange(differences.Average(), 0, mean);
    }

    [Theory]
    [InlineData("refused-tiled.tif", "tiled")]
    [InlineData("refused-fax4.tif", "compressed in a way that is not read (4)")]
    [InlineData("refused-float-predictor.tif", "predictor (3)")]
    [InlineData("refused-fill-order.tif", "fill order")]
    [InlineData("refused-cmyk.tif", "colour space")]
    [InlineData("refused-signed.tif", "unsigned")]
    [InlineData("refused-rgb16-key.png", "transparent")]
    [InlineData("refused-grey16-key-interlaced.png", "transparent")]
    [InlineData("refused-rgb8-key.png", "transparent")]
    [InlineData("refused-grey8-key.png", "transparent")]
    [InlineData("refused-lossy-alpha.webp", "transparent")]
    [InlineData("refused-lossless-alpha.webp", "transparent")]
    [InlineData("refused-some-channels.jpg", "some of its channels")]
    [InlineData("refused-arithmetic.jpg", "arithmetically")]
    [InlineData("refused-cmyk-no-marker.jpg", "four channels")]
    public void What_cannot_be_read_rightly_is_refused_by_name(string name, string reason) =>
        Assert.Contains(reason, Assert.Throws<InvalidMeasurementException>(() => Read(name)).Message, StringComparison.Ordinal);

    public static TheoryData<string> Codecs => [.. Fixtures.NamesIn("codecs", ".png", ".jpg", ".tif", ".webp")];

    [Theory, MemberData(nameof(Codecs))]
    public void A_file_that_ends_early_never_gives_other_values(string name)
    {
        byte[] file = Fixtures.Read($"codecs/{name}");
        float[]? whole = Values(file);
        for (int length = 0; length < file.Length; length++)
        {
            if (Values(file[..length]) is { } values) Assert.Equal(whole, values);
        }
    }

    // A value that is no orientation is none.
    [Theory]
    [InlineData(0, "abcdef")]
    [InlineData(1, "abcdef")]
    [InlineData(2, "cbafed")]
    [InlineData(3, "fedcba")]
    [InlineData(4, "defabc")]
    [InlineData(5, "adbecf")]
    [InlineData(6, "daebfc")]
    [InlineData(7, "fcebda")]
    [InlineData(8, "cfbead")]
    [InlineData(9, "abcdef")]
    public void Each_orientation_is_applied_in_png_and_tiff(int orientation, string expected)
    {
        byte[] samples = [.. "abcdef"u8];
        byte[] png = PngFile.Build(3, 2, 8, 0, [0, .. samples[..3], 0, .. samples[3..]], [("eXIf", TiffFile.Build(orientation: orientation))]);
        byte[] tiff = TiffFile.Build(3, 2, [samples], orientation: orientation);
        foreach (byte[] file in (byte[][])[png, tiff, TiffFile.Build(3, 2, [samples], orientation: orientation, isBigEndian: true)])
        {
            Image image = ImageFile.Read(file, Limits);
            Assert.Equal(orientation is >= 5 and <= 8 ? (3, 2) : (2, 3), (image.Height, image.Width));
            Assert.Equal(expected.Select(letter => letter / 255f), image.Values);
            ImageHeader header = ImageFile.ReadHeader(file);
            Assert.Equal((image.Height, image.Width), (header.Height, header.Width));
        }
    }

    [Fact]
    public void A_colour_image_is_turned_channel_by_channel()
    {
        byte[] png = PngFile.Build(2, 1, 8, 2, [0, 1, 2, 3, 4, 5, 6], [("eXIf", TiffFile.Build(orientation: 6))]);
        Assert.Equal([1, 4, 2, 5, 3, 6], ImageFile.Read(png, Limits).Values.Select(value => (int)MathF.Round(value * 255)));
    }

    private static Image Read(string name) => ImageFile.Read(Fixtures.Read($"codecs/{name}"), Limits);

    private static float[]? Values(byte[] file)
    {
        try
        {
            return ImageFile.Read(file, Limits).Values;
        }
        catch (InvalidMeasurementException)
        {
            return null;
        }
    }

    private static IEnumerable<(int X, int Y, int Channel)> Pixels(int channels) =>
        Enumerable.Range(0, channels * Height * Width).Select(i => (i % Width, i / Width % Height, i / (Width * Height)));

    private static int Sample((int X, int Y, int Channel) at) => ((at.X * 23) + (at.Y * 31) + (at.Channel * 60) + (at.X * at.Y)) % 256;
}
