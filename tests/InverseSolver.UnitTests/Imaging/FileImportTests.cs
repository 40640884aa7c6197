using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

/// <summary>Files of every format as the arrays of a request.</summary>
public sealed class FileImportTests : IDisposable
{
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    private FileImport Import => new(_reader, 1 << 22);

    public void Dispose() => _reader.Dispose();

    /// <remarks>BART's sample (x, y, coil) lies at x + X (y + Y coil): in our layout it is (coil, x, y).</remarks>
    [Theory]
    [InlineData("3 2 1 2", 3, 2), InlineData("1 3 2 2", 3, 2), InlineData("3 1 2 2", 3, 2)]
    public void BART_s_first_encoding_becomes_the_rows(string sizes, int rows, int columns)
    {
        float[] values = [.. Enumerable.Range(0, 12).SelectMany(i => (float[])[i, -i])];
        byte[] data = new byte[96];
        Buffer.BlockCopy(values, 0, data, 0, 96);
        NpyArray array = Measurement(Import.ReadMeasurement(MeasurementKind.MultiCoil, data, [.. "# Dimensions\n"u8, .. System.Text.Encoding.ASCII.GetBytes(sizes + "\n")], false));
        Assert.Equal([2, rows, columns], array.Shape);
        // Coil 0: x = 0, 1, 2 at y = 0 are samples 0, 1, 2; at y = 1 they are 3, 4, 5.
        Assert.Equal([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11], Enumerable.Range(0, 12).Select(i => array.Values[2 * i]));
    }

