using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class DicomFileTests : IDisposable
{
    private const int Pixels = DicomSeeds.Rows * DicomSeeds.Columns;
    private readonly DicomSeeds _seeds = new();
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public static TheoryData<string> Lossless => new(
        "dcmconv +te", "dcmconv +ti", "dcmconv +tb", "dcmconv +td", "dcmconv -F +te", "dcmconv -F +ti", "dcmcrle", "dcmcjpeg +e1", "dcmcjpeg +el",
        "dcmcjpls +el");

    public void Dispose()
    {
        _reader.Dispose();
        _seeds.Dispose();
    }

    [Theory, MemberData(nameof(Lossless))]
    public void Signed_rescaled_values_are_those_of_the_dump(string conversion)
    {
        DicomImage image = Read(_seeds.Make("mr-signed", conversion));
        Assert.Equal([1, 1, DicomSeeds.Rows, DicomSeeds.Columns], image.Shape);
        for (int i = 0; i < Pixels; i++) Assert.Equal(((-1000 + (10 * i)) * 0.5f) - 10, image.Values[i]);
        Assert.Equal(12, image.BitsStored);
        Assert.Null(image.Padding);
        Assert.Equal(("MR", "MONOCHROME2", @"ORIGINAL\PRIMARY\M", false), (image.Modality, image.PhotometricInterpretation, image.ImageType, image.IsLossy));
    }

    [Theory, MemberData(nameof(Lossless))]
    public void Unsigned_values_are_those_of_the_dump(string conversion)
    {
        DicomImage image = Read(_seeds.Make("mr-unsigned", conversion));
        for (int i = 0; i < Pixels; i++) Assert.Equal(20f * i, image.Values[i]);
    }

    [Fact]
    public void Geometry_window_and_uids_are_those_of_the_dump()
    {
        DicomImage image = Read(_seeds.Make("mr-unsigned"));
        Assert.Equal(
            new DicomFrame(
                new FrameGeometry(new(-10.5, 20.25, 30), new(0.8, 0.6, 0), new(0, 0, -1), 0.75, 0.5, 3, 3.3), new DisplayWindow(100, 400),
                @"ORIGINAL\PRIMARY\M", 4.6, 500, 25),
            Assert.Single(image.Frames));
        Assert.Equal("1.2.840.10008.5.1.4.1.1.4", image.SopClassUid);
        Assert.Equal("2.25.111111111111111111111111111111111111", image.SopInstanceUid);
        Assert.Equal("2.25.222222222222222222222222222222222222", image.StudyInstanceUid);
        Assert.Equal("2.25.333333333333333333333333333333333333", image.SeriesInstanceUid);
        Assert.Equal("2.25.444444444444444444444444444444444444", image.FrameOfReferenceUid);
        Assert.Equal("1.2.840.10008.1.2.1", image.TransferSyntaxUid);
    }

    [Theory]
    [InlineData("dcmcjpeg +ee", 8f)]
    [InlineData("dcmcjpls +en +md 2", 2f)]
    public void Lossy_compression_is_decoded_and_said(string conversion, float tolerance)
    {
        DicomImage image = Read(_seeds.Make("mr-unsigned", conversion));
        Assert.True(image.IsLossy);
        for (int i = 0; i < Pixels; i++) Assert.Equal(20f * i, image.Values[i], tolerance);
    }

    [Theory]
    [InlineData("dcmconv +te")]
    [InlineData("dcmconv +tb")]
    [InlineData("dcmcrle")]
    public void Monochrome1_is_turned_over_so_that_larger_is_brighter(string conversion)
    {
        DicomImage image = Read(_seeds.Make("grey8", conversion));
        for (int i = 0; i < Pixels; i++) Assert.Equal(255f - i, image.Values[i]);
        Assert.Equal((8, "MONOCHROME1"), (image.BitsStored, image.PhotometricInterpretation));
        Assert.Null(image.Frames[0].Geometry);
        Assert.Null(image.Frames[0].Window);
    }

    [Theory]
    [InlineData("dcmconv +te", 0f)]
    [InlineData("dcmcrle", 0f)]
    [InlineData("dcmcjpeg +e1", 0f)]
    [InlineData("dcmcjpls +el", 0f)]
    [InlineData("dcmcjpeg +eb +s4", 12f)] // baseline, YBR_FULL without subsampling
    public void Colours_become_planes_of_red_green_and_blue(string conversion, float tolerance)
    {
        DicomImage image = Read(_seeds.Make("rgb", conversion));
        Assert.Equal([1, 3, DicomSeeds.Rows, DicomSeeds.Columns], image.Shape);
        for (int i = 0; i < Pixels; i++)
        {
            Assert.Equal(i, image.Values[i], tolerance);
            Assert.Equal(255 - i, image.Values[Pixels + i], tolerance);
            Assert.Equal(20 * (i / 16), image.Values[(2 * Pixels) + i], tolerance);
        }
    }

    [Theory]
    [InlineData("dcmconv +te")]
    [InlineData("dcmcrle")]
    [InlineData("dcmcjpeg +e1")]
    public void Frames_of_an_enhanced_object_have_their_own_place_scale_and_window(string conversion)
    {
        DicomImage image = Read(_seeds.Make("enhanced", conversion));
        Assert.Equal([2, 1, DicomSeeds.Rows, DicomSeeds.Columns], image.Shape);
        for (int i = 0; i < Pixels; i++)
        {
            Assert.Equal((2f * i) + 1, image.Values[i]);
            Assert.Equal((0.25f * (i + 1000)) + 2, image.Values[Pixels + i]);
        }
        Assert.Equal(
            [
                new DicomFrame(new FrameGeometry(new(1, 2, 10), new(1, 0, 0), new(0, 1, 0), 2, 1.5, 5, 6), new DisplayWindow(50, 100), @"ORIGINAL\PRIMARY\M"),
                new DicomFrame(new FrameGeometry(new(1, 2, 16), new(1, 0, 0), new(0, 1, 0), 2, 1.5, 5, 6), new DisplayWindow(100, 200), @"ORIGINAL\PRIMARY\M"),
            ],
            image.Frames);
    }

    [Fact]
    public void What_holds_no_pixels_is_refused() => Refused("holds no pixels", _seeds.Make("report"));

    [Fact]
    public void A_file_that_is_cut_off_is_refused()
    {
        byte[] file = _seeds.Make("mr-unsigned");
        Refused("truncated", file[..^10]);
        Refused("truncated", file[..400]);
        Refused("DICOM", file[..140]);
    }

    [Fact]
    public void A_header_that_asks_for_too_much_is_refused_before_memory_is_taken()
    {
        byte[] file = _seeds.Make("enhanced");
        int frames = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x28, 0, 8, 0, (byte)'I', (byte)'S', 2, 0, (byte)'2', (byte)' ']);
        "99"u8.CopyTo(file.AsSpan(frames + 8));
        Refused("fewer than its header states", file);
        using var small = new FormatReader(ReaderLimits.Default with { Elements = 99 * Pixels - 1 });
        Assert.Contains(
            "19008 numbers; at most 19007", Assert.Throws<InvalidMeasurementException>(() => DicomFile.Read(small, file)).Message, StringComparison.Ordinal);

        int rows = file.AsSpan().IndexOf((ReadOnlySpan<byte>)[0x28, 0, 0x10, 0, (byte)'U', (byte)'S', 2, 0]);
        MemoryMarshal.Write(file.AsSpan(rows + 8), ushort.MaxValue);
        MemoryMarshal.Write(file.AsSpan(rows + 18), ushort.MaxValue);
        Refused("at most", file);
        Assert.Equal(0, _reader.Restarts + small.Restarts);
    }

    [Theory]
    [InlineData("MR_small_RLE.dcm")]
    [InlineData("MR_small.dcm")]
    [InlineData("MR_small_bigendian.dcm")]
    [InlineData("MR_small_expb.dcm")]
    [InlineData("MR_small_implicit.dcm")]
    [InlineData("MR_small_jpeg_ls_lossless.dcm")]
    [InlineData("MR_small_padded.dcm")]
    public void Real_files_have_the_values_that_pydicom_finds(string name)
    {
        string folder = TestFolder("pydicom");
        // pydicom reads RLE and uncompressed pixels by itself; the other files hold the same image.
        string judged = name.Contains("jpeg", StringComparison.Ordinal) ? "MR_small.dcm" : name;
        float[] expected = ByPydicom(Path.Combine(folder, judged));
        DicomImage image = Read(File.ReadAllBytes(Path.Combine(folder, name)));
        Assert.Equal(expected, image.Values);
        Assert.Equal(64 * 64, image.Values.Length);
    }

    [Fact]
    public void A_real_series_has_the_values_that_pydicom_finds()
    {
        string[] files = Directory.GetFiles(TestFolder("sag_anon_mprage"), "*.dcm");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            DicomImage image = Read(File.ReadAllBytes(file));
            Assert.Equal(ByPydicom(file), image.Values);
            Assert.Equal(0.859375, image.Frames[0].Geometry!.RowSpacingMm);
            Assert.Equal(1, image.Frames[0].Geometry!.Normal.Norm, 1e-6);
        }
    }

    [Fact]
    public void Jpeg_2000_is_refused_by_name() =>
        Refused("JPEG 2000 (Lossless only) (1.2.840.10008.1.2.4.90)", File.ReadAllBytes(Path.Combine(TestFolder("pydicom"), "MR_small_jp2klossless.dcm")));

    [Fact]
    public void A_real_truncated_file_is_refused() => Refused("truncated", File.ReadAllBytes(Path.Combine(TestFolder("pydicom"), "MR_truncated.dcm")));

    [Theory]
    [InlineData("dcmconv +te")]
    [InlineData("dcmconv -F +te")]
    [InlineData("dcmconv -F +ti")]
    [InlineData("dcmconv -F +tb")]
    public void A_dicom_file_is_known_with_and_without_preamble(string conversion) => Assert.True(DicomFile.IsDicom(_seeds.Make("mr-unsigned", conversion)));

    [Theory]
    [InlineData("")]
    [InlineData("DICM")]
    [InlineData("\u0089PNG\r\n\u001a\n        ")]
    [InlineData("\u0008\0\0\0 no element of DICOM")]
    [InlineData("II*\0\u0008\0\0\0 a TIFF file of no content")]
    public void Other_files_are_not_taken_for_dicom(string text) => Assert.False(DicomFile.IsDicom(Encoding.Latin1.GetBytes(text)));

    private DicomImage Read(byte[] file) => DicomFile.Read(_reader, file);

    private void Refused(string reason, byte[] file) =>
        Assert.Contains(reason, Assert.Throws<InvalidMeasurementException>(() => Read(file)).Message, StringComparison.Ordinal);

    private static float[] ByPydicom(string path) =>
        [.. Judge.Python(
            "pydicom",
            "import sys, warnings; warnings.simplefilter('ignore'); import pydicom; d = pydicom.dcmread(sys.argv[1]); "
                + "print(*(d.pixel_array.astype('f8') * float(d.get('RescaleSlope', 1)) + float(d.get('RescaleIntercept', 0))).ravel())",
            path)
            .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(number => float.Parse(number, CultureInfo.InvariantCulture))];

    private static string TestFolder(string name)
    {
        string? folder = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } root ? Path.Combine(root, "dicom", name) : null;
        Assert.SkipUnless(Directory.Exists(folder), $"INVERSESOLVER_TEST_DATA names no folder with dicom/{name}.");
        return folder!;
    }
}
