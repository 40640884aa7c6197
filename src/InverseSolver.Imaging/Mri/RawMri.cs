namespace InverseSolver.Imaging;

/// <summary>
/// Multi-coil raw data, sorted. Rows are the readout direction, columns the phase-encoding lines; frequency 0 is at (Rows/2, Columns/2), and an image is
/// the centred orthonormal inverse transform of its k-space.
/// </summary>
public sealed record RawMri
{
    /// <summary>The file's layout: ismrmrd or fastmri.</summary>
    public string Layout { get; init; } = "ismrmrd";

    /// <summary>How many images the file is measured for.</summary>
    public required int Frames { get; init; }

    /// <summary>How many receivers.</summary>
    public required int Coils { get; init; }

    /// <summary>Pixels of an image along the readout direction.</summary>
    public required int Rows { get; init; }

    /// <summary>Pixels of an image along the phase-encoding direction.</summary>
    public required int Columns { get; init; }

    /// <summary>
    /// Real and imaginary parts in turn: (<see cref="Frames"/>, <see cref="Coils"/>, <see cref="Rows"/>, <see cref="Columns"/>), 0 where nothing was measured; with a
    /// <see cref="Trajectory"/> (<see cref="Frames"/>, <see cref="Coils"/>, samples).
    /// </summary>
    public required float[] KSpace { get; init; }

    /// <summary>Where <see cref="KSpace"/> was measured: (<see cref="Frames"/> or 1, <see cref="Rows"/>, <see cref="Columns"/>); empty with a <see cref="Trajectory"/>.</summary>
    public required bool[] Mask { get; init; }

    /// <summary>
    /// E[n nᴴ] of the noise n of one complex sample of <see cref="KSpace"/>, in all coils: (<see cref="Coils"/>, <see cref="Coils"/>), real and imaginary parts in turn. A real
    /// component has half of it. Null: the file has no noise scan.
    /// </summary>
    public float[]? NoiseCovariance { get; init; }

    /// <summary>Lines that were measured for the coil sensitivities alone; null: there are none.</summary>
    public CalibrationLines? Calibration { get; init; }

    /// <summary>
    /// Where the samples of a non-Cartesian scan lie: (1 or <see cref="Frames"/>, samples, 2) in cycles per field of view, along the rows first, from -<see cref="Rows"/>/2 to
    /// below <see cref="Rows"/>/2 and -<see cref="Columns"/>/2 to below <see cref="Columns"/>/2. Null: Cartesian.
    /// </summary>
    public float[]? Trajectory { get; init; }

    /// <summary>Weights that undo the trajectory's density, of the file: (1 or <see cref="Frames"/>, samples); null: it has none.</summary>
    public float[]? Density { get; init; }

    /// <summary>What each frame is.</summary>
    public required IReadOnlyList<RawMriFrame> FrameList { get; init; }

    /// <summary>The size of a pixel and the slices' thickness, where the file says that but not where its slices lie (fastMRI); 0: not known.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>
    /// Rows and columns that the solved image is cut to, around its middle: of a scan with gaps between its lines the whole field of view overlaps until it is solved. Null: the image is as it is to be.
    /// </summary>
    public (int Rows, int Columns)? Crop { get; init; }

    /// <summary>Patient, study and acquisition.</summary>
    public StudyInformation Study { get; init; } = new();

    /// <summary>What was assumed, corrected or left out and may be wrong, in sentences.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>What is done with every scan of its kind, in sentences.</summary>
    public IReadOnlyList<string> Routine { get; init; } = [];
}