    [Theory]
    [InlineData("3 2 2 1"), InlineData("12"), InlineData("3 2 1 1 2")]
    public void Other_arrays_of_BART_are_refused(string sizes)
    {
        byte[] header = [.. "# Dimensions\n"u8, .. System.Text.Encoding.ASCII.GetBytes(sizes + "\n")];
        Assert.Contains("BART", Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, new byte[96], header, false)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BART_s_real_file_is_the_npy_of_it()
    {
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.MultiCoil, RawData.Read("bart_brain8ch", "full.cfl"), RawData.Read("bart_brain8ch", "full.hdr"), false);
        NpyArray expected = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 22);
        Assert.Equal(expected.Shape, Measurement(read).Shape);
        Assert.True(RawData.Distance(expected.Values, Measurement(read).Values) < 1e-6);
    }

    [Fact]
    public void A_mask_is_read_from_raw_data_only_where_the_problem_asks_for_it()
    {
        byte[] file = RawData.Read("converted", "brain8ch_R3_acs24_ismrmrd.h5");
        ImportedMeasurement without = Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, withMask: false);
        Assert.Equal("ismrmrd", without.Origin.Format);
        Assert.Equal(["measurement"], without.Files.Keys);
        ImportedMeasurement with = Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, withMask: true);
        float[] lines = Npy.Read(RawData.Read("converted", "brain8ch_R3_acs24_mask.npy"), 1000).Values;
        Assert.Equal([230, 180], with.Files["mask"].Array.Shape);
        Assert.Equal(lines, with.Files["mask"].Array.Values[^180..]);
    }

    [Theory]
    [InlineData(MeasurementKind.Image, "parallelMri"), InlineData(MeasurementKind.SingleCoil, "8 coils")]
    public void Raw_data_say_which_problem_they_are_for(MeasurementKind kind, string word)
    {
        byte[] file = RawData.Read("converted", "brain8ch_fastmri_style.h5");
        Assert.Contains(word, Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(kind, file, null, false)).Message, StringComparison.Ordinal);
    }

    /// <remarks>An image of one pixel of 5 has samples of magnitude 5 / √(rows columns) everywhere; the quantile of its magnitudes is what is divided by.</remarks>
    [Fact]
    public void One_coil_is_scaled_to_the_images_of_models()
    {
        // A constant image of 5: all of its energy is at frequency 0, 5 √12.
        float[] k = new float[24];
        k[2 * ((2 * 3) + 1)] = 5 * MathF.Sqrt(12);
        byte[] data = new byte[96];
        float[] columnMajor = new float[24];
        columnMajor[2 * (2 + (4 * 1))] = k[2 * ((2 * 3) + 1)];
        Buffer.BlockCopy(columnMajor, 0, data, 0, 96);
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.SingleCoil, data, [.. "# Dimensions\n4 3\n"u8], false);
        Assert.Equal([4, 3], Measurement(read).Shape);
        Assert.Equal(5, read.Origin.Scale, 1e-5);
        Assert.Equal(5, read.Origin.NoiseScale, 1e-5);
        Assert.Equal(MathF.Sqrt(12), Measurement(read).Values[2 * ((2 * 3) + 1)], 1e-5);
    }

    [Fact]
    public void An_npz_holds_files_by_their_names()
    {
        NpyArray y = new([2, 4, 4], new float[64], IsComplex: true), maps = new([2, 4, 4], new float[64], IsComplex: true);
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.MultiCoil, Npz.Write(new Dictionary<string, NpyArray> { ["kspace"] = y, ["maps"] = maps }), null, false);
        Assert.Equal(["maps", "measurement"], read.Files.Keys.Order());
        Assert.Equal("npz", read.Origin.Format);
    }

    /// <remarks>Pixels of the committed dump: signed values, so the smallest is below 0 and becomes 0.</remarks>
    [Theory]
    [InlineData("mr-unsigned"), InlineData("mr-signed")]
    public void A_DICOM_image_is_brought_to_0_1_by_a_scale_and_an_offset(string dump)
    {
        byte[] file = DicomSeeds.File(dump);
        DicomImage image = DicomFile.Read(_reader, file);
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.Image, file, null, false);
        Assert.Equal([1, DicomSeeds.Rows, DicomSeeds.Columns], Measurement(read).Shape);
        Assert.Equal(1, Measurement(read).Values.Max(), 1e-6);
        Assert.True(Measurement(read).Values.Min() >= 0);
        Assert.Equal(Math.Min(0, image.Smallest), read.Origin.Offset);
        for (int i = 0; i < image.Values.Length; i++) Assert.Equal(image.Values[i], (Measurement(read).Values[i] * read.Origin.Scale) + read.Origin.Offset, 1e-3);
        Assert.Equal(DicomFile.NoKSpace, Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false)).Message);
        // Another DICOM image is put on the scale of the measurement.
        Assert.Equal(Measurement(read).Values, Import.Read("truth", file, read.Origin).Array.Values);
    }

    [Fact]
    public void The_same_field_of_view_with_half_the_pixels_keeps_its_corners()
    {
        var fine = new FrameGeometry(new(1, 2, 3), new(0, 1, 0), new(0, 0, -1), 2, 1);
        FrameGeometry coarse = fine.Resampled(8, 8, 4, 4);
        Assert.Equal((4.0, 2.0), (coarse.RowSpacingMm, coarse.ColumnSpacingMm));
        // Half a fine pixel inwards along both axes: 0.5 mm along y, 1 mm down z.
        Assert.Equal(new PatientVector(1, 2.5, 2), coarse.Position);
        Assert.Equal(fine, coarse.Resampled(4, 4, 8, 8));
    }

    [Fact]
    public void A_result_is_written_in_the_units_of_its_scan()
    {
        var origin = new MeasurementOrigin { Format = "ismrmrd", Rows = 4, Columns = 4, Geometry = [new(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5)] };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, Images(origin, [.. Enumerable.Range(0, 16).Select(i => i / 16f)]));
        Assert.Equal(["result-0000.dcm", "result.nii"], files.Select(file => file.Name));
        Assert.Equal(("new", "measurement", 1, 0), (report.Identifiers, report.Geometry, report.Instances, report.Remarks.Count));
        DicomImage dicom = DicomFile.Read(_reader, files[0].Bytes);
        // The stored numbers are those of 16 bits; the ratio of two of them is that of the values.
        Assert.Equal(15 / 8.0, dicom.Values[15] / dicom.Values[8], 1e-3);
        Assert.Equal(100 * 15 / 16f, BitConverter.ToSingle(files[1].Bytes, 352 + (15 * 4)), 1e-3);
    }

    [Fact]
    public void What_refers_to_no_MR_image_is_no_MR_series()
    {
        var origin = new MeasurementOrigin { Format = "dicom", Rows = 4, Columns = 4, Modality = "CT" };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, Images(origin, new float[16]));
        Assert.Equal(["result.nii"], files.Select(file => file.Name));
        Assert.Contains("no MR image", Assert.Single(report.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Repetitions_of_one_slice_are_no_volume_in_space()
    {
        var place = new FrameGeometry(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5);
        var origin = new MeasurementOrigin { Format = "ismrmrd", Rows = 4, Columns = 4, Geometry = [place, place] };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, Images(origin, new float[32]) with { Slices = 2 });
        Assert.Equal(["result-0000.dcm", "result-0001.dcm", "result.nii"], files.Select(file => file.Name));
        Assert.Contains("no place in space", Assert.Single(report.Remarks), StringComparison.Ordinal);
    }

    private static DerivedImages Images(MeasurementOrigin origin, float[] values) => new()
    {
        Values = values,
        Slices = 1,
        Channels = 1,
        Rows = 4,
        Columns = 4,
        Scale = 100,
        Origin = origin,
        Solver = "none",
        Model = "none",
        SoftwareVersion = "1",
    };

    private static NpyArray Measurement(ImportedMeasurement read) => read.Files["measurement"].Array;
}
