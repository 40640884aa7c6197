using System.ComponentModel.DataAnnotations;
using InverseSolver.Imaging;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>Limits for the process that parses an HDF5 or DICOM file.</summary>
internal sealed class FormatOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Formats";

    /// <summary>Address space of the process, in bytes.</summary>
    [Range(256L << 20, 1L << 40)] public long MemoryBytes { get; init; } = ReaderLimits.Default.MemoryBytes;

    /// <summary>Seconds for one file; then the process is replaced and the file refused.</summary>
    [Range(1, 3600)] public int Seconds { get; init; } = (int)ReaderLimits.Default.Time.TotalSeconds;

    /// <summary>Numbers that are read from one file; a complex one counts once.</summary>
    [Range(1024, 1L << 30)] public long Elements { get; init; } = ReaderLimits.Default.Elements;

    /// <summary>Processes for files that need little time; 0: as many as there are cores, two to four. Two more read slow files and write results.</summary>
    [Range(0, 64)] public int Processes { get; init; }

    /// <summary>The limits in the reader's form.</summary>
    public ReaderLimits Limits => new(MemoryBytes, TimeSpan.FromSeconds(Seconds), Elements);
}

/// <summary>Checks the limits at start-up.</summary>
[OptionsValidator]
internal sealed partial class FormatOptionsValidator : IValidateOptions<FormatOptions>;
