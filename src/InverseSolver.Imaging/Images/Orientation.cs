namespace InverseSolver.Imaging;

/// <summary>EXIF's orientation: where the stored first row and first column belong.</summary>
internal static class Orientation
{
    private const ushort Tag = 274;

    /// <summary>Of an EXIF block, which is a TIFF file; 1 where it says nothing that can be read.</summary>
    internal static int Of(ReadOnlySpan<byte> exif)
    {
        if (exif.StartsWith("Exif\0\0"u8)) exif = exif[6..];
        return TiffDirectory.TryOpen(exif, out TiffDirectory? directory, out _) ? Of(directory, exif) : 1;
    }

    internal static int Of(TiffDirectory directory, ReadOnlySpan<byte> file) =>
        directory.Numbers(file, Tag, 1) is [>= 1 and <= 8 and var orientation] ? (int)orientation : 1;

    /// <summary>Values as stored to values as seen.</summary>
    internal static float[] Turn(float[] values, ImageHeader stored, int orientation)
    {
        if (orientation == 1) return values;
        (int rows, int columns) = (stored.Height, stored.Width);
        var turned = new float[values.Length];
        for (int channel = 0, from = 0; channel < stored.Channels; channel++)
        {
            int plane = channel * rows * columns;
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < columns; column++, from++)
                {
                    (int down, int right) = (rows - 1 - row, columns - 1 - column);
                    int to = orientation switch
                    {
                        2 => (row * columns) + right,
                        3 => (down * columns) + right,
                        4 => (down * columns) + column,
                        5 => (column * rows) + row,
                        6 => (column * rows) + down,
                        7 => (right * rows) + down,
                        _ => (right * rows) + row,
                    };
                    turned[plane + to] = values[from];
                }
            }
        }

        return turned;
    }
}
