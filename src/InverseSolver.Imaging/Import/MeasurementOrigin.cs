namespace InverseSolver.Imaging;

/// <summary>
/// The origin and description of a measurement. It may name a patient, so no log and no answer may hold it; <see cref="Report"/> has the part that may be
/// shown.
/// </summary>
public sealed record MeasurementOrigin
{
    /// <summary>A plain image or array.</summary>
    public static MeasurementOrigin None { get; } = new() { Format = "array" };

    /// <summary>array, npz, bart, ismrmrd, fastmri, dicom or nifti.</summary>
    public required string Format { get; init; }

    /// <summary>The measurement is the file's values less <see cref="Offset"/>, over this.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>In the file's units.</summary>
    public double Offset { get; init; }

    /// <summary>
    /// The divisor of a stated noise level: <see cref="Scale"/> where the level is in the file's units (raw data), 1 where it is on [0,1] (images).
    /// </summary>
    public double NoiseScale { get; init; } = 1;

    /// <summary>
    /// Rows of the image to reconstruct, where a trajectory's samples do not state them; else of the measurement. 0: the file does not state them.
    /// </summary>
    public int Rows { get; init; }

    /// <summary>Its columns; 0 as for rows.</summary>
    public int Columns { get; init; }

    /// <summary>Of each frame; an entry, or all, is null where the file does not say.</summary>
    public IReadOnlyList<FrameGeometry?>? Geometry { get; init; }

    /// <summary>The details of each frame; null: none.</summary>
    public IReadOnlyList<FrameDetails?>? Details { get; init; }

    /// <summary>The coordinate system that <see cref="Geometry"/> is given in; null or empty where the file does not say.</summary>
    public string? FrameOfReferenceUid { get; init; }

    /// <summary>The file's values where they are padding (DICOM), in its units, and NaN elsewhere: (frames, rows, columns). Null: none is.</summary>
    public float[]? Padding { get; init; }

    /// <summary>The layout of the frames in a NIfTI file.</summary>
    public NiftiLayout? Layout { get; init; }

    /// <summary>The size of a pixel and the slices' thickness, where the file states these but not the position of its slices; 0: unknown.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>
    /// Rows and columns to which the reconstructed image is cropped around its middle: a scan with gaps between its lines must be reconstructed in its whole
    /// field of view. Null: no crop.
    /// </summary>
    public (int Rows, int Columns)? Crop { get; init; }

    /// <summary>Patient and study of a raw-data header.</summary>
    public StudyInformation? Study { get; init; }

    /// <summary>The values to show, in the file's units.</summary>
    public DisplayWindow? Window { get; init; }

    /// <summary>The measurement itself, where it is DICOM; of a series, the file of the first slice.</summary>
    public ReadOnlyMemory<byte> Dicom { get; init; }

    /// <summary>The image that each frame was read from, where the measurement is a DICOM series; null elsewhere.</summary>
    public IReadOnlyList<(string SopClassUid, string SopInstanceUid)>? Sources { get; init; }

    /// <summary>Its modality: MR, CT, ...</summary>
    public string? Modality { get; init; }

    /// <summary>Sentences on assumptions, corrections and omissions that may be wrong; they are among the warnings.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Sentences on the processing that every file of this kind undergoes; only the report has them.</summary>
    public IReadOnlyList<string> Routine { get; init; } = [];

    /// <summary>True where the measurement is a scan of a patient, so that its result is written as one.</summary>
    public bool IsScan => Format is "ismrmrd" or "fastmri" or "dicom" or "nifti";

    /// <summary>Returns the geometry of an image of the same field of view with other sizes; null where the geometry of any frame is unknown.</summary>
    /// <param name="frames">Frames of the image.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public IReadOnlyList<FrameGeometry>? GeometryOf(int frames, int rows, int columns)
    {
        if (Geometry is null || Geometry.Count != frames || Geometry.Contains(null) || (long)rows * Columns != (long)columns * Rows) return null;
        return [.. Geometry.Select(frame => frame!.Resampled(Rows, Columns, rows, columns))];
    }

    /// <summary>The padding of an image of the same field of view with other sizes, of the nearest pixels; null where there is none.</summary>
    /// <param name="frames">Frames of the image.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public float[]? PaddingOf(int frames, int rows, int columns)
    {
        if (Padding is null || Padding.Length != (long)frames * Rows * Columns || (long)rows * Columns != (long)columns * Rows) return null;
        float[] padding = new float[frames * rows * columns];
        for (int i = 0; i < padding.Length; i++)
        {
            int row = i / columns % rows * Rows / rows, column = i % columns * Columns / columns;
            padding[i] = Padding[(((i / (rows * columns)) * Rows) + row) * Columns + column];
        }

        return padding;
    }

    /// <summary>Returns the part that may be shown, without anything of a patient.</summary>
    public OriginReport Report() => new(
        Format, Scale, Offset, [.. Remarks, .. Routine],
        Geometry is null || Geometry.Contains(null) ? null : [.. Geometry.Select(frame => PlaceReport.Of(frame!))]);
}

/// <summary>The part of a report that describes a measurement's file.</summary>
/// <param name="Format">array, npz, bart, ismrmrd, fastmri, dicom or nifti.</param>
/// <param name="Scale">The measurement is the file's values less the offset, over this.</param>
/// <param name="Offset">In the file's units.</param>
/// <param name="Remarks">Sentences on assumptions, corrections, omissions and processing.</param>
/// <param name="Geometry">The position of each frame; null where the file does not state it.</param>
public sealed record OriginReport(string Format, double Scale, double Offset, IReadOnlyList<string> Remarks, IReadOnlyList<PlaceReport>? Geometry);

/// <summary>The position of a frame in a report, in DICOM's terms.</summary>
/// <param name="ImagePositionPatient">Centre of the first pixel, mm, LPS.</param>
/// <param name="ImageOrientationPatient">Directions of growing columns and of growing rows.</param>
/// <param name="PixelSpacing">Between rows and between columns, mm.</param>
/// <param name="SliceThickness">mm; null: not known.</param>
public sealed record PlaceReport(
    IReadOnlyList<double> ImagePositionPatient, IReadOnlyList<double> ImageOrientationPatient, IReadOnlyList<double> PixelSpacing, double? SliceThickness)
{
    internal static PlaceReport Of(FrameGeometry frame) => new(
        [frame.Position.X, frame.Position.Y, frame.Position.Z],
        [frame.AlongRow.X, frame.AlongRow.Y, frame.AlongRow.Z, frame.AlongColumn.X, frame.AlongColumn.Y, frame.AlongColumn.Z],
        [frame.RowSpacingMm, frame.ColumnSpacingMm],
        frame.SliceThicknessMm);
}
