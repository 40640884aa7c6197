using System.Buffers.Binary;

namespace InverseSolver.Imaging;

/// <summary>The 348 bytes of a NIfTI-1 header, checked; field offsets are those of the standard's nifti1.h. </summary>
/// <param name="Sizes">Columns, rows and slices; one slice where the file has two dimensions.</param>
/// <param name="Rank">Dimensions of the file, those of size 1 at its end included.</param>
/// <param name="Kind">The type of a voxel's number: u, i or f.</param>
/// <param name="Bytes">Bytes of a voxel.</param>
/// <param name="IsBigEndian">The byte order.</param>
/// <param name="DataOffset">The offset of the voxels in bytes.</param>
/// <param name="IsOffsetAssumed">True where the file states no offset (0), so that the voxels follow the header.</param>
/// <param name="Slope">The factor from a voxel's number to its value.</param>
/// <param name="Intercept">The summand to that product.</param>
/// <param name="Affine">Voxels to RAS millimetres, 4 x 4; null: the file states no orientation.</param>
/// <param name="IsMirrored">True where qform and sform are both given and have opposite handedness.</param>
/// <param name="IsTemplate">True where these are a template's millimetres (sform_code 3 or 4).</param>
internal sealed record NiftiHeader(
    int[] Sizes, int Rank, char Kind, int Bytes, bool IsBigEndian, int DataOffset, bool IsOffsetAssumed, double Slope, double Intercept, double[]? Affine,
    bool IsMirrored, bool IsTemplate)
{
    internal const int Length = 348;
    private const int Length2 = 540; // of NIfTI-2
    private const int FirstData = 352;
    private const int MaxDataOffset = 16 * 1024 * 1024;

    internal long Voxels => (long)Sizes[0] * Sizes[1] * Sizes[2];

    /// <summary>True where the bytes begin with the size of a header, in either byte order.</summary>
    internal static bool IsHeader(ReadOnlySpan<byte> file) =>
        file.Length >= Length
            && (BinaryPrimitives.ReadInt32LittleEndian(file) is Length or Length2 || BinaryPrimitives.ReadInt32BigEndian(file) is Length or Length2);

    internal static NiftiHeader Parse(ReadOnlySpan<byte> header)
    {
        bool big = BinaryPrimitives.ReadInt32BigEndian(header) == Length;
        if (BinaryPrimitives.ReadInt32LittleEndian(header) == Length2 || BinaryPrimitives.ReadInt32BigEndian(header) == Length2)
            throw new InvalidMeasurementException("The file is NIfTI-2, which is not read: convert it to NIfTI-1 (nifti_tool, or NiBabel's Nifti1Image).");
        if (!big && BinaryPrimitives.ReadInt32LittleEndian(header) != Length) throw new InvalidMeasurementException("The file is not a NIfTI-1 volume.");
        if (header[344..348].SequenceEqual("ni1\0"u8)) throw Invalid("its voxels are in a second file (.img): convert it to one .nii file");
        if (header[344..348].SequenceEqual("\0\0\0\0"u8))
        {
            throw new InvalidMeasurementException(
                "The file is not a NIfTI-1 volume but an Analyze header, whose voxels are in a second file (.img): convert it to one .nii file.");
        }
        if (!header[344..348].SequenceEqual("n+1\0"u8)) throw new InvalidMeasurementException("The file is not a NIfTI-1 volume.");
        var reader = new Reader(header, big);

        int rank = reader.Short(40);
        if (rank is < 2 or > 7) throw Invalid("it does not have 3 dimensions");
        int[] sizes = [reader.Short(42), reader.Short(44), rank == 2 ? 1 : reader.Short(46)];
        if (sizes.Any(size => size < 1)) throw Invalid("a dimension is not positive");
        for (int axis = 4; axis <= rank; axis++)
            if (reader.Short(40 + (2 * axis)) != 1) throw Invalid("it holds more than one volume: send one");

        (char kind, int bytes) = reader.Short(70) switch
        {
            2 => ('u', 1),
            4 => ('i', 2),
            8 => ('i', 4),
            16 => ('f', 4),
            64 => ('f', 8),
            256 => ('i', 1),
            512 => ('u', 2),
            768 => ('u', 4),
            _ => throw Invalid("its data type is not supported: use 8-, 16- or 32-bit integers, float32 or float64"),
        };
        if (reader.Short(72) != bytes * 8) throw Invalid("its data type and bits per voxel disagree");

        float offset = reader.Float(108);
        bool assumed = offset == 0; // some writers' way to say "after the header"
        if (assumed) offset = FirstData;
        if (!(offset >= FirstData && offset <= MaxDataOffset) || offset != MathF.Floor(offset)) throw Invalid("the offset of its voxels is out of range");
        double slope = reader.Float(112), intercept = reader.Float(116);
        if (slope == 0 || !double.IsFinite(slope)) (slope, intercept) = (1, 0); // the standard's, and some writers', way to say "not scaled"
        if (!double.IsFinite(intercept)) throw Invalid("its scaling is not finite");

        double unit = (header[123] & 7) switch { 1 => 1000, 3 => 0.001, _ => 1 }; // metres, micrometres, millimetres
        double[]? affine = reader.Short(254) > 0 ? FromRows(reader) : reader.Short(252) > 0 ? FromQuaternion(reader) : null;
        bool mirrored = reader.Short(254) > 0 && reader.Short(252) > 0 && Determinant(FromRows(reader)) < 0 != reader.Float(76) < 0; // qfac
        for (int i = 0; affine is not null && i < 12; i++) affine[i] *= unit;
        return new NiftiHeader(sizes, rank, kind, bytes, big, (int)offset, assumed, slope, intercept, affine, mirrored, reader.Short(254) is 3 or 4);
    }

    private static double[] FromRows(Reader reader)
    {
        double[] affine = new double[16];
        for (int i = 0; i < 12; i++) affine[i] = reader.Float(280 + (4 * i));
        affine[15] = 1;
        return affine;
    }

    private static double[] FromQuaternion(Reader reader)
    {
        double b = reader.Float(256), c = reader.Float(260), d = reader.Float(264);
        double rest = 1 - ((b * b) + (c * c) + (d * d));
        if (!(rest > -1e-4)) throw Invalid("its quaternion is not a rotation");
        double a = Math.Sqrt(Math.Max(rest, 0));
        double x = reader.Float(80), y = reader.Float(84), z = reader.Float(88);
        if (!(x > 0 && y > 0 && z > 0)) throw Invalid("a voxel size is not positive");
        if (reader.Float(76) < 0) z = -z;
        return
        [
            ((a * a) + (b * b) - (c * c) - (d * d)) * x, 2 * ((b * c) - (a * d)) * y, 2 * ((b * d) + (a * c)) * z, reader.Float(268),
            2 * ((b * c) + (a * d)) * x, ((a * a) + (c * c) - (b * b) - (d * d)) * y, 2 * ((c * d) - (a * b)) * z, reader.Float(272),
            2 * ((b * d) - (a * c)) * x, 2 * ((c * d) + (a * b)) * y, ((a * a) + (d * d) - (b * b) - (c * c)) * z, reader.Float(276),
            0, 0, 0, 1,
        ];
    }

    private static double Determinant(double[] a) =>
        (a[0] * ((a[5] * a[10]) - (a[6] * a[9]))) - (a[1] * ((a[4] * a[10]) - (a[6] * a[8]))) + (a[2] * ((a[4] * a[9]) - (a[5] * a[8])));

    internal static InvalidMeasurementException Invalid(string reason) => new($"The NIfTI volume cannot be used: {reason}.");

    private readonly ref struct Reader(ReadOnlySpan<byte> header, bool big)
    {
        private readonly ReadOnlySpan<byte> _header = header;

        internal short Short(int at) => big ? BinaryPrimitives.ReadInt16BigEndian(_header[at..]) : BinaryPrimitives.ReadInt16LittleEndian(_header[at..]);

        internal float Float(int at) => big ? BinaryPrimitives.ReadSingleBigEndian(_header[at..]) : BinaryPrimitives.ReadSingleLittleEndian(_header[at..]);
    }
}
