using System.Buffers.Binary;
using System.IO.Compression;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>NIfTI volumes as measurements and as the place of a result.</summary>
public sealed class NiftiImportTests : IDisposable
{
    private static readonly int[] Sizes = [3, 4, 2];
    private static readonly double[] Sides = [1.5, 2, 3];
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose() => _reader.Dispose();

    /// <summary>All ways in which storage axes can run: the world axis of each (0 right, 1 front, 2 crown), and bits of those that run against it.</summary>
    public static TheoryData<string, int> Axes => new(
        from order in (string[])["012", "021", "102", "120", "201", "210"]
        from against in Enumerable.Range(0, 8)
        select (order, against));

    /// <remarks>
    /// Each voxel's value is its place: 100 right + 10 front + crown + 1000, all in mm. Wherever it comes to lie in the measurement, the geometry must say the
    /// same place; rows and columns must run as displays have them; and the result's file must have it where it was.
    /// </remarks>
    [Theory, MemberData(nameof(Axes))]
    public void Every_orientation_is_shown_upright_and_written_back_as_it_was(string order, int against)
    {
        int[] world = [.. order.Select(letter => letter - '0')];
        double[] affine = new double[16];
        affine[15] = 1;
        for (int i = 0; i < 3; i++)
        {
            affine[(4 * world[i]) + i] = (against >> i & 1) == 0 ? Sides[i] : -Sides[i];
            affine[(4 * i) + 3] = 7 + i;
        }

        byte[] file = Volume(affine);
        ImportedMeasurement read = Read(file);
        ArrayData measured = read.Files["measurement"].Array;
        int slices = measured.Shape[0], rows = measured.Shape[2], columns = measured.Shape[3];
        Assert.Equal((Sizes[2], 1), (slices, measured.Shape[1]));
        for (int i = 0; i < measured.Values.Length; i++)
        {
            FrameGeometry place = read.Origin.Geometry![i / (rows * columns)]!;
            PatientVector at = place.Position + (i % columns * place.ColumnSpacingMm * place.AlongRow)
                + (i / columns % rows * place.RowSpacingMm * place.AlongColumn);
            Assert.Equal(1000 - (100 * at.X) - (10 * at.Y) + at.Z, (measured.Values[i] * read.Origin.Scale) + read.Origin.Offset, 1e-2);
        }

        FrameGeometry first = read.Origin.Geometry![0]!;
        PatientVector left = new(1, 0, 0), back = new(0, 1, 0), feet = new(0, 0, -1);
        Assert.Equal(world[2] switch { 0 => (back, feet), 1 => (left, feet), _ => (left, back) }, (first.AlongRow, first.AlongColumn));

        DerivedFile written = Written(read, measured.Values, slices, rows, columns, default).Files.Single(one => one.Name == "result.nii");
        Volume before = Nifti.Read(file, 24), after = Nifti.Read(written.Bytes, 24);
        Assert.Equal((before.SizeX, before.SizeY, before.SizeZ), (after.SizeX, after.SizeY, after.SizeZ));
        for (int i = 0; i < 24; i++) Assert.Equal(before.Values[i], after.Values[i], 1e-2f);
        for (int i = 0; i < 16; i++) Assert.Equal(before.Affine[i], after.Affine[i], 1e-4);
    }

