namespace InverseSolver.Imaging;

/// <summary>What one file may cost the process that reads it.</summary>
/// <param name="MemoryBytes">The most address space of the process, the file and its libraries included.</param>
/// <param name="Time">The most time for one file.</param>
/// <param name="Elements">The most numbers that are read from one file; a complex number counts once.</param>
public sealed record ReaderLimits(long MemoryBytes, TimeSpan Time, long Elements)
{
    /// <summary>2 GiB, one minute, 64 million numbers.</summary>
    public static ReaderLimits Default { get; } = new(2L << 30, TimeSpan.FromMinutes(1), 64L << 20);
}
