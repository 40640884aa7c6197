namespace InverseSolver.Imaging;

/// <summary>Arrays as pictures.</summary>
public static class Pictures
{
    /// <summary>An image as PNG, clipped to [0,1], a stack of frames side by side; null for what is no image of one or three channels.</summary>
    public static byte[]? ToPng(ArrayData array, int bitDepth) => Frames(array) switch
    {
        [] => null,
        [var one] => ImageFile.WritePng(one, bitDepth),
        var several => ImageFile.WritePng(Montage.Draw(several), bitDepth),
    };

    /// <summary>The pictures of an array's frames, one for a single image, none for what is no image of one or three channels.</summary>
    public static IReadOnlyList<Image> Frames(ArrayData array)
    {
        (int channels, int frames) = array switch
        {
            { Shape: [_, _] } or { IsComplex: true, Shape: [_, _, _] } => (1, array.Shape.Length == 3 ? array.Shape[0] : 1),
            { Shape: [1 or 3, _, _] } => (array.Shape[0], 1),
            { IsComplex: false, Shape: [_, 1 or 3, _, _] } => (array.Shape[1], array.Shape[0]),
            _ => (0, 0),
        };
        int size = frames == 0 ? 0 : array.Values.Length / frames;
        return [.. Enumerable.Range(0, frames).Select(i =>
            new Image(channels, array.Shape[^2], array.Shape[^1], Shown(array.Values[(i * size)..((i + 1) * size)])))];

        float[] Shown(float[] values) => array.IsComplex ? LogMagnitude(values) : values;
    }

    /// <summary>k-space spans many orders of magnitude: four decades below its peak are shown.</summary>
    private static float[] LogMagnitude(float[] values)
    {
        const float decades = 4;
        float[] magnitude = new float[values.Length / 2];
        for (int i = 0; i < magnitude.Length; i++)
        {
            magnitude[i] = float.Hypot(values[2 * i], values[2 * i + 1]);
        }

        float peak = magnitude.Length == 0 ? 0 : magnitude.Max();
        for (int i = 0; i < magnitude.Length; i++)
        {
            magnitude[i] = magnitude[i] > 0 ? Math.Max(0, 1 + MathF.Log10(magnitude[i] / peak) / decades) : 0;
        }

        return magnitude;
    }
}
