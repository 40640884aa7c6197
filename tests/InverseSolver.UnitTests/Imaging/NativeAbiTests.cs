using System.Runtime.InteropServices;
using InverseSolver.Imaging;
using InverseSolver.Imaging.Interop;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

/// <summary>Counts native objects, so no other test may make any meanwhile.</summary>
[CollectionDefinition(nameof(NativeAbiTests), DisableParallelization = true)]
public class NativeAbiCollection;

[Collection(nameof(NativeAbiTests))]
public unsafe class NativeAbiTests
{
    [Fact]
    public void Null_pointers_and_sizes_out_of_range_are_refused()
    {
        byte[] png = Fixtures.Read("grey8.png");
        float[] values = new float[16];
        Native.Header header;
        fixed (byte* data = png)
        fixed (float* floats = values)
        {
            Refused(Native.inv_image_header_read(null, 5, &header));
            Refused(Native.inv_image_header_read(data, -1, &header));
            Refused(Native.inv_image_header_read(data, png.Length, null));
            Refused(Native.inv_image_decode(null, 5, floats, 15));
            Refused(Native.inv_image_decode(data, long.MinValue, floats, 15));
            Refused(Native.inv_image_decode(data, png.Length, null, 15));
            Refused(Native.inv_image_decode(data, png.Length, floats, 16));
            Refused(Native.inv_image_decode(data, png.Length, floats, -15));
            foreach ((int channels, int height, int width, int bits) in ((int, int, int, int)[])[(2, 2, 2, 8), (1, 0, 2, 8), (1, 2, -2, 8), (1, 2, 2, 12), (1, 2, int.MaxValue, 8)])
                Refused(Native.inv_image_encode_png(floats, channels, height, width, bits, out _));
            Refused(Native.inv_image_encode_png(null, 1, 2, 2, 8, out _));
            Refused(Native.inv_image_resize(null, 2, 2, floats, 2, 2));
            Refused(Native.inv_image_resize(floats, 2, 2, null, 2, 2));
            Refused(Native.inv_image_resize(floats, -2, 2, floats, 2, 2));
            Refused(Native.inv_image_resize(floats, 2, 2, floats, 0, 2));
            values[0] = float.PositiveInfinity;
            Refused(Native.inv_image_encode_png(floats, 1, 2, 2, 8, out _));
        }
        Refused(Native.inv_text_render(null, 12, out _, out _, out _));
        Refused(Native.inv_text_render("a", 5, out _, out _, out _));
        Refused(Native.inv_text_render("two\nlines", 12, out _, out _, out _));
        Refused(Native.inv_text_render("  ", 12, out _, out _, out _));
        Refused(Native.inv_text_render(new string('a', 1001), 12, out _, out _, out _));
        Native.inv_bytes_free(IntPtr.Zero);
    }

    [Fact]
    public void A_file_that_cannot_be_used_is_told_from_a_wrong_call()
    {
        Native.Header header;
        fixed (byte* data = "GIF89a"u8) Assert.Equal(Native.Status.InvalidInput, Native.inv_image_header_read(data, 6, &header));
        Assert.Equal(Native.Status.InvalidInput, Native.inv_image_header_read(null, 0, &header));
    }

    [Fact]
    public void Each_thread_has_its_own_message()
    {
        Refused(Native.inv_text_render("a", 5, out _, out _, out _));
        string other = "";
        var thread = new Thread(() => other = Message());
        thread.Start();
        thread.Join();
        Assert.Equal("", other);
        Assert.Contains("font_pixels", Message(), StringComparison.Ordinal);
    }

    [Fact]
    public void No_native_object_outlives_its_use()
    {
        long before = Native.inv_bytes_live();
        byte[] png = ImageFile.WritePng(new Image(1, 2, 2, new float[4]));
        ContactSheet.Draw(["heading"], [new ContactSheetRow("label", [new ContactSheetTile(ImageFile.Read(png, new ImageLimits()), "caption")])]);
        Assert.Equal(before, Native.inv_bytes_live());
        Native.Check(Native.inv_text_render("a", 12, out int height, out int width, out BytesHandle coverage));
        Assert.Equal(before + 1, Native.inv_bytes_live());
        Native.Check(Native.inv_bytes_size(coverage, out long size));
        Assert.Equal(height * width, size);
        byte[] small = new byte[1];
        fixed (byte* destination = small) Refused(Native.inv_bytes_copy(coverage, destination, size + 1));
        Refused(Native.inv_bytes_copy(coverage, null, size));
        coverage.Dispose();
        Assert.Equal(before, Native.inv_bytes_live());
    }

    private static string Message() => Marshal.PtrToStringUTF8((IntPtr)Native.inv_imaging_message()) ?? "";

    private static void Refused(Native.Status status)
    {
        Assert.Equal(Native.Status.InvalidArgument, status);
        Assert.NotEqual("", Message());
    }
}
