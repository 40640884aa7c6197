namespace InverseSolver.Imaging;

/// <summary>A dense array in C order (the last index runs fastest).</summary>
/// <param name="Shape">Sizes, outermost first; empty for a single number.</param>
/// <param name="Values">The elements; of a complex array real and imaginary parts in turn, twice as many as elements.</param>
/// <param name="IsComplex">Whether the elements are complex.</param>
public sealed record NpyArray(int[] Shape, float[] Values, bool IsComplex = false);
