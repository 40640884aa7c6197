using InverseSolver.Imaging;
using Xunit;

namespace InverseSolver.ImagingTests;

public class VolumeTests
{
    private const int Right = 4, Front = 3, Crown = 2;

    // A patient of 4 x 3 x 2 voxels whose value tells where it lies: 100 right + 10 front + crown.
    public static TheoryData<int[], bool[]> StorageOrders
    {
        get
        {
            var orders = new TheoryData<int[], bool[]>();
            foreach (int[] order in (int[][])[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
                for (int flips = 0; flips < 8; flips++) orders.Add(order, [(flips & 1) != 0, (flips & 2) != 0, (flips & 4) != 0]);
            return orders;
        }
    }

    [Theory, MemberData(nameof(StorageOrders))]
    public void Slices_look_the_same_however_the_volume_is_stored(int[] order, bool[] reversed)
    {
        Volume volume = Store(order, reversed);

        Assert.Equal(Crown, volume.SliceCount(Plane.Axial));
        VolumeSlice axial = volume.Slice(Plane.Axial, 1); // nose up, the patient's right on the left
        Assert.Equal((Front, Right, 3.0, 2.0), (axial.Height, axial.Width, axial.RowMm, axial.ColumnMm));
        Assert.Equal([321f, 221, 121, 21, 311, 211, 111, 11, 301, 201, 101, 1], axial.Values);

        Assert.Equal(Front, volume.SliceCount(Plane.Coronal));
        VolumeSlice coronal = volume.Slice(Plane.Coronal, 0); // crown up, the patient's right on the left
        Assert.Equal((Crown, Right, 4.0, 2.0), (coronal.Height, coronal.Width, coronal.RowMm, coronal.ColumnMm));
        Assert.Equal([301f, 201, 101, 1, 300, 200, 100, 0], coronal.Values);

        Assert.Equal(Right, volume.SliceCount(Plane.Sagittal));
        VolumeSlice sagittal = volume.Slice(Plane.Sagittal, 2); // crown up, nose to the left
        Assert.Equal((Crown, Front, 4.0, 3.0), (sagittal.Height, sagittal.Width, sagittal.RowMm, sagittal.ColumnMm));
        Assert.Equal([221f, 211, 201, 220, 210, 200], sagittal.Values);
    }

    [Fact]
    public void An_oblique_volume_is_cut_along_its_closest_axes()
    {
        double c = Math.Cos(0.5), s = Math.Sin(0.5);
        var volume = new Volume(2, 2, 1, [1, 2, 3, 4], [-c, s, 0, 0, s, c, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
        Assert.Equal([3f, 4, 1, 2], volume.Slice(Plane.Axial, 0).Values);
    }

    [Fact]
    public void Slices_beyond_the_volume_are_the_callers_mistake()
    {
        Volume volume = Store([0, 1, 2], [false, false, false]);
        Assert.Throws<ArgumentOutOfRangeException>(() => volume.Slice(Plane.Axial, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => volume.Slice(Plane.Coronal, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => volume.Slice((Plane)3, 0));
    }

    // order[i] is the world axis (right, front, crown) along which storage axis i runs.
    private static Volume Store(int[] order, bool[] reversed)
    {
        int[] world = [Right, Front, Crown];
        double[] mm = [2, 3, 4];
        double[] affine = new double[16];
        affine[15] = 1;
        for (int axis = 0; axis < 3; axis++) affine[(order[axis] * 4) + axis] = reversed[axis] ? -mm[order[axis]] : mm[order[axis]];
        int[] sizes = [.. order.Select(axis => world[axis])];
        float[] values = new float[Right * Front * Crown];
        int[] at = new int[3];
        for (int i = 0; i < values.Length; i++)
        {
            int[] index = [i % sizes[0], i / sizes[0] % sizes[1], i / sizes[0] / sizes[1]];
            for (int axis = 0; axis < 3; axis++) at[order[axis]] = reversed[axis] ? sizes[axis] - 1 - index[axis] : index[axis];
            values[i] = (100 * at[0]) + (10 * at[1]) + at[2];
        }
        return new Volume(sizes[0], sizes[1], sizes[2], values, affine);
    }
}
