using System.Globalization;
using System.Text;
using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class DicomSeriesTests : IDisposable
{
    private const int Slices = 3, Rows = 12, Columns = 16;
    private readonly DicomSeeds _seeds = new();
    private readonly FormatReader _reader = new(ReaderLimits.Default);

    public void Dispose()
    {
        _reader.Dispose();
        _seeds.Dispose();
    }

    public static TheoryData<string, bool> References => new()
    {
        { "", false }, { "", true }, { "mr-signed", true }, { "mr-unsigned", true }, { "mr-unsigned", false }, { "enhanced", true }, { "grey8", true },
        { "mr-unsigned dcmcjpls +en +md 2", true }, { "mr-signed dcmconv +tb", true }, { "mr-unsigned KNEE", true }, { "mr-unsigned BRAIN", true },
    };

    [Theory, MemberData(nameof(References))]
    public void Dciodvfy_finds_no_error(string reference, bool isPlaced)
    {
        DerivedSeries series = Series() with { Reference = Reference(reference), Geometry = isPlaced ? Geometry() : null };
        AssertValid(DicomSeries.Write(_reader, series));
    }

    [Fact]
    public void Dciodvfy_finds_no_error_in_a_series_of_a_raw_data_header() =>
        AssertValid(DicomSeries.Write(_reader, Series() with { Geometry = Geometry(), Study = Study() }));

    [Fact]
    public void Stored_values_are_those_that_other_programs_find()
    {
        DerivedSeries series = Series();
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, series);
        Assert.Equal(Slices, files.Count);
        double low = series.Values.Min(), slope = (series.Values.Max() - low) / 65535;
        for (int slice = 0; slice < Slices; slice++)
        {
            int[] expected = [.. Slice(series, slice).Select(value => (int)Math.Round((value - low) / slope))];
            DicomImage image = DicomFile.Read(_reader, files[slice]);
            Assert.Equal(expected, image.Values.Select(value => (int)value));
            string file = _seeds.Save("slice.dcm", files[slice]), picture = Path.Combine(_seeds.Folder, "slice.pgm");
            Judge.Run("dcm2pnm", "--write-16-bit-pnm", "--set-window", "32768", "65536", file, picture);
            Assert.Equal(expected, Pgm(File.ReadAllText(picture)));
            Assert.Equal(expected.Select(number => number.ToString(CultureInfo.InvariantCulture)),
                Judge.Python("pydicom", "import sys, pydicom; print(*pydicom.dcmread(sys.argv[1]).pixel_array.ravel())", file).Split(
                    (char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        }
    }

    [Fact]
    public void The_real_world_mapping_gives_back_the_values()
    {
        DerivedSeries series = Series();
        string file = _seeds.Save("slice.dcm", DicomSeries.Write(_reader, series)[1]);
        const string script = """
            import sys, pydicom
            d = pydicom.dcmread(sys.argv[1])
            m = d.RealWorldValueMappingSequence[0]
            print(*(d.pixel_array.ravel() * m.RealWorldValueSlope + m.RealWorldValueIntercept))
            """;
        float[] values = [.. Judge.Python("pydicom", script, file).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(number =>
            float.Parse(number, CultureInfo.InvariantCulture))];
        float step = (series.Values.Max() - series.Values.Min()) / 65535;
        float[] expected = Slice(series, 1);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], values[i], 0.501f * step);
    }

    [Fact]
    public void Of_the_reference_identity_and_study_come_over_and_nothing_else()
    {
        string text = Dump(DicomSeries.Write(_reader, Series() with { Reference = _seeds.Make("mr-signed"), Geometry = Geometry() })[0]);
        foreach (string kept in (string[])[
            "(0008,0005) CS [ISO_IR 100]", "(0010,0010) PN [Müller^Mia]", "(0010,0020) LO [ID-4711]", "(0010,0021) LO [Mercy]", "(0010,0030) DA [19701224]",
            "(0010,0040) CS [F]",
            "(0010,0020) LO [OLD-1]", "(0008,0020) DA [20240131]", "(0008,0030) TM [081500]", "(0008,0050) SH [A-17]", "(0008,0090) PN [Ruf^Rita]",
            "(0008,1030) LO [Head]",
            "(0020,000d) UI [2.25.222222222222222222222222222222222222]", "(0020,0010) SH [S1]", "(0020,0052) UI [2.25.444444444444444444444444444444444444]",
            "(0008,1155) UI [2.25.111111111111111111111111111111111111]", "(0018,0020) CS [GR]", "(0018,0080) DS [500]", "(0018,0081) DS [4.6]",
            "(0018,0087) DS [3]",
            "(0018,1314) DS [25]", "(0018,5100) CS [HFS]", "(0018,0023) CS [2D]"])
            Assert.Contains(kept, text, StringComparison.Ordinal);
        string[] removed =
        [
            "SECRET", "secret", "Secret", "Institution", "Operator", "053Y", "(0009,", "2.25.333333333333333333333333333333333333", "(0020,0011) IS [4]",
            "(0028,1053)",
        ];
        foreach (string left in removed)
        {
            Assert.DoesNotContain(left, text, StringComparison.Ordinal);
        }
        Assert.Equal(1, Count(text, "(0008,0070) LO [Scanner Works]"));
        Assert.Equal(1, Count(text, "2.25.111111111111111111111111111111111111")); // as the source only
    }

    [Fact]
    public void A_real_reference_keeps_its_study_and_its_people_stay_behind()
    {
        string? folder = Environment.GetEnvironmentVariable("INVERSESOLVER_TEST_DATA") is { Length: > 0 } root
            ? Path.Combine(root, "dicom", "sag_anon_mprage")
            : null;
        Assert.SkipUnless(Directory.Exists(folder), "INVERSESOLVER_TEST_DATA names no folder with dicom/sag_anon_mprage.");
        byte[] reference = File.ReadAllBytes(Directory.GetFiles(folder!, "*.dcm").Order(StringComparer.Ordinal).First());
        DicomImage source = DicomFile.Read(_reader, reference);
        DerivedSeries series = Series() with { Values = source.Values, Slices = 1, Rows = source.Rows, Columns = source.Columns, Reference = reference };
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, series);
        AssertValid(files);
        DicomImage written = DicomFile.Read(_reader, files[0]);
        Assert.Equal((source.StudyInstanceUid, source.FrameOfReferenceUid), (written.StudyInstanceUid, written.FrameOfReferenceUid));
        Assert.NotEqual(source.SeriesInstanceUid, written.SeriesInstanceUid);
        FrameGeometry before = source.Frames[0].Geometry!, after = written.Frames[0].Geometry!;
        Assert.True(
            (before.Position - after.Position).Norm < 1e-9 && (before.AlongRow - after.AlongRow).Norm < 1e-9
                && (before.AlongColumn - after.AlongColumn).Norm < 1e-9);
        string text = Dump(files[0]);
        string[] removed =
        [
            "Institution", "Physician]", "OperatorsName", "(0008,1050)", "(0008,0080)", "(0010,4000)", "(0029,", "(0051,", "(0032,", "(0040,0", "003Y",
            "AWP45152",
        ];
        foreach (string left in removed)
        {
            Assert.DoesNotContain(left, text.Replace("(0040,08ea)", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
        Assert.Contains("(0010,0020) LO [1449c1d]", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_series_and_instance_has_a_new_uid_and_a_number()
    {
        DerivedSeries series = Series() with { Reference = _seeds.Make("mr-unsigned"), Geometry = Geometry() };
        DicomImage[] first = Read(series), second = Read(series);
        Assert.Equal(2, first.Concat(second).Select(image => image.SeriesInstanceUid).Distinct().Count());
        string[] instances = [.. first.Concat(second).Select(image => image.SopInstanceUid)];
        Assert.Equal(2 * Slices, instances.Distinct().Count());
        Assert.All(instances, uid => Assert.Matches("^2\\.25\\.[1-9][0-9]{0,38}$", uid));
        Assert.Single(first.Concat(second).Select(image => image.StudyInstanceUid).Distinct());
        Assert.Equal(Geometry(), first.Select(image => image.Frames[0].Geometry!));
    }

    [Fact]
    public void The_texts_say_how_it_was_made_and_that_it_is_not_for_diagnosis()
    {
        string text = Dump(DicomSeries.Write(_reader, Series() with { Geometry = Geometry() })[2]);
        foreach (string line in (string[])["(0008,103e) LO", "(0008,2111) ST", "(0020,4000) LT"])
            Assert.Contains("Not for diagnosis.", text.Split('\n').Single(l => l.StartsWith(line, StringComparison.Ordinal)), StringComparison.Ordinal);
        string derivation = text.Split('\n').Single(l => l.StartsWith("(0008,2111)", StringComparison.Ordinal));
        Assert.Contains("solver reSample, model brain-mri-128 (sha256:0011aabb). Value = stored value * ", derivation, StringComparison.Ordinal);
        Assert.Contains("Residual 1.02 of what the noise explains.", derivation, StringComparison.Ordinal);
        Assert.Contains("Readout oversampling of 2 removed.", text, StringComparison.Ordinal);
        string[] lines =
        [
            @"(0008,0008) CS [DERIVED\SECONDARY\OTHER]", "(0028,0301) CS [NO]", "(0028,2110) CS [00]", "(0008,0070) LO [InverseSolver]",
            "(0018,1020) LO [0.1.0]", "(0020,0011) IS [9001]", "(0020,0013) IS [3]", "(0008,0023) DA [20250304]", "(0008,0033) TM [050607.000000]",
            "(0028,0103) US 0", "(0028,0101) US 16", "(0018,0088) DS [3.3]",
        ];
        foreach (string line in lines)
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Unknown_geometry_is_said_and_keeps_out_of_the_patient_s_coordinates()
    {
        string text = Dump(DicomSeries.Write(_reader, Series() with { Reference = _seeds.Make("mr-unsigned") })[1]);
        Assert.Contains("Geometry not known", text, StringComparison.Ordinal);
        Assert.Contains(@"(0020,0037) DS [1\0\0\0\1\0]", text, StringComparison.Ordinal);
        Assert.Contains(@"(0028,0030) DS [1\1]", text, StringComparison.Ordinal);
        Assert.DoesNotContain("(0020,0052) UI [2.25.444444444444444444444444444444444444]", text, StringComparison.Ordinal);
        Assert.Contains("(0018,5100) CS (no value available)", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_reference_s_own_geometry_serves_where_its_frames_are_the_slices()
    {
        DerivedSeries one = Series() with { Values = Slice(Series(), 0), Slices = 1, Reference = _seeds.Make("mr-unsigned") };
        Assert.Equal(new FrameGeometry(new(-10.5, 20.25, 30), new(0.8, 0.6, 0), new(0, 0, -1), 0.75, 0.5, 3, 3.3), Read(one)[0].Frames[0].Geometry);
    }

    [Fact]
    public void A_raw_data_header_fills_patient_and_study_in_utf_8()
    {
        string text = Dump(DicomSeries.Write(_reader, Series() with { Study = Study(), Geometry = Geometry() })[0], Encoding.UTF8);
        string[] lines =
        [
            "(0008,0005) CS [ISO_IR 192]", "(0010,0010) PN [Žižka^Jan]", "(0010,0020) LO [Z-1]", "(0010,0030) DA [13600101]", "(0010,0040) CS [M]",
            "(0020,000d) UI [1.2.3.4]", "(0008,0020) DA [20240229]", "(0008,0030) TM [120000.000000]", "(0008,0050) SH [ACC 1]", "(0018,0080) DS [500]",
            "(0018,0081) DS [4.6]", "(0018,0087) DS [2.89362]", "(0018,1314) DS [15]", "(0018,5100) CS [HFS]", "(0020,0052) UI [1.2.3.5]",
            "(0008,0070) LO [SIEMENS]",
        ];
        foreach (string line in lines)
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("Clinic", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_header_s_texts_that_do_not_fit_are_left_out_rather_than_cut()
    {
        StudyInformation study = Study() with
        {
            PatientId = new string('9', 65),
            PatientName = @"a\b",
            StudyInstanceUid = "1.02.x",
            StudyDate = "yesterday",
            AccessionNumber = "12345678901234567",
            PatientSex = "?",
        };
        IReadOnlyList<byte[]> files = DicomSeries.Write(_reader, Series() with { Study = study });
        AssertValid(files);
        string text = Dump(files[0]);
        string[] lines =
        [
            "(0010,0020) LO (no value", "(0010,0010) PN (no value", "(0008,0020) DA (no value", "(0008,0050) SH (no value", "(0010,0040) CS (no value",
            "(0020,000d) UI [2.25.",
        ];
        foreach (string line in lines)
        {
            Assert.Contains(line, text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_no_series_is_refused()
    {
        Assert.Throws<ArgumentException>(() => DicomSeries.Write(_reader, Series() with { Slices = 2 }));
        Assert.Throws<ArgumentException>(() => DicomSeries.Write(_reader, Series() with { Geometry = [Geometry()[0]] }));
        Assert.Throws<ArgumentException>(() =>
            DicomSeries.Write(_reader, Series() with { Values = [.. Enumerable.Repeat(float.NaN, Slices * Rows * Columns)] }));
        Assert.Throws<InvalidMeasurementException>(() =>
            DicomSeries.Write(_reader, Series() with { Geometry = Geometry(), Reference = "not DICOM at all, nor like it"u8.ToArray() }));
    }

    [Fact]
    public void A_constant_image_is_stored()
    {
        DicomImage image = Read(Series() with { Values = new float[Slices * Rows * Columns] })[0];
        Assert.All(image.Values, value => Assert.Equal(0, value));
    }

    internal static DerivedSeries Series() => new()
    {
        Values = [.. Enumerable.Range(0, Slices * Rows * Columns).Select(i => -0.05f + (0.001f * i) + (i % 7 * 0.03f))],
        Slices = Slices,
        Rows = Rows,
        Columns = Columns,
        Solver = "reSample",
        Model = "brain-mri-128",
        ModelHash = "sha256:0011aabb",
        Consistency = "Residual 1.02 of what the noise explains.",
        Remarks = ["Readout oversampling of 2 removed."],
        SoftwareVersion = "0.1.0",
        Created = new DateTimeOffset(2025, 3, 4, 5, 6, 7, TimeSpan.Zero),
    };

    internal static FrameGeometry[] Geometry() =>
        [.. Enumerable.Range(0, Slices).Select(i =>
            new FrameGeometry(new(-10.5 + (2 * i), 20.25 - (2.5 * i), 30), new(0.8, 0.6, 0), new(0, 0, -1), 0.75, 0.5, 3, 3.3))];

    private static StudyInformation Study() => new()
    {
        PatientName = "Žižka^Jan",
        PatientId = "Z-1",
        PatientBirthDate = "1360-01-01",
        PatientSex = "M",
        StudyInstanceUid = "1.2.3.4",
        StudyDate = "2024-02-29",
        StudyTime = "12:00:00",
        AccessionNumber = "ACC 1",
        StudyId = "1",
        StudyDescription = "Head",
        ReferringPhysicianName = "Ruf^Rita",
        FrameOfReferenceUid = "1.2.3.5",
        PatientPosition = "HFS",
        ProtocolName = "t2",
        SystemVendor = "SIEMENS",
        SystemModel = "Skyra",
        FieldStrengthTesla = 2.89362,
        InstitutionName = "Clinic",
        RepetitionTimeMs = 500,
        EchoTimeMs = 4.6,
        FlipAngleDegrees = 15,
    };

    private static float[] Slice(DerivedSeries series, int index) => series.Values[(index * Rows * Columns)..((index + 1) * Rows * Columns)];

    private byte[] Reference(string seed)
    {
        string[] parts = seed.Split(' ', 2);
        if (parts is [_, "KNEE" or "BRAIN"])
        {
            string file = _seeds.Save("part.dcm", _seeds.Make(parts[0]));
            Judge.Run("dcmodify", "-nb", "-i", $"(0018,0015)={parts[1]}", file);
            return File.ReadAllBytes(file);
        }
        return seed.Length == 0 ? [] : _seeds.Make(parts[0], parts.Length > 1 ? parts[1] : null);
    }

    private DicomImage[] Read(DerivedSeries series) => [.. DicomSeries.Write(_reader, series).Select(file => DicomFile.Read(_reader, file))];

    private void AssertValid(IReadOnlyList<byte[]> files)
    {
        foreach (byte[] file in files)
        {
            string found = Judge.Try("dciodvfy", _seeds.Save("judged.dcm", file)).Text;
            Assert.Contains("MRImage", found, StringComparison.Ordinal);
            string errors = string.Join('\n', found.Split('\n').Where(line => line.StartsWith("Error", StringComparison.Ordinal)));
            Assert.True(errors.Length == 0, errors);
        }
    }

    private string Dump(byte[] file, Encoding? encoding = null)
    {
        string path = _seeds.Save("dumped.dcm", file), text = Path.Combine(_seeds.Folder, "dumped.txt");
        Judge.Run("bash", "-c", "dcmdump +L \"$1\" >\"$2\"", "dump", path, text);
        return File.ReadAllText(text, encoding ?? Encoding.Latin1);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    // "P2", width, height, largest number; then the pixels.
    private static int[] Pgm(string text) =>
        [.. text.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Skip(4).Select(number => int.Parse(number, CultureInfo.InvariantCulture))];
}
