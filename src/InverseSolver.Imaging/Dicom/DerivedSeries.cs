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

    /// <summary>As <see cref="Values"/>: which pixels are padding. They are stored as 0, which PixelPaddingValue says, whatever their values are. Null: none is.</summary>
    public bool[]? Padding { get; init; }

    /// <summary>Of each slice. Null: the reference's, where that has as many frames of the same size; else not known, which the files then say.</summary>
    public IReadOnlyList<FrameGeometry>? Geometry { get; init; }

    /// <summary>What tells each slice from others; null: nothing.</summary>
    public IReadOnlyList<FrameDetails?>? Details { get; init; }

    /// <summary>The coordinate system of <see cref="Geometry"/>, where it is not the reference's or the header's; null or empty: it is.</summary>
    public string? FrameOfReferenceUid { get; init; }

    /// <summary>Without <see cref="Geometry"/>, the size of a pixel and the slices' thickness; 0: not known.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>The values to show; null: all of them.</summary>
    public DisplayWindow? Window { get; init; }

    /// <summary>A DICOM file of the same patient and study, whose Patient and General Study modules, frame of reference and acquisition the series takes over.</summary>
    public ReadOnlyMemory<byte> Reference { get; init; }

    /// <summary>The image that each slice comes from, of the reference's series; null: the reference.</summary>
    public IReadOnlyList<(string SopClassUid, string SopInstanceUid)>? Sources { get; init; }

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
