using System.Diagnostics;
using System.Runtime.InteropServices;

namespace InverseSolver.Torch;

/// <summary>Loads libtorch into this process.</summary>
public static partial class Libtorch
{
    // The version that this TorchSharp was compiled against, and must find.
    private const int Major = 2, Minor = 10;

    // Of <malloc.h>.
    private const int TrimThreshold = -1, MmapThreshold = -3;

    private static readonly Lazy<nint> Handle = new(LoadOnce);

    /// <summary>
    /// Loads libtorch, once: the packaged one, or the one whose folder the environment variable LIBTORCH names (an unpacked libtorch, or the folder torch of a
    /// Python installation). Before that it sets the variables that libtorch and malloc read only at their start. Call it, or <see cref="Arithmetic.Verify"/>,
    /// before anything of TorchSharp.
    /// </summary>
    /// <exception cref="InvalidOperationException">LIBTORCH names a folder without the libtorch that is needed, or libtorch is already loaded.</exception>
    public static void Load()
    {
        if (!Handle.IsValueCreated)
        {
            _ = Handle.Value;
            (Backend.DeterministicCudnn, Backend.AllowTf32) = (true, false);
        }
    }

    [ThreadStatic]
    private static long _allocated;

    /// <summary>
    /// Lets the collector run when this thread has made some more objects. Each number that meets a tensor is a small block of native memory until its object
    /// is finalised, and the collector, which sees the objects only, waits for up to the size of the processor's cache. Meanwhile those blocks lie between
    /// freed tensors, whose memory cannot be used again.
    /// </summary>
    public static void ReleaseScalars()
    {
        const long Step = 256 << 10;
        if (GC.GetAllocatedBytesForCurrentThread() is var now && now - _allocated > Step)
        {
            _allocated = now;
            GC.Collect(0);
        }
    }

    private static nint LoadOnce()
    {
        if (Attribute.GetCustomAttribute(typeof(torch).Assembly, typeof(DebuggableAttribute)) is not DebuggableAttribute { IsJITOptimizerDisabled: true })
        {
            throw new InvalidOperationException(
                "TorchSharp.dll is not the one that Directory.Build.targets prepares (docs/decisions/0025): "
                    + "numbers could be lost during a call. Build or install the program again.");
        }

        // NNPACK writes a line at each call on processors that it does not support. .NET's own SetEnvironmentVariable does not reach native code.
        _ = SetEnvironment("TORCH_CPP_LOG_LEVEL", "ERROR", overwrite: 0);

        // OpenMP's threads wait for each other by spinning, 300,000 times by themselves: on cores that others use too, each wait then costs a time slice.
        _ = SetEnvironment("GOMP_SPINCOUNT", "5000", overwrite: 0);

        // Blocks of freed memory stay in the process, where glibc would give those of large activations back to the kernel and fetch them anew, page by page,
        // at each call. 32 MiB is the most that glibc accepts for the threshold.
        _ = MallocOption(MmapThreshold, 32 << 20);
        _ = MallocOption(TrimThreshold, 512 << 20);

        string beside = AppContext.BaseDirectory, packaged = Path.Combine(beside, "libtorch");
        if (Environment.GetEnvironmentVariable("LIBTORCH") is not { Length: > 0 } installed)
        {
            return LoadFrom(Directory.Exists(packaged) ? packaged : beside, "the program is incomplete; build or install it anew.");
        }

        // The loader reuses a loaded library for every later one of the same name, so that TorchSharp's native library is bound to the installed libtorch. But
        // TorchSharp first looks beside the program, by path, and a second libtorch ends the process.
        return !File.Exists(Path.Combine(beside, "libtorch_cpu.so"))
            ? LoadFrom(
                Directory.Exists(Path.Combine(installed, "lib")) ? Path.Combine(installed, "lib") : installed,
                $"LIBTORCH must name the folder of an unpacked libtorch {Major}.{Minor}; unset, the packaged one is used.")
            : throw new InvalidOperationException(
                $"LIBTORCH is {installed}, but there is a libtorch beside the program, in {beside}: unset LIBTORCH, or use a build without one there.");
    }

    internal static unsafe nint LoadFrom(string folder, string remedy)
    {
        string path = Path.GetFullPath(Path.Combine(folder, "libtorch_cpu.so"));
        if (!File.Exists(path))
        {
            throw new InvalidOperationException($"There is no libtorch_cpu.so in {folder}: {remedy}");
        }

        if (MappedFile() is { } mapped && mapped != path)
        {
            throw new InvalidOperationException(
                $"libtorch is already loaded from {mapped}, not from {folder}: Libtorch.Load() must come before the first tensor.");
        }

        nint cpu = NativeLibrary.Load(path);
        ulong version = NativeLibrary.TryGetExport(cpu, "aoti_torch_abi_version", out nint address) ? ((delegate* unmanaged<ulong>)address)() : 0;
        if (version >> 48 != ((Major << 8) | Minor))
        {
            throw new InvalidOperationException(
                $"The libtorch in {folder} is "
                    + $"{(version == 0 ? "older than 2.9" : $"{version >> 56}.{(version >> 48) & 0xff}")}, and {Major}.{Minor} is needed: {remedy}");
        }

        InitLogging();
        foreach (string name in new[] { "libtorch_cuda.so", "libtorch.so" })
        {
            if (Path.Combine(folder, name) is var library && File.Exists(library))
            {
                _ = NativeLibrary.Load(library);
            }
        }

        return cpu;
    }

    // The libtorch_cpu.so of this process; null before there is one.
    private static string? MappedFile() =>
        File.ReadLines("/proc/self/maps").FirstOrDefault(line => line.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal)) is { } line
            ? line[line.IndexOf('/')..]
            : null;

    // The calls of this assembly into torch_cpu go to the libtorch that Load() chose.
    static Libtorch() => NativeLibrary.SetDllImportResolver(typeof(Libtorch).Assembly, (name, assembly, path) => name == "torch_cpu" ? Handle.Value : 0);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    // Reads TORCH_CPP_LOG_LEVEL, which nothing else does outside Python.
    [LibraryImport("c10", EntryPoint = "_ZN3c1011initLoggingEv")]
    private static partial void InitLogging();

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallocOption(int parameter, int value);
}
