using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Kinds of DICOM images that scanners and archives make and that are easily misread, made element by element.</summary>
public sealed class DicomKindsTests : IDisposable
{
    private const uint WindowCentre = 0x00281050;
    private const uint WindowWidth = 0x00281051;
    private const uint Intercept = 0x00281052;
    private const uint Slope = 0x00281053;
    private const uint PaddingValue = 0x00280120;
    private const uint PaddingLimit = 0x00280121;
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose() => _reader.Dispose();

    // ---- Compressed frames in several fragments ----

    private static ushort[] Frame(int number) => [.. Enumerable.Range(0, 48).Select(i => (ushort)((257 * i) + (1000 * number)))];

    private static byte[][] Cut(byte[] frame, params int[] at)
    {
        int[] ends = [0, .. at, frame.Length];
        return [.. ends.Skip(1).Select((end, i) => frame[ends[i]..end])];
    }

    /// <summary>Frames, the cuts of each, and how the offset table is: right, empty, or wrong.</summary>
    [Theory]
    [InlineData(1, "right"), InlineData(1, "empty"), InlineData(1, "wrong")]
    [InlineData(3, "right"), InlineData(3, "empty"), InlineData(3, "wrong")]
    public void An_RLE_frame_may_lie_in_several_fragments(int frames, string table)
    {
        byte[][][] cuts = [.. Enumerable.Range(0, frames).Select(i =>
            i == 1 ? [DicomBuilder.RleFrame(Frame(i))] : Cut(DicomBuilder.RleFrame(Frame(i)), 66, 100 + (2 * i)))];
        int[] sizes = [.. cuts.Select(cut => cut.Sum(fragment => fragment.Length + 8))];
        uint[] offsets = table == "empty" ? [] : [.. Enumerable.Range(0, frames).Select(i => (uint)(sizes.Take(i).Sum() + (table == "wrong" ? 2 * i : 0)))];
        DicomImage image = Read(
            DicomBuilder.Mr(6, 8).Text(0x00280008, "IS", $"{frames}").Fragments(offsets, [.. cuts.SelectMany(cut => cut)]).File(DicomBuilder.Rle));
        Assert.Equal(Enumerable.Range(0, frames).SelectMany(Frame).Select(value => (float)value), image.Values);
    }

    [Theory]
    [InlineData("cut off"), InlineData("too few segments"), InlineData("one byte short")]
    public void RLE_data_that_do_not_fill_their_frame_are_refused(string what)
    {
        byte[] frame = DicomBuilder.RleFrame(what == "one byte short" ? Frame(0)[..47] : Frame(0));
        if (what == "cut off") frame = frame[..^6];
        if (what == "too few segments") frame[0] = 1;
        foreach (byte[][] fragments in (byte[][][])[[frame], Cut(frame, 80)])
            Refused("RLE data do not fit", DicomBuilder.Mr(6, 8).Fragments([], fragments).File(DicomBuilder.Rle));
    }

    [Fact]
    public void Frames_whose_fragments_cannot_be_told_apart_are_refused()
    {
        byte[] second = DicomBuilder.RleFrame(Frame(1));
        second[0] = 7;
        Refused(
            "2 frames in 3 fragments",
            DicomBuilder.Mr(6, 8).Text(0x00280008, "IS", "2").Fragments([], [.. Cut(DicomBuilder.RleFrame(Frame(0)), 80), second]).File(DicomBuilder.Rle));
        Refused(
            "fewer than its header states",
            DicomBuilder.Mr(6, 8).Text(0x00280008, "IS", "2").Fragments([], DicomBuilder.RleFrame(Frame(0))).File(DicomBuilder.Rle));
    }

