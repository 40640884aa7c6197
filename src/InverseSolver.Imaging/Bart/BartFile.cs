using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace InverseSolver.Imaging;

/// <summary>
/// BART's pairs of files: .hdr, a text with the sizes, and .cfl, complex64, little endian, the first dimension fastest. Read as they lie, the array has the
/// shape of the reversed sizes in C order. Of k-space the first dimensions are readout, phase encoding, partition and coil; sizes of 1 are common anywhere
/// (data of one slice of a 3-D scan with two phase encodings: 1 230 180 8).
/// </summary>
public static class BartFile
{
    private const int MaxRank = 16;
    private const int MaxHeaderBytes = 64 * 1024;

    /// <summary>Reads a pair.</summary>
    /// <param name="header">The whole .hdr file.</param>
    /// <param name="data">The whole .cfl file.</param>
    /// <param name="maxElements">The most complex numbers that are read.</param>
    /// <returns>Sizes in BART's order, trailing ones left out, and the array in C order: its shape is the sizes reversed.</returns>
    /// <exception cref="InvalidMeasurementException">The header is not valid, the data are shorter or longer than it says, too many, or not finite.</exception>
    public static (int[] Dimensions, ArrayData Array) Read(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, long maxElements)
    {
        int[] sizes = ReadSizes(header);
        long count = 1;
        foreach (int size in sizes)
        {
            if (count > maxElements / size) throw new InvalidMeasurementException($"The BART array has more than the {maxElements} elements that are allowed.");
            count *= size;
        }
        if (data.Length != count * 8)
        {
            throw new InvalidMeasurementException($"The .cfl file holds {data.Length} bytes where its .hdr file's sizes need {count * 8}.");
        }
        float[] values = new float[2 * count];
        Numbers.ToFloats(data, 'f', 4, bigEndian: false, values);
        foreach (float value in values)
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The .cfl file holds values that are not finite.");
        return (sizes, new ArrayData([.. sizes.Reverse()], values, IsComplex: true));
    }

    /// <summary>Writes a pair.</summary>
    /// <param name="array">In C order; its last dimension becomes BART's first. Real values get imaginary parts of 0.</param>
    /// <exception cref="ArgumentException">The array has more than 16 dimensions, an empty one, or values that do not fit its shape.</exception>
    public static (byte[] Header, byte[] Data) Write(ArrayData array)
    {
        long count = array.Shape.Aggregate(1L, (product, size) => checked(product * size));
        if (array.Shape.Length > MaxRank || array.Shape.Any(size => size < 1) || array.Values.Length != count * (array.IsComplex ? 2 : 1))
            throw new ArgumentException("The shape does not fit the values, or BART has no such array.", nameof(array));
        string sizes = string.Join(
            ' ', array.Shape.Reverse().Concat(Enumerable.Repeat(1, MaxRank - array.Shape.Length)).Select(size => size.ToString(CultureInfo.InvariantCulture)));
        byte[] data = new byte[8 * count];
        Span<float> floats = MemoryMarshal.Cast<byte, float>(data.AsSpan());
        for (long i = 0; i < count; i++)
        {
            floats[(int)(2 * i)] = array.Values[array.IsComplex ? 2 * i : i];
            floats[(int)((2 * i) + 1)] = array.IsComplex ? array.Values[(2 * i) + 1] : 0;
        }
        return (Encoding.ASCII.GetBytes($"# Dimensions\n{sizes} \n"), data);
    }

    private static int[] ReadSizes(ReadOnlySpan<byte> header)
    {
        if (header.Length > MaxHeaderBytes) throw Invalid("it is too long");
        string[] lines = Encoding.ASCII.GetString(header).Split('\n');
        int at = Array.FindIndex(lines, line => line.TrimEnd() == "# Dimensions");
        if (at < 0 || at + 1 >= lines.Length) throw Invalid("a line '# Dimensions' and one with the sizes are missing");
        string[] words = lines[at + 1].Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length is 0 or > MaxRank) throw Invalid($"it does not name 1 to {MaxRank} sizes");
        var sizes = new List<int>();
        foreach (string word in words)
            sizes.Add(
                int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size > 0
                    ? size
                    : throw Invalid("a size is not a number from 1 to 2147483647"));
        while (sizes.Count > 1 && sizes[^1] == 1) sizes.RemoveAt(sizes.Count - 1);
        return [.. sizes];
    }

    private static InvalidMeasurementException Invalid(string reason) => new($"The .hdr file is not a valid BART header: {reason}.");
}
