namespace InverseSolver.Imaging;

/// <summary>
/// Image files: PNG, JPEG, TIFF and WebP are read, PNG is written. Samples are read as stored: colour profiles are ignored, CMYK becomes RGB by subtraction.
/// The EXIF orientation is applied. The containers are parsed here; ImageSharp decodes the pixels and gets only the parts that it needs for them.
/// </summary>
public static class ImageFile
{
    /// <summary>True where the first bytes are those of a format that <see cref="Read"/> supports.</summary>
    public static bool IsImage(ReadOnlySpan<byte> file) => FormatOf(file) is not null;

    /// <summary>Reads the header; no pixel is decoded.</summary>
    /// <exception cref="InvalidMeasurementException">
    /// The file is no image of these formats, is damaged, or has samples or colours that are not supported.
    /// </exception>
    public static ImageHeader ReadHeader(ReadOnlySpan<byte> file) => Open(file).Turned();

    /// <summary>
    /// Reads an image: 8-bit samples are divided by 255, 16-bit samples by 65535, floating-point samples are taken as they are.
    /// An opaque alpha channel is dropped.
    /// </summary>
    /// <exception cref="InvalidMeasurementException">
    /// As for <see cref="ReadHeader"/>; more pixels than <paramref name="limits"/> allow (found before any is decoded);
    /// more than one page; transparent pixels; values that are not finite.
    /// </exception>
    public static Image Read(ReadOnlySpan<byte> file, ImageLimits limits)
    {
        ImageContents contents = Open(file);
        ImageHeader header = contents.Turned();
        long pixels = (long)header.Height * header.Width;
        if (pixels > limits.MaxPixels || pixels * header.Channels > Array.MaxLength)
            throw new InvalidMeasurementException($"The image has {header.Width} x {header.Height} pixels; at most {limits.MaxPixels} are allowed.");
        if (header.Pages > 1) throw new InvalidMeasurementException("The file holds more than one image: send one.");
        float[] values = contents.Decode();
        return new Image(header.Channels, header.Height, header.Width, Orientation.Turn(values, contents.Header, contents.Orientation), header.BitDepth);
    }

    /// <summary>Encodes an image as PNG; values are clipped to [0,1] and rounded to the nearest sample.</summary>
    /// <param name="image">The image; its values must be finite.</param>
    /// <param name="bitDepth">8 or 16 bits per channel.</param>
    /// <exception cref="ArgumentException">The depth is neither, or a value is not finite.</exception>
    public static byte[] WritePng(Image image, int bitDepth = 8)
    {
        if (bitDepth is not (8 or 16)) throw new ArgumentOutOfRangeException(nameof(bitDepth), bitDepth, "8 or 16.");
        if (image.Values.Any(value => !float.IsFinite(value))) throw new ArgumentException("A value is not finite.", nameof(image));
        return Pixels.EncodePng(image, bitDepth);
    }

    private static ImageContents Open(ReadOnlySpan<byte> file) => FormatOf(file) switch
    {
        ImageFormat.Png => PngContents.Open(file),
        ImageFormat.Jpeg => JpegContents.Open(file),
        ImageFormat.Tiff => TiffContents.Open(file),
        ImageFormat.WebP => WebPContents.Open(file),
        _ => throw new InvalidMeasurementException("The file is not an image in PNG, JPEG, TIFF or WebP format."),
    };

    private static ImageFormat? FormatOf(ReadOnlySpan<byte> file) =>
        file.StartsWith(PngContents.Signature) ? ImageFormat.Png
        : file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]) ? ImageFormat.Jpeg
        : file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) || file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8) ? ImageFormat.Tiff
        : file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8) ? ImageFormat.WebP
        : null;
}
