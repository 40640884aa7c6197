using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public sealed class RealRawDataTests
{
    private static readonly ReaderLimits Limits = new(2L << 30, TimeSpan.FromMinutes(2), 64L << 20);

    [Fact]
    public void A_fully_sampled_ISMRMRD_file_equals_its_npy()
    {
        ArrayData expected = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 24);
        using var reader = new FormatReader(Limits);
        RawMri scan = IsmrmrdFile.Read(reader, RawData.Read("converted", "brain8ch_full_ismrmrd.h5"));
        Assert.Equal([8, 230, 180], expected.Shape);
        Assert.Equal((1, 8, 230, 180), (scan.Frames, scan.Coils, scan.Rows, scan.Columns));
        Assert.Equal(expected.Values, scan.KSpace);
        Assert.DoesNotContain(false, scan.Mask);
        Assert.Null(scan.NoiseCovariance);
        Assert.Null(scan.Calibration);
        Assert.Equal(("HFS", "brain"), (scan.Study.PatientPosition, scan.Study.ProtocolName));
        // All directions are given, the position is the isocentre: pixels of 1 mm, the middle one there.
        Assert.Equal(new FrameGeometry(new(-115, -90, 0), new(0, 1, 0), new(1, 0, 0), 1, 1, 5), Assert.Single(scan.FrameList).Geometry);
        Assert.Empty(scan.Remarks);
        Assert.Empty(scan.Routine);
    }

    [Fact]
    public void An_undersampled_ISMRMRD_file_has_the_mask_it_was_made_with()
    {
        ArrayData full = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 24);
        float[] lines = Npy.Read(RawData.Read("converted", "brain8ch_R3_acs24_mask.npy"), 1 << 24).Values;
        using var reader = new FormatReader(Limits);
        RawMri scan = IsmrmrdFile.Read(reader, RawData.Read("converted", "brain8ch_R3_acs24_ismrmrd.h5"));
        Assert.Equal(76, lines.Count(line => line != 0));
        for (int i = 0; i < scan.Mask.Length; i++) Assert.Equal(lines[i % 180] != 0, scan.Mask[i]);
        for (int i = 0; i < full.Values.Length; i++) Assert.Equal(lines[i / 2 % 180] != 0 ? full.Values[i] : 0, scan.KSpace[i]);
    }

    [Fact]
    public void A_file_in_fastMRIs_layout_equals_its_npy()
    {
        ArrayData expected = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 24);
        using var reader = new FormatReader(Limits);
        byte[] file = RawData.Read("converted", "brain8ch_fastmri_style.h5");
        RawMri scan = FastMriFile.Read(reader, file);
        Assert.Equal((1, 8, 230, 180), (scan.Frames, scan.Coils, scan.Rows, scan.Columns));
        Assert.Equal(expected.Values, scan.KSpace);
        Assert.Equal("T1-like (BART demo brain)", scan.Study.SeriesDescription);
        Assert.Equal("bart-demo", scan.Study.PatientId);
        Assert.Contains(
            "layout of fastmri", Assert.Throws<InvalidMeasurementException>(() => IsmrmrdFile.Read(reader, file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BARTs_files_equal_the_npy()
    {
        ArrayData expected = Npy.Read(RawData.Read("converted", "brain8ch_full_230x180.npy"), 1 << 24);
        (int[] dimensions, ArrayData array) = BartFile.Read(RawData.Read("bart_brain8ch", "full.hdr"), RawData.Read("bart_brain8ch", "full.cfl"), 1 << 24);
        Assert.Equal([1, 230, 180, 8], dimensions);
        Assert.Equal([8, 180, 230, 1], array.Shape);
        for (int coil = 0; coil < 8; coil++)
            for (int y = 0; y < 230; y += 7)
                for (int x = 0; x < 180; x++)
                    Assert.Equal(expected.Values[2 * ((((coil * 230) + y) * 180) + x)], array.Values[2 * ((((coil * 180) + x) * 230) + y)]);
    }
}
