using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

[assembly: DisableRuntimeMarshalling]

namespace InverseSolver.Torch;

/// <summary>
/// Functions of libtorch 2.10 that TorchSharp does not pass on, by their mangled names: the C++ interface of <c>at::Context</c> and TorchScript's executor.
/// </summary>
internal static unsafe partial class Symbols
{
    private const string Torch = "torch_cpu";
    private const string Driver = "libcuda.so.1";

    [LibraryImport(Torch, EntryPoint = "_ZN2at13globalContextEv")]
    internal static partial nint Context();

    [LibraryImport(Torch, EntryPoint = "_ZN2at7Context21setDeterministicCuDNNEb")]
    internal static partial void SetDeterministicCuDNN(nint context, byte on);

    [LibraryImport(Torch, EntryPoint = "_ZNK2at7Context18deterministicCuDNNEv")]
    internal static partial byte DeterministicCuDNN(nint context);

    [LibraryImport(Torch, EntryPoint = "_ZN2at7Context20setUserEnabledMkldnnEb")]
    internal static partial void SetUserEnabledMkldnn(nint context, byte on);

    [LibraryImport(Torch, EntryPoint = "_ZNK2at7Context17userEnabledMkldnnEv")]
    internal static partial byte UserEnabledMkldnn(nint context);

    [LibraryImport(Torch, EntryPoint = "_ZN5torch3jit24setGraphExecutorOptimizeEb")]
    internal static partial void SetGraphExecutorOptimize(byte on);

    [LibraryImport(Torch, EntryPoint = "_ZN2at11show_configB5cxx11Ev")]
    private static partial void ShowConfig(nint text);

    [LibraryImport("libstdc++.so.6", EntryPoint = "_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE10_M_disposeEv")]
    private static partial void DisposeString(nint text);

    // C functions for extensions (torch/csrc/inductor/aoti_torch/c/shim.h): an operator by its schema's name, arguments in 64 bits each, results in their
    // place. They catch every exception.
    [LibraryImport(Torch, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int aoti_torch_call_dispatcher(string name, string overload, ulong* stack);

    [LibraryImport(Torch)]
    internal static partial int aoti_torch_new_tensor_handle(nint tensor, out nint copy);

    // The driver's interface, because TorchSharp provides neither a GPU's name nor its memory.
    [LibraryImport(Driver)]
    internal static partial int cuInit(uint flags);

    [LibraryImport(Driver)]
    internal static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Driver, EntryPoint = "cuDeviceTotalMem_v2")]
    internal static partial int cuDeviceTotalMem(out nuint bytes, int device);

    [LibraryImport(Driver)]
    internal static partial int cuDeviceGetName(Span<byte> name, int length, int device);

    // Not exit: that runs destructors.
    [LibraryImport("libc", EntryPoint = "_exit")]
    internal static partial void ExitProcess(int code);

    /// <summary>An owned handle of a tensor, as <see cref="aoti_torch_call_dispatcher"/> takes it over.</summary>
    internal static ulong Handle(Tensor tensor)
    {
        int status = aoti_torch_new_tensor_handle(tensor.Handle, out nint copy);
        GC.KeepAlive(tensor);
        return status == 0 ? (ulong)copy : throw new InvalidOperationException("libtorch gives no handle of a tensor.");
    }

    /// <summary>The build configuration of libtorch and the CPU capability that it uses.</summary>
    internal static string Configuration()
    {
        // A std::string that is returned by value fills 32 bytes of the caller's, pointer and length first.
        nint* text = stackalloc nint[4];
        ShowConfig((nint)text);
        string configuration = Encoding.UTF8.GetString((byte*)text[0], (int)text[1]);
        DisposeString((nint)text);
        return configuration;
    }
}
