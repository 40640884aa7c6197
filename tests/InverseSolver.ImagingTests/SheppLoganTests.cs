using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

/// <summary>Files of ismrmrd_generate_cartesian_shepp_logan, with ismrmrd_recon_cartesian_2d as the judge.</summary>
public sealed class SheppLoganTests
{
    [Fact]
    public void The_image_is_that_of_ISMRMRDs_own_reconstruction() => RawData.InFolder(folder =>
    {
        string file = Path.Combine(folder, "scan.h5");
        RawMri scan = Read(Generate(file, "-m", "64", "-c", "4", "-n", "0.05"));
        Assert.Equal((1, 4, 64, 64), (scan.Frames, scan.Coils, scan.Rows, scan.Columns));
        Assert.Contains("oversampling of 2 is removed", Assert.Single(scan.Routine), StringComparison.Ordinal);
        RawData.Run("/usr/bin/ismrmrd_recon_cartesian_2d", [file]);
        ArrayData judge = Npz.Read(RawData.Python("image", file).Expected, "image", 1 << 20);
        Assert.Equal([64, 64], judge.Shape);

        // The tool stores (phase encoding, readout) and does not normalise its transforms.
        float[] ours = RawData.RootSumOfSquares(scan, 0);
        float[] theirs = [.. Enumerable.Range(0, 64 * 64).Select(i => judge.Values[(i % 64 * 64) + (i / 64)])];
        double scale = ours.Zip(theirs, (a, b) => (double)a * b).Sum() / theirs.Sum(b => (double)b * b);
        Assert.InRange(RawData.Distance([.. theirs.Select(b => (float)(b * scale))], ours), 0, 1e-5);
        return 0;
    });

    [Fact]
    public void Noise_scan_repetitions_acceleration_and_calibration_width_are_read() => RawData.InFolder(folder =>
    {
        RawMri scan = Read(Generate(Path.Combine(folder, "scan.h5"), "-m", "64", "-c", "4", "-r", "2", "-a", "2", "-w", "12", "-n", "0.05", "-C"));
        // The program moves the lines by one with each of the two repetitions, and repeats that twice.
        Assert.Equal((4, 4, 64, 64), (scan.Frames, scan.Coils, scan.Rows, scan.Columns));
        Assert.Equal([0, 1, 2, 3], scan.FrameList.Select(frame => frame.Repetition));
        for (int i = 0; i < scan.Mask.Length; i++) Assert.Equal(i % 2 == i / (64 * 64) % 2, scan.Mask[i]);
        // The lines between them are for calibration alone; both repetitions together measure all of the middle twelve.
        for (int i = 0; i < 64 * 64; i++) Assert.Equal(i % 64 is >= 26 and < 38, scan.Calibration!.Mask[i]);
        Assert.Equal([0, 0, 0, 0], scan.Calibration!.OfFrame);
        // Noise of 0.05 for each component: 0.005 for a complex sample; 128 samples are known to within 9 per cent each.
        for (int i = 0; i < 16; i++)
            Assert.InRange(scan.NoiseCovariance![2 * i], i % 5 == 0 ? 0.0035 : -0.0015, i % 5 == 0 ? 0.0065 : 0.0015);
        return 0;
    });

    private static byte[] Generate(string file, params string[] options)
    {
        RawData.Run("/usr/bin/ismrmrd_generate_cartesian_shepp_logan", [.. options, "-o", file]);
        return File.ReadAllBytes(file);
    }

    private static RawMri Read(byte[] file)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return IsmrmrdFile.Read(reader, file);
    }
}
