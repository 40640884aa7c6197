using System.Reflection;
using System.Runtime.InteropServices;

namespace InverseSolver.Service.Jobs;

/// <summary>
/// Loads SQLite so that it calls itself. libvips loads its plug-ins, and with them the system's SQLite, into the global scope, where the
/// functions of ours, which have the same names, would be looked up first: half of each library would work on the other's memory.
/// </summary>
internal static partial class SqliteLibrary
{
    private const string Name = "e_sqlite3";
    private const int Now = 2, DeepBind = 8;

    /// <summary>Has to be called before the first use of SQLite.</summary>
    public static void Use()
    {
        if (OperatingSystem.IsLinux())
        {
            NativeLibrary.SetDllImportResolver(typeof(SQLitePCL.SQLite3Provider_e_sqlite3).Assembly, Resolve);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        var folders = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        string? file = folders.Append(AppContext.BaseDirectory).Select(folder => Path.Combine(folder, $"lib{Name}.so")).FirstOrDefault(File.Exists);
        // 0 leaves it to the runtime.
        return name == Name && file is not null ? Open(file, Now | DeepBind) : 0;
    }

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Open(string file, int flags);
}
