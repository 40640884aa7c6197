namespace InverseSolver.Imaging;

/// <summary>A result and its scan, for DICOM and NIfTI files.</summary>
public sealed record DerivedImages
{
    /// <summary>(slices, channels, rows, columns) on the solver's scale; finite.</summary>
    public required float[] Values { get; init; }

    /// <summary>The number of slices.</summary>
    public required int Slices { get; init; }

    /// <summary>The number of channels; DICOM and NIfTI are written for one.</summary>
    public required int Channels { get; init; }

    /// <summary>Height.</summary>
    public required int Rows { get; init; }

    /// <summary>Width.</summary>
    public required int Columns { get; init; }

    /// <summary>The factor from the values to the file's units, to which <see cref="Offset"/> is added.</summary>
    public required double Scale { get; init; }

    /// <summary>In the file's units.</summary>
    public double Offset { get; init; }

    /// <summary>The origin of the measurement.</summary>
    public required MeasurementOrigin Origin { get; init; }

    /// <summary>A DICOM file of the result's patient and study, or a NIfTI volume with its position; empty: none was sent.</summary>
    public ReadOnlyMemory<byte> Reference { get; init; }

    /// <summary>The solver's name.</summary>
    public required string Solver { get; init; }

    /// <summary>The model's id.</summary>
    public required string Model { get; init; }

    /// <summary>The hash of the model's weights.</summary>
    public string? ModelHash { get; init; }

    /// <summary>Sum of squared residuals over what noise explains; null where the noise level is 0.</summary>
    public double? Ratio { get; init; }

    /// <summary>Sentences on possible faults of the image; in the series' comments they precede the origin's remarks.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The software's version.</summary>
    public required string SoftwareVersion { get; init; }
}
