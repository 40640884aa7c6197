using System.Runtime.InteropServices;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// Makes the calling thread polite. .NET's thread priorities do nothing on Linux, so its nice value is set, which the threads
/// that OpenMP starts from it inherit.
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
