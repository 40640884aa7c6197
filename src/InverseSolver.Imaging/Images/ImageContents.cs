namespace InverseSolver.Imaging;

/// <summary>An image file whose container is parsed and checked; its pixels are not yet decoded.</summary>
/// <param name="header">The header before the orientation is applied.</param>
/// <param name="orientation">EXIF's, from 1 to 8.</param>
internal abstract class ImageContents(ImageHeader header, int orientation)
{
    internal ImageHeader Header => header;

    internal int Orientation => orientation;

    /// <summary>The header as the caller sees it, with the orientation applied.</summary>
    internal ImageHeader Turned() => orientation > 4 ? header with { Height = header.Width, Width = header.Height } : header;

    /// <summary>The values, channel by channel, as stored. Memory of the image's size is allocated here and not earlier.</summary>
    internal abstract float[] Decode();

    internal static InvalidMeasurementException Damaged() => new("The image is damaged or truncated.");

    internal static InvalidMeasurementException Transparent() =>
        new("The image has transparent pixels: flatten it first, since what lies behind them is unknown.");
}
