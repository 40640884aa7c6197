namespace InverseSolver.Imaging.Interop;

/// <summary>The native calls with spans for pointers.</summary>
internal static unsafe class NativeImage
{
    internal static Native.Header ReadHeader(ReadOnlySpan<byte> file)
    {
        Native.Header header;
        fixed (byte* data = file) Native.Check(Native.inv_image_header_read(data, file.Length, &header));
        return header;
    }

    internal static void Decode(ReadOnlySpan<byte> file, Span<float> values)
    {
        fixed (byte* data = file)
        fixed (float* destination = values)
            Native.Check(Native.inv_image_decode(data, file.Length, destination, values.Length));
    }

    internal static byte[] EncodePng(ReadOnlySpan<float> values, int channels, int height, int width, int bits)
    {
        fixed (float* source = values)
        {
            Native.Check(Native.inv_image_encode_png(source, channels, height, width, bits, out BytesHandle png));
            using (png) return png.ToArray();
        }
    }

    internal static float[] Resize(ReadOnlySpan<float> values, int height, int width, int newHeight, int newWidth)
    {
        float[] resized = new float[newHeight * newWidth];
        fixed (float* source = values)
        fixed (float* destination = resized)
            Native.Check(Native.inv_image_resize(source, height, width, destination, newHeight, newWidth));
        return resized;
    }

    internal static (int Height, int Width, byte[] Coverage) RenderText(string text, int fontPixels)
    {
        Native.Check(Native.inv_text_render(text, fontPixels, out int height, out int width, out BytesHandle coverage));
        using (coverage) return (height, width, coverage.ToArray());
    }
}
