namespace InverseSolver.Diffusion.Weights;

/// <summary>One tensor as a safetensors header declares it.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Type">Element type as the format writes it: F32, F16, BF16, ….</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Begin">First byte, from the end of the header.</param>
/// <param name="Length">Bytes.</param>
public sealed record SafetensorsEntry(string Name, string Type, IReadOnlyList<long> Shape, long Begin, long Length)
{
    /// <summary>The shape as text, for messages: (2, 3, 4).</summary>
    public string ShapeText => "(" + string.Join(", ", Shape) + ")";

    /// <summary>Bytes of one element of a tensor.</summary>
    internal static int ElementBytes(ScalarType type) => type switch
    {
        ScalarType.Float64 or ScalarType.Int64 or ScalarType.ComplexFloat32 => 8,
        ScalarType.Float32 or ScalarType.Int32 => 4,
        ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Int16 => 2,
        ScalarType.ComplexFloat64 => 16,
        _ => 1,
    };

    /// <summary>Bytes of one element of a type; 0 for a type that is not read.</summary>
    internal static int ElementBytes(string type) => type switch
    {
        "F64" or "I64" or "U64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ => 0,
    };
}
