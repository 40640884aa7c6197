using System.Runtime.InteropServices;
using InverseSolver.Imaging.Interop;

namespace InverseSolver.Imaging;

/// <summary>
/// Image files: PNG, JPEG, TIFF and WebP are read, PNG is written. Samples are taken as stored: an embedded colour profile
/// is used only to turn CMYK into sRGB. The EXIF orientation is applied.
/// </summary>
public static class ImageFile
{
    /// <summary>Whether libinverse_imaging and what it needs are there. Without it nothing here works, and arrays travel as .npy.</summary>
    public static bool IsInstalled { get; } =
        NativeLibrary.TryLoad("inverse_imaging", typeof(ImageFile).Assembly, DllImportSearchPath.AssemblyDirectory, out _);

    /// <summary>Whether the first bytes are those of a format that <see cref="Read"/> knows.</summary>
    public static bool IsImage(ReadOnlySpan<byte> file) =>
        file.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        || file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || file.StartsWith("II*\0"u8) || file.StartsWith("MM\0*"u8) || file.StartsWith("II+\0"u8) || file.StartsWith("MM\0+"u8)
        || (file.Length >= 12 && file.StartsWith("RIFF"u8) && file[8..].StartsWith("WEBP"u8));

    /// <summary>Reads the header; no pixel is decoded.</summary>
    /// <exception cref="InvalidMeasurementException">The file is no image of these formats, is damaged, or has samples or colours that are not supported.</exception>
    public static ImageHeader ReadHeader(ReadOnlySpan<byte> file)
    {
        if (!IsInstalled)
        {
            throw new InvalidMeasurementException("It is an image file, and the library that reads those is not installed here; .npy files are read.");
        }

        Native.Header header = NativeImage.ReadHeader(file);
        return new ImageHeader((ImageFormat)header.Format, header.Channels, header.Height, header.Width, header.Bits, header.Pages, header.HasAlpha != 0);
    }

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
        ImageHeader header = ReadHeader(file);
        long pixels = (long)header.Height * header.Width;
        if (pixels > limits.MaxPixels || pixels * header.Channels > Array.MaxLength)
            throw new InvalidMeasurementException($"The image has {header.Width} x {header.Height} pixels; at most {limits.MaxPixels} are allowed.");
        float[] values = new float[pixels * header.Channels];
        NativeImage.Decode(file, values);
        return new Image(header.Channels, header.Height, header.Width, values, header.BitDepth);
    }

    /// <summary>Encodes an image as PNG; values are clipped to [0,1] and rounded to the nearest sample.</summary>
    /// <param name="image">The image; its values must be finite.</param>
    /// <param name="bitDepth">8 or 16 bits per channel.</param>
    /// <exception cref="ArgumentException">The depth is neither, or a value is not finite.</exception>
    public static byte[] WritePng(Image image, int bitDepth = 8)
    {
        if (bitDepth is not (8 or 16)) throw new ArgumentOutOfRangeException(nameof(bitDepth), bitDepth, "8 or 16.");
        return NativeImage.EncodePng(image.Values, image.Channels, image.Height, image.Width, bitDepth);
    }
}
