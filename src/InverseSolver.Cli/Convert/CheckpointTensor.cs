namespace InverseSolver.Cli.Convert;

/// <summary>A tensor in a checkpoint, by the position of its elements in the file, which its creator has checked.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Type">Element type as safetensors writes it.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Strides">Elements from one index to the next, for each dimension.</param>
/// <param name="Offset">Byte of the first element, from the start of the file.</param>
/// <param name="Bytes">Bytes of all elements.</param>
internal sealed record CheckpointTensor(string Name, string Type, long[] Shape, long[] Strides, long Offset, long Bytes)
{
    internal bool IsContiguous => Strides.AsSpan().SequenceEqual(ContiguousStrides(Shape));

    internal string ShapeText => "(" + string.Join(", ", Shape) + ")";

    internal static long[] ContiguousStrides(long[] shape)
    {
        var strides = new long[shape.Length];
        long step = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= Math.Max(1, shape[i]);
        }

        return strides;
    }
}
