namespace InverseSolver.Cli.Convert;

/// <summary>
/// The names that a checkpoint's pickle may contain. A few have a meaning here, others stand for objects that trainers write beside the tensors and that are
/// left out; every other name ends the reading.
/// </summary>
internal static class PickleGlobals
{
    private static readonly Dictionary<string, string> Storages = new(StringComparer.Ordinal)
    {
        ["torch.DoubleStorage"] = "F64",
        ["torch.FloatStorage"] = "F32",
        ["torch.HalfStorage"] = "F16",
        ["torch.BFloat16Storage"] = "BF16",
        ["torch.LongStorage"] = "I64",
        ["torch.IntStorage"] = "I32",
        ["torch.ShortStorage"] = "I16",
        ["torch.CharStorage"] = "I8",
        ["torch.ByteStorage"] = "U8",
        ["torch.BoolStorage"] = "BOOL",
    };

    private static readonly HashSet<string> LeftOut = new(StringComparer.Ordinal)
    {
        "_codecs.encode", "argparse.Namespace", "collections.Counter", "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct", "numpy.dtype", "numpy.ndarray", "torch.device", "typing.Any",
        "builtins.set", "builtins.dict", "builtins.list", "builtins.tuple", "builtins.int", "builtins.float", "builtins.bool", "builtins.str", "builtins.slice",
        "__builtin__.set", "__builtin__.dict", "__builtin__.list", "__builtin__.tuple", "__builtin__.int", "__builtin__.float", "__builtin__.bool",
        "__builtin__.str", "__builtin__.slice",
    };

    private static readonly string[] LeftOutPackages = [
        "pytorch_lightning.", "lightning.", "lightning_fabric.", "lightning_utilities.", "omegaconf.", "torch.optim."];

    private static readonly string[] TensorTypes =
        ["float16", "float32", "float64", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool", "half", "float", "double", "long", "int", "short"];

    /// <summary>The element type of a storage class; null where it is none.</summary>
    internal static string? StorageType(PickleGlobal global) => Storages.GetValueOrDefault(global.FullName);

    /// <summary>True where a pickle that names this is read at all.</summary>
    internal static bool Allows(PickleGlobal global) =>
        IsDictionary(global) || IsTensorFunction(global) || IsParameterFunction(global) || global.FullName == "torch.Size" || StorageType(global) is not null
            || IsLeftOut(global);

    internal static bool IsDictionary(PickleGlobal global) => global.FullName is "collections.OrderedDict" or "collections.defaultdict";

    internal static bool IsTensorFunction(PickleGlobal global) => global.FullName is "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor";

    internal static bool IsParameterFunction(PickleGlobal global) =>
        global.FullName is "torch._utils._rebuild_parameter" or "torch._utils._rebuild_parameter_with_state";

    private static bool IsLeftOut(PickleGlobal global) =>
        LeftOut.Contains(global.FullName)
        || (global.Module == "torch" && TensorTypes.Contains(global.Name))
        || LeftOutPackages.Any(package => global.FullName.StartsWith(package, StringComparison.Ordinal));
}
