using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

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
    [InlineData("reversed_asymmetric", "Lines that were measured backwards are turned")]
    [InlineData("reversed_asymmetric_turned", "measured backwards is around sample 23, which is used as their centre; their center_sample is 10")]
    [InlineData("wrong_centre", "around phase-encoding step 4, which is used as its centre; the header says 10")]
    [InlineData("missing_centre", "around phase-encoding step 4, which is used as its centre; the header names none")]
    [InlineData("no_limits", "around phase-encoding step 4, which is used as its centre; the header names none")]
    [InlineData("zero_centre", "names no central phase-encoding step; 10 is used")]
    [InlineData("centre_off_by_one", "With the central phase-encoding step 9 lines would lie outside the encoded matrix; 10 is used")]
    [InlineData("center_sample_zero", "center_sample of the readouts is 0, which is not plausible; sample 24")]
    [InlineData("one_of_two_partitions", "the scan is treated as 2-D")]
    [InlineData("nearly_whole", null)]
    [InlineData("more_lines", "than the header's matrix of 18; 20 are assumed")]
    [InlineData("body_coil", "20 lines of another number of coils than the header's 4 receiver channels left out")]
    [InlineData("metres", "perhaps it is in metres")]
    [InlineData("integrated", "7 separate calibration lines, and 3 of the image between them")]
    [InlineData("aborted", "1 of 3 frames have fewer samples than the others (frame 2: 45 %)")]
    [InlineData("epi_ramps", "on the gradient's ramps (rampUpTime)")]
    [InlineData("epi_flat", "no phase correction is applied.")]
    [InlineData("no_recon_field", "no reconstructed field of view")]
    [InlineData("metres_slab", "x 0.005 mm is too small")]
    [InlineData("impossible_centre", "step 10, which has the most energy, is used")]
    [InlineData("volume_partial", "of 6 partitions 2 to 5 are measured")]
    [InlineData("fastmri_positions", null)]
    [InlineData("fastmri_positions_without_mask", null)]
    [InlineData("fastmri_mask_with_ones", "oversampling of 2 is removed")]
    [InlineData("fastmri_cropped", "phase-encoding direction's oversampling of 1.6 is removed")]
    [InlineData("fastmri_cropped_undersampled", "32 pixels are solved for, and the image is cut to 20 afterwards")]
    [InlineData("fastmri_cropped_without_header", "no header")]
    [InlineData("fastmri", "oversampling of 2 is removed")]
    [InlineData("fastmri_without_mask", "oversampling of 2 is removed")]
    public void Each_rule_gives_the_k_space_that_NumPy_computes(string scan, string? remark)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        RawMri read = RawMriFile.Read(_reader, file);
        ArrayData kspace = Npz.Read(expected, "kspace", 1 << 24);
        Assert.Equal((kspace.Shape[^2], kspace.Shape[^1]), (read.Rows, read.Columns));
        Assert.InRange(RawData.Distance(kspace.Values, read.KSpace), 0, 1e-6);
        AssertMask(Npz.Read(expected, "mask", 1 << 24), read.Mask);
        AssertZeroWhereNotMeasured(read);
        Assert.Equal(read.Frames, read.FrameList.Count);
        if (remark is not null) Assert.Contains(remark, string.Join(' ', [.. read.Remarks, .. read.Routine]), StringComparison.Ordinal);
    }

    /// <remarks>The peak of the first moves as a field gradient moves it; the spike and the tags are stronger than all else.</remarks>
    [Theory]
    [InlineData("moved_peak"), InlineData("spike"), InlineData("tagging")]
    public void A_centre_that_may_be_right_is_left_as_it_is(string scan)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        RawMri read = IsmrmrdFile.Read(_reader, file);
        Assert.InRange(RawData.Distance(Npz.Read(expected, "kspace", 1 << 24).Values, read.KSpace), 0, 1e-6);
        Assert.DoesNotContain("energy", string.Join(' ', read.Remarks), StringComparison.Ordinal);
    }

    [Fact]
    public void A_centre_of_readouts_that_is_clearly_wrong_is_where_the_energy_is()
    {
        (byte[] file, byte[] expected) = RawData.Write("center_sample_wrong");
        RawMri read = IsmrmrdFile.Read(_reader, file);
        Assert.Contains(read.Remarks, remark => remark.Contains("their center_sample is 2", StringComparison.Ordinal));
        AssertMask(Npz.Read(expected, "mask", 1 << 24), read.Mask);
    }

    [Theory]
    [InlineData(2, false), InlineData(3, false), InlineData(9, true)]
    public void A_peak_counts_where_it_is_clearly_away_from_the_stated_centre(int away, bool counts)
    {
        // Energy over the squared distance from a centre, as of edges; the least reach is 3 lines.
        double[] energy = [.. Enumerable.Range(0, 64).Select(i => 1 / (0.1 + Math.Pow(i - 32 - away, 2)))];
        Assert.Equal(counts ? 32 + away : null, KSpaceCentre.Peak(energy, 32));
    }

    [Fact]
    public void Missing_partitions_bring_no_noise()
    {
        (byte[] file, byte[] expected) = RawData.Write("volume_partial");
        Assert.InRange(RawData.Distance(Npz.Read(expected, "covariance", 100).Values, IsmrmrdFile.Read(_reader, file).NoiseCovariance!), 0, 1e-5);
    }

    [Fact]
    public void A_field_of_view_in_metres_places_nothing()
    {
        (byte[] file, _) = RawData.Write("metres");
        Assert.Null(Assert.Single(IsmrmrdFile.Read(_reader, file).FrameList).Geometry);
    }

    [Fact]
    public void A_fastMRI_header_says_how_large_pixels_are()
    {
        (byte[] file, _) = RawData.Write("fastmri_cropped");
        Assert.Equal((10.0, 10.0, 4.0), FastMriFile.Read(_reader, file).PixelMm);
        Assert.Null(FastMriFile.Read(_reader, file).Crop);
        (file, _) = RawData.Write("fastmri_cropped_undersampled");
        RawMri undersampled = FastMriFile.Read(_reader, file);
        Assert.Equal(((10.0, 10.0, 4.0), (24, 20)), (undersampled.PixelMm, undersampled.Crop!.Value));
        (file, _) = RawData.Write("fastmri_cropped_without_header");
        Assert.Equal(default, FastMriFile.Read(_reader, file).PixelMm);
    }

    /// <remarks>
    /// Of integrated calibration the lines that are also the image's complete the block; a calibration scan of its own is not mixed with the image.
    /// </remarks>
    [Theory, InlineData("calibration"), InlineData("integrated"), InlineData("integrated_unflagged")]
    public void Calibration_lines_stay_apart_from_the_image(string scan)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        CalibrationLines read = IsmrmrdFile.Read(_reader, file).Calibration!;
        Assert.InRange(RawData.Distance(Npz.Read(expected, "calibration", 1 << 24).Values, read.KSpace), 0, 1e-6);
        AssertMask(Npz.Read(expected, "calibrationMask", 1 << 24), read.Mask);
        Assert.Equal(Enumerable.Range(0, scan == "calibration" ? 2 : 1), read.OfFrame);
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
        ArrayData truth = Npz.Read(expected, "covariance", 100);
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
        ArrayData kspace = Npz.Read(expected, "kspace", 1 << 20);
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

    [Theory]
    [InlineData("radial_oversampled", "cycles per reconstructed field of view", null)]
    [InlineData("radial_oversampled_encoded", "cycles per encoded field of view", null)]
    [InlineData("radial_unclear", "cycles per pixel", RawTrajectoryUnit.CyclesPerPixel)]
    public void A_trajectory_s_unit_is_the_one_in_which_it_ends_at_the_edge_of_k_space_or_the_stated_one(string scan, string remark, RawTrajectoryUnit? unit)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        RawMri read = RawMriFile.Read(_reader, file, unit);
        Assert.Contains(remark, read.Remarks[0], StringComparison.Ordinal);
        Assert.InRange(RawData.Distance(Npz.Read(expected, "trajectory", 1 << 20).Values, read.Trajectory!), 0, 1e-6);
        if (unit is not null)
        {
            Assert.Contains(
                "trajectoryUnit", Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(_reader, file)).Message, StringComparison.Ordinal);
            return;
        }

        Assert.Contains(
            "the stated unit is wrong",
            Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(_reader, file, RawTrajectoryUnit.CyclesPerPixel)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Frames_are_in_order_and_lie_where_the_header_says()
    {
        (byte[] file, _) = RawData.Write("frames");
        IReadOnlyList<RawMriFrame> frames = IsmrmrdFile.Read(_reader, file).FrameList;
        Assert.Equal(
            [.. from contrast in Enumerable.Range(0, 2)
                from repetition in Enumerable.Range(0, 2)
                from slice in Enumerable.Range(0, 3)
                select (contrast, repetition, slice)],
            frames.Select(frame => (frame.Contrast, frame.Repetition, frame.Slice)));
        // Pixels of 10 mm; the pixel (12, 10) is at (10, 20, 30 - 6 slice); rows grow along y, columns along x.
        for (int i = 0; i < 12; i++)
            Assert.Equal(new FrameGeometry(new(10 - 100, 20 - 120, 30 - (6 * (i % 3))), new(1, 0, 0), new(0, 1, 0), 10, 10, 5, 6), frames[i].Geometry);
    }

    [Fact]
    public void Partitions_lie_around_the_slabs_centre()
    {
        (byte[] file, _) = RawData.Write("volume");
        IReadOnlyList<RawMriFrame> frames = IsmrmrdFile.Read(_reader, file).FrameList;
        for (int i = 0; i < 4; i++)
            Assert.Equal(new FrameGeometry(new(1 - 120, 2 - 100, 3 + (3 * (i - 2))), new(0, 1, 0), new(1, 0, 0), 10, 10, 3, 3), frames[i].Geometry);
    }

    [Fact]
    public void Slices_are_in_the_order_of_their_places_and_each_image_has_its_own_echo_and_time()
    {
        (byte[] file, byte[] expected) = RawData.Write("multi");
        RawMri read = IsmrmrdFile.Read(_reader, file);
        Assert.InRange(RawData.Distance(Npz.Read(expected, "kspace", 1 << 20).Values, read.KSpace), 0, 1e-6);
        Assert.Equal([.. Enumerable.Range(0, 12).Select(i => (6.0 * (i % 3)) - 6)], read.FrameList.Select(frame => frame.Geometry!.Position.Z));
        Assert.Equal([.. Enumerable.Range(0, 12).Select(i => i % 3)], read.FrameList.Select(frame => frame.Slice));
        Assert.Equal("The slices are in the order of their positions, not of the file's counters.", Assert.Single(read.Routine));
        Assert.Empty(read.Remarks);
        for (int i = 0; i < 12; i++)
        {
            Assert.Equal(
                new FrameDetails
                {
                    Volume = i / 3,
                    EchoNumber = (i / 6) + 1,
                    EchoTimeMs = i < 6 ? 10 : 30,
                    TemporalPosition = (i / 3 % 2) + 1,
                    TemporalPositions = 2,
                },
                read.FrameList[i].Details);
        }
    }

    /// <summary>
    /// Lists of TE, TI and flip angles ("-": none), the counters of the images' contrasts, repetitions and sets, and TE, TI and flip angle of each ("?": varies
    /// and is not known, "-": as the scan).
    /// </summary>
    [Theory]
    [InlineData("10,30", "-", "20", "000 100", "10 30", "- -", "- -")]
    [InlineData("10,30", "-", "20", "100", "30", "-", "-")]
    [InlineData("10,30", "-", "20", "000 100 200", "10 30 ?", "- - -", "- - -")]
    [InlineData("10", "-", "20", "000 100", "10 ?", "- -", "- -")]
    [InlineData("10", "100,900", "20", "000 100", "- -", "100 900", "- -")]
    [InlineData("10", "-", "5,15", "000 100", "- -", "- -", "5 15")]
    [InlineData("10,30", "-", "20", "000 010", "? ?", "- -", "- -")]
    [InlineData("10", "-", "5,15", "000 001", "- -", "- -", "? ?")]
    [InlineData("10", "-", "5,15,25", "000 001", "- -", "- -", "- -")]
    [InlineData("0,30", "-", "20", "000 100", "? 30", "- -", "- -")]
    public void Lists_of_a_header_go_to_the_contrasts(
        string te, string ti, string flip, string images, string echoTimes, string inversionTimes, string flipAngles)
    {
        string Elements(string name, string list) => list == "-" ? "" : string.Concat(list.Split(',').Select(value => $"<{name}>{value}</{name}>"));
        var lists = SequenceLists.Read(System.Xml.Linq.XElement.Parse(
            $"<h><sequenceParameters>{Elements("TE", te)}{Elements("TI", ti)}{Elements("flipAngle_deg", flip)}</sequenceParameters></h>"));
        List<string> remarks = [];
        FrameDetails?[] details = lists.Describe(
            [.. images.Split(' ').Select(counters =>
                new Acquisition { Contrast = counters[0] - '0', Repetition = counters[1] - '0', Set = counters[2] - '0' })],
            remarks);
        string Text(double? value) => value is double.NaN ? "?" : value?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "-";
        Assert.Equal(echoTimes, string.Join(' ', details.Select(one => Text(one!.EchoTimeMs))));
        Assert.Equal(inversionTimes, string.Join(' ', details.Select(one => Text(one!.InversionTimeMs))));
        Assert.Equal(flipAngles, string.Join(' ', details.Select(one => Text(one!.FlipAngleDegrees))));
        Assert.Equal($"{echoTimes}{inversionTimes}{flipAngles}".Contains('?') ? 1 : 0, remarks.Count);
    }

    [Fact]
    public void Sets_and_contrasts_that_are_no_echoes_are_numbered_apart()
    {
        FrameDetails?[] Of(string xml, params Acquisition[] images) =>
            SequenceLists.Read(System.Xml.Linq.XElement.Parse($"<h><sequenceParameters>{xml}</sequenceParameters></h>")).Describe(images, []);
        Assert.Equal([1, 2], Of("<TE>10</TE>", new Acquisition(), new Acquisition { Set = 3 }).Select(one => one!.AcquisitionNumber));
        FrameDetails?[] inverted = Of("<TI>100</TI><TI>900</TI>", new Acquisition(), new Acquisition { Contrast = 1 });
        Assert.Equal([(1, null), (2, null)], inverted.Select(one => (one!.AcquisitionNumber, one.EchoNumber)));
        Assert.Equal(
            [(1, 1), (2, 1), (1, 2), (2, 2)],
            Of("", new Acquisition(), new Acquisition { Phase = 1 }, new Acquisition { Contrast = 1 }, new Acquisition { Contrast = 1, Phase = 1 }).Select(
                one => (one!.TemporalPosition, one.EchoNumber)));
        Assert.Null(Assert.Single(Of("<TE>10</TE><TE>30</TE>", new Acquisition())));
    }

    /// <remarks>The place of the bright pixel is NumPy's, of a k-space whose image is its forward transform, as images of Siemens are.</remarks>
    [Theory]
    [InlineData("siemens", VendorConvention.Auto, true)]
    [InlineData("siemens_volume", VendorConvention.Auto, true)]
    [InlineData("siemens", VendorConvention.None, false)]
    [InlineData("other_vendor", VendorConvention.Auto, false)]
    [InlineData("other_vendor", VendorConvention.Siemens, true)]
    public void A_pixel_lies_where_the_vendor_s_convention_puts_it(string scan, VendorConvention convention, bool turned)
    {
        (byte[] file, byte[] expected) = RawData.Write(scan);
        float[] truth = Npz.Read(expected, "place", 3).Values;
        RawMri read = IsmrmrdFile.Read(_reader, file, convention);
        float[][] images = [.. Enumerable.Range(0, read.Frames).Select(frame => RawData.RootSumOfSquares(read, frame))];
        int bright = Enumerable.Range(0, read.Frames).MaxBy(frame => images[frame].Max()), pixel = Array.IndexOf(images[bright], images[bright].Max());
        FrameGeometry frame = read.FrameList[bright].Geometry!;
        PatientVector place = frame.Position + (pixel / read.Columns * frame.RowSpacingMm * frame.AlongColumn)
            + (pixel % read.Columns * frame.ColumnSpacingMm * frame.AlongRow);
        double off = (place - new PatientVector(truth[0], truth[1], truth[2])).Norm;
        Assert.InRange(off, turned ? 0 : 70, turned ? 1e-3 : 80);
        const string applied = "vendor convention applied, not verified on a scan of this site", not = "vendor convention not applied";
        Assert.Equal(turned, read.Remarks.Any(remark => remark.Contains(applied, StringComparison.Ordinal)));
        Assert.Equal(!turned && scan == "siemens", read.Remarks.Any(remark => remark.Contains(not, StringComparison.Ordinal)));
    }

    [Fact]
    public void The_header_names_patient_and_study()
    {
        (byte[] file, _) = RawData.Write("study");
        Assert.Equal(
            new StudyInformation
            {
                PatientName = "Doe^Jane",
                PatientId = "X-7",
                PatientBirthDate = "19700228",
                PatientSex = "F",
                PatientWeightKg = 61.5,
                StudyInstanceUid = "1.2.3",
                StudyId = "S1",
                StudyDate = "20261121",
                StudyTime = "090807",
                StudyDescription = "Head",
                AccessionNumber = "42",
                ReferringPhysicianName = "Roe^R",
                FrameOfReferenceUid = "1.2.4",
                PatientPosition = "FFS",
                SeriesDescription = "axial",
                ProtocolName = "t1",
                SystemVendor = "Acme",
                SystemModel = "One",
                FieldStrengthTesla = 1.5,
                InstitutionName = "Clinic",
                RepetitionTimeMs = 500,
                EchoTimeMs = 12.5,
                FlipAngleDegrees = 70,
                SequenceType = "Flash",
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
    [InlineData("short-data", "another number of samples than its header states")]
    [InlineData("no-encoding", "no encoding")]
    [InlineData("other-encoding", "an encoding that its header does not describe")]
    [InlineData("not-finite", "not finite")]
    [InlineData("no-trajectory", "do not all hold one of 2 dimensions")]
    [InlineData("radial_nonsense", "unit of the ISMRMRD trajectory is not clear")]
    [InlineData("volume_undersampled", "undersampled along its partitions")]
    [InlineData("volume_gap", "undersampled along its partitions")]
    [InlineData("volume_off_centre", "undersampled along its partitions")]
    [InlineData("half-matrix", "y of encodedSpace is 19.5, not a whole number")]
    [InlineData("many-lines", "outside the encoded matrix of 12")]
    [InlineData("matlab", "MATLAB file")]
    [InlineData("matlab_without_text", "MATLAB wrote the HDF5 file")]
    [InlineData("fastmri_bad_mask", "20 lines or 24 x 20 positions")]
    [InlineData("doctype", "has a document type")]
    [InlineData("not-xml", "not well-formed")]
    [InlineData("huge-matrix", "at most 16777216 are allowed")]
    [InlineData("odd-recon", "is inconsistent with the encoded one")]
    [InlineData("external", "no dataset")]
    [InlineData("claim", "at most 16777216 are allowed")]
    public void What_cannot_be_read_is_refused_with_its_reason(string scan, string reason)
    {
        (byte[] file, _) = RawData.Write(scan);
        InvalidMeasurementException e = Assert.Throws<InvalidMeasurementException>(() => RawMriFile.Read(_reader, file));
        if (scan != "external") Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('/', e.Message);
        Assert.Equal(0, _reader.Restarts);
    }

    private static void AssertMask(ArrayData expected, bool[] actual)
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
