using System.IO.Compression;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Many DICOM files as one measurement.</summary>
public sealed class DicomStackTests : IDisposable
{
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose() => _reader.Dispose();

    // A slice of 1 x 2 pixels, the second of them its number; instance numbers go against the places.
    private static DicomBuilder Slice(int number, double z) =>
        DicomBuilder.Mr(1, 2, 1, (ushort)(10 * number)).At(0, 0, z).Text(
            0x00080018, "UI", $"1.2.3.4.{number}").Text(0x00200013, "IS", $"{100 - number}").Text(0x00180081, "DS", "10");

    private static byte[][] Series(params double[] places) => [.. places.Select((z, i) => Slice(i + 1, z).File())];

    [Theory]
    [InlineData(false), InlineData(true)]
    public void The_files_of_a_series_are_a_stack_in_the_order_of_their_places(bool zipped)
    {
        byte[][] files = Series(3, -3, 9, 0, 6);
        ImportedMeasurement read = zipped ? Read(Zip([.. files.Select((file, i) => ($"a/{i}", file))])) : Stack(files);
        Assert.Equal([5, 1, 1, 2], read.Files["measurement"].Array.Shape);
        Assert.Equal([20, 40, 10, 50, 30], read.Files["measurement"].Array.Values.Where((_, i) => i % 2 == 1).Select(value => (int)Math.Round(value * 50)));
        Assert.Equal([-3.0, 0, 3, 6, 9], read.Origin.Geometry!.Select(place => place!.Position.Z));
        Assert.Equal(["1.2.3.4.2", "1.2.3.4.4", "1.2.3.4.1", "1.2.3.4.5", "1.2.3.4.3"], read.Origin.Sources!.Select(source => source.SopInstanceUid));
        Assert.Equal((50.0, 0.0, 1 / 50.0 / Math.Sqrt(12)), (read.Origin.Scale, read.Origin.Offset, read.Files["measurement"].Quantisation));
        Assert.Equal("The measurement is a series of 5 DICOM files, in the order of their positions.", Assert.Single(read.Origin.Routine));
        Assert.Empty(read.Origin.Remarks);
    }

    [Fact]
    public void The_result_of_a_series_is_one_series_with_each_slice_at_its_place_and_of_its_source()
    {
        ImportedMeasurement read = Stack(Series(3, -3, 0));
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, new DerivedImages
        {
            Values = read.Files["measurement"].Array.Values,
            Slices = 3,
            Channels = 1,
            Rows = 1,
            Columns = 2,
            Scale = read.Origin.Scale,
            Offset = read.Origin.Offset,
            Origin = read.Origin,
            Solver = "none",
            Model = "none",
            SoftwareVersion = "1",
        });
        Assert.Equal(("reference", "measurement", 3), (report.Identifiers, report.Geometry, report.Instances));
        DicomImage[] written = [.. files.Where(file => file.ContentType == "application/dicom").Select(file => DicomFile.Read(_reader, file.Bytes))];
        Assert.Equal([-3.0, 0, 3], written.Select(image => image.Frames[0].Geometry!.Position.Z));
        Assert.Equal([1.0, 2, 3], written.Select(image => image.InstanceNumber!.Value));
        Assert.Single(written.Select(image => image.SeriesInstanceUid).Distinct());
        Assert.Equal([43690f, 65535, 21845], written.Select(image => image.Values[1]));
        string[] sources = ["1.2.3.4.2", "1.2.3.4.3", "1.2.3.4.1"];
        foreach ((int i, DerivedFile file) in files.Where(file => file.ContentType == "application/dicom").Index())
        {
            string text = System.Text.Encoding.Latin1.GetString(file.Bytes);
            Assert.All(sources, source => Assert.Equal(source == sources[i], text.Contains(source + "\0", StringComparison.Ordinal)));
        }

