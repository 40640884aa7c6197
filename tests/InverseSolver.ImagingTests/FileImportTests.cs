using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

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
        ArrayData array = Measurement(Import.ReadMeasurement(
            MeasurementKind.MultiCoil, data, [.. "# Dimensions\n"u8, .. System.Text.Encoding.ASCII.GetBytes(sizes + "\n")], false));
        Assert.Equal([2, rows, columns], array.Shape);
        // Coil 0: x = 0, 1, 2 at y = 0 are samples 0, 1, 2; at y = 1 they are 3, 4, 5.
        Assert.Equal([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11], Enumerable.Range(0, 12).Select(i => array.Values[2 * i]));
    }

    [Theory]
    [InlineData("3 2 2 1"), InlineData("12"), InlineData("3 2 1 1 2")]
    public void Other_arrays_of_BART_are_refused(string sizes)
    {
        byte[] header = [.. "# Dimensions\n"u8, .. System.Text.Encoding.ASCII.GetBytes(sizes + "\n")];
        Assert.Contains(
            "BART", Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, new byte[96], header, false)).Message,
            StringComparison.Ordinal);
    }

    /// <remarks>
    /// Two samples of three spokes by two coils: sample s of spoke p of coil c is number s + 2 p + 6 c, at (s, p) in cycles per field of view less (5, 2).
    /// </remarks>
    [Fact]
    public void BART_s_trajectory_is_that_of_its_k_space()
    {
        byte[] header = [.. "# Dimensions\n1 2 3 2\n"u8], data = Bytes([.. Enumerable.Range(0, 12).SelectMany(i => (float[])[i, 0])]);
        byte[] trajectory = Bytes([.. Enumerable.Range(0, 6).SelectMany(i => (float[])[(i % 2) - 5, 0, (i / 2) - 2, 0, 0, 0])]);
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.MultiCoil, data, header, false, trajectory);
        Assert.Equal([2, 6], Measurement(read).Shape);
        Assert.Equal(Enumerable.Range(0, 12).Select(i => (float)i), Enumerable.Range(0, 12).Select(i => Measurement(read).Values[2 * i]));
        Assert.Equal([6, 2], read.Files["trajectory"].Array.Shape);
        Assert.Equal([-5, -2, -4, -2, -5, -1, -4, -1, -5, 0, -4, 0], read.Files["trajectory"].Array.Values);
        Assert.Equal((10, 8), (read.Origin.Rows, read.Origin.Columns));

        // Two frames with one trajectory, and with one each.
        header = [.. "# Dimensions\n1 2 3 1 1 1 1 1 1 1 2\n"u8];
        Assert.Equal([2, 1, 6], Measurement(Import.ReadMeasurement(MeasurementKind.MultiCoil, data, header, false, trajectory)).Shape);
        Assert.Equal(
            [2, 6, 2], Import.ReadMeasurement(MeasurementKind.MultiCoil, data, header, false, [.. trajectory, .. trajectory]).Files["trajectory"].Array.Shape);
    }

    [Fact]
    public void BART_s_k_space_with_a_first_dimension_of_1_is_Cartesian_with_a_warning_or_has_a_trajectory()
    {
        byte[] header = [.. "# Dimensions\n1 3 2 2\n"u8];
        Assert.Contains(
            "samples and spokes", Assert.Single(Import.ReadMeasurement(MeasurementKind.MultiCoil, new byte[96], header, false).Origin.Remarks),
            StringComparison.Ordinal);
        Assert.Empty(Import.ReadMeasurement(MeasurementKind.MultiCoil, new byte[96], [.. "# Dimensions\n3 1 2 2\n"u8], false).Origin.Remarks);
    }

    [Theory]
    [InlineData("3 2 1 2", 144, 0, "here the first is 3")]
    [InlineData("1 2 3 2", 120, 0, "144 bytes; the file 'trajectory' has 120")]
    [InlineData("1 2 3 2", 144, 1, "positions must be real")]
    [InlineData("1 2 3 2", 144, 4, "0 as the third coordinate")]
    public void Trajectories_that_are_not_BART_s_are_refused(string sizes, int bytes, int wrong, string reason)
    {
        float[] values = new float[bytes / 4];
        values[wrong] = 1;
        byte[] header = [.. "# Dimensions\n"u8, .. System.Text.Encoding.ASCII.GetBytes(sizes + "\n")];
        InvalidMeasurementException error = Assert.Throws<InvalidMeasurementException>(() =>
            Import.ReadMeasurement(MeasurementKind.MultiCoil, new byte[96], header, false, Bytes(values)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MATLAB_s_files_are_refused_by_name()
    {
        byte[] file = new byte[2048];
        "MATLAB 5.0 MAT-file, Platform: GLNXA64"u8.CopyTo(file);
        Assert.Contains(
            "MATLAB", Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false)).Message,
            StringComparison.Ordinal);
        Assert.Contains("MATLAB", Assert.Throws<InvalidMeasurementException>(() => Import.Read("mask", file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BART_s_real_file_is_the_npy_of_it()
    {
        ImportedMeasurement read = Import.ReadMeasurement(
            MeasurementKind.MultiCoil, RawData.Read("bart_brain8ch", "full.cfl"), RawData.Read("bart_brain8ch", "full.hdr"), false);
        ArrayData expected = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 22);
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
        Assert.Contains(
            word, Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(kind, file, null, false)).Message, StringComparison.Ordinal);
    }

    /// <remarks>
    /// An image of one pixel of 5 has samples of magnitude 5 / √(rows columns) everywhere; the quantile of its magnitudes is what is divided by.
    /// </remarks>
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
        ArrayData y = new([2, 4, 4], new float[64], IsComplex: true), maps = new([2, 4, 4], new float[64], IsComplex: true);
        ImportedMeasurement read = Import.ReadMeasurement(
            MeasurementKind.MultiCoil, Npz.Write(new Dictionary<string, ArrayData> { ["kspace"] = y, ["maps"] = maps }), null, false);
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
        Assert.Equal(Math.Min(0, image.Values.Min()), read.Origin.Offset);
        for (int i = 0; i < image.Values.Length; i++)
        {
            Assert.Equal(image.Values[i], (Measurement(read).Values[i] * read.Origin.Scale) + read.Origin.Offset, 1e-3);
        }
        Assert.Equal(
            DicomFile.NoKSpace, Assert.Throws<InvalidMeasurementException>(() => Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false)).Message);
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
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(
            _reader, Images(origin, [.. Enumerable.Range(0, 16).Select(i => i / 16f)]) with { Warnings = ["It may be wrong."] });
        Assert.Contains("It may be wrong.", System.Text.Encoding.Latin1.GetString(files[0].Bytes), StringComparison.Ordinal);
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
        Assert.Contains("not an MR image", Assert.Single(report.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_echoes_and_repetitions_become_one_series_and_a_4_D_NIfTI_with_its_place()
    {
        ImportedMeasurement read = Import.ReadMeasurement(MeasurementKind.MultiCoil, RawData.Write("multi").File, null, false);
        float[] values = [.. Enumerable.Range(0, 12 * 48).Select(i => (i / 48) + (i % 48 / 100f))];
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(
            _reader, Images(read.Origin, values) with { Slices = 12, Rows = 8, Columns = 6 });
        Assert.Equal(("new", "measurement", 12), (report.Identifiers, report.Geometry, report.Instances));
        Assert.Empty(report.Remarks);
        RawData.InFolder(folder =>
        {
            foreach (DerivedFile file in files) File.WriteAllBytes(Path.Combine(folder, file.Name), file.Bytes);
            const string dicom = """
                import sys, pydicom
                for i in range(12):
                    d = pydicom.dcmread(f"{sys.argv[1]}/result-{i:04}.dcm")
                    first = pydicom.dcmread(f"{sys.argv[1]}/result-0000.dcm")
                    print(d.InstanceNumber, d.EchoTime, d.EchoNumbers, d.RepetitionTime, d.FlipAngle, d.TemporalPositionIdentifier,
                          d.NumberOfTemporalPositions, d.ImagePositionPatient[2], d.SeriesInstanceUID == first.SeriesInstanceUID)
                """;
            Assert.Equal(
                Enumerable.Range(0, 12).Select(i => $"{i + 1} {(i < 6 ? 10 : 30)} {(i / 6) + 1} 500 70 {(i / 3 % 2) + 1} 2 {(6 * (i % 3)) - 6} True"),
                Judge.Python("pydicom", dicom, folder).Replace(".0", "", StringComparison.Ordinal).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            string found = Judge.Try("dciodvfy", Path.Combine(folder, "result-0007.dcm")).Text;
            Assert.DoesNotContain("Error", found, StringComparison.Ordinal);
            const string nifti = """
                import sys, nibabel
                n = nibabel.load(sys.argv[1] + "/result.nii")
                print(*n.shape, int(n.header["sform_code"]), int(n.header["qform_code"]), *[int(v) for v in n.affine.ravel()])
                data = n.get_fdata()
                print(*[round(float(data[1, 2, s, v]), 2) for v in range(4) for s in range(3)])
                """;
            // Pixels of 10 mm, rows along x, columns along y, slices 6 mm apart; RAS turns x and y over. The first pixel's centre is at (-40, -30, -6).
            Assert.Equal(
                ["6 8 3 4 1 1 0 -10 0 40 -10 0 0 30 0 0 6 -6 0 0 0 1",
                    string.Join(' ', Enumerable.Range(0, 12).Select(i => FormattableString.Invariant($"{(100.0 * i) + 13:0.0}")))],
                Judge.Python("nibabel", nifti, folder).Split('\n', StringSplitOptions.RemoveEmptyEntries));
            return 0;
        });
    }

    [Fact]
    public void Repetitions_of_one_slice_have_the_place_of_the_slice()
    {
        var place = new FrameGeometry(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5);
        var origin = new MeasurementOrigin { Format = "ismrmrd", Rows = 4, Columns = 4, Geometry = [place, place] };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, Images(origin, new float[32]) with { Slices = 2 });
        Assert.Equal(["result-0000.dcm", "result-0001.dcm", "result.nii"], files.Select(file => file.Name));
        Assert.Empty(report.Remarks);
        // Four dimensions, 4 x 4 x 1 x 2, with an sform.
        Assert.Equal(
            [4, 4, 4, 1, 2, 1],
            [.. Enumerable.Range(0, 5).Select(i => (int)BitConverter.ToInt16(files[2].Bytes, 40 + (2 * i))), BitConverter.ToInt16(files[2].Bytes, 254)]);
    }

    /// <remarks>Slices at 0, 12 and 6 mm; those of a second echo in the same order.</remarks>
    [Fact]
    public void Frames_in_the_order_in_which_they_were_measured_become_volumes_in_the_order_of_their_places()
    {
        FrameGeometry[] geometry = [.. new[] { 0, 12, 6, 0, 12, 6 }.Select(z => new FrameGeometry(new(0, 0, z), new(1, 0, 0), new(0, 1, 0), 1, 1, 5))];
        var origin = new MeasurementOrigin { Format = "dicom", Rows = 4, Columns = 4, Geometry = geometry };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(
            _reader, Images(origin, [.. Enumerable.Range(0, 96).Select(i => i / 16 / 100f)]) with { Slices = 6 });
        byte[] nifti = files[^1].Bytes;
        Assert.Equal(
            [4, 4, 4, 3, 2, 1], [.. Enumerable.Range(0, 5).Select(i => (int)BitConverter.ToInt16(nifti, 40 + (2 * i))), BitConverter.ToInt16(nifti, 254)]);
        Assert.Equal([0, 2, 1, 3, 5, 4], Enumerable.Range(0, 6).Select(i => MathF.Round(BitConverter.ToSingle(nifti, 352 + (64 * i)))));
        Assert.Contains("order of their positions", Assert.Single(report.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Slices_whose_places_are_not_filled_in_are_no_repetitions()
    {
        var place = new FrameGeometry(new(0, 0, 0), new(1, 0, 0), new(0, 1, 0), 1, 1, 5);
        var origin = new MeasurementOrigin
        {
            Format = "ismrmrd",
            Rows = 4,
            Columns = 4,
            Geometry = [place, place, place, place],
            Details = [.. new[] { 0, 0, 1, 1 }.Select(volume => new FrameDetails { Volume = volume })],
        };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(_reader, Images(origin, new float[64]) with { Slices = 4 });
        Assert.Equal(
            [4, 4, 4, 2, 2, 0],
            [.. Enumerable.Range(0, 5).Select(i => (int)BitConverter.ToInt16(files[^1].Bytes, 40 + (2 * i))), BitConverter.ToInt16(files[^1].Bytes, 254)]);
        Assert.Contains("no position in space", Assert.Single(report.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_measurement_that_says_where_it_lies_lies_there_whatever_the_reference_of_its_sizes_says()
    {
        FrameGeometry own = new(new(-20, -30, 5), new(1, 0, 0), new(0, 1, 0), 1, 1, 5);
        FrameGeometry there = own with { Position = own.Position + new PatientVector(0, 0, 40) };
        byte[] Reference(FrameGeometry geometry) =>
            DicomSeries.Write(
                _reader,
                new DerivedSeries
                {
                    Values = new float[16],
                    Slices = 1,
                    Rows = 4,
                    Columns = 4,
                    Geometry = [geometry],
                    Solver = "none",
                    SoftwareVersion = "1",
                    Study = new StudyInformation { FrameOfReferenceUid = "1.2.9" },
                })[0];
        (FrameGeometry, string)[] cases =
        [
            (own, "reference"), (own with { Position = own.Position + new PatientVector(0.5, 0.5, 0) }, "reference"), (there, "measurement"),
            (own with { AlongRow = new(-1, 0, 0) }, "measurement"),
        ];
        foreach ((FrameGeometry reference, string source) in cases)
        {
            var origin = new MeasurementOrigin { Format = "ismrmrd", Rows = 4, Columns = 4, Geometry = [own], FrameOfReferenceUid = "1.2.7" };
            (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(
                _reader, Images(origin, new float[16]) with { Reference = Reference(reference) });
            DicomImage written = DicomFile.Read(_reader, files[0].Bytes);
            Assert.Equal(source, report.Geometry);
            Assert.Equal(source == "reference" ? (reference, "1.2.9") : (own, "1.2.7"), (written.Frames[0].Geometry, written.FrameOfReferenceUid));
            Assert.Equal(source == "measurement", report.Remarks.Any(remark => remark.Contains("lies elsewhere", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void What_varies_and_is_not_known_is_not_taken_from_the_reference()
    {
        byte[] reference = DicomSeeds.File("mr-signed"); // TE 4.6, TR 500
        FrameDetails[] details = [new() { Volume = 0, EchoTimeMs = 10 }, new() { Volume = 1, EchoTimeMs = double.NaN }];
        DerivedSeries series = DicomSeriesTests.Series() with
        {
            Values = new float[384],
            Slices = 2,
            Reference = reference,
            Geometry = DicomSeriesTests.Geometry()[..2],
            Details = details,
        };
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, series);
        RawData.InFolder(folder =>
        {
            foreach ((int i, string time) in ((int, string)[])[(0, "[10]"), (1, "(no value available)")])
            {
                string path = Path.Combine(folder, $"{i}.dcm");
                File.WriteAllBytes(path, files[i]);
                string found = Judge.Run("dcmdump", path);
                Assert.Contains($"(0018,0081) DS {time}", found, StringComparison.Ordinal);
                Assert.Contains("(0018,0080) DS [500]", found, StringComparison.Ordinal);
            }

            return 0;
        });
    }

    [Fact]
    public void A_vendor_s_convention_is_for_files_with_directions()
    {
        byte[] array = Npy.Write(new ArrayData([2, 4, 4], new float[64], IsComplex: true));
        foreach (byte[] file in (byte[][])[array, RawData.Write("tiny_fastmri").File])
        {
            Assert.Contains(
                "vendorConvention",
                Assert.Throws<InvalidMeasurementException>(() =>
                    Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false, convention: VendorConvention.Siemens)).Message,
                StringComparison.Ordinal);
            Import.ReadMeasurement(MeasurementKind.MultiCoil, file, null, false, convention: VendorConvention.None);
        }
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

    private static byte[] Bytes(float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values).ToArray();

    [Fact]
    public void Pixels_of_a_known_size_without_a_place_are_written_as_large_as_they_are()
    {
        var origin = new MeasurementOrigin { Format = "fastmri", Rows = 4, Columns = 4, PixelMm = (2.1875, 1.5, 5), Geometry = [null] };
        (IReadOnlyList<DerivedFile> files, DerivedReport report) = DerivedFiles.Write(
            _reader, Images(origin, [.. Enumerable.Range(0, 16).Select(i => i / 16f)]));
        Assert.Equal("unknown", report.Geometry);
        DicomImage dicom = DicomFile.Read(_reader, files[0].Bytes);
        Assert.Equal(
            (2.1875, 1.5, 5.0),
            (dicom.Frames[0].Geometry!.RowSpacingMm, dicom.Frames[0].Geometry!.ColumnSpacingMm, dicom.Frames[0].Geometry!.SliceThicknessMm!.Value));
        byte[] nifti = files[1].Bytes;
        Assert.Equal([1.5f, 2.1875f, 5f], Enumerable.Range(1, 3).Select(i => BitConverter.ToSingle(nifti, 76 + (4 * i))));
        Assert.Equal((0, 0), (BitConverter.ToInt16(nifti, 252), BitConverter.ToInt16(nifti, 254)));
    }

    private static ArrayData Measurement(ImportedMeasurement read) => read.Files["measurement"].Array;
}
