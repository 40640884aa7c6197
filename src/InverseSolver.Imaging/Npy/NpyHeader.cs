namespace InverseSolver.Imaging;

/// <summary>The header of a .npy file.</summary>
/// <param name="Shape">Sizes, outermost first; empty for a single number.</param>
/// <param name="Kind">b: truth value, i: signed, u: unsigned integer, f: floating point, c: complex.</param>
/// <param name="ElementBytes">Bytes of one element.</param>
/// <param name="IsBigEndian">The byte order.</param>
/// <param name="IsFortranOrder">True where the first index runs fastest in the file.</param>
/// <param name="DataOffset">The offset of the elements in bytes.</param>
public sealed record NpyHeader(int[] Shape, char Kind, int ElementBytes, bool IsBigEndian, bool IsFortranOrder, int DataOffset)
{
    /// <summary>True where the elements are complex.</summary>
    public bool IsComplex => Kind == 'c';

    /// <summary>The number of elements in the shape.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Bytes of the elements in single precision.</summary>
    public long DecodedBytes => Math.Min(Count, long.MaxValue / 64) * sizeof(float) * (IsComplex ? 2 : 1);
}
