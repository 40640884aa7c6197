namespace InverseSolver.Imaging;

/// <summary>What a .npy file says of its array.</summary>
/// <param name="Shape">Sizes, outermost first; empty for a single number.</param>
/// <param name="Kind">b: truth value, i: signed, u: unsigned integer, f: floating point, c: complex.</param>
/// <param name="ElementBytes">Bytes of one element.</param>
/// <param name="IsBigEndian">The byte order.</param>
/// <param name="IsFortranOrder">Whether the first index runs fastest in the file.</param>
/// <param name="DataOffset">Where the elements begin.</param>
public sealed record NpyHeader(int[] Shape, char Kind, int ElementBytes, bool IsBigEndian, bool IsFortranOrder, int DataOffset)
{
    /// <summary>Whether the elements are complex.</summary>
    public bool IsComplex => Kind == 'c';

    /// <summary>How many elements the shape holds.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}
