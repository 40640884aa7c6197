namespace InverseSolver.Torch;

/// <summary>One argument of an operator. Everything an ATen schema takes converts to it; <c>null</c> is None.</summary>
public readonly struct Arg
{
    internal Native.Kind Kind { get; private init; }

    internal object? Reference { get; private init; }

    internal long Bits { get; private init; }

    internal double Real { get; private init; }

    internal double Imaginary { get; private init; }

    /// <summary>The schema's default.</summary>
    public static Arg Default => new() { Kind = Native.Kind.Default };

    /// <summary>None.</summary>
    public static Arg None => default;

    /// <summary>A complex scalar.</summary>
    public static Arg Complex(double real, double imaginary) => new() { Kind = Native.Kind.Complex, Real = real, Imaginary = imaginary };

    /// <summary>A list of tensors some of which may be absent.</summary>
    public static Arg OptionalTensors(Tensor?[] tensors) => new() { Kind = Native.Kind.OptionalTensorList, Reference = tensors };

    public static implicit operator Arg(Tensor? value) => value is null ? default : new() { Kind = Native.Kind.Tensor, Reference = value };

    public static implicit operator Arg(long value) => new() { Kind = Native.Kind.Int, Bits = value };

    public static implicit operator Arg(int value) => new() { Kind = Native.Kind.Int, Bits = value };

    public static implicit operator Arg(double value) => new() { Kind = Native.Kind.Double, Real = value };

    public static implicit operator Arg(double? value) => value is { } v ? (Arg)v : default;

    public static implicit operator Arg(long? value) => value is { } v ? (Arg)v : default;

    public static implicit operator Arg(bool value) => new() { Kind = Native.Kind.Bool, Bits = value ? 1 : 0 };

    public static implicit operator Arg(string? value) => value is null ? default : new() { Kind = Native.Kind.String, Reference = value };

    public static implicit operator Arg(ScalarType value) => new() { Kind = Native.Kind.Int, Bits = (long)value };

    public static implicit operator Arg(ScalarType? value) => value is { } v ? (Arg)v : default;

    public static implicit operator Arg(Device value) => new() { Kind = Native.Kind.Device, Bits = (long)value.Type, Imaginary = value.Index };

    public static implicit operator Arg(Device? value) => value is { } v ? (Arg)v : default;

    public static implicit operator Arg(Generator? value) => value is null ? default : new() { Kind = Native.Kind.Generator, Reference = value };

    public static implicit operator Arg(long[]? value) => value is null ? default : new() { Kind = Native.Kind.IntList, Reference = value };

    public static implicit operator Arg(double[]? value) => value is null ? default : new() { Kind = Native.Kind.DoubleList, Reference = value };

    public static implicit operator Arg(bool[]? value) => value is null ? default : new() { Kind = Native.Kind.BoolList, Reference = value };

    public static implicit operator Arg(Tensor[]? value) => value is null ? default : new() { Kind = Native.Kind.TensorList, Reference = value };

    // How many 8-byte words of scratch memory this argument's list or text takes.
    internal int Words => Kind switch
    {
        Native.Kind.IntList => ((long[])Reference!).Length,
        Native.Kind.DoubleList => ((double[])Reference!).Length,
        Native.Kind.BoolList => (((bool[])Reference!).Length + 7) / 8,
        Native.Kind.TensorList or Native.Kind.OptionalTensorList => ((Tensor?[])Reference!).Length,
        Native.Kind.String => (System.Text.Encoding.UTF8.GetByteCount((string)Reference!) + 7) / 8,
        _ => 0,
    };

    // Writes the native form; lists go to scratch, which must not move until the call is over. Takes a reference on every handle.
    internal unsafe void Lower(Native.Value* value, long* scratch)
    {
        value->Kind = Kind;
        switch (Kind)
        {
            case Native.Kind.Tensor:
                value->Pointer = ((Tensor)Reference!).Borrow();
                break;
            case Native.Kind.Int or Native.Kind.Bool:
                value->Int = Bits;
                break;
            case Native.Kind.Double:
                value->Double = Real;
                break;
            case Native.Kind.Complex:
                value->Double = Real;
                value->Imaginary = Imaginary;
                break;
            case Native.Kind.Device:
                value->Int = Bits;
                value->Count = (long)Imaginary;
                break;
            case Native.Kind.Generator:
                bool added = false;
                GeneratorHandle handle = ((Generator)Reference!).Handle;
                handle.DangerousAddRef(ref added);
                value->Pointer = handle.DangerousGetHandle();
                break;
            case Native.Kind.String:
                string text = (string)Reference!;
                value->Count = System.Text.Encoding.UTF8.GetBytes(text, new Span<byte>(scratch, Words * 8));
                value->Pointer = (nint)scratch;
                break;
            case Native.Kind.IntList:
                long[] integers = (long[])Reference!;
                integers.CopyTo(new Span<long>(scratch, integers.Length));
                value->Count = integers.Length;
                value->Pointer = (nint)scratch;
                break;
            case Native.Kind.DoubleList:
                double[] reals = (double[])Reference!;
                reals.CopyTo(new Span<double>(scratch, reals.Length));
                value->Count = reals.Length;
                value->Pointer = (nint)scratch;
                break;
            case Native.Kind.BoolList:
                bool[] bools = (bool[])Reference!;
                bools.CopyTo(new Span<bool>(scratch, bools.Length));
                value->Count = bools.Length;
                value->Pointer = (nint)scratch;
                break;
            case Native.Kind.TensorList or Native.Kind.OptionalTensorList:
                var tensors = (Tensor?[])Reference!;
                value->Pointer = (nint)scratch;
                for (int i = 0; i < tensors.Length; i++)
                {
                    scratch[i] = tensors[i]?.Borrow() ?? 0;
                    value->Count = i + 1; // so that an exception in the middle gives back exactly what was taken
                }

                break;
        }
    }

    // Gives back the references that Lower took.
    internal unsafe void Return(Native.Value* value)
    {
        switch (value->Kind)
        {
            case Native.Kind.Tensor when value->Pointer != 0:
                ((Tensor)Reference!).Handle.DangerousRelease();
                break;
            case Native.Kind.Generator when value->Pointer != 0:
                ((Generator)Reference!).Handle.DangerousRelease();
                break;
            case Native.Kind.TensorList or Native.Kind.OptionalTensorList:
                var tensors = (Tensor?[])Reference!;
                for (int i = 0; i < value->Count; i++)
                {
                    tensors[i]?.Handle.DangerousRelease();
                }

                break;
        }
    }
}
