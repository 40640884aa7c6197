using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace InverseSolver.Imaging;

/// <summary>Writes volumes as NIfTI-1 in one file, little endian, float32.</summary>
public static class NiftiWriter
{
    private const int HeaderBytes = 352;

    /// <summary>Writes slices that lie behind each other.</summary>
    /// <param name="values">(volumes, slices, rows, columns); finite.</param>
    /// <param name="slices">The number of slices.</param>
    /// <param name="rows">Height of a slice.</param>
    /// <param name="columns">Width of a slice.</param>
    /// <param name="geometry">
    /// Of each slice of a volume, or of the first one only (the others then follow along its normal at its slice spacing, its thickness or 1 mm); null: not
    /// known, and both the sform's and the qform's code say so (0), with 1 mm voxels.
    /// </param>
    /// <param name="compressed">True to write .nii.gz.</param>
    /// <param name="volumes">The number of volumes at the same position; several make the file 4-D.</param>
    /// <param name="pixelMm">Without a geometry, the size of a pixel and the slices' thickness; 0: 1 mm.</param>
    /// <exception cref="ArgumentException">The sizes do not fit, or the slices' positions are not on one line at equal distances.</exception>
    public static byte[] Write(
        ReadOnlySpan<float> values, int slices, int rows, int columns, IReadOnlyList<FrameGeometry>? geometry, bool compressed = false, int volumes = 1,
        (double Row, double Column, double Slice) pixelMm = default)
    {
        if (volumes < 1 || slices < 1 || rows < 1 || columns < 1 || values.Length != (long)volumes * slices * rows * columns)
        {
            throw new ArgumentException("The values are not (volumes, slices, rows, columns).", nameof(values));
        }
        if (Math.Max(Math.Max(volumes, slices), Math.Max(rows, columns)) > short.MaxValue)
        {
            throw new ArgumentException("NIfTI-1 counts voxels along an axis in 15 bits.", nameof(values));
        }
        if (geometry is not null && geometry.Count != slices && geometry.Count != 1)
        {
            throw new ArgumentException("There must be a geometry for each slice.", nameof(geometry));
        }

        byte[] file = new byte[HeaderBytes + (4L * values.Length)];
        WriteHeader(
            file, volumes, slices, rows, columns, geometry is [var first, ..] ? SliceAffine.From(first, SliceAffine.Step(geometry, slices)) : null, pixelMm);
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(file.AsSpan(HeaderBytes + (4 * i)), values[i]);
        return compressed ? Compress(file) : file;
    }

    private static void WriteHeader(
        Span<byte> header, int volumes, int slices, int rows, int columns, SliceAffine? affine, (double Row, double Column, double Slice) pixelMm)
    {
        Integer(header, 0, 348);
        short[] sizes = [(short)(volumes > 1 ? 4 : 3), (short)columns, (short)rows, (short)slices, (short)volumes, 1, 1, 1];
        for (int i = 0; i < sizes.Length; i++) Short(header, 40 + (2 * i), sizes[i]);
        Short(header, 70, 16); // float32
        Short(header, 72, 32);
        Real(header, 108, HeaderBytes);
        Real(header, 112, 1);
        header[123] = 2; // millimetres
        Encoding.ASCII.GetBytes("InverseSolver. Not for diagnosis.").CopyTo(header[148..]);
        "n+1\0"u8.CopyTo(header[344..]);
        float[] sides = affine?.PixelSides ?? [1, Side(pixelMm.Column), Side(pixelMm.Row), Side(pixelMm.Slice)];
        for (int i = 0; i < 4; i++) Real(header, 76 + (4 * i), sides[i]);
        if (volumes > 1) Real(header, 92, 1); // volumes are echoes, sets or times, and what lies between them has no unit
        if (affine is null) return;

        Short(header, 254, 1); // scanner coordinates
        for (int i = 0; i < 12; i++) Real(header, 280 + (4 * i), affine.Matrix[i]);
        if (affine.Quaternion is null) return;
        Short(header, 252, 1);
        for (int i = 0; i < 3; i++) Real(header, 256 + (4 * i), affine.Quaternion[i]);
        for (int i = 0; i < 3; i++) Real(header, 268 + (4 * i), affine.Matrix[(4 * i) + 3]);
    }

    private static float Side(double mm) => mm > 0 ? (float)mm : 1;

    private static byte[] Compress(byte[] file)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true)) gzip.Write(file);
        return packed.ToArray();
    }

    private static void Integer(Span<byte> header, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(header[at..], value);

    private static void Short(Span<byte> header, int at, short value) => BinaryPrimitives.WriteInt16LittleEndian(header[at..], value);

    private static void Real(Span<byte> header, int at, double value) => BinaryPrimitives.WriteSingleLittleEndian(header[at..], (float)value);
}
