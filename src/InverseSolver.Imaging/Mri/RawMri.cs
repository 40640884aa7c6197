namespace InverseSolver.Imaging;

/// <summary>
/// Multi-coil raw data, sorted. Rows are the readout direction, columns the phase-encoding lines; frequency 0 is at (Rows/2, Columns/2), and an image is
/// the centred orthonormal inverse transform of its k-space.
/// </summary>
public sealed record RawMri
{
    /// <summary>The file's layout: ismrmrd or fastmri.</summary>
    public string Layout { get; init; } = "ismrmrd";

    /// <summary>The number of images in the file.</summary>
    public required int Frames { get; init; }

    /// <summary>The number of receiver coils.</summary>
    public required int Coils { get; init; }

    /// <summary>Pixels of an image along the readout direction.</summary>
    public required int Rows { get; init; }

    /// <summary>Pixels of an image along the phase-encoding direction.</summary>
    public required int Columns { get; init; }

    /// <summary>
    /// Real and imaginary parts in turn: (<see cref="Frames"/>, <see cref="Coils"/>, <see cref="Rows"/>, <see cref="Columns"/>), 0 where nothing was measured;
    /// with a <see cref="Trajectory"/> (<see cref="Frames"/>, <see cref="Coils"/>, samples).
    /// </summary>
    public required float[] KSpace { get; init; }

    /// <summary>
    /// The sampling mask of <see cref="KSpace"/>: (<see cref="Frames"/> or 1, <see cref="Rows"/>, <see cref="Columns"/>); empty with a
    /// <see cref="Trajectory"/>.
    /// </summary>
    public required bool[] Mask { get; init; }

    /// <summary>
    /// E[n nᴴ] of the noise n of one complex sample of <see cref="KSpace"/>, in all coils: (<see cref="Coils"/>, <see cref="Coils"/>), real and imaginary
    /// parts in turn. A real component has half of it. Null: the file has no noise scan.
    /// </summary>
    public float[]? NoiseCovariance { get; init; }

    /// <summary>Lines that were measured for the coil sensitivities alone; null: there are none.</summary>
    public CalibrationLines? Calibration { get; init; }

    /// <summary>
    /// The sample positions of a non-Cartesian scan: (1 or <see cref="Frames"/>, samples, 2) in cycles per field of view, along the rows first, from
    /// -<see cref="Rows"/>/2 to below <see cref="Rows"/>/2 and -<see cref="Columns"/>/2 to below <see cref="Columns"/>/2. Null: Cartesian.
    /// </summary>
    public float[]? Trajectory { get; init; }

    /// <summary>The file's density compensation weights: (1 or <see cref="Frames"/>, samples); null: it has none.</summary>
    public float[]? Density { get; init; }

    /// <summary>The description of each frame.</summary>
    public required IReadOnlyList<RawMriFrame> FrameList { get; init; }

    /// <summary>The size of a pixel and the slices' thickness, where the file states these but not the position of its slices (fastMRI); 0: unknown.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>
    /// Rows and columns to which the reconstructed image is cropped around its middle: a scan with gaps between its lines must be reconstructed in its whole
    /// field of view. Null: no crop.
    /// </summary>
    public (int Rows, int Columns)? Crop { get; init; }

    /// <summary>Patient, study and acquisition.</summary>
    public StudyInformation Study { get; init; } = new();

    /// <summary>Sentences on assumptions, corrections and omissions that may be wrong.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Sentences on the processing that every scan of this kind undergoes.</summary>
    public IReadOnlyList<string> Routine { get; init; } = [];
}

/// <summary>The description of one frame of raw data.</summary>
/// <param name="Slice">The slice, or the partition of a 3-D scan, from 0 in the order of the places.</param>
/// <param name="Contrast">The file's counter of echoes.</param>
/// <param name="Phase">The file's counter of cardiac phases.</param>
/// <param name="Repetition">The file's counter of repetitions.</param>
/// <param name="Set">The file's counter of sets.</param>
/// <param name="Geometry">The position of the pixels; null: not stated.</param>
/// <param name="Details">Its sequence parameters; null where they do not differ between frames.</param>
public sealed record RawMriFrame(int Slice, int Contrast, int Phase, int Repetition, int Set, FrameGeometry? Geometry, FrameDetails? Details = null);

/// <summary>Lines that were measured only for the coil sensitivities, on the grid of their k-space.</summary>
/// <param name="KSpace">(slices, coils, rows, columns), real and imaginary parts in turn, 0 where not measured.</param>
/// <param name="Mask">(slices, rows, columns): where it was measured.</param>
/// <param name="OfFrame">For each frame of the data, the index of its slice in these arrays.</param>
public sealed record CalibrationLines(float[] KSpace, bool[] Mask, int[] OfFrame);
