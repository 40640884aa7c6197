using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class BrainSlicesTests
{
    private const string Templates = "/usr/share/mricron/templates/";

    [Fact]
    public void The_frame_is_square_round_the_head_with_a_margin_of_seven_percent()
    {
        // 50 mm from right 10, front 20 and crown 30 on: a frame of 57 mm, which 57 pixels show as it is.
        var slices = new BrainSlices(Box(100, (10, 59), (20, 69), (30, 79)));
        foreach (Plane plane in Enum.GetValues<Plane>())
        {
            Image image = slices.Prepare(plane, 45, size: 57);
            Assert.Equal((1, 57, 57), (image.Channels, image.Height, image.Width));
            Assert.Equal(Enumerable.Range(0, 57 * 57).Select(i => i / 57 is >= 4 and < 54 && i % 57 is >= 4 and < 54 ? 1f : 0f), image.Values);
        }
        Assert.DoesNotContain(slices.Prepare(Plane.Axial, 10, size: 57).Values, value => value != 0);
    }

    [Fact]
    public void The_neck_does_not_widen_the_frame()
    {
        // 190 mm high, of which the upper 150 are head: the frame is 171 mm high with 11 above and 10 below them, where the neck goes on.
        Image image = new BrainSlices(Box(200, (50, 149), (50, 149), (5, 194))).Prepare(Plane.Coronal, 100, size: 171);
        int[] rows = [.. Enumerable.Range(0, 171).Where(row => image.Values[(row * 171) + 85] > 0.5f)];
        Assert.Equal((11, 170), (rows[0], rows[^1]));
    }

    [Fact]
    public void Intensity_is_relative_to_the_volumes_percentile_clipped_and_black_below_three_of_255()
    {
        Volume volume = Box(100, (0, 99), (0, 99), (0, 99)); // 1000 everywhere
        (volume.Values[0], volume.Values[1], volume.Values[2], volume.Values[3], volume.Values[4]) = (500, 11, 12, 90_000, -5);
        Image image = new BrainSlices(volume).Prepare(Plane.Axial, 0, size: 114);
        int at = (106 * 114) + 106; // the patient's left back corner
        Assert.Equal([1f, 0f, 1f, 0.012f, 0f, 0.5f, 0f], image.Values[(at - 5)..(at + 2)]);
    }

    [Fact]
    public void Voxels_that_are_no_cubes_become_square_pixels()
    {
        float[] values = new float[40 * 40 * 20];
        for (int i = 0; i < values.Length; i++)
            if (i % 40 is >= 10 and < 30 && i / 40 % 40 is >= 10 and < 30 && i / 1600 is >= 5 and < 15) values[i] = 1;
        var volume = new Volume(40, 40, 20, values, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]);
        Image image = new BrainSlices(volume).Prepare(Plane.Coronal, 20);
        int width = Enumerable.Range(0, 128).Count(x => image.Values[(64 * 128) + x] > 0.5f);
        int height = Enumerable.Range(0, 128).Count(y => image.Values[(y * 128) + 64] > 0.5f);
        Assert.InRange(width, 110, 114);
        Assert.InRange(height, 105, 119); // the frame is a whole number of voxels, here of 2 mm
    }

    [Fact]
    public void A_black_volume_is_refused() =>
        Assert.Throws<InvalidMeasurementException>(() => new BrainSlices(new Volume(2, 2, 2, new float[8], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])));

    [Fact]
    public void Voxels_too_flat_for_a_square_slice_are_refused()
    {
        double[] affine = [1, 0, 0, 0, 0, 0.001, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
        float[] values = new float[1000];
        Array.Fill(values, 1);
        var slices = new BrainSlices(new Volume(10, 10, 10, values, affine));
        Assert.Throws<InvalidMeasurementException>(() => slices.Prepare(Plane.Axial, 5));
        Assert.Equal(128, slices.Prepare(Plane.Coronal, 5).Height);
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 5, 2)]
    [InlineData(3, 2, 1)]
    public void The_smallest_volumes_have_slices_too(int x, int y, int z)
    {
        float[] values = new float[x * y * z];
        Array.Fill(values, 7);
        var slices = new BrainSlices(new Volume(x, y, z, values, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]));
        foreach (Plane plane in Enum.GetValues<Plane>()) Assert.InRange(slices.Prepare(plane, 0).Values.Max(), 0.9f, 1);
    }

    [Fact]
    public void A_real_head_fills_the_frame_but_for_the_margin()
    {
        var slices = new BrainSlices(Template("ch2.nii.gz"));
        foreach (Plane plane in Enum.GetValues<Plane>())
        {
            float[] brightest = new float[128 * 128];
            for (int index = 20; index < 160; index += 4)
            {
                float[] values = slices.Prepare(plane, index).Values;
                Assert.DoesNotContain(values, value => value is not (0 or (>= 3f / 255 and <= 1)));
                for (int i = 0; i < values.Length; i++) brightest[i] = Math.Max(brightest[i], values[i]);
            }
            int[] columns = [.. Enumerable.Range(0, 128).Where(x => Enumerable.Range(0, 128).Any(y => brightest[(y * 128) + x] > 0.2f))];
            int[] rows = [.. Enumerable.Range(0, 128).Where(y => Enumerable.Range(0, 128).Any(x => brightest[(y * 128) + x] > 0.2f))];
            int longer = Math.Max(columns[^1] - columns[0], rows[^1] - rows[0]) + 1;
            Assert.InRange(longer, 105, 121);
        }
    }

    [Fact]
    public void Labels_of_a_brain_atlas_lie_where_radiologists_look_for_them()
    {
        const int precentralLeft = 1, precentralRight = 2, calcarineLeft = 43, frontalMedialLeft = 23, cerebellumLeft = 91;
        Volume atlas = Template("aal.nii.gz");

        Dictionary<float, (double Row, double Column)> axial = Centres(atlas, Plane.Axial);
        Assert.True(axial[precentralLeft].Column > axial[precentralRight].Column + 10);
        Assert.True(axial[frontalMedialLeft].Row < axial[calcarineLeft].Row - 20);

        Dictionary<float, (double Row, double Column)> coronal = Centres(atlas, Plane.Coronal);
        Assert.True(coronal[precentralLeft].Column > coronal[precentralRight].Column + 10);
        Assert.True(coronal[precentralLeft].Row < coronal[cerebellumLeft].Row - 20);

        Dictionary<float, (double Row, double Column)> sagittal = Centres(atlas, Plane.Sagittal);
        Assert.True(sagittal[frontalMedialLeft].Column < sagittal[calcarineLeft].Column - 20);
        Assert.True(sagittal[precentralLeft].Row < sagittal[cerebellumLeft].Row - 20);
    }

    private static Dictionary<float, (double Row, double Column)> Centres(Volume atlas, Plane plane)
    {
        var sums = new Dictionary<float, (double Row, double Column, int Count)>();
        for (int index = 0; index < atlas.SliceCount(plane); index++)
        {
            VolumeSlice slice = atlas.Slice(plane, index);
            for (int i = 0; i < slice.Values.Length; i++)
            {
                if (slice.Values[i] == 0) continue;
                (double row, double column, int count) = sums.GetValueOrDefault(slice.Values[i]);
                sums[slice.Values[i]] = (row + (i / slice.Width), column + (i % slice.Width), count + 1);
            }
        }
        return sums.ToDictionary(sum => sum.Key, sum => (sum.Value.Row / sum.Value.Count, sum.Value.Column / sum.Value.Count));
    }

    private static Volume Template(string name)
    {
        Assert.SkipUnless(File.Exists(Templates + name), "The Debian package mricron-data is not installed.");
        return Nifti.Read(File.ReadAllBytes(Templates + name), 100_000_000);
    }

    private static Volume Box(int side, (int From, int To) right, (int From, int To) front, (int From, int To) crown)
    {
        float[] values = new float[side * side * side];
        for (int i = 0; i < values.Length; i++)
        {
            int x = i % side, y = i / side % side, z = i / (side * side);
            if (x >= right.From && x <= right.To && y >= front.From && y <= front.To && z >= crown.From && z <= crown.To) values[i] = 1000;
        }
        return new Volume(side, side, side, values, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    }
}
