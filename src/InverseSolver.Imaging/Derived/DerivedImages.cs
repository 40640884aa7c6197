namespace InverseSolver.Imaging;

/// <summary>A result that is to be written as the scan it was made from.</summary>
public sealed record DerivedImages
{
    /// <summary>(slices, channels, rows, columns) on the solver's scale; finite.</summary>
    public required float[] Values { get; init; }

    /// <summary>How many slices.</summary>
    public required int Slices { get; init; }

    /// <summary>How many channels; DICOM and NIfTI are written of one.</summary>
    public required int Channels { get; init; }

    /// <summary>Height.</summary>
    public required int Rows { get; init; }

    /// <summary>Width.</summary>
    public required int Columns { get; init; }

    /// <summary>The file's units are the values times this plus <see cref="Offset"/>.</summary>
    public required double Scale { get; init; }

    /// <summary>In the file's units.</summary>
    public double Offset { get; init; }

    /// <summary>Where the measurement comes from.</summary>
    public required MeasurementOrigin Origin { get; init; }

    /// <summary>A DICOM file of the patient and study that the result belongs to, or a NIfTI volume whose place it has; empty: none was sent.</summary>
    public ReadOnlyMemory<byte> Reference { get; init; }

    /// <summary>The solver's name.</summary>
    public required string Solver { get; init; }

    /// <summary>The model's id.</summary>
    public required string Model { get; init; }

    /// <summary>What identifies the model's weights.</summary>
    public string? ModelHash { get; init; }

    /// <summary>Sum of squared residuals over what noise explains; null where the noise level is 0.</summary>
    public double? Ratio { get; init; }

    /// <summary>What may be wrong with the image, in sentences; the series' comments have them before the origin's remarks.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The software's version.</summary>
    public required string SoftwareVersion { get; init; }
}
