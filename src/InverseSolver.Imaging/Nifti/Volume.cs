namespace InverseSolver.Imaging;

/// <summary>
/// A scalar volume and where it lies in the patient. World coordinates are RAS in millimetres: x grows to the patient's right,
/// y to the front, z to the crown.
/// </summary>
public sealed class Volume
{
    private readonly Axis[] _axes;

    /// <summary>Wraps values, which are not copied.</summary>
    /// <param name="sizeX">Voxels along the first storage axis.</param>
    /// <param name="sizeY">Voxels along the second storage axis.</param>
    /// <param name="sizeZ">Voxels along the third storage axis.</param>
    /// <param name="values">The voxels, <c>values[x + sizeX * (y + sizeY * z)]</c>.</param>
    /// <param name="affine">4 x 4, row-major: (x, y, z, 1) in voxels to RAS millimetres.</param>
    /// <exception cref="InvalidMeasurementException">The affine is not finite or singular.</exception>
    /// <exception cref="ArgumentException">The sizes do not fit the values or the affine is not 4 x 4.</exception>
    public Volume(int sizeX, int sizeY, int sizeZ, float[] values, double[] affine)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sizeX, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sizeY, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sizeZ, 1);
        if (values.Length != (long)sizeX * sizeY * sizeZ)
        {
            throw new ArgumentException($"{values.Length} values are not {sizeX} x {sizeY} x {sizeZ}.", nameof(values));
        }
        if (affine.Length != 16) throw new ArgumentException("The affine must have 4 x 4 elements.", nameof(affine));
        (SizeX, SizeY, SizeZ, Values, Affine) = (sizeX, sizeY, sizeZ, values, affine);
        _axes = ClosestAxes([sizeX, sizeY, sizeZ], affine);
    }

    /// <summary>Voxels along the first storage axis.</summary>
    public int SizeX { get; }

    /// <summary>Voxels along the second storage axis.</summary>
    public int SizeY { get; }

    /// <summary>Voxels along the third storage axis.</summary>
    public int SizeZ { get; }

    /// <summary>The voxels, the first storage axis fastest: <c>Values[x + SizeX * (y + SizeY * z)]</c>.</summary>
    public float[] Values { get; }

    /// <summary>4 x 4, row-major: (x, y, z, 1) in voxels to RAS millimetres.</summary>
    public double[] Affine { get; }

    /// <summary>Distance between voxels in millimetres along the storage axes.</summary>
    public (double X, double Y, double Z) VoxelMm => (ColumnNorm(Affine, 0), ColumnNorm(Affine, 1), ColumnNorm(Affine, 2));

    /// <summary>The number of slices in a plane.</summary>
    public int SliceCount(Plane plane) => _axes[Normal(plane)].Size;

    /// <summary>
    /// Cuts a slice along the storage axes closest to the plane, in radiological display: axial nose up, coronal and sagittal
    /// crown up, sagittal nose to the left, the patient's left on the image's right.
    /// </summary>
    /// <param name="plane">The plane.</param>
    /// <param name="index">From 0 at the patient's left, back or feet, whatever the storage order, below <see cref="SliceCount"/>.</param>
    public VolumeSlice Slice(Plane plane, int index)
    {
        Axis normal = _axes[Normal(plane)];
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, normal.Size);
        // Rows start at the front or crown, columns at the patient's right or front: all against the RAS direction.
        Axis rows = _axes[plane == Plane.Axial ? 1 : 2], columns = _axes[plane == Plane.Sagittal ? 1 : 0];
        float[] values = new float[rows.Size * columns.Size];
        for (int row = 0; row < rows.Size; row++)
        {
            int start = normal.Offset(index) + rows.Offset(rows.Size - 1 - row);
            for (int column = 0; column < columns.Size; column++)
                values[(row * columns.Size) + column] = Values[start + columns.Offset(columns.Size - 1 - column)];
        }
        return new VolumeSlice(rows.Size, columns.Size, values, rows.Mm, columns.Mm);
    }

    /// <summary>The storage axes closest to right, front and crown, in this order.</summary>
    internal IReadOnlyList<Axis> Axes => _axes;

    private static int Normal(Plane plane) => plane switch
    {
        Plane.Sagittal => 0,
        Plane.Coronal => 1,
        Plane.Axial => 2,
        _ => throw new ArgumentOutOfRangeException(nameof(plane), plane, "No such plane."),
    };

    private static double ColumnNorm(double[] affine, int column) =>
        Math.Sqrt((affine[column] * affine[column]) + (affine[4 + column] * affine[4 + column]) + (affine[8 + column] * affine[8 + column]));

    private static Axis[] ClosestAxes(int[] sizes, double[] affine)
    {
        double[] mm = [ColumnNorm(affine, 0), ColumnNorm(affine, 1), ColumnNorm(affine, 2)];
        if (!affine.All(double.IsFinite) || mm.Any(size => !(size > 1e-6 && size < 1e6)))
            throw new InvalidMeasurementException("The volume's affine is not finite or has an axis without length.");
        double Cosine(int world, int axis) => affine[(world * 4) + axis] / mm[axis];
        double determinant = 0;
        for (int i = 0; i < 3; i++)
            determinant += Cosine(0, i) * ((Cosine(1, (i + 1) % 3) * Cosine(2, (i + 2) % 3)) - (Cosine(1, (i + 2) % 3) * Cosine(2, (i + 1) % 3)));
        if (Math.Abs(determinant) < 1e-3) throw new InvalidMeasurementException("The volume's affine has axes that lie in one plane.");

        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        int[] best = orders.MaxBy(order => Math.Abs(Cosine(0, order[0])) + Math.Abs(Cosine(1, order[1])) + Math.Abs(Cosine(2, order[2])))!;
        int[] strides = [1, sizes[0], sizes[0] * sizes[1]];
        return [.. best.Select((axis, world) => new Axis(sizes[axis], strides[axis], Cosine(world, axis) < 0, mm[axis]))];
    }

    /// <summary>A storage axis, counted in the direction of its world axis.</summary>
    internal readonly record struct Axis(int Size, int Stride, bool IsReversed, double Mm)
    {
        internal int Offset(int index) => (IsReversed ? Size - 1 - index : index) * Stride;
    }
}

/// <summary>One plane of a volume, as it is displayed.</summary>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
/// <param name="Values">Row by row from the top, in the volume's units.</param>
/// <param name="RowMm">Distance between rows in millimetres.</param>
/// <param name="ColumnMm">Distance between columns in millimetres.</param>
public sealed record VolumeSlice(int Height, int Width, float[] Values, double RowMm, double ColumnMm);

/// <summary>The planes that a volume is cut in.</summary>
public enum Plane
{
    /// <summary>Across the body axis; shown with the nose up.</summary>
    Axial,

    /// <summary>Parallel to the face; shown with the crown up.</summary>
    Coronal,

    /// <summary>Parallel to the plane between the eyes; shown with the crown up and the nose to the left.</summary>
    Sagittal,
}
