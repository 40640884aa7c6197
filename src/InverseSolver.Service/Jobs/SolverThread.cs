using System.Runtime.InteropServices;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// Lowers the priority of solver threads. .NET's thread priorities have no effect on Linux, so the nice value is set, which OpenMP's threads inherit.
/// </summary>
internal static partial class SolverThread
{
    private const int ProcessOrThread = 0;

    /// <summary>Lowers the priority of the calling thread. It cannot be raised again.</summary>
    /// <param name="nice">0 none, 19 the most.</param>
    public static void LowerPriority(int nice)
    {
        Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
        if (OperatingSystem.IsLinux() && nice > 0)
        {
            // 0 stands for the calling thread: on Linux nice values belong to threads.
            _ = SetPriority(ProcessOrThread, 0, nice);
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetPriority(int which, uint who, int priority);
}
