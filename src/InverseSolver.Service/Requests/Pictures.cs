using InverseSolver.Imaging;
using InverseSolver.Solvers;

namespace InverseSolver.Service.Requests;

/// <summary>Arrays as files.</summary>
internal static class Pictures
{
    /// <summary>An array as .npy.</summary>
    public static byte[] ToNpy(ArrayData array) => Npy.Write(new NpyArray(array.Shape, array.Values, array.IsComplex));

    /// <summary>An image as PNG, clipped to [0,1]; null for what is no image of one or three channels.</summary>
    public static byte[]? ToPng(ArrayData array, int bitDepth) => array switch
    {
        { IsComplex: true, Shape: [int height, int width] } => ImageFile.WritePng(new Image(1, height, width, LogMagnitude(array.Values)), bitDepth),
        { IsComplex: false, Shape: [1 or 3, int height, int width] } => ImageFile.WritePng(new Image(array.Shape[0], height, width, array.Values), bitDepth),
        { IsComplex: false, Shape: [int height, int width] } => ImageFile.WritePng(new Image(1, height, width, array.Values), bitDepth),
        _ => null,
    };

    /// <summary>k-space spans many orders of magnitude: four decades below its peak are shown.</summary>
    private static float[] LogMagnitude(float[] values)
    {
        const float decades = 4;
        float[] shown = new float[values.Length / 2];
        for (int i = 0; i < shown.Length; i++)
        {
            shown[i] = float.Hypot(values[2 * i], values[2 * i + 1]);
        }

        float peak = shown.Length == 0 ? 0 : shown.Max();
        for (int i = 0; i < shown.Length; i++)
        {
            shown[i] = shown[i] > 0 ? Math.Max(0, 1 + MathF.Log10(shown[i] / peak) / decades) : 0;
        }

        return shown;
    }
}
