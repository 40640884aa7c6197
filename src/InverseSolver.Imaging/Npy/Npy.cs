using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace InverseSolver.Imaging;

/// <summary>NumPy's .npy files, versions 1 to 3, of numbers (no strings, records or objects) with up to 8 dimensions.</summary>
public static class Npy
{
    /// <summary>True where the first bytes are those of a .npy file.</summary>
    public static bool IsNpy(ReadOnlySpan<byte> file) => file.StartsWith((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y']);

    /// <summary>Reads the header; whether the elements are there is not checked.</summary>
    /// <exception cref="InvalidMeasurementException">The file is not .npy, or its header is damaged or holds something else than numbers.</exception>
    public static NpyHeader ReadHeader(ReadOnlySpan<byte> file) => NpyHeaderParser.Parse(file);

    /// <summary>Reads an array into single precision and C order.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="maxElements">The most elements that are read; a complex element counts once.</param>
    /// <param name="requireFinite">True where NaN, infinities and numbers beyond single precision are refused.</param>
    /// <exception cref="InvalidMeasurementException">
    /// As for <see cref="ReadHeader"/>; too many elements; fewer or more bytes than the shape needs; a value that is not finite.
    /// </exception>
    public static ArrayData Read(ReadOnlySpan<byte> file, long maxElements, bool requireFinite = true)
    {
        NpyHeader header = ReadHeader(file);
        int components = header.IsComplex ? 2 : 1;
        if (header.Count > maxElements || header.Count * components > Array.MaxLength)
            throw new InvalidMeasurementException($"The .npy array has {header.Count} elements; at most {maxElements} are allowed.");
        ReadOnlySpan<byte> data = file[header.DataOffset..];
        if (data.Length != header.Count * header.ElementBytes)
            throw new InvalidMeasurementException(
                $"The .npy file holds {data.Length} bytes of elements where its shape needs {header.Count * header.ElementBytes}.");

        float[] values = new float[header.Count * components];
        Numbers.ToFloats(data, header.IsComplex ? 'f' : header.Kind, header.ElementBytes / components, header.IsBigEndian, values);
        if (requireFinite)
        {
            foreach (float value in values)
                if (!float.IsFinite(value)) throw new InvalidMeasurementException("The .npy array holds values that are not finite in single precision.");
        }
        if (header.IsFortranOrder && header.Shape.Length > 1) values = ToCOrder(values, header.Shape, components);
        return new ArrayData(header.Shape, values, header.IsComplex);
    }

    /// <summary>Writes an array as little-endian float32 or complex64, version 1.0, in C order.</summary>
    /// <exception cref="ArgumentException">The shape does not fit the values.</exception>
    public static byte[] Write(ArrayData array)
    {
        long count = array.Shape.Aggregate(1L, (product, size) => checked(product * size));
        if (array.Shape.Any(size => size < 0) || array.Values.Length != count * (array.IsComplex ? 2 : 1))
            throw new ArgumentException("The shape does not fit the values.", nameof(array));
        string shape = string.Concat(array.Shape.Select(size => $"{size}, ")).TrimEnd(' ');
        if (array.Shape.Length > 1) shape = shape.TrimEnd(',');
        string text = $"{{'descr': '{(array.IsComplex ? "<c8" : "<f4")}', 'fortran_order': False, 'shape': ({shape}), }}";
        int length = ((10 + text.Length + 1 + 63) / 64 * 64) - 10; // the elements begin at a multiple of 64 bytes
        byte[] file = new byte[10 + length + ((long)array.Values.Length * sizeof(float))];
        ((ReadOnlySpan<byte>)[0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0]).CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(8), (ushort)length);
        Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n", file.AsSpan(10));
        Span<byte> data = file.AsSpan(10 + length);
        if (BitConverter.IsLittleEndian)
            MemoryMarshal.AsBytes(array.Values.AsSpan()).CopyTo(data);
        else
            for (int i = 0; i < array.Values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(data[(i * 4)..], array.Values[i]);
        return file;
    }

    private static float[] ToCOrder(float[] values, int[] shape, int components)
    {
        float[] ordered = new float[values.Length];
        int[] index = new int[shape.Length];
        for (int target = 0; target < values.Length; target += components)
        {
            int source = 0;
            for (int axis = shape.Length - 1; axis >= 0; axis--) source = (source * shape[axis]) + index[axis];
            for (int part = 0; part < components; part++) ordered[target + part] = values[(source * components) + part];
            for (int axis = shape.Length - 1; axis >= 0 && ++index[axis] == shape[axis]; axis--) index[axis] = 0;
        }
        return ordered;
    }
}
