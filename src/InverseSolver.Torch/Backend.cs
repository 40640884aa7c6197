namespace InverseSolver.Torch;

/// <summary>The libtorch in this process: its version, threads, devices and switches.</summary>
public static unsafe class Backend
{
    /// <summary>Version of the libtorch that the native library was compiled against.</summary>
    public static string Version { get; } = new((sbyte*)Native.inv_version());

    /// <summary>How libtorch was built, and the CPU capability it uses.</summary>
    public static string Configuration => Native.Text(Native.inv_config);

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
    public static int Threads
    {
        get => Native.inv_threads_get();
        set => Native.Check(Native.inv_threads_set(value));
    }

    /// <summary>
    /// Threads of the BLAS. An OpenBLAS with a pool of its own reads them from the environment when it is loaded, whatever <see cref="Threads"/> says;
    /// every other one follows <see cref="Threads"/>.
    /// </summary>
    public static int BlasThreads => !HasThreadsOfItsOwn(BlasLibrary())
        ? Threads
        : BlasThreadVariables
            .Select(name => int.TryParse(Environment.GetEnvironmentVariable(name), out int count) && count > 0 ? count : 0)
            .FirstOrDefault(count => count > 0, Environment.ProcessorCount);

    /// <summary>Whether the native library was built against a libtorch with CUDA.</summary>
    public static bool BuiltWithCuda => Native.inv_built_with_cuda() != 0;

    /// <summary>GPUs that can be used.</summary>
    public static int CudaDevices => Native.inv_cuda_count();

    /// <summary>Refuse operators that do not give the same bits every time.</summary>
    public static bool DeterministicAlgorithms { get => Get(0); set => Set(0, value); }

    /// <summary>Let cuDNN time its algorithms and take the fastest: not deterministic.</summary>
    public static bool CudnnBenchmark { get => Get(1); set => Set(1, value); }

    /// <summary>TF32 in matrix products on the GPU.</summary>
    public static bool AllowTf32Matmul { get => Get(2); set => Set(2, value); }

    /// <summary>TF32 in convolutions on the GPU.</summary>
    public static bool AllowTf32Cudnn { get => Get(3); set => Set(3, value); }

    /// <summary>A GPU's name.</summary>
    public static string CudaName(int device) => Native.Text((buffer, capacity) => Native.inv_cuda_name(device, buffer, capacity));

    /// <summary>Waits until a GPU has done all it was given; nothing to do for the host.</summary>
    public static void Synchronize(Device device)
    {
        if (device.Type == DeviceType.CUDA)
        {
            Native.Check(Native.inv_cuda_synchronize(Math.Max(device.Index, 0)));
        }
    }

    /// <summary>
    /// Whether nothing can be computed on a device any more: after an error inside a kernel every later call on that GPU fails until the process is started anew.
    /// False for the host.
    /// </summary>
    public static bool IsLost(Device device)
    {
        if (device.Type != DeviceType.CUDA)
        {
            return false;
        }

        try
        {
            // What is wrong with the context every call says; this one waits for nothing, and may be made while another thread records a graph.
            _ = CudaMemory(Math.Max(device.Index, 0));
            return false;
        }
        catch (NativeException)
        {
            return true;
        }
    }

    /// <summary>Gives memory that libtorch keeps for later back to a GPU's driver; nothing to do for the host.</summary>
    public static void ReleaseCache(Device device)
    {
        if (device.Type == DeviceType.CUDA)
        {
            EmptyCudaCache();
        }
    }

    /// <summary>Memory of a GPU in bytes, as the caching allocator and the driver see it.</summary>
    public static (long Allocated, long PeakAllocated, long Reserved, long FreeOnDevice, long TotalOnDevice) CudaMemory(int device)
    {
        Native.Memory m;
        Native.Check(Native.inv_cuda_memory(device, &m));
        return (m.Allocated, m.PeakAllocated, m.Reserved, m.FreeOnDevice, m.TotalOnDevice);
    }

    /// <summary>Starts the peak of <see cref="CudaMemory"/> anew.</summary>
    public static void ResetCudaPeak(int device) => Native.Check(Native.inv_cuda_memory_reset_peak(device));

    /// <summary>Bounds the GPU memory that tensors may take; beyond it there is a <see cref="NativeOutOfMemoryException"/>.</summary>
    /// <param name="device">Index of the GPU.</param>
    /// <param name="share">Share of its memory, in (0, 1].</param>
    public static void LimitCudaMemory(int device, double share) => Native.Check(Native.inv_cuda_memory_limit(device, share));

    /// <summary>Gives cached GPU memory back to the driver.</summary>
    public static void EmptyCudaCache() => Native.Check(Native.inv_cuda_empty_cache());

    /// <summary>
    /// Folder and file name of the BLAS library in this process, for example <c>openblas-openmp/libopenblasp-r0.3.21.so</c>; null when libtorch has one built in.
    /// </summary>
    public static string? BlasLibrary()
    {
        _ = Version;
        return File.ReadLines("/proc/self/maps")
            .Select(line => line.IndexOf('/') is var slash and >= 0 ? line[slash..] : string.Empty)
            .Where(path => Path.GetFileName(path) is var file && (file.Contains("blas", StringComparison.Ordinal) || file.Contains("libmkl", StringComparison.Ordinal) || file.Contains("blis", StringComparison.Ordinal)))
            .Distinct()
            .OrderBy(path => Path.GetFileName(path).StartsWith("libblas", StringComparison.Ordinal))
            .Select(path => $"{Path.GetFileName(Path.GetDirectoryName(path))}/{Path.GetFileName(path)}")
            .FirstOrDefault();
    }

    /// <summary>A sentence that says what to do when a slow BLAS is active; null when all is well.</summary>
    public static string? BlasWarning() => BlasWarning(BlasLibrary(), Threads);

    internal static string? BlasWarning(string? library, int threads) =>
        library is not null && Path.GetFileName(library).StartsWith("libblas", StringComparison.Ordinal) && !library.Contains("openblas", StringComparison.Ordinal)
            ? $"The generic BLAS ({library}) is active, which makes every solve many times slower: install libopenblas0-openmp (docker/install-packages.sh) and build again."
        : threads > 1 && HasThreadsOfItsOwn(library)
            ? $"An OpenBLAS whose threads compete with OpenMP's ({library}) is active, which makes a solve about twice as long: install libopenblas0-openmp (docker/install-packages.sh) and build again."
            : null;

    private static readonly string[] BlasThreadVariables = ["OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"];

    private static bool HasThreadsOfItsOwn(string? library) => library is not null && library.Contains("openblas-pthread", StringComparison.Ordinal);

    private static bool Get(int which)
    {
        Native.Check(Native.inv_switch_get(which, out int on));
        return on != 0;
    }

    private static void Set(int which, bool on) => Native.Check(Native.inv_switch_set(which, on ? 1 : 0));
}
