namespace InverseSolver.Imaging;

/// <summary>What is known of a measurement beside its values. It may name a patient: no log and no answer holds it; <see cref="Report"/> says what may be told.</summary>
public sealed record MeasurementOrigin
{
    /// <summary>A plain image or array.</summary>
    public static MeasurementOrigin None { get; } = new() { Format = "array" };

    /// <summary>array, npz, bart, ismrmrd, fastmri or dicom.</summary>
    public required string Format { get; init; }

    /// <summary>The measurement is the file's values less <see cref="Offset"/>, over this.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>In the file's units.</summary>
    public double Offset { get; init; }

    /// <summary>What a given noise level is divided by: <see cref="Scale"/> where it is in the file's units (raw data), 1 where it is on [0,1] (images).</summary>
    public double NoiseScale { get; init; } = 1;

    /// <summary>Rows of the image to be solved for, where a trajectory's samples do not say; else of the measurement.</summary>
    public int Rows { get; init; }

    /// <summary>Its columns.</summary>
    public int Columns { get; init; }

    /// <summary>Of each frame; an entry, or all, is null where the file does not say.</summary>
    public IReadOnlyList<FrameGeometry?>? Geometry { get; init; }

    /// <summary>Patient and study of a raw-data header.</summary>
    public StudyInformation? Study { get; init; }

    /// <summary>The values to show, in the file's units.</summary>
    public DisplayWindow? Window { get; init; }

    /// <summary>The measurement itself, where it is DICOM.</summary>
    public ReadOnlyMemory<byte> Dicom { get; init; }

    /// <summary>Its modality: MR, CT, ...</summary>
    public string? Modality { get; init; }

    /// <summary>What was done to the data, in sentences.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>Whether it is a scan of a patient, so that its result is written as one.</summary>
    public bool IsScan => Format is "ismrmrd" or "fastmri" or "dicom";

    /// <summary>Where pixels lie, of an image of the same field of view with other sizes; null where that is not known of every frame.</summary>
    /// <param name="frames">Frames of the image.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    public IReadOnlyList<FrameGeometry>? GeometryOf(int frames, int rows, int columns)
    {
        if (Geometry is null || Geometry.Count != frames || Geometry.Contains(null) || (long)rows * Columns != (long)columns * Rows) return null;
        return [.. Geometry.Select(frame => frame!.Resampled(Rows, Columns, rows, columns))];
    }

    /// <summary>What may be told; nothing of a patient.</summary>
    public OriginReport Report() => new(
        Format, Scale, Offset, Remarks, Geometry is null || Geometry.Contains(null) ? null : [.. Geometry.Select(frame => PlaceReport.Of(frame!))]);
}
