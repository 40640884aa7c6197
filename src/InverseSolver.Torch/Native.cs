using System.Runtime.InteropServices;
using System.Text;

namespace InverseSolver.Torch;

/// <summary>The C ABI of libinverse_torch, as src/InverseSolver.Native/include/inverse_torch.h declares it.</summary>
internal static unsafe partial class Native
{
    private const string Library = "inverse_torch";
    internal const int MaxDim = 16;

    internal enum Status
    {
        Ok = 0,
        Failed = 1,
        OutOfMemory = 2,
        Invalid = 3,
        Unsupported = 4,
    }

    internal enum Kind
    {
        None = 0,
        Default = 1,
        Tensor = 2,
        Int = 3,
        Double = 4,
        Bool = 5,
        Complex = 6,
        String = 7,
        Device = 8,
        Generator = 9,
        IntList = 10,
        DoubleList = 11,
        BoolList = 12,
        TensorList = 13,
        OptionalTensorList = 14,
    }

    [StructLayout(LayoutKind.Explicit, Size = 32)]
    internal struct Value
    {
        [FieldOffset(0)] internal Kind Kind;
        [FieldOffset(8)] internal long Count;
        [FieldOffset(16)] internal long Int;
        [FieldOffset(16)] internal double Double;
        [FieldOffset(16)] internal nint Pointer;
        [FieldOffset(24)] internal double Imaginary;
    }

    internal struct TensorInfo
    {
        internal int DType;
        internal int DeviceType;
        internal int DeviceIndex;
        internal int Dim;
        internal int RequiresGrad;
        internal int IsContiguous;
        internal long Numel;
        internal fixed long Sizes[MaxDim];
    }

    internal struct Memory
    {
        internal long Allocated;
        internal long PeakAllocated;
        internal long Reserved;
        internal long FreeOnDevice;
        internal long TotalOnDevice;
    }

    [LibraryImport(Library)] internal static partial byte* inv_last_error();
    [LibraryImport(Library)] internal static partial Status inv_op_find(byte* name, byte* overload, out nint op);
    [LibraryImport(Library)] internal static partial Status inv_op_schema(nint op, byte* buffer, long capacity);
    [LibraryImport(Library)] internal static partial Status inv_op_call(nint op, Value* args, int nArgs, Value* outs, int maxOuts, int* nOuts);
    [LibraryImport(Library)] internal static partial void inv_array_free(nint array);
    [LibraryImport(Library)] internal static partial Status inv_tensor_from_host(void* data, long bytes, int dtype, long* sizes, int dim, out nint tensor);
    [LibraryImport(Library)] internal static partial Status inv_tensor_to_host(TensorHandle tensor, void* data, long bytes);
    [LibraryImport(Library)] internal static partial Status inv_tensor_info_get(TensorHandle tensor, TensorInfo* info);
    [LibraryImport(Library)] internal static partial void inv_tensor_free(nint tensor);
    [LibraryImport(Library)] internal static partial long inv_tensor_live_count();
    [LibraryImport(Library)] internal static partial Status inv_grad(nint* outputs, nint* cotangents, int nOutputs, nint* inputs, int nInputs, int retainGraph, nint* grads);
    [LibraryImport(Library)] internal static partial int inv_grad_mode_set(int enabled);
    [LibraryImport(Library)] internal static partial int inv_grad_mode_get();
    [LibraryImport(Library)] internal static partial Status inv_generator_new(int deviceType, int deviceIndex, ulong seed, out GeneratorHandle generator);
    [LibraryImport(Library)] internal static partial Status inv_generator_get_state(GeneratorHandle generator, out nint state);
    [LibraryImport(Library)] internal static partial Status inv_generator_set_state(GeneratorHandle generator, TensorHandle state);
    [LibraryImport(Library)] internal static partial void inv_generator_free(nint generator);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial Status inv_module_load(string path, int deviceType, int deviceIndex, out ModuleHandle module);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial Status inv_module_schema(ModuleHandle module, string method, byte* buffer, long capacity);
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial Status inv_module_forward(ModuleHandle module, string method, Value* args, int nArgs, Value* outs, int maxOuts, int* nOuts);
    [LibraryImport(Library)] internal static partial void inv_module_free(nint module);
    [LibraryImport(Library)] internal static partial byte* inv_version();
    [LibraryImport(Library)] internal static partial Status inv_config(byte* buffer, long capacity);
    [LibraryImport(Library)] internal static partial int inv_threads_get();
    [LibraryImport(Library)] internal static partial Status inv_threads_set(int count);
    [LibraryImport(Library)] internal static partial int inv_built_with_cuda();
    [LibraryImport(Library)] internal static partial int inv_cuda_count();
    [LibraryImport(Library)] internal static partial Status inv_cuda_name(int device, byte* buffer, long capacity);
    [LibraryImport(Library)] internal static partial Status inv_cuda_memory(int device, Memory* memory);
    [LibraryImport(Library)] internal static partial Status inv_cuda_memory_reset_peak(int device);
    [LibraryImport(Library)] internal static partial Status inv_cuda_empty_cache();
    [LibraryImport(Library)] internal static partial Status inv_cuda_synchronize(int device);
    [LibraryImport(Library)] internal static partial Status inv_switch_set(int which, int on);
    [LibraryImport(Library)] internal static partial Status inv_switch_get(int which, out int on);
    [LibraryImport(Library)] internal static partial Status inv_stream_new(int device, out StreamHandle stream);
    [LibraryImport(Library)] internal static partial Status inv_stream_use(StreamHandle stream, int device);
    [LibraryImport(Library)] internal static partial Status inv_stream_synchronize(StreamHandle stream);
    [LibraryImport(Library)] internal static partial void inv_stream_free(nint stream);
    [LibraryImport(Library)] internal static partial Status inv_graph_new(out GraphHandle graph);
    [LibraryImport(Library)] internal static partial Status inv_graph_begin(GraphHandle graph);
    [LibraryImport(Library)] internal static partial Status inv_graph_end(GraphHandle graph);
    [LibraryImport(Library)] internal static partial Status inv_graph_replay(GraphHandle graph);
    [LibraryImport(Library)] internal static partial void inv_graph_free(nint graph);

    internal static void Check(Status status)
    {
        if (status != Status.Ok)
        {
            throw Failure(status);
        }
    }

    internal delegate Status FillsBuffer(byte* buffer, long capacity);

    internal static string Text(FillsBuffer fill)
    {
        Span<byte> buffer = stackalloc byte[8192];
        fixed (byte* p = buffer)
        {
            Check(fill(p, buffer.Length));
        }

        return Encoding.UTF8.GetString(buffer[..buffer.IndexOf((byte)0)]);
    }

    private static NativeException Failure(Status status)
    {
        string message = Marshal.PtrToStringUTF8((nint)inv_last_error()) ?? "unknown failure";
        return status switch
        {
            Status.OutOfMemory => new NativeOutOfMemoryException(message),
            Status.Unsupported => new NativeUnsupportedException(message),
            _ => new NativeException(message),
        };
    }
}
