namespace InverseSolver.Imaging;

/// <summary>The affine of a stack of slices, from voxel (column, row, slice) to RAS millimetres, and the parts that NIfTI's qform has of it.</summary>
/// <param name="Matrix">3 x 4, row-major.</param>
/// <param name="PixelSides">pixdim[0..3]: the sign of the third axis, then the distances between columns, rows and slices.</param>
/// <param name="Quaternion">
/// b, c, d of the rotation; a = sqrt(1 - b² - c² - d²) is not negative. Null: the slices are sheared, which a qform cannot say.
/// </param>
internal sealed record SliceAffine(double[] Matrix, float[] PixelSides, double[]? Quaternion)
{
    private const double PlaceToleranceMm = 0.01;
    private const double LineTolerance = 1e-2;
    private const double ShearTolerance = 1e-6; // 1 - cosine: 0.08 degrees

    /// <summary>Makes the affine from the first slice's geometry and the vector to the next slice; DICOM's LPS becomes RAS by negating x and y.</summary>
    internal static SliceAffine From(FrameGeometry first, PatientVector step)
    {
        PatientVector right = first.ColumnSpacingMm * first.AlongRow, down = first.RowSpacingMm * first.AlongColumn, start = first.Position;
        double[] matrix =
        [
            -right.X, -down.X, -step.X, -start.X,
            -right.Y, -down.Y, -step.Y, -start.Y,
            right.Z, down.Z, step.Z, start.Z,
        ];
        PatientVector normal = first.Normal;
        bool isStraight = Math.Abs(step.Dot(normal)) > (1 - ShearTolerance) * step.Norm;
        double sign = step.Dot(normal) < 0 ? -1 : 1; // the quaternion is a proper rotation of (along row, along column, their product)
        double[] rotation =
        [
            -first.AlongRow.X, -first.AlongColumn.X, -normal.X,
            -first.AlongRow.Y, -first.AlongColumn.Y, -normal.Y,
            first.AlongRow.Z, first.AlongColumn.Z, normal.Z,
        ];
        return new SliceAffine(
            matrix, [(float)sign, (float)first.ColumnSpacingMm, (float)first.RowSpacingMm, (float)step.Norm], isStraight ? FromRotation(rotation) : null);
    }

    /// <summary>The vector from a slice to the next.</summary>
    /// <exception cref="ArgumentException">The slices are turned against each other, are not at equal distances, or are not behind each other.</exception>
    internal static PatientVector Step(IReadOnlyList<FrameGeometry> geometry, int slices)
    {
        FrameGeometry first = geometry[0];
        if (geometry.Count == 1 || slices == 1) return (first.SliceSpacingMm ?? first.SliceThicknessMm ?? 1) * first.Normal;
        PatientVector step = (1.0 / (slices - 1)) * (geometry[^1].Position - first.Position);
        for (int i = 0; i < slices; i++)
        {
            FrameGeometry slice = geometry[i];
            bool turned = (slice.AlongRow - first.AlongRow).Norm > 1e-3 || (slice.AlongColumn - first.AlongColumn).Norm > 1e-3
                || Math.Abs(slice.RowSpacingMm - first.RowSpacingMm) > 1e-3 || Math.Abs(slice.ColumnSpacingMm - first.ColumnSpacingMm) > 1e-3;
            double off = (slice.Position - first.Position - (i * step)).Norm;
            if (turned || off > Math.Max(PlaceToleranceMm, LineTolerance * step.Norm))
            {
                throw new ArgumentException("The slices are not parallel and at equal distances.", nameof(geometry));
            }
        }
        if (Math.Abs(step.Dot(first.Normal)) < PlaceToleranceMm) throw new ArgumentException("The slices are not behind each other.", nameof(geometry));
        return step;
    }

    // The largest of the four components is computed first, to avoid a division by a small number.
    private static double[] FromRotation(double[] r)
    {
        double[] squares = [1 + r[0] + r[4] + r[8], 1 + r[0] - r[4] - r[8], 1 - r[0] + r[4] - r[8], 1 - r[0] - r[4] + r[8]];
        int largest = Array.IndexOf(squares, squares.Max());
        double big = Math.Sqrt(squares[largest]) / 2, part = 0.25 / big;
        double[] q = largest switch
        {
            0 => [big, part * (r[7] - r[5]), part * (r[2] - r[6]), part * (r[3] - r[1])],
            1 => [part * (r[7] - r[5]), big, part * (r[1] + r[3]), part * (r[2] + r[6])],
            2 => [part * (r[2] - r[6]), part * (r[1] + r[3]), big, part * (r[5] + r[7])],
            _ => [part * (r[3] - r[1]), part * (r[2] + r[6]), part * (r[5] + r[7]), big],
        };
        double sign = q[0] < 0 ? -1 : 1;
        return [sign * q[1], sign * q[2], sign * q[3]];
    }
}
