using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.UnitTests.Imaging;

/// <summary>Files that h5py wrote (ismrmrd_write.py), against what NumPy says must be read from them.</summary>
public sealed class IsmrmrdTests : IDisposable
{
    private readonly FormatReader _reader = new(new ReaderLimits(2L << 30, TimeSpan.FromMinutes(2), 16 << 20));

    public void Dispose() => _reader.Dispose();

    [Theory]
    [InlineData("plain", "oversampling of 2 is removed")]
    [InlineData("reversed_lines", "measured backwards are turned")]
    [InlineData("asymmetric", "Asymmetric echo: samples 0 to 6 are not measured")]
    [InlineData("discard", null)]
    [InlineData("partial_fourier", "Partial Fourier: lines 0 to 5 are not measured")]
    [InlineData("averages", "measured several times are averaged")]
    [InlineData("calibration", "10 separate calibration lines")]
    [InlineData("volume", "The 3-D scan is transformed into 4 slices")]
    [InlineData("frames", null)]
    [InlineData("phase_oversampling", "phase-encoding direction's oversampling of 1.6 is removed")]
    [InlineData("phase_oversampling_undersampled", "an undersampled scan cannot be cropped")]
    [InlineData("zero_fill", "filled with zeros along the phase-encoding direction, from 20 to 26")]
    [InlineData("left_out", "2 phase-correction acquisitions left out")]
    [InlineData("fastmri", "oversampling of 2 is removed")]
    [InlineData("fastmri_without_mask", "oversampling of 2 is removed")]
    public void Each_rule_gives_the_k_space_that_NumPy_computes(string scan, string? remark)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        RawMri read = RawMriFile.Read(_reader, file);
        NpyArray kspace = Npz.Read(expected, "kspace", 1 << 24);
        Assert.Equal((kspace.Shape[^2], kspace.Shape[^1]), (read.Rows, read.Columns));
        Assert.InRange(RawData.Distance(kspace.Values, read.KSpace), 0, 1e-6);
        AssertMask(Npz.Read(expected, "mask", 1 << 24), read.Mask);
        AssertZeroWhereNotMeasured(read);
        Assert.Equal(read.Frames, read.FrameList.Count);
        if (remark is not null) Assert.Contains(remark, string.Join(' ', read.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void Calibration_lines_stay_apart_from_the_image()
    {
        (byte[] file, byte[] expected) = RawData.Write("calibration");
        CalibrationLines read = IsmrmrdFile.Read(_reader, file).Calibration!;
        Assert.InRange(RawData.Distance(Npz.Read(expected, "calibration", 1 << 24).Values, read.KSpace), 0, 1e-6);
        AssertMask(Npz.Read(expected, "calibrationMask", 1 << 24), read.Mask);
        Assert.Equal([0, 1], read.OfFrame);
    }

    [Fact]
    public void An_oversampled_asymmetric_echo_counts_only_samples_whose_neighbours_were_measured()
    {
        (byte[] file, byte[] expected) = RawData.Write("asymmetric_oversampled");
        RawMri read = IsmrmrdFile.Read(_reader, file);
        AssertMask(Npz.Read(expected, "mask", 1 << 24), read.Mask);
        AssertZeroWhereNotMeasured(read);
    }

    [Fact]
    public void The_noise_covariance_is_that_of_the_data()
    {
        (byte[] file, byte[] expected) = RawData.Write("noise");
        RawMri read = IsmrmrdFile.Read(_reader, file);
        // 32768 samples of noise and 16384 of data: each covariance is known to within about one per cent.
        NpyArray truth = Npz.Read(expected, "covariance", 100);
        Assert.Equal([4, 4], truth.Shape);
        Assert.InRange(RawData.Distance(truth.Values, read.NoiseCovariance!), 0, 0.02);
        int samples = read.Rows * read.Columns;
        var data = new Acquisition { Samples = samples, Channels = read.Coils };
        Assert.InRange(RawData.Distance(NoiseScan.Covariance([data], read.KSpace)!, read.NoiseCovariance!), 0, 0.03);
    }

    [Fact]
    public void The_receivers_noise_bandwidth_counts()
    {
        (byte[] file, byte[] expected) = RawData.Write("noise_bandwidth");
        Assert.InRange(RawData.Distance(Npz.Read(expected, "covariance", 100).Values, IsmrmrdFile.Read(_reader, file).NoiseCovariance!), 0, 1e-5);
    }

    [Theory]
    [InlineData("radial", "cycles per pixel")]
    [InlineData("radial_weighted", "cycles per pixel")]
    [InlineData("radial_field_of_view", "cycles per encoded field of view")]
    public void Trajectories_come_in_cycles_per_field_of_view(string scan, string remark)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        RawMri read = IsmrmrdFile.Read(_reader, file);
        NpyArray kspace = Npz.Read(expected, "kspace", 1 << 20);
        Assert.Equal((1, 4, 24, 20), (read.Frames, read.Coils, read.Rows, read.Columns));
        Assert.Empty(read.Mask);
        Assert.Contains(remark, read.Remarks[0], StringComparison.Ordinal);
        int count = read.Trajectory!.Length / 2;
        Assert.Equal(read.KSpace.Length, 2 * 4 * count);
        for (int i = 0; i < count; i++)
        {
            Assert.InRange(read.Trajectory[2 * i], -12, 12 - 1e-4);
            Assert.InRange(read.Trajectory[(2 * i) + 1], -10, 10 - 1e-4);
        }
        if (scan == "radial_field_of_view") return;
        Assert.InRange(RawData.Distance(kspace.Values, read.KSpace), 0, 1e-7);
        Assert.InRange(RawData.Distance(Npz.Read(expected, "trajectory", 1 << 20).Values, read.Trajectory), 0, 1e-6);
        if (scan == "radial") Assert.Null(read.Density);
        else Assert.InRange(RawData.Distance(Npz.Read(expected, "density", 1 << 20).Values, read.Density!), 0, 1e-7);
    }

    [Fact]
    public void Frames_are_in_order_and_lie_where_the_header_says()
    {
        (byte[] file, _) = RawData.Write("frames");
        IReadOnlyList<MriFrame> frames = IsmrmrdFile.Read(_reader, file).FrameList;
        Assert.Equal([.. from contrast in Enumerable.Range(0, 2) from repetition in Enumerable.Range(0, 2) from slice in Enumerable.Range(0, 3) select (contrast, repetition, slice)],
            frames.Select(frame => (frame.Contrast, frame.Repetition, frame.Slice)));
        // Pixels of 10 mm; the pixel (12, 10) is at (10, 20, 30 - 6 slice); rows grow along y, columns along x.
        for (int i = 0; i < 12; i++)
            Assert.Equal(new FrameGeometry(new(10 - 100, 20 - 120, 30 - (6 * (i % 3))), new(1, 0, 0), new(0, 1, 0), 10, 10, 5, 6), frames[i].Geometry);
    }

    [Fact]
    public void Partitions_lie_around_the_slabs_centre()
    {
        (byte[] file, _) = RawData.Write("volume");
        IReadOnlyList<MriFrame> frames = IsmrmrdFile.Read(_reader, file).FrameList;
        for (int i = 0; i < 4; i++)
            Assert.Equal(new FrameGeometry(new(1 - 120, 2 - 100, 3 + (3 * (i - 2))), new(0, 1, 0), new(1, 0, 0), 10, 10, 3, 3), frames[i].Geometry);
    }

    [Fact]
    public void The_header_names_patient_and_study()
    {
        (byte[] file, _) = RawData.Write("study");
        Assert.Equal(
            new StudyInformation
            {
                PatientName = "Doe^Jane", PatientId = "X-7", PatientBirthDate = "19700228", PatientSex = "F", PatientWeightKg = 61.5, StudyInstanceUid = "1.2.3",
                StudyId = "S1", StudyDate = "20261121", StudyTime = "090807", StudyDescription = "Head", AccessionNumber = "42", ReferringPhysicianName = "Roe^R",
                FrameOfReferenceUid = "1.2.4", PatientPosition = "FFS", SeriesDescription = "axial", ProtocolName = "t1", SystemVendor = "Acme", SystemModel = "One",
                FieldStrengthTesla = 1.5, InstitutionName = "Clinic", RepetitionTimeMs = 500, EchoTimeMs = 12.5, FlipAngleDegrees = 70, SequenceType = "Flash",
            },
            IsmrmrdFile.Read(_reader, file).Study);
    }

    [Fact]
    public void A_single_coil_file_in_double_precision_is_read()
    {
        (byte[] file, byte[] expected) = RawData.Write("fastmri_single_coil");
        RawMri read = FastMriFile.Read(_reader, file);
        Assert.Equal((2, 1, 24, 20), (read.Frames, read.Coils, read.Rows, read.Columns));
        Assert.Equal(Npz.Read(expected, "kspace", 1 << 20).Values, read.KSpace);
    }

    [Theory]
    [InlineData("outside-limits", "counter of the ISMRMRD file is 20, outside the header's limits 0 to 19")]
    [InlineData("outside-matrix", "outside the encoded matrix of 20")]
    [InlineData("long-line", "reaches beyond the encoded matrix of 48")]
    [InlineData("no-image", "no lines of an image")]
    [InlineData("coils-differ", "different numbers of coils")]
    [InlineData("short-data", "another number of samples than its header says")]
    [InlineData("no-encoding", "no encoding")]
    [InlineData("other-encoding", "an encoding that its header does not describe")]
    [InlineData("not-finite", "not finite")]
    [InlineData("no-trajectory", "do not all hold one of 2 dimensions")]
    [InlineData("radial_nonsense", "neither in cycles per pixel")]
    [InlineData("volume_undersampled", "undersampled along its partitions")]
    [InlineData("doctype", "has a document type")]
    [InlineData("not-xml", "not well-formed")]
    [InlineData("huge-matrix", "at most 16777216 are allowed")]
    [InlineData("odd-recon", "does not go with the encoded one")]
    [InlineData("external", "no dataset")]
    [InlineData("bomb", "at most 16777216 are allowed")]
    public void What_cannot_be_read_is_refused_with_its_reason(string scan, string reason)
    {
        (byte[] file, _) = RawData.Write(scan);
        InvalidMeasurementException e = Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(_reader, file));
        if (scan != "external") Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('/', e.Message);
        Assert.Equal(0, _reader.Restarts);
    }

    private static void AssertMask(NpyArray expected, bool[] actual)
    {
        Assert.Equal(0, actual.Length % expected.Values.Length);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected.Values[i % expected.Values.Length] != 0, actual[i]);
    }

    private static void AssertZeroWhereNotMeasured(RawMri read)
    {
        int plane = read.Rows * read.Columns, masks = read.Mask.Length / plane;
        for (int i = 0; i < read.KSpace.Length / 2; i++)
        {
            int frame = i / plane / read.Coils;
            if (!read.Mask[((masks == 1 ? 0 : frame) * plane) + (i % plane)]) Assert.Equal((0f, 0f), (read.KSpace[2 * i], read.KSpace[(2 * i) + 1]));
        }
    }
}