        Volume volume = Nifti.Read(files.Single(file => file.Name == "result.nii").Bytes, 6);
        Assert.Equal((3, 3.0, -3.0), (volume.SizeZ, volume.VoxelMm.Z, volume.Affine[11]));
        Assert.Equal([20, 30, 10], [.. volume.Values.Where((_, i) => i % 2 == 1).Select(value => (int)Math.Round(value))]);
    }

    [Fact]
    public void Other_files_and_copies_are_left_out_with_a_remark()
    {
        byte[] directory = DicomBuilder.Mr(1, 1, 1).Text(0x00080016, "UI", "1.2.840.10008.1.3.10").File();
        byte[][] slices = Series(0, 3);
        byte[] zip = Zip(
            ("s/", []), ("s/1", slices[0]), ("s/2", slices[1]), ("s/2 (1)", slices[1]), ("../../etc/README.txt", "Doe, Jane"u8.ToArray()),
            ("DICOMDIR", directory));
        ImportedMeasurement read = Read(zip);
        Assert.Equal([2, 1, 1, 2], read.Files["measurement"].Array.Shape);
        Assert.Equal(["2 of the files are not DICOM images and were left out.", "1 of the files are copies of others and were left out."], read.Origin.Remarks);
        Assert.DoesNotContain(
            read.Origin.Remarks, remark => remark.Contains("Doe", StringComparison.Ordinal) || remark.Contains("etc", StringComparison.Ordinal));
        // One slice is an image.
        Assert.Equal([1, 1, 2], Stack(slices[..1]).Files["measurement"].Array.Shape);
    }

    [Fact]
    public void Reports_and_presentation_states_beside_the_images_are_left_out()
    {
        ImportedMeasurement read = Stack([.. Series(0, 3), DicomSeeds.File("report")]);
        Assert.Equal([2, 1, 1, 2], read.Files["measurement"].Array.Shape);
        Assert.Equal("1 of the files are not DICOM images and were left out.", Assert.Single(read.Origin.Remarks));
    }

    [Theory]
    [InlineData(0x00100020u, "LO", "ID-2", "several patients"), InlineData(0x00100010u, "PN", "Roe^Rita", "several patients")]
    [InlineData(0x00280004u, "CS", "MONOCHROME1", "MONOCHROME1")]
    public void Files_of_one_series_that_cannot_be_one_are_refused(uint tag, string kind, string value, string words)
    {
        string message = Assert.Throws<InvalidMeasurementException>(() =>
            Stack([Slice(1, 0).File(), Slice(2, 3).Without(tag).Text(tag, kind, value).File()])).Message;
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.DoesNotContain("Rita", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_places_the_order_is_that_of_the_instance_numbers()
    {
        byte[][] files = [.. Enumerable.Range(1, 3).Select(i => Slice(i, 0).Without(0x00200032).File())];
        ImportedMeasurement read = Stack(files);
        Assert.Equal([30, 20, 10], read.Files["measurement"].Array.Values.Where((_, i) => i % 2 == 1).Select(value => (int)Math.Round(value * 30)));
        Assert.Contains("instance numbers", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
        files[2] = Slice(3, 0).Without(0x00200032).Without(0x00200013).File();
        Refused("order is unknown", files);
    }

    [Theory]
    [InlineData("4.5 mm between slices 3 and 4 where 3 mm", 0.0, 3.0, 6.0, 10.5, 13.5)]
    [InlineData("6 mm between slices 2 and 3 where 3 mm are usual, so a slice may be missing", 12.0, 9.0, 3.0, 0.0)]
    public void Distances_that_differ_are_remarked_on(string words, params double[] places) =>
        Assert.Contains(Stack(Series(places)).Origin.Remarks, remark => remark.Contains(words, StringComparison.Ordinal));

    /// <summary>The fault of the second of three files, and a part of the message.</summary>
    public static TheoryData<string, Func<DicomBuilder>> Mixed => new()
    {
        { "2 series", () => Slice(2, 3).Text(0x0020000E, "UI", "1.2.3.99") },
        { "2 series", () => Slice(2, 3).Text(0x0020000D, "UI", "1.2.3.99") },
        { "1 x 2, 2 x 1", () => DicomBuilder.Mr(2, 1, 1, 20).At(0, 0, 3) },
        { "coordinate systems", () => Slice(2, 3).Text(0x00200052, "UI", "1.2.3.99") },
        { "modalities", () => Slice(2, 3).Text(0x00080060, "CS", "CT") },
        { @"mixes frame types (ORIGINAL\PRIMARY\M; ORIGINAL\PRIMARY\P)", () => Slice(2, 0).Text(0x00080008, "CS", @"ORIGINAL\PRIMARY\P") },
        { @"mixes frame types (ORIGINAL\PRIMARY\M; ORIGINAL\PRIMARY\M\PHASE)", () => Slice(2, 0).Text(0x00089208, "CS", "PHASE") },
        { "not parallel", () => Slice(2, 3).At(0, 0, 3, @"1\0\0\0\0\-1") },
        { "not parallel", () => Slice(2, 3).Text(0x00280030, "DS", @"2\2") },
        { "1 of the series' 3 files state no position", () => Slice(2, 3).Without(0x00200032) },
        { "1 of the series' 3 images have the position of another (echo times 10, 30 ms)", () => Slice(2, 0).Text(0x00180081, "DS", "30") },
        { "1 of the series' 3 images have the position of another (several echoes", () => Slice(2, 0.001) },
        { "MOSAIC", () => Slice(2, 3).Text(0x00080008, "CS", @"ORIGINAL\PRIMARY\M\MOSAIC") },
        { "2 frames", () => DicomBuilder.Mr(1, 2, 1, 2, 3, 4).Text(0x00280008, "IS", "2") },
        { "File 2 of the series: The DICOM image has no PhotometricInterpretation", () => Slice(2, 3).Without(0x00280004) },
    };

    [Theory, MemberData(nameof(Mixed), DisableDiscoveryEnumeration = true)]
    public void What_is_no_series_of_slices_is_refused_by_its_reason(string words, Func<DicomBuilder> second) =>
        Refused(words, [Slice(1, 0).File(), second().File(), Slice(3, 6).File()]);

    [Fact]
    public void Files_that_are_no_DICOM_images_are_no_series()
    {
        Refused("None of the files is a DICOM image", ["\u0089PNG"u8.ToArray(), "text"u8.ToArray()]);
        Assert.Contains(
            "None of the files", Assert.Throws<InvalidMeasurementException>(() => Read(Zip(("a.png", [1, 2, 3])))).Message, StringComparison.Ordinal);
        Assert.Equal(
            DicomFile.NoKSpace,
            Assert.Throws<InvalidMeasurementException>(() =>
                Import(_reader).ReadMeasurement(MeasurementKind.MultiCoil, Zip([.. Series(0, 3).Select((file, i) => ($"{i}", file))]), null, false)).Message);
    }

    [Fact]
    public void Archives_are_limited_before_they_are_unpacked()
    {
        using var small = new FormatReader(ReaderLimits.Default with { Elements = 1 << 10 });
        long limit = Import(small).MaxSeriesBytes;
        byte[] third = new byte[(limit / 3) + 1];
        byte[] bomb = Zip(("a", third), ("b", third), ("c", third));
        Assert.True(bomb.Length < limit / 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(
            "at most", Assert.Throws<InvalidMeasurementException>(() => Import(small).ReadMeasurement(MeasurementKind.Image, bomb, null, false)).Message,
            StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 4_000_000);

        byte[] many = Zip([.. Enumerable.Range(0, DicomArchive.MaxFiles + 1).Select(i => ($"{i}", Array.Empty<byte>()))]);
        Assert.Contains(
            $"at most {DicomArchive.MaxFiles}",
            Assert.Throws<InvalidMeasurementException>(() => Import(small).ReadMeasurement(MeasurementKind.Image, many, null, false)).Message,
            StringComparison.Ordinal);

        // The numbers of all slices count together.
        byte[][] slices = [.. Enumerable.Range(0, 3).Select(i =>
            DicomBuilder.Mr(16, 32, new ushort[512]).At(0, 0, i).Text(0x00080018, "UI", $"1.2.3.4.{i}").File())];
        Assert.Contains(
            "1024 numbers", Assert.Throws<InvalidMeasurementException>(() => Import(small).ReadSeries(MeasurementKind.Image, slices)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_archive_is_refused()
    {
        byte[] zip = Zip([.. Series(0, 3).Select((file, i) => ($"{i}", file))]);
        zip[200] ^= 0xFF;
        Assert.Throws<InvalidMeasurementException>(() => Read(zip));
        Assert.Throws<InvalidMeasurementException>(() => Read(zip[..^30]));
    }

    [Fact]
    public void Packing_gives_the_same_archive_again() => Assert.Equal(DicomArchive.Pack(Series(0, 3)), DicomArchive.Pack(Series(0, 3)));

    [Fact]
    public void A_real_series_is_put_in_order()
    {
        string? folder = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } root
            ? Path.Combine(root, "dicom", "sag_anon_mprage")
            : null;
        Assert.SkipUnless(Directory.Exists(folder), "INVERSESOLVER_TEST_DATA names no folder with dicom/sag_anon_mprage.");
        byte[][] files = [.. Directory.GetFiles(folder!, "*.dcm").Order(StringComparer.Ordinal).Take(6).Select(File.ReadAllBytes)];
        ImportedMeasurement read = Stack([.. files.Reverse()]);
        double[] places = [.. read.Origin.Geometry!.Select(place => place!.Position.Dot(read.Origin.Geometry![0]!.Normal))];
        Assert.Equal(places.Order(), places);
        Assert.Equal(files.Length, places.Length);
    }

    private static FileImport Import(FormatReader reader) => new(reader, 1 << 22);

    private ImportedMeasurement Read(byte[] file) => Import(_reader).ReadMeasurement(MeasurementKind.Image, file, null, false);

    private ImportedMeasurement Stack(byte[][] files) => Import(_reader).ReadSeries(MeasurementKind.Image, files);

    private void Refused(string words, byte[][] files) =>
        Assert.Contains(words, Assert.Throws<InvalidMeasurementException>(() => Stack(files)).Message, StringComparison.Ordinal);

    private static byte[] Zip(params (string Name, byte[] File)[] files)
    {
        using var packed = new MemoryStream();
        using (var archive = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] file) in files)
            {
                using Stream stream = archive.CreateEntry(name, CompressionLevel.Fastest).Open();
                stream.Write(file);
            }
        }

        return packed.ToArray();
    }
}
