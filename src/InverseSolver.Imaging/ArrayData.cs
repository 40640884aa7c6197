namespace InverseSolver;

/// <summary>
/// A dense row-major array in host memory: images, masks, kernels and k-space, of every project. It stands in the namespace that all of them see.
/// </summary>
/// <param name="Shape">
/// Sizes, outermost first; empty for a single number. Images are (channels, height, width); k-space, masks and kernels (height, width).
/// </param>
/// <param name="Values">The elements; for a complex array real and imaginary parts in turn, twice as many as elements.</param>
/// <param name="IsComplex">True where the elements are complex.</param>
public sealed record ArrayData(int[] Shape, float[] Values, bool IsComplex = false)
{
    /// <summary>The elements that the shape holds.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    /// <summary>One frame of a stack: a copy of what lies at an index of the outermost dimension.</summary>
    /// <param name="frame">Which one, from 0.</param>
    public ArrayData Frame(int frame)
    {
        int size = Values.Length / Shape[0];
        return new ArrayData(Shape[1..], Values[(frame * size)..((frame + 1) * size)], IsComplex);
    }

    /// <summary>The middle of real images (..., height, width): the pixel (height/2, width/2) stays the one in the middle.</summary>
    /// <param name="height">Rows to be left, at most as many as there are.</param>
    /// <param name="width">Columns to be left.</param>
    public ArrayData Middle(int height, int width)
    {
        (int rows, int columns) = (Shape[^2], Shape[^1]);
        int first = ((rows / 2) - (height / 2)) * columns + (columns / 2) - (width / 2);
        return new ArrayData([.. Shape[..^2], height, width], [.. Enumerable.Range(0, Values.Length / rows / columns * height).SelectMany(i =>
            Values.AsSpan((i / height * rows * columns) + first + (i % height * columns), width).ToArray())]);
    }
}
