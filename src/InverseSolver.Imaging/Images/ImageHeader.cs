namespace InverseSolver.Imaging;

/// <summary>What an image file holds, known before any pixel is decoded.</summary>
/// <param name="Format">The file format.</param>
/// <param name="Channels">1 or 3; alpha is not counted.</param>
/// <param name="Height">Rows, after the EXIF orientation is applied.</param>
/// <param name="Width">Columns, after the EXIF orientation is applied.</param>
/// <param name="BitDepth">Bits per channel: 8, 16, or 32 for floating point.</param>
/// <param name="Pages">Images in the file; more than one is refused by <see cref="ImageFile.Read"/>.</param>
/// <param name="HasAlpha">Whether there is an alpha channel.</param>
public sealed record ImageHeader(ImageFormat Format, int Channels, int Height, int Width, int BitDepth, int Pages, bool HasAlpha);