    [Theory]
    [InlineData("mr-unsigned", "dcmcjpeg +e1", true), InlineData("mr-unsigned", "dcmcjpeg +e1", false), InlineData("mr-unsigned", "dcmcjpls +el", false),
        InlineData("mr-unsigned", "dcmcrle", false)]
    [InlineData("enhanced", "dcmcjpeg +e1", true), InlineData("enhanced", "dcmcjpeg +e1", false), InlineData("enhanced", "dcmcjpls +el", true),
        InlineData("enhanced", "dcmcjpls +el", false)]
    [InlineData("enhanced", "dcmcrle", true), InlineData("rgb", "dcmcjpeg +e1", false), InlineData("rgb", "dcmcrle", false)]
    public void What_other_programs_compress_may_be_cut_into_fragments(string dump, string conversion, bool withTable)
    {
        using var seeds = new DicomSeeds();
        byte[] whole = seeds.Make(dump, conversion);
        Assert.Equal(Read(whole).Values, Read(Fragmented(whole, withTable)).Values);
    }

    // Each fragment of the file in three.
    private static byte[] Fragmented(byte[] file, bool withTable)
    {
        int start = file.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[0xE0, 0x7F, 0x10, 0, (byte)'O', (byte)'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]) + 12;
        var offsets = new List<uint>();
        var items = new List<byte>();
        int at = start + 8 + BitConverter.ToInt32(file, start + 4);
        for (int size; file[at + 2] == 0 && file[at + 3] == 0xE0; at += 8 + size)
        {
            size = BitConverter.ToInt32(file, at + 4);
            offsets.Add((uint)items.Count);
            foreach (byte[] part in Cut(file[(at + 8)..(at + 8 + size)], 2 * (size / 6), 2 * (size / 3)))
            {
                items.AddRange((byte[])[0xFE, 0xFF, 0, 0xE0, .. BitConverter.GetBytes(part.Length), .. part]);
            }
        }

        byte[] table = withTable ? [.. offsets.SelectMany(BitConverter.GetBytes)] : [];
        return [.. file[..start], 0xFE, 0xFF, 0, 0xE0, .. BitConverter.GetBytes(table.Length), .. table, .. items, .. file[at..]];
    }

    // ---- Padding ----

    /// <summary>Padding as 16 bits, its limit, whether pixels are signed, pixels, and which of them are padding.</summary>
    public static TheoryData<int, int?, bool, int[], bool[]> Paddings => new()
    {
        { -32768, null, true, [-32768, 0, 500, 1000], [true, false, false, false] },
        { -32768, -30000, true, [-32768, -30000, 500, 1000], [true, true, false, false] },
        { -30000, -32768, true, [-32768, -31000, 500, 1000], [true, true, false, false] },
        { 65535, null, false, [65535, 0, 500, 1000], [true, false, false, false] },
        { 63536, null, true, [-2000, 0, 500, 1000], [true, false, false, false] }, // -2000 that the file calls unsigned
        { 60000, 65535, false, [65535, 60000, 500, 1000], [true, true, false, false] },
    };

    [Theory, MemberData(nameof(Paddings), DisableDiscoveryEnumeration = true)]
    public void Padding_has_no_part_in_the_scale_and_is_padding_in_the_result(int value, int? limit, bool isSigned, int[] pixels, bool[] padding)
    {
        DicomBuilder builder = DicomBuilder.Mr(
            2, 2, [.. pixels.Select(pixel => unchecked((ushort)pixel))]).At(0, 0, 0).Numbers(0x00280103, isSigned ? 1 : 0).Numbers(PaddingValue, value)
            .Text(Slope, "DS", "2").Text(Intercept, "DS", "-10");
        if (limit is { } other) builder.Numbers(PaddingLimit, other);
        ImportedMeasurement read = Import(builder.File());
        Assert.Equal(padding, Read(builder.File()).Padding!);
        Assert.Equal((1990 - read.Origin.Offset, padding.Count(mark => mark) == 1 ? -10.0 : 0.0), (read.Origin.Scale, read.Origin.Offset));
        float[] measured = read.Files["measurement"].Array.Values;
        Assert.Equal(1, measured[3]);
        Assert.Equal((float)((990 - read.Origin.Offset) / read.Origin.Scale), measured[2], 1e-6f);
        Assert.All(measured.Where((_, i) => padding[i]), black => Assert.Equal(0, black));
        Assert.Contains(read.Origin.Remarks, remark => remark.Contains("PixelPaddingValue", StringComparison.Ordinal));

        // Whatever the solver made of them, pixels of padding are padding.
        (float[] nifti, DicomImage dicom) = Written(read, [0.7f, 0.7f, measured[2], 1], 2);
        if (!padding[1]) nifti[1] = (float)((2 * pixels[1]) - 10);
        for (int i = 0; i < pixels.Length; i++) Assert.Equal((2f * pixels[i]) - 10, nifti[i], 1e-3f);
        Assert.Equal(padding, dicom.Padding!);
        Assert.Equal(65535, dicom.Values[3]);
        Assert.True(dicom.Values[2] > 30000);
        // Twice the side: each pixel is four, and so is padding.
        Assert.Equal(
            4 * padding.Count(mark => mark), Written(read, [.. Enumerable.Range(0, 16).Select(i => 0.5f + (0.01f * i))], 4).Dicom.Padding!.Count(mark => mark));
    }

    [Fact]
    public void A_padding_that_lies_on_the_scale_is_a_value_like_any_other()
    {
        byte[] file = DicomBuilder.Mr(2, 2, 0, 5, 10, 20).Numbers(PaddingValue, 0).File();
        ImportedMeasurement read = Import(file);
        Assert.Null(read.Origin.Padding);
        Assert.Equal([0, 0.25f, 0.5f, 1], read.Files["measurement"].Array.Values);
        Assert.Empty(read.Origin.Remarks);
    }

    [Fact]
    public void An_image_of_padding_alone_is_refused() =>
        Assert.Contains(
            "padding", Assert.Throws<InvalidMeasurementException>(() => Import(DicomBuilder.Mr(1, 2, 9, 9).Numbers(PaddingValue, 9).File())).Message,
            StringComparison.Ordinal);

    // ---- MONOCHROME1 ----

    /// <remarks>
    /// Modality value m = slope stored + intercept; the brightest is the smallest. The window is given for m: a value at its middle has to be at its middle
    /// afterwards.
    /// </remarks>
    [Theory]
    [InlineData(false, 1, 0), InlineData(false, 2, -100), InlineData(true, 0.5, 30), InlineData(false, -1, 5000)]
    public void Values_and_window_of_MONOCHROME1_are_turned_over_together(bool isSigned, double slope, double intercept)
    {
        const int middle = 1500, dark = 2000;
        double centre = (slope * middle) + intercept;
        DicomImage image = Read(
            DicomBuilder.Mr(1, 2, middle, dark).Text(
                0x00280004, "CS", "MONOCHROME1").Numbers(0x00280101, 12).Numbers(0x00280102, 11).Numbers(0x00280103, isSigned ? 1 : 0)
            .Text(Slope, "DS", FormattableString.Invariant($"{slope}")).Text(Intercept, "DS", FormattableString.Invariant($"{intercept}"))
            .Text(WindowCentre, "DS", FormattableString.Invariant($"{centre}")).Text(WindowWidth, "DS", "400").File());
        DisplayWindow window = image.Frames[0].Window!;
        Assert.Equal(400, window.Width);
        Assert.Equal(window.Centre, image.Values[0], 1e-3);
        Assert.Equal(slope * (middle - dark), image.Values[1] - window.Centre, 1e-3);
        Assert.Equal((slope * ((isSigned ? -1 : 4095) - middle)) + intercept, image.Values[0], 1e-3);
    }

    [Theory]
    [InlineData(0), InlineData(1)]
    public void MONOCHROME1_of_16_bits_uses_the_whole_scale_and_keeps_its_values(int slope)
    {
        ImportedMeasurement read = Import(DicomBuilder.Mr(2, 2, 0, 1000, 2000, 4000).Text(0x00280004, "CS", "MONOCHROME1")
            .Text(Slope, "DS", slope == 0 ? "1" : "2.5").Text(Intercept, "DS", "0").At(0, 0, 0).File());
        Assert.Equal([1, 0.75f, 0.5f, 0], read.Files["measurement"].Array.Values);
        (float[] nifti, _) = Written(read, read.Files["measurement"].Array.Values, 2);
        double turned = (slope == 0 ? 1 : 2.5) * 65535;
        Assert.Equal([turned, turned * (1 - (4000 / 65535.0))], [nifti[0], nifti[3]], (a, b) => Math.Abs(a - b) < 0.1);
    }

    // ---- A scale that leaves no contrast ----

    [Theory]
    [InlineData(40000, 0, "Take out the offset")]
    [InlineData(0, 60000, "Nearly all pixels lie between 4 and 3996")]
    [InlineData(0, 0, null)]
    public void Values_that_use_a_small_part_of_the_scale_are_remarked_on(int offset, int spike, string? words)
    {
        ushort[] pixels = [.. Enumerable.Range(0, 4000).Select(i => (ushort)(i + offset))];
        if (spike > 0) pixels[2000] = (ushort)spike;
        string[] said = [.. Import(DicomBuilder.Mr(40, 100, pixels).File()).Origin.Remarks];
        if (words is null) Assert.Empty(said);
        else Assert.Contains(words, Assert.Single(said), StringComparison.Ordinal);
    }

    [Fact]
    public void Padding_that_is_not_declared_is_remarked_on()
    {
        ushort[] pixels = [.. Enumerable.Range(0, 4000).Select(i => i % 3 == 0 ? unchecked((ushort)-32768) : (ushort)(i % 1200))];
        string said = Assert.Single(Import(DicomBuilder.Mr(40, 100, pixels).Numbers(0x00280103, 1).File()).Origin.Remarks);
        Assert.Contains("1334 pixels hold -32768, all others", said, StringComparison.Ordinal);
        Assert.Contains("PixelPaddingValue", said, StringComparison.Ordinal);
    }

    // ---- Mosaics ----

    /// <remarks>Blocks of private elements may be moved, and archives write elements whose kind they do not know as UN.</remarks>
    [Theory]
    [InlineData(0x10, "US"), InlineData(0x10, "UN"), InlineData(0x11, "US"), InlineData(0x23, "UN")]
    public void A_mosaic_is_known_by_the_scanner_s_own_element_wherever_that_stands(int block, string kind)
    {
        DicomBuilder builder = DicomBuilder.Mr(4, 4, new ushort[16].Select((_, i) => (ushort)i).ToArray()).Text(
            0x00190000u | (uint)block, "LO", "SIEMENS MR HEADER");
        builder.Bytes(0x00190000u | (uint)(block << 8) | 0x0A, kind, [9, 0]);
        Assert.Contains("MOSAIC", Assert.Throws<InvalidMeasurementException>(() => Import(builder.File())).Message, StringComparison.Ordinal);
    }

    // ---- What is missing, and what is rounded ----

    [Theory]
    [InlineData(0x00280004u, "CS", "GREY", "PhotometricInterpretation (0028,0004)")]
    [InlineData(0x00280004u, "CS", "monochrome2", "PhotometricInterpretation (0028,0004)")]
    [InlineData(Slope, "DS", "0", "RescaleSlope (0028,1053) is 0")]
    public void An_element_that_cannot_be_right_is_named(uint tag, string kind, string value, string words) =>
        Refused(words, DicomBuilder.Mr(2, 2, 1, 2, 3, 4).Without(tag).Text(tag, kind, value).File());

    [Theory]
    [InlineData(@"0.0005\0.0005", false), InlineData(@"500\500", false), InlineData(@"0.05\0.05", true)]
    public void Pixels_that_are_hardly_in_millimetres_have_no_place(string spacing, bool good)
    {
        ImportedMeasurement read = Import(DicomBuilder.Mr(1, 2, 1, 2).At(1, 2, 3).Without(0x00280030).Text(0x00280030, "DS", spacing).File());
        Assert.Equal(good, read.Origin.Geometry![0] is not null);
        if (!good) Assert.Contains("not plausible in millimetres", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_without_photometric_interpretation_is_refused_by_the_tag() =>
        Refused("PhotometricInterpretation (0028,0004)", DicomBuilder.Mr(2, 2, 1, 2, 3, 4).Without(0x00280004).File());

    [Fact]
    public void A_file_that_does_not_say_whether_pixels_have_a_sign_is_remarked_on()
    {
        DicomImage image = Read(DicomBuilder.Mr(1, 2, 1, 65535).Without(0x00280103).File());
        Assert.Equal([1, 65535], image.Values);
        Assert.Contains("PixelRepresentation (0028,0103)", Assert.Single(image.Remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(@"0.99\0\0\0\1.01\0"), InlineData(@"0.999\0.01\0\0\1\0.05"), InlineData(@"0.71\0.71\0\-0.71\0.71\0")]
    public void Rounded_directions_are_brought_to_length_1_and_to_a_right_angle(string orientation)
    {
        ImportedMeasurement read = Import(DicomBuilder.Mr(1, 2, 1, 2).At(1, 2, 3, orientation).File());
        FrameGeometry place = read.Origin.Geometry![0]!;
        double[] given = [.. orientation.Split('\\').Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture))];
        Assert.Equal(
            (1.0, 1.0, 0.0),
            (Math.Round(place.AlongRow.Norm, 12), Math.Round(place.AlongColumn.Norm, 12), Math.Round(place.AlongRow.Dot(place.AlongColumn), 12)));
        Assert.True(
            (place.AlongRow - new PatientVector(given[0], given[1], given[2])).Norm < 0.011
                && (place.AlongColumn - new PatientVector(given[3], given[4], given[5])).Norm < 0.02);
        Assert.Contains("rounded", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(@"0.98\0\0\0\1\0"), InlineData(@"1\0\0\0.02\1\0")]
    public void Directions_that_are_none_are_said_not_to_be_used(string orientation)
    {
        ImportedMeasurement read = Import(DicomBuilder.Mr(1, 2, 1, 2).At(1, 2, 3, orientation).File());
        Assert.Null(read.Origin.Geometry![0]);
        Assert.Contains("ImageOrientationPatient", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Directions_that_are_good_are_taken_as_they_are()
    {
        ImportedMeasurement read = Import(DicomBuilder.Mr(1, 2, 1, 2).At(1, 2, 3, @"0.7071\0.7071\0\-0.7071\0.7071\0").File());
        Assert.Equal(0.7071, read.Origin.Geometry![0]!.AlongRow.X);
        Assert.Empty(read.Origin.Remarks);
    }

    // ---- Floating-point pixels ----

    [Theory]
    [InlineData(true), InlineData(false)]
    public void Floating_point_pixels_are_read(bool isDouble)
    {
        float[] pixels = [-0.5f, 0, 1.25f, 3.5f, float.NaN, -99];
        DicomBuilder builder = DicomBuilder.Mr(2, 3).Without(0x7FE00010).Without(0x00280101).Without(0x00280102).Without(0x00280103).Numbers(
            0x00280100, isDouble ? 64 : 32)
            .Text(Slope, "DS", "2").Text(Intercept, "DS", "1");
        byte[] Bytes(float[] values) => [.. values.SelectMany(value => isDouble ? BitConverter.GetBytes((double)value) : BitConverter.GetBytes(value))];
        uint tag = isDouble ? 0x7FE00009u : 0x7FE00008u;
        string kind = isDouble ? "OD" : "OF";
        Refused("not finite", builder.Bytes(tag, kind, Bytes(pixels)).File());
        Refused("fewer", builder.Bytes(tag, kind, Bytes(pixels[..5])).File());
        pixels[4] = -99;
        DicomImage plain = Read(builder.Bytes(tag, kind, Bytes(pixels)).File());
        Assert.Equal([0, 1, 3.5f, 8, -197, -197], plain.Values);
        Assert.Equal(isDouble ? 64 : 32, plain.BitsStored);
        byte[] padded = (isDouble ? builder.Double(0x00280123, -99) : builder.Bytes(0x00280122, "FL", BitConverter.GetBytes(-99f))).File();
        ImportedMeasurement read = Import(padded);
        Assert.Equal([0, 0.125f, 0.4375f, 1, 0, 0], read.Files["measurement"].Array.Values);
        Assert.Equal(0, read.Files["measurement"].Quantisation);
    }

    // ---- Mosaics and mixed frame types ----

    public static TheoryData<string, Func<DicomBuilder, DicomBuilder>, bool> Mosaics => new()
    {
        { "image type", b => b.Text(0x00080008, "CS", @"ORIGINAL\PRIMARY\M\ND\MOSAIC"), true },
        { "private element", b => b.Text(0x00190010, "LO", "SIEMENS MR HEADER").Numbers(0x0019100A, 9), true },
        { "CSA header", b => b.Bytes(0x00291010, "OB", Csa("9")), true },
        { "CSA header of one slice", b => b.Bytes(0x00291010, "OB", Csa("1")), false },
        { "damaged CSA header", b => b.Bytes(0x00291010, "OB", Csa("9")[..120]), false },
        { "another vendor's element", b => b.Text(0x00190010, "LO", "SOMEBODY").Numbers(0x0019100A, 9), false },
    };

    // Names, type and the text of one item lie 100 bytes apart.
    private static byte[] Csa(string number)
    {
        byte[] header = new byte[200];
        "SV10"u8.CopyTo(header);
        "NumberOfImagesInMosaic"u8.CopyTo(header.AsSpan(16));
        Encoding.ASCII.GetBytes(number).CopyTo(header, 16 + 100);
        return header;
    }

    [Theory, MemberData(nameof(Mosaics), DisableDiscoveryEnumeration = true)]
    public void A_Siemens_mosaic_is_refused_by_name_with_a_remedy(string what, Func<DicomBuilder, DicomBuilder> change, bool isMosaic)
    {
        byte[] file = change(DicomBuilder.Mr(2, 2, 1, 2, 3, 4).At(0, 0, 0)).File();
        Assert.True(Read(file).IsMosaic == isMosaic, what);
        if (!isMosaic) Import(file);
        else Assert.Matches("MOSAIC.*dcm2niix", Assert.Throws<InvalidMeasurementException>(() => Import(file)).Message);
        // As a reference it names the patient, and no place.
        Assert.Equal(isMosaic, Read(file).Frames[0].Geometry is null);
    }

    private static DicomBuilder Enhanced(params (string Type, string Component, double EchoTime)[] frames) =>
        DicomBuilder.Mr(1, 2, [.. Enumerable.Range(0, 2 * frames.Length).Select(i => (ushort)i)])
        .Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.4.1").Text(0x00280008, "IS", $"{frames.Length}")
        .Sequence(0x52009229, new DicomBuilder()
            .Sequence(0x00209116, new DicomBuilder().Text(0x00200037, "DS", @"1\0\0\0\1\0")).Sequence(
                0x00289110, new DicomBuilder().Text(0x00280030, "DS", @"1\1"))
            .Sequence(0x00189112, new DicomBuilder().Text(0x00180080, "DS", "2000").Text(0x00181314, "DS", "15")))
        .Sequence(0x52009230, [.. frames.Select((frame, i) => new DicomBuilder()
            .Sequence(
                0x00189226,
                frame.Component.Length == 0
                    ? new DicomBuilder().Text(0x00089007, "CS", frame.Type)
                    : new DicomBuilder().Text(0x00089007, "CS", frame.Type).Text(0x00089208, "CS", frame.Component))
            .Sequence(0x00189114, new DicomBuilder().Double(0x00189082, frame.EchoTime)).Sequence(
                0x00209113, new DicomBuilder().Text(0x00200032, "DS", $@"0\0\{i}")))]);

    [Theory]
    [InlineData(@"ORIGINAL\PRIMARY\M\NONE", "", @"ORIGINAL\PRIMARY\PHASE MAP\NONE", ""),
        InlineData(@"ORIGINAL\PRIMARY\VOLUME\NONE", "MAGNITUDE", @"ORIGINAL\PRIMARY\VOLUME\NONE", "PHASE")]
    [InlineData(@"ORIGINAL\PRIMARY\M\NONE", "MAGNITUDE", @"DERIVED\PRIMARY\FIELD_MAP\NONE", "MAGNITUDE")]
    public void Frames_that_mean_different_things_do_not_share_a_scale(string type, string component, string otherType, string otherComponent)
    {
        byte[] file = Enhanced((type, component, 5), (otherType, otherComponent, 5)).File();
        string text = Assert.Throws<InvalidMeasurementException>(() => Import(file)).Message;
        Assert.Contains("mixes frame types", text, StringComparison.Ordinal);
        Assert.Contains(type + (component.Length == 0 ? "" : "\\" + component), text, StringComparison.Ordinal);
        Assert.Contains(otherType + (otherComponent.Length == 0 ? "" : "\\" + otherComponent), text, StringComparison.Ordinal);
        Assert.Contains("split it", text, StringComparison.Ordinal);
        Assert.Equal(2, Read(file).Frames.Count); // a reference all the same
    }

    [Fact]
    public void Frames_of_one_type_are_a_stack_with_their_own_echo_times()
    {
        byte[] file = Enhanced((@"ORIGINAL\PRIMARY\M\NONE", "MAGNITUDE", 4.6), (@"ORIGINAL\PRIMARY\M\NONE", "MAGNITUDE", 9.2)).File();
        Assert.Equal([2, 1, 1, 2], Import(file).Files["measurement"].Array.Shape);
        Assert.Equal(
            [(4.6, 2000.0, 15.0), (9.2, 2000.0, 15.0)],
            Read(file).Frames.Select(frame => (frame.EchoTimeMs!.Value, frame.RepetitionTimeMs!.Value, frame.FlipAngleDegrees!.Value)));
        Assert.Equal(@"ORIGINAL\PRIMARY\M\NONE\MAGNITUDE", Read(file).Frames[1].Type);
        IReadOnlyList<DerivedFile> written = DerivedFiles.Write(_reader, new DerivedImages
        {
            Values = [0, 1, 2, 3],
            Slices = 2,
            Channels = 1,
            Rows = 1,
            Columns = 2,
            Scale = 1,
            Origin = Import(file).Origin,
            Solver = "none",
            Model = "none",
            SoftwareVersion = "1",
        }).Files;
        Assert.Equal(
            [(4.6, 2000.0, 15.0), (9.2, 2000.0, 15.0)],
            written.Take(2).Select(one => Read(one.Bytes).Frames[0]).Select(frame =>
                (frame.EchoTimeMs!.Value, frame.RepetitionTimeMs!.Value, frame.FlipAngleDegrees!.Value)));
    }

    private DicomImage Read(byte[] file) => DicomFile.Read(_reader, file);

    private ImportedMeasurement Import(byte[] file) => new FileImport(_reader, 1 << 22).ReadMeasurement(MeasurementKind.Image, file, null, false);

    private void Refused(string reason, byte[] file) =>
        Assert.Contains(reason, Assert.Throws<InvalidMeasurementException>(() => Read(file)).Message, StringComparison.Ordinal);

    // A result of one square frame: the voxels of its NIfTI file, and its DICOM file.
    private (float[] Nifti, DicomImage Dicom) Written(ImportedMeasurement read, float[] values, int side)
    {
        IReadOnlyList<DerivedFile> files = DerivedFiles.Write(_reader, new DerivedImages
        {
            Values = values,
            Slices = 1,
            Channels = 1,
            Rows = side,
            Columns = side,
            Scale = read.Origin.Scale,
            Offset = read.Origin.Offset,
            Origin = read.Origin,
            Solver = "none",
            Model = "none",
            SoftwareVersion = "1",
        }).Files;
        return (
            Nifti.Read(files.Single(file => file.Name == "result.nii").Bytes, 1 << 20).Values,
            Read(files.Single(file => file.Name == "result-0000.dcm").Bytes));
    }
}
