namespace InverseSolver.Imaging;

/// <summary>The header of an image file, read before any pixel is decoded.</summary>
/// <param name="Format">The file format.</param>
/// <param name="Channels">1 or 3; alpha is not counted.</param>
/// <param name="Height">Rows, after the EXIF orientation is applied.</param>
/// <param name="Width">Columns, after the EXIF orientation is applied.</param>
/// <param name="BitDepth">Bits per channel: 8, 16, or 32 for floating point.</param>
/// <param name="Pages">Images in the file; more than one is refused by <see cref="ImageFile.Read"/>.</param>
/// <param name="HasAlpha">True where there is an alpha channel.</param>
public sealed record ImageHeader(ImageFormat Format, int Channels, int Height, int Width, int BitDepth, int Pages, bool HasAlpha);

/// <summary>The image file formats that are read.</summary>
public enum ImageFormat
{
    /// <summary>Portable Network Graphics.</summary>
    Png = 1,

    /// <summary>JPEG.</summary>
    Jpeg = 2,

    /// <summary>TIFF and BigTIFF.</summary>
    Tiff = 3,

    /// <summary>WebP.</summary>
    WebP = 4,
}

/// <summary>Limits for the size of an image.</summary>
/// <param name="MaxPixels">The most pixels (height times width) that are decoded.</param>
public sealed record ImageLimits(long MaxPixels = 4096 * 4096);
