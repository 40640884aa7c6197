namespace InverseSolver.Imaging;

/// <summary>What is known of a measurement beside its values. It may name a patient: no log and no answer holds it; <see cref="Report"/> says what may be told.</summary>
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

    /// <summary>What a given noise level is divided by: <see cref="Scale"/> where it is in the file's units (raw data), 1 where it is on [0,1] (images).</summary>
    public double NoiseScale { get; init; } = 1;

    /// <summary>Rows of the image to be solved for, where a trajectory's samples do not say; else of the measurement. 0: nor does the file.</summary>
    public int Rows { get; init; }

    /// <summary>Its columns; 0 as for rows.</summary>
    public int Columns { get; init; }

    /// <summary>Of each frame; an entry, or all, is null where the file does not say.</summary>
    public IReadOnlyList<FrameGeometry?>? Geometry { get; init; }

    /// <summary>What tells each frame from others; null: nothing.</summary>
    public IReadOnlyList<FrameDetails?>? Details { get; init; }

    /// <summary>The coordinate system that <see cref="Geometry"/> is given in; null or empty where the file does not say.</summary>
    public string? FrameOfReferenceUid { get; init; }

    /// <summary>The file's values where they are padding (DICOM), in its units, and NaN elsewhere: (frames, rows, columns). Null: none is.</summary>
    public float[]? Padding { get; init; }

    /// <summary>How the frames lie in the file, where it is NIfTI.</summary>
    public NiftiLayout? Layout { get; init; }

    /// <summary>The size of a pixel and the slices' thickness, where the file says that but not where its slices lie; 0: not known.</summary>
    public (double Row, double Column, double Slice) PixelMm { get; init; }

    /// <summary>
    /// Rows and columns that the solved image is cut to, around its middle: of a scan with gaps between its lines the whole field of view overlaps until it is solved. Null: the image is as it is to be.
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

    /// <summary>What was assumed of the data, corrected or left out and may be wrong, in sentences: they are among the warnings.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>What is done with every file of its kind, in sentences: the report alone has it.</summary>
    public IReadOnlyList<string> Routine { get; init; } = [];

    /// <summary>Whether it is a scan of a patient, so that its result is written as one.</summary>
    public bool IsScan => Format is "ismrmrd" or "fastmri" or "dicom" or "nifti";

    /// <summary>Where pixels lie, of an image of the same field of view with other sizes; null where that is not known of every frame.</summary>
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

    /// <summary>What may be told; nothing of a patient.</summary>
    public OriginReport Report() => new(
        Format, Scale, Offset, [.. Remarks, .. Routine], Geometry is null || Geometry.Contains(null) ? null : [.. Geometry.Select(frame => PlaceReport.Of(frame!))]);
}
