namespace InverseSolver.Imaging;

/// <summary>
/// Slices of a head, prepared as the training images of the bundled brain model were: intensity over the volume's 99.7th
/// percentile, a square frame round the head with a margin of 7 % that is the same for all slices of a plane, Lanczos
/// resampling, and a black background.
/// </summary>
public sealed class BrainSlices
{
    private const double Margin = 0.07;
    private const double Percentile = 0.997;
    private const float Background = 3f / 255;

    // The head: voxels brighter than the first share of the percentile, in layers where at least the second share of the voxels is.
    private const float HeadBrightness = 0.1f;
    private const double HeadShare = 0.005;

    // The extent of the head below the crown; the neck follows.
    private const double HeadHeightMm = 150;

    private const int MaxFrameVoxels = 4096;

    private readonly Volume _volume;
    private readonly float _white;
    private readonly (int First, int Last)[] _head;

    /// <summary>Finds the intensity scale and the head.</summary>
    /// <param name="volume">A magnitude volume of a head: dark background, crown inside the volume.</param>
    /// <exception cref="InvalidMeasurementException">The volume is black.</exception>
    public BrainSlices(Volume volume)
    {
        _volume = volume;
        _white = PercentileOf(volume.Values);
        if (!(_white > 0)) throw new InvalidMeasurementException("The volume is black, so no head can be found.");
        (int First, int Last) height = Extent(2, (0, volume.Axes[2].Size - 1));
        int bottom = height.Last - (int)Math.Round(HeadHeightMm / volume.Axes[2].Mm) + 1;
        height.First = Math.Max(height.First, bottom);
        _head = [Extent(0, height), Extent(1, height), height];
    }

    /// <summary>Prepares one slice in radiological display (see <see cref="Volume.Slice"/>).</summary>
    /// <param name="plane">The plane.</param>
    /// <param name="index">The slice, counted as by <see cref="Volume.Slice"/>.</param>
    /// <param name="size">Rows and columns of the result, at most 4096.</param>
    /// <returns>One channel with values in [0,1].</returns>
    /// <exception cref="InvalidMeasurementException">A voxel is so flat that the square frame would hold more than 4096 rows or columns.</exception>
    public Image Prepare(Plane plane, int index, int size = 128)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, 4096);
        VolumeSlice slice = _volume.Slice(plane, index);
        int rowAxis = plane == Plane.Axial ? 1 : 2, columnAxis = plane == Plane.Sagittal ? 1 : 0;
        double sideMm = (1 + (2 * Margin)) * Math.Max(HeadMm(rowAxis), HeadMm(columnAxis));
        (int top, int height) = Frame(rowAxis, sideMm);
        (int left, int width) = Frame(columnAxis, sideMm);

        float[] framed = new float[height * width];
        for (int row = Math.Max(0, -top); row < height && top + row < slice.Height; row++)
        {
            for (int column = Math.Max(0, -left); column < width && left + column < slice.Width; column++)
                framed[(row * width) + column] = Math.Clamp(slice.Values[((top + row) * slice.Width) + left + column] / _white, 0, 1);
        }
        float[] values = Lanczos.Resize(framed, height, width, size, size);
        for (int i = 0; i < values.Length; i++)
        {
            float value = Math.Clamp(values[i], 0, 1);
            values[i] = value < Background ? 0 : value;
        }
        return new Image(1, size, size, values);
    }

    private double HeadMm(int axis) => (_head[axis].Last - _head[axis].First + 1) * _volume.Axes[axis].Mm;

    // The first displayed row or column of the frame and how many there are; displayed indices run against the axis.
    private (int Start, int Count) Frame(int axis, double sideMm)
    {
        Volume.Axis along = _volume.Axes[axis];
        if (sideMm / along.Mm > MaxFrameVoxels) throw new InvalidMeasurementException("The volume's voxels are too flat for a square slice.");
        int count = Math.Max(1, (int)Math.Round(sideMm / along.Mm));
        double centre = along.Size - 1 - ((_head[axis].First + _head[axis].Last) / 2.0);
        return ((int)Math.Round(centre - ((count - 1) / 2.0)), count);
    }

    // The first and last layer along an axis that hold some head, between two heights.
    private (int First, int Last) Extent(int axis, (int First, int Last) height)
    {
        (int u, int v) = axis switch { 0 => (1, 2), 1 => (0, 2), _ => (0, 1) };
        Volume.Axis along = _volume.Axes[axis], first = _volume.Axes[u], second = _volume.Axes[v];
        (int from, int to) = v == 2 ? height : (0, second.Size - 1);
        double needed = Math.Max(1, HeadShare * first.Size * (to - from + 1));
        var layers = Enumerable.Range(0, along.Size).Where(layer =>
        {
            int bright = 0;
            for (int j = from; j <= to; j++)
            {
                int offset = along.Offset(layer) + second.Offset(j);
                for (int i = 0; i < first.Size; i++)
                    if (_volume.Values[offset + first.Offset(i)] > HeadBrightness * _white) bright++;
            }
            return bright >= needed;
        }).ToList();
        return layers.Count > 0 ? (layers[0], layers[^1]) : (0, along.Size - 1);
    }

    // Between the two nearest values, linearly.
    private static float PercentileOf(float[] values)
    {
        float[] sorted = [.. values];
        Array.Sort(sorted);
        double at = Percentile * (sorted.Length - 1);
        int below = (int)at;
        float next = sorted[Math.Min(below + 1, sorted.Length - 1)];
        return (float)(sorted[below] + ((at - below) * (next - sorted[below])));
    }
}
