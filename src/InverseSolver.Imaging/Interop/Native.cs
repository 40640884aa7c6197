using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory)]

namespace InverseSolver.Imaging.Interop;

/// <summary>The C ABI of libinverse_imaging (include/inverse_imaging.h), which lies beside this assembly.</summary>
internal static unsafe partial class Native
{
    private const string Library = "inverse_imaging";

    internal enum Status
    {
        Ok = 0,
        InvalidArgument = 1,
        InvalidInput = 2,
        Failed = 3,
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Header
    {
        public int Format, Channels, Height, Width, Bits, Pages, HasAlpha;
    }

    [LibraryImport(Library)]
    internal static partial byte* inv_imaging_message();

    [LibraryImport(Library)]
    internal static partial Status inv_image_header_read(byte* data, long size, Header* header);

    [LibraryImport(Library)]
    internal static partial Status inv_image_decode(byte* data, long size, float* values, long count);

    [LibraryImport(Library)]
    internal static partial Status inv_image_encode_png(float* values, int channels, int height, int width, int bits, out BytesHandle png);

    [LibraryImport(Library)]
    internal static partial Status inv_image_resize(float* values, int height, int width, float* resized, int newHeight, int newWidth);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial Status inv_text_render(string? text, int fontPixels, out int height, out int width, out BytesHandle coverage);

    [LibraryImport(Library)]
    internal static partial Status inv_bytes_size(BytesHandle bytes, out long size);

    [LibraryImport(Library)]
    internal static partial Status inv_bytes_copy(BytesHandle bytes, byte* destination, long size);

    [LibraryImport(Library)]
    internal static partial void inv_bytes_free(IntPtr bytes);

    [LibraryImport(Library)]
    internal static partial long inv_bytes_live();

    internal static void Check(Status status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status == Status.Ok) return;
        string message = Marshal.PtrToStringUTF8((IntPtr)inv_imaging_message()) ?? "";
        if (status == Status.InvalidInput) throw new InvalidMeasurementException(message);
        if (status == Status.InvalidArgument) throw new ArgumentException(message);
        throw new InvalidOperationException($"{call.Split('(')[0]}: {message}");
    }
}
