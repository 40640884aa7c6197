namespace InverseSolver.Torch;

/// <summary>Element types, with PyTorch's numbers.</summary>
public enum ScalarType
{
    /// <summary>8-bit unsigned integer.</summary>
    Byte = 0,

    /// <summary>8-bit signed integer.</summary>
    Int8 = 1,

    /// <summary>16-bit signed integer.</summary>
    Int16 = 2,

    /// <summary>32-bit signed integer.</summary>
    Int32 = 3,

    /// <summary>64-bit signed integer.</summary>
    Int64 = 4,

    /// <summary>IEEE half precision.</summary>
    Float16 = 5,

    /// <summary>IEEE single precision.</summary>
    Float32 = 6,

    /// <summary>IEEE double precision.</summary>
    Float64 = 7,

    /// <summary>Complex of two halves.</summary>
    ComplexFloat16 = 8,

    /// <summary>Complex of two singles.</summary>
    ComplexFloat32 = 9,

    /// <summary>Complex of two doubles.</summary>
    ComplexFloat64 = 10,

    /// <summary>Truth value, one byte.</summary>
    Bool = 11,

    /// <summary>bfloat16.</summary>
    BFloat16 = 15,
}
