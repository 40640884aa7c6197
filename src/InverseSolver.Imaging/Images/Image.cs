namespace InverseSolver.Imaging;

/// <summary>A grey or RGB image in memory.</summary>
public sealed class Image
{
    /// <summary>Wraps values, which are not copied.</summary>
    /// <param name="channels">1 or 3.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="values">Planar values (channels, height, width).</param>
    /// <param name="bitDepth">Bits per channel of the file, 32 for floating point.</param>
    /// <exception cref="ArgumentException">The sizes do not fit the values.</exception>
    public Image(int channels, int height, int width, float[] values, int bitDepth = 32)
    {
        if (channels is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3.");
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        if (values.Length != (long)channels * height * width)
            throw new ArgumentException($"{values.Length} values are not {channels} x {height} x {width}.", nameof(values));
        (Channels, Height, Width, Values, BitDepth) = (channels, height, width, values, bitDepth);
    }

    /// <summary>1 (grey) or 3 (red, green, blue).</summary>
    public int Channels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>Planar values, channel by channel, row by row from the top; 0 is black and 1 white. Only floating-point files may go beyond.</summary>
    public float[] Values { get; }

    /// <summary>Bits per channel of the file: 8, 16, or 32 for floating point.</summary>
    public int BitDepth { get; }
}