    [Fact]
    public void Larger_results_keep_the_axes_of_the_file_too()
    {
        ImportedMeasurement read = Read(Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]));
        DerivedFile written = Written(read, new float[2 * 8 * 6], 2, 8, 6, default).Files.Single(one => one.Name == "result.nii");
        Volume after = Nifti.Read(written.Bytes, 96);
        Assert.Equal((6, 8, 2), (after.SizeX, after.SizeY, after.SizeZ));
        Assert.Equal([0.5, 0, 0, -0.25, 0, 1, 0, -0.5, 0, 0, 3, 0, 0, 0, 0, 1], after.Affine);
    }

    [Theory]
    [InlineData(false), InlineData(true)]
    public void A_volume_without_vox_offset_is_read_like_one_with_it(bool compressed)
    {
        byte[] with = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]), without = [.. with];
        without.AsSpan(108, 4).Clear();
        if (compressed) without = Gzip(without);
        Assert.Equal(Nifti.Read(with, 24).Values, Nifti.Read(without, 24).Values);
        Assert.Equal(Read(with).Files["measurement"].Array.Values, Read(without).Files["measurement"].Array.Values);
    }

    [Fact]
    public void Extensions_without_vox_offset_are_refused()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        file.AsSpan(108, 4).Clear();
        file[348] = 1;
        Refused("vox_offset is 0", file);
    }

    [Fact]
    public void What_is_near_to_NIfTI_is_refused_by_name()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]), pair = [.. file], analyze = [.. file], second = new byte[600];
        pair[345] = (byte)'i';
        analyze.AsSpan(344, 4).Clear();
        BinaryPrimitives.WriteInt32LittleEndian(second, 540);
        Refused("second file (.img)", pair);
        Refused("Analyze", analyze);
        Refused("NIfTI-2", second);
        Assert.Contains(
            "(.hdr and .img)",
            Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.Image, new byte[96], pair, false)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "not k-space", Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "truth or the reference", Assert.Throws<InvalidMeasurementException>(() => Import.Read("mask", file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_volume_without_orientation_is_taken_as_it_is_stored()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        file[254] = 0;
        ImportedMeasurement read = Read(file);
        Assert.Null(read.Origin.Geometry);
        Assert.Contains("no orientation", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
        Assert.Equal([2, 1, 4, 3], read.Files["measurement"].Array.Shape);
        float[] values = NiftiSlicesOf(file);
        Assert.Equal(values.Select(value => value / values.Max()), read.Files["measurement"].Array.Values);
    }

    [Fact]
    public void Signs_a_template_and_a_plane_are_seen()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(116), -1100); // intercept
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(112), 1);
        file[254] = 4;
        ImportedMeasurement read = Read(file);
        Assert.Equal(-100, read.Origin.Offset);
        Assert.Equal((0f, 1f), (read.Files["measurement"].Array.Values.Min(), read.Files["measurement"].Array.Values.Max()));
        Assert.Contains("template", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
        file[40] = 2;
        Assert.Equal([1, 4, 3], Read(file).Files["measurement"].Array.Shape);
    }

    [Fact]
    public void A_truth_is_on_the_scale_of_the_measurement()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        ImportedMeasurement read = Read(file);
        Assert.Equal(read.Files["measurement"].Array.Values, Import.Read("truth", file, read.Origin).Array.Values);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(112), 0.5f);
        Assert.Equal(0.5f, Import.Read("truth", file, read.Origin).Array.Values.Max(), 1e-6f);
    }

    [Fact]
    public void A_reference_gives_a_result_its_place_and_no_patient()
    {
        byte[] reference = Volume([-1.5, 0, 0, 10, 0, -2, 0, 20, 0, 0, 3, 30, 0, 0, 0, 1]);
        Assert.Same(MeasurementOrigin.None, ReferenceCheck.Check(_reader, reference, MeasurementOrigin.None, force: false));
        var raw = new ImportedMeasurement(new Dictionary<string, ImportedFile>(), new MeasurementOrigin { Format = "npz", Rows = 4, Columns = 3 });
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = Written(raw, [.. Enumerable.Range(0, 24).Select(i => (float)i)], 2, 4, 3, reference);
        Assert.Equal(("new", "reference", 2), (report.Identifiers, report.Geometry, report.Instances));
        Assert.Contains("NIfTI reference", Assert.Single(report.Remarks), StringComparison.Ordinal);
        // RAS to LPS: x and y are turned over.
        FrameGeometry place = DicomFile.Read(_reader, files[1].Bytes).Frames[0].Geometry!;
        Assert.Equal(
            (new PatientVector(-10, -20, 33), new PatientVector(1, 0, 0), new PatientVector(0, 1, 0), 2.0, 1.5),
            (place.Position, place.AlongRow, place.AlongColumn, place.RowSpacingMm, place.ColumnSpacingMm));
        Volume after = Nifti.Read(files[^1].Bytes, 24);
        Assert.Equal(Nifti.Read(reference, 24).Affine, after.Affine);

        // Other sizes have another place.
        DerivedReport other = Written(raw, new float[24], 2, 3, 4, reference).Report;
        Assert.Equal("unknown", other.Geometry);
        Assert.Equal(2, other.Remarks.Count);
        Assert.Contains("other sizes", other.Remarks[0], StringComparison.Ordinal);
        Assert.Contains("hold placeholders", other.Remarks[1], StringComparison.Ordinal);
        reference[254] = 0;
        Assert.Contains(
            "does not state the position",
            Assert.Throws<InvalidMeasurementException>(() => ReferenceCheck.Check(_reader, reference, MeasurementOrigin.None, force: true)).Message,
            StringComparison.Ordinal);
    }

    /// <remarks>As dcm2niix stores an axial slice: the rows from back to front, which the affine says.</remarks>
    [Fact]
    public void A_reference_whose_rows_go_another_way_leaves_a_measurement_where_it_is()
    {
        byte[] reference = Volume([-1.5, 0, 0, 10, 0, 2, 0, 14, 0, 0, 3, 30, 0, 0, 0, 1]);
        FrameGeometry own = new(new(-10, -20, 30), new(1, 0, 0), new(0, 1, 0), 2, 1.5, 3);
        FrameGeometry[] places = [own, own with { Position = new(-10, -20, 33) }];
        var dicom = new ImportedMeasurement(
            new Dictionary<string, ImportedFile>(), new MeasurementOrigin { Format = "ismrmrd", Rows = 4, Columns = 3, Geometry = places });
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = Written(dicom, [.. Enumerable.Range(0, 24).Select(i => (float)i)], 2, 4, 3, reference);
        Assert.Equal("measurement", report.Geometry);
        Assert.Contains("its rows and columns have other directions", Assert.Single(report.Remarks), StringComparison.Ordinal);
        FrameGeometry written = DicomFile.Read(_reader, files[0].Bytes).Frames[0].Geometry!;
        Assert.Equal((places[0].Position, places[0].AlongColumn), (written.Position, written.AlongColumn));
    }

    [Theory]
    [InlineData(0.002, false), InlineData(2000, false), InlineData(0.1, true)]
    public void Voxels_that_are_hardly_in_millimetres_have_no_place(double size, bool good)
    {
        ImportedMeasurement read = Read(Volume([size, 0, 0, 0, 0, size, 0, 0, 0, 0, size, 0, 0, 0, 0, 1]));
        Assert.Equal(good, read.Origin.Geometry is not null);
        Assert.Equal(!good, read.Origin.Remarks.Any(remark => remark.Contains("not plausible in millimetres", StringComparison.Ordinal)));
    }

    [Fact]
    public void Orientations_that_mirror_each_other_are_remarked_on()
    {
        byte[] file = Volume([-1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(252), 1);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(76), 1);
        Assert.Contains("mirror each other", Assert.Single(Read(file).Origin.Remarks), StringComparison.Ordinal);
        BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(76), -1);
        Assert.Empty(Read(file).Origin.Remarks);
    }

    [Fact]
    public void Voxels_that_are_not_numbers_are_0_with_a_remark()
    {
        byte[] file = Volume([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]);
        float[] before = NiftiSlicesOf(file);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(70), 16);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(72), 32);
        byte[] floats = new byte[352 + (4 * before.Length)];
        file.AsSpan(0, 352).CopyTo(floats);
        BinaryPrimitives.WriteSingleLittleEndian(floats.AsSpan(112), 1);
        BinaryPrimitives.WriteSingleLittleEndian(floats.AsSpan(116), 0);
        for (int i = 0; i < before.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(floats.AsSpan(352 + (4 * i)), i == 0 ? float.NaN : i);
        ImportedMeasurement read = Read(floats);
        Assert.Contains("1 voxels of the NIfTI volume are not numbers", Assert.Single(read.Origin.Remarks), StringComparison.Ordinal);
        float[] values = read.Files["measurement"].Array.Values;
        Assert.Equal([0, 1f / (before.Length - 1), 2f / (before.Length - 1)], values.Order().Take(3));
    }

    [Fact]
    public void NiBabel_finds_each_value_where_it_was()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("inverse-nifti-");
        try
        {
            string before = Path.Combine(folder.FullName, "before.nii.gz"), after = Path.Combine(folder.FullName, "after.nii");
            File.WriteAllBytes(before, Gzip(Volume([0, 0, 3, 1, -1.5, 0, 0, 2, 0, 2, 0, 3, 0, 0, 0, 1])));
            ImportedMeasurement read = Read(File.ReadAllBytes(before));
            ArrayData measured = read.Files["measurement"].Array;
            File.WriteAllBytes(
                after, Written(read, measured.Values, 2, measured.Shape[2], measured.Shape[3], default).Files.Single(one => one.Name == "result.nii").Bytes);
            const string script =
                "import sys, nibabel, numpy; a, b = (nibabel.load(f) for f in sys.argv[1:]); "
                    + "print(numpy.abs(a.get_fdata() - b.get_fdata()).max() < 1e-2, numpy.abs(a.affine - b.affine).max() < 1e-5)";
            Assert.StartsWith("True True", Judge.Python("nibabel", script, before, after), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // Float32 voxels that are their place.
    private static byte[] Volume(double[] affine)
    {
        byte[] file = [.. NiftiTests.Header((short)Sizes[0], (short)Sizes[1], (short)Sizes[2], 16, 32), .. new byte[4 * 24]];
        for (int i = 0; i < 12; i++) BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(280 + (4 * i)), (float)affine[i]);
        for (int i = 0; i < 24; i++)
        {
            double[] voxel = [i % 3, i / 3 % 4, i / 12, 1];
            double[] at = [.. Enumerable.Range(0, 3).Select(row => Enumerable.Range(0, 4).Sum(k => affine[(4 * row) + k] * voxel[k]))];
            BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(352 + (4 * i)), (float)(1000 + (100 * at[0]) + (10 * at[1]) + at[2]));
        }

        return file;
    }

    private static float[] NiftiSlicesOf(byte[] file) =>
        [.. Enumerable.Range(0, 24).Select(i => BinaryPrimitives.ReadSingleLittleEndian(file.AsSpan(352 + (4 * i))))];

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private FileImport Import => new(_reader, 1 << 22);

    private ImportedMeasurement Read(byte[] file) => Import.ReadMeasurement(MeasurementKind.Image, file, null, false);

    private void Refused(string words, byte[] file) =>
        Assert.Contains(words, Assert.Throws<InvalidMeasurementException>(() => Read(file)).Message, StringComparison.Ordinal);

    private (IReadOnlyList<DerivedFile> Files, DerivedReport Report) Written(
        ImportedMeasurement read, float[] values, int slices, int rows, int columns, ReadOnlyMemory<byte> reference) =>
        DerivedFiles.Write(_reader, new DerivedImages
        {
            Values = values,
            Slices = slices,
            Channels = 1,
            Rows = rows,
            Columns = columns,
            Scale = read.Origin.Scale,
            Offset = read.Origin.Offset,
            Origin = read.Origin,
            Reference = reference,
            Solver = "none",
            Model = "none",
            SoftwareVersion = "1",
        });
}
