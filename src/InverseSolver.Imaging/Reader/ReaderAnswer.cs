using System.Runtime.InteropServices;
using System.Text.Json;

namespace InverseSolver.Imaging;

/// <summary>The reader's answer for one file.</summary>
/// <param name="Head">The answer's JSON.</param>
/// <param name="Arrays">By name.</param>
internal sealed record ReaderAnswer(JsonElement Head, IReadOnlyDictionary<string, ReaderArray> Arrays);

/// <summary>A dense array in C order from the reader.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">As NumPy writes it, without the byte order: u1, i2, u2, i4, u4, i8, f4, f8, c8.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Bytes">The elements as they lie in memory.</param>
internal sealed record ReaderArray(string Name, string Type, int[] Shape, byte[] Bytes)
{
    /// <summary>The elements of an f4 array; of a c8 array real and imaginary parts in turn.</summary>
    internal float[] ToFloats()
    {
        if (Type is not ("f4" or "c8")) throw new InvalidOperationException($"The reader's array {Name} is {Type}, not single precision.");
        return MemoryMarshal.Cast<byte, float>(Bytes).ToArray();
    }
}
