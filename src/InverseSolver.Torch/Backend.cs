using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace InverseSolver.Torch;

/// <summary>The libtorch in this process: its version, threads, devices and switches.</summary>
public static class Backend
{
    /// <summary>Version of libtorch.</summary>
    public static string Version => torch.__version__;

    /// <summary>The instruction set that libtorch's kernels use, for example <c>AVX2</c>.</summary>
    public static string CpuCapability
    {
        get
        {
            const string Label = "CPU capability usage: ";
            string text = Configuration;
            int start = text.IndexOf(Label, StringComparison.Ordinal);
            return start < 0 ? "unknown" : text[(start + Label.Length)..].Split('\n')[0].Trim();
        }
    }

    /// <summary>Threads of one operator.</summary>
    public static int Threads { get => torch.get_num_threads(); set => torch.set_num_threads(Math.Max(1, value)); }

    /// <summary>
    /// The default number of threads of one operator: OMP_NUM_THREADS, else the cores divided among concurrent computations. libtorch's own default is half of
    /// the cores.
    /// </summary>
    /// <param name="sharers">The number of concurrent computations.</param>
    public static int ThreadsFor(int sharers) =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OMP_NUM_THREADS")) ? Math.Max(1, Environment.ProcessorCount / sharers) : Threads;

    /// <summary>True where this libtorch was built with CUDA.</summary>
    public static bool BuiltWithCuda
    {
        get
        {
            string text = Configuration;
            return text.Contains("USE_CUDA=1", StringComparison.Ordinal) || text.Contains("USE_CUDA=ON", StringComparison.Ordinal);
        }
    }

    /// <summary>GPUs that can be used.</summary>
    public static int CudaDevices => torch.cuda.is_available() ? torch.cuda.device_count() : 0;

    /// <summary>True where cuDNN takes only algorithms that give the same bits every time: set where libtorch is loaded.</summary>
    public static bool DeterministicCudnn
    {
        get => Symbols.DeterministicCuDNN(Context) != 0;
        set => Symbols.SetDeterministicCuDNN(Context, value ? (byte)1 : (byte)0);
    }

    /// <summary>TF32 in matrix products and convolutions on a GPU: switched off where libtorch is loaded.</summary>
    public static bool AllowTf32
    {
        get => torch.backends.cuda.matmul.allow_tf32 || torch.backends.cudnn.allow_tf32;
        set => (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) = (value, value);
    }

    private static void Cuda(int result)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"The CUDA driver answers with error {result}.");
        }
    }

    // The driver's handle of a GPU.
    private static int Open(Device gpu)
    {
        Cuda(Symbols.cuInit(0));
        Cuda(Symbols.cuDeviceGet(out int handle, Math.Max(gpu.index, 0)));
        return handle;
    }

    private static string Configuration
    {
        get
        {
            Libtorch.Load();
            return Symbols.Configuration();
        }
    }

    private static nint Context
    {
        get
        {
            Libtorch.Load();
            return Symbols.Context();
        }
    }

    extension(Device device)
    {
        /// <summary>True where it is the same device: TorchSharp's devices are objects without equality.</summary>
        public bool Is(Device other) => device.ToString() == other.ToString();
    }

    /// <summary>Bytes of memory that a GPU has.</summary>
    /// <exception cref="InvalidOperationException">There is no such GPU.</exception>
    public static long MemoryOf(Device gpu)
    {
        Cuda(Symbols.cuDeviceTotalMem(out nuint bytes, Open(gpu)));
        return (long)bytes;
    }

    /// <summary>A GPU's name.</summary>
    /// <exception cref="InvalidOperationException">There is no such GPU.</exception>
    public static string NameOf(Device gpu)
    {
        Span<byte> name = stackalloc byte[256];
        Cuda(Symbols.cuDeviceGetName(name, name.Length, Open(gpu)));
        return Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]);
    }

    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="ArgumentException">Anything else.</exception>
    public static Device ParseDevice(string text) => text switch
    {
        "cpu" => torch.CPU,
        "cuda" => new Device(DeviceType.CUDA, 0),
        _ when text.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) =>
            new Device(DeviceType.CUDA, index),
        _ => throw new ArgumentException($"'{text}' is not a device: use cpu, cuda or cuda:N", nameof(text)),
    };

    /// <summary>Waits until a GPU has done all it was given; nothing to do for the host.</summary>
    public static void Synchronize(Device device)
    {
        if (device.type == DeviceType.CUDA)
        {
            torch.cuda.synchronize(device);
        }
    }

    /// <summary>Ends the process as it is: destructors, libtorch's among them, fail where other threads still compute.</summary>
    /// <param name="code">The exit code of the process.</param>
    [DoesNotReturn]
    public static void Exit(int code)
    {
        Symbols.ExitProcess(code);
        throw new InvalidOperationException();
    }

    /// <summary>
    /// True where a device is unusable: after an error inside a kernel every later call on that GPU fails until the process is restarted. False for the host.
    /// </summary>
    public static bool IsLost(Device device)
    {
        try
        {
            Synchronize(device);
            return false;
        }
        catch (Exception error) when (error.IsFromTorch)
        {
            return true;
        }
    }
}
