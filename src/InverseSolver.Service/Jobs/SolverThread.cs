using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// Makes the calling thread polite. .NET's thread priorities do nothing on Linux, so its nice value is set; the threads that
/// OpenMP starts from it inherit that, and those that OpenBLAS starts while it is loaded.
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

    /// <summary>Calls something on a thread of low priority and waits for it.</summary>
    /// <param name="nice">0 none, 19 the most.</param>
    /// <param name="work">What to call.</param>
    public static void Run(int nice, Action work)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            LowerPriority(nice);
            try
            {
                work();
            }
            catch (Exception error)
            {
                failure = error;
            }
        });
        thread.Start();
        thread.Join();
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetPriority(int which, uint who, int priority);
}
