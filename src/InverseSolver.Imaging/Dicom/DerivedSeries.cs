namespace InverseSolver.Imaging;

/// <summary>A reconstruction to be written as a DICOM series: pixels, geometry, sources and method.</summary>
public sealed record DerivedSeries
{
    /// <summary>(slices, rows, columns), finite, in any units.</summary>
    public required float[] Values { get; init; }

    /// <summary>The number of slices, each of which is one file.</summary>
    public required int Slices { get; init; }

    /// <summary>Height.</summary>
    public required int Rows { get; init; }

    /// <summary>Width.</summary>
    public required int Columns { get; init; }

    /// <summary>
    /// The pixels of <see cref="Values"/> that are padding; they are stored as 0, the series' PixelPaddingValue, whatever their values. Null: none.
    /// </summary>
    public bool[]? Padding { get; init; }

    /// <summary>
    /// The geometry of each slice. Null: the reference's, where that has as many frames of the same size; else unknown, as the files then state.
    /// </summary>
    public IReadOnlyList<FrameGeometry>? Geometry { get; init; }

    /// <summary>The details of each slice; null: none.</summary>
    public IReadOnlyList<FrameDetails?>? Details { get; init; }

    /// <summary>The frame of reference of <see cref="Geometry"/>; null or empty: that of the reference or the header.</summary>
    public string? FrameOfReferenceUid { get; init; }

    /// <summary>Without <see cref="Geometry"/>, the size of a pixel and the slices' thickness; 0: not known.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>The values to show; null: all of them.</summary>
    public DisplayWindow? Window { get; init; }

    /// <summary>
    /// A DICOM file of the same patient and study, whose Patient and General Study modules, frame of reference and acquisition the series takes over.
    /// </summary>
    public ReadOnlyMemory<byte> Reference { get; init; }

    /// <summary>The image that each slice comes from, of the reference's series; null: the reference.</summary>
    public IReadOnlyList<(string SopClassUid, string SopInstanceUid)>? Sources { get; init; }

    /// <summary>Patient and study from the raw-data header, used when there is no reference. Null: a new study without a patient.</summary>
    public StudyInformation? Study { get; init; }

    /// <summary>The solver's name.</summary>
    public required string Solver { get; init; }

    /// <summary>The model's id; null: a solver without one.</summary>
    public string? Model { get; init; }

    /// <summary>The hash of the model's weights.</summary>
    public string? ModelHash { get; init; }

    /// <summary>A sentence on the agreement of the image with the measurement, with its full stop.</summary>
    public string? Consistency { get; init; }

    /// <summary>Further sentences on how the data were treated.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>The version of the software.</summary>
    public required string SoftwareVersion { get; init; }

    /// <summary>The series' number within its study.</summary>
    public int SeriesNumber { get; init; } = 9001;

    /// <summary>The time at which the series was made, in the time zone of the study's times.</summary>
    public DateTimeOffset Created { get; init; } = DateTimeOffset.Now;
}
