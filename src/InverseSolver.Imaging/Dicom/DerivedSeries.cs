namespace InverseSolver.Imaging;

/// <summary>A reconstruction that becomes a DICOM series: its pixels, where they lie, what they come from and how they were made.</summary>
public sealed record DerivedSeries
{
    /// <summary>(slices, rows, columns), finite, in any units.</summary>
    public required float[] Values { get; init; }

    /// <summary>How many slices: one file each.</summary>
    public required int Slices { get; init; }

    /// <summary>Height.</summary>
    public required int Rows { get; init; }

    /// <summary>Width.</summary>
    public required int Columns { get; init; }

    /// <summary>Of each slice. Null: the reference's, where that has as many frames of the same size; else not known, which the files then say.</summary>
    public IReadOnlyList<FrameGeometry>? Geometry { get; init; }

    /// <summary>The values to show; null: all of them.</summary>
    public DisplayWindow? Window { get; init; }

    /// <summary>A DICOM file of the same patient and study, whose Patient and General Study modules, frame of reference and acquisition the series takes over.</summary>
    public ReadOnlyMemory<byte> Reference { get; init; }

    /// <summary>What a raw-data header says of patient and study; looked at where there is no reference. Null: a new study of nobody.</summary>
    public StudyInformation? Study { get; init; }

    /// <summary>The solver's name.</summary>
    public required string Solver { get; init; }

    /// <summary>The model's id; null: a solver without one.</summary>
    public string? Model { get; init; }

    /// <summary>What identifies the model's weights.</summary>
    public string? ModelHash { get; init; }

    /// <summary>How well the image explains the measurement, in a sentence with its full stop.</summary>
    public string? Consistency { get; init; }

    /// <summary>Further sentences on how the data were treated.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>The version of the software.</summary>
    public required string SoftwareVersion { get; init; }

    /// <summary>The series' number within its study.</summary>
    public int SeriesNumber { get; init; } = 9001;

    /// <summary>When the series was made, in the time zone of the study's times.</summary>
    public DateTimeOffset Created { get; init; } = DateTimeOffset.Now;
}
