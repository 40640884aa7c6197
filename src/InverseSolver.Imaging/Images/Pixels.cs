using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.Formats.Png;
using SixLabors.ImageSharp.Formats.Tiff;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.Memory;
using SixLabors.ImageSharp.PixelFormats;

namespace InverseSolver.Imaging;

/// <summary>ImageSharp, with the four formats and no other, one thread, and no memory kept.</summary>
internal static class Pixels
{
    private static readonly Configuration Settings = new(
        new PngConfigurationModule(), new JpegConfigurationModule(), new TiffConfigurationModule(), new WebpConfigurationModule())
    {
        MaxDegreeOfParallelism = 1, // images are small, and the cores belong to the networks
        MemoryAllocator = MemoryAllocator.Create(new MemoryAllocatorOptions { MaximumPoolSizeMegabytes = 0, AllocationLimitMegabytes = 1024 }),
    };

    /// <summary>Decodes pixels, row by row.</summary>
    /// <param name="file">The file, rebuilt from parts that were checked.</param>
    /// <param name="height">Its rows; a file that ImageSharp finds to have others is refused.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="row">Takes the number of a row and its pixels.</param>
    internal static void Decode<TPixel>(byte[] file, int height, int width, Action<int, Span<TPixel>> row)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using Image<TPixel> image = Load<TPixel>(file, height, width);
        image.ProcessPixelRows(rows =>
        {
            for (int y = 0; y < height; y++) row(y, rows.GetRowSpan(y));
        });
    }

    internal static byte[] EncodePng(Image image, int bitDepth) => (image.Channels, bitDepth) switch
    {
        (1, 8) => EncodePng(image, PngColorType.Grayscale, PngBitDepth.Bit8, 255, (r, _, _) => new L8((byte)r)),
        (1, _) => EncodePng(image, PngColorType.Grayscale, PngBitDepth.Bit16, 65535, (r, _, _) => new L16(r)),
        (_, 8) => EncodePng(image, PngColorType.Rgb, PngBitDepth.Bit8, 255, (r, g, b) => new Rgb24((byte)r, (byte)g, (byte)b)),
        _ => EncodePng(image, PngColorType.Rgb, PngBitDepth.Bit16, 65535, (r, g, b) => new Rgb48(r, g, b)),
    };

    private static byte[] EncodePng<TPixel>(Image image, PngColorType colours, PngBitDepth depth, float largest, Func<ushort, ushort, ushort, TPixel> pixel)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        using var samples = new Image<TPixel>(Settings, image.Width, image.Height);
        int plane = image.Channels == 3 ? image.Height * image.Width : 0;
        samples.ProcessPixelRows(rows =>
        {
            for (int y = 0, at = 0; y < image.Height; y++)
            {
                Span<TPixel> row = rows.GetRowSpan(y);
                for (int x = 0; x < row.Length; x++, at++) row[x] = pixel(Sample(at), Sample(at + plane), Sample(at + (2 * plane)));
            }
        });

        using var png = new MemoryStream();
        samples.SaveAsPng(png, new PngEncoder { ColorType = colours, BitDepth = depth, FilterMethod = PngFilterMethod.Adaptive, IgnoreMetadata = true });
        return png.ToArray();

        ushort Sample(int index) => (ushort)MathF.Round(Math.Clamp(image.Values[index], 0, 1) * largest, MidpointRounding.AwayFromZero);
    }

    // ImageSharp throws various exceptions for damaged files, among them those of indices, casts and null references.
    private static Image<TPixel> Load<TPixel>(byte[] file, int height, int width)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        try
        {
            IImageInfo? header = SixLabors.ImageSharp.Image.Identify(Settings, new MemoryStream(file));
            if (header is null || header.Height != height || header.Width != width) throw ImageContents.Damaged();
            return SixLabors.ImageSharp.Image.Load<TPixel>(Settings, file);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or InvalidMeasurementException))
        {
            throw ImageContents.Damaged();
        }
    }
}
