namespace InverseSolver.Imaging;

/// <summary>
/// Patient, study and acquisition: from a raw-data header, as far as a derived DICOM series can carry them, or from a DICOM file, as far as a reference is
/// compared by them. Texts are those of the header; dates (YYYYMMDD) and times (HHMMSS.FFFFFF) are DICOM's. Null: not stated. The record names a patient, so no
/// log and no report may hold it.
/// </summary>
public sealed record StudyInformation
{
    /// <summary>The patient's name, in DICOM's order: family^given.</summary>
    public string? PatientName { get; init; }

    /// <summary>The patient's identifier.</summary>
    public string? PatientId { get; init; }

    /// <summary>YYYYMMDD.</summary>
    public string? PatientBirthDate { get; init; }

    /// <summary>M, F or O.</summary>
    public string? PatientSex { get; init; }

    /// <summary>In kilograms.</summary>
    public double? PatientWeightKg { get; init; }

    /// <summary>The study's UID.</summary>
    public string? StudyInstanceUid { get; init; }

    /// <summary>The study's identifier.</summary>
    public string? StudyId { get; init; }

    /// <summary>YYYYMMDD.</summary>
    public string? StudyDate { get; init; }

    /// <summary>HHMMSS.</summary>
    public string? StudyTime { get; init; }

    /// <summary>The description of the study.</summary>
    public string? StudyDescription { get; init; }

    /// <summary>The order's number.</summary>
    public string? AccessionNumber { get; init; }

    /// <summary>Who asked for the study.</summary>
    public string? ReferringPhysicianName { get; init; }

    /// <summary>The coordinate system that positions are given in.</summary>
    public string? FrameOfReferenceUid { get; init; }

    /// <summary>HFS, HFP, FFS, ...</summary>
    public string? PatientPosition { get; init; }

    /// <summary>The description of the measured series.</summary>
    public string? SeriesDescription { get; init; }

    /// <summary>The scanner's protocol.</summary>
    public string? ProtocolName { get; init; }

    /// <summary>YYYYMMDD.</summary>
    public string? SeriesDate { get; init; }

    /// <summary>HHMMSS.</summary>
    public string? SeriesTime { get; init; }

    /// <summary>Who made the scanner.</summary>
    public string? SystemVendor { get; init; }

    /// <summary>The scanner's model.</summary>
    public string? SystemModel { get; init; }

    /// <summary>In tesla.</summary>
    public double? FieldStrengthTesla { get; init; }

    /// <summary>The institution; it stays in the service and is written into no image.</summary>
    public string? InstitutionName { get; init; }

    /// <summary>Repetition time in milliseconds.</summary>
    public double? RepetitionTimeMs { get; init; }

    /// <summary>Echo time in milliseconds.</summary>
    public double? EchoTimeMs { get; init; }

    /// <summary>Inversion time in milliseconds.</summary>
    public double? InversionTimeMs { get; init; }

    /// <summary>In degrees.</summary>
    public double? FlipAngleDegrees { get; init; }

    /// <summary>The header's word for the sequence: "Flash", "TurboSpinEcho", ...</summary>
    public string? SequenceType { get; init; }
}
