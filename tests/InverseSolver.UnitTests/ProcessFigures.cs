using System.Globalization;

namespace InverseSolver.UnitTests;

/// <summary>What the kernel says of this process.</summary>
internal static class ProcessFigures
{
    /// <summary>Most bytes in memory since the peak was last reset, which writing 5 to /proc/self/clear_refs does.</summary>
    public static long PeakBytes() => Status("VmHWM:");

    /// <summary>Bytes in memory.</summary>
    public static long ResidentBytes() => Status("VmRSS:");

    /// <summary>Open files.</summary>
    public static int OpenFiles() => Directory.GetFiles("/proc/self/fd").Length;

    /// <summary>Mapped files whose path holds a text.</summary>
    public static int MappedFiles(string path) => File.ReadLines("/proc/self/maps").Count(line => line.Contains(path, StringComparison.Ordinal));

    private static long Status(string name) =>
        long.Parse(
            File.ReadLines("/proc/self/status").First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..]
                .Replace("kB", "", StringComparison.Ordinal),
            CultureInfo.InvariantCulture) * 1024;
}
