using System.Text;

namespace InverseSolver.Imaging;

/// <summary>Whether a reference belongs to a measurement: what both say of patient, study and place is compared. Nothing of it is told but what differs.</summary>
public static class ReferenceCheck
{
    /// <summary>Refuses what cannot be the reference of a measurement's series.</summary>
    /// <param name="reader">Parses DICOM.</param>
    /// <param name="reference">The whole file.</param>
    /// <param name="origin">The measurement's.</param>
    /// <param name="force">Whether a reference of another patient, study or place is taken nevertheless.</param>
    /// <returns>The origin; where the reference was forced, with a remark that says so.</returns>
    /// <exception cref="InvalidMeasurementException">It is neither a DICOM image nor a NIfTI volume with a place, cannot be read, or differs from the measurement and is not forced.</exception>
    public static MeasurementOrigin Check(FormatReader reader, byte[] reference, MeasurementOrigin origin, bool force)
    {
        (StudyInformation named, Box[] places) = Nifti.IsNifti(reference) ? OfVolume(reader, reference) : OfImage(reader, reference);
        StudyInformation measured = (origin.Dicom.IsEmpty ? origin.Study : DicomFile.ReadStudy(reader, origin.Dicom)) ?? new StudyInformation();
        List<string> differences = Differences(measured, named);
        // One exam has images in many places; where nothing says that it is one, the places must meet.
        bool isOneExam = BothName(Uid(measured.StudyInstanceUid), Uid(named.StudyInstanceUid)) || BothName(Uid(measured.FrameOfReferenceUid), Uid(named.FrameOfReferenceUid));
        if (!isOneExam && !Meet(Boxes(origin.Geometry ?? [], origin.Rows, origin.Columns), places)) differences.Add("the place in the patient");
        if (differences.Count == 0)
        {
            bool hasOtherName = BothName(Name(measured.PatientName), Name(named.PatientName)) && Name(measured.PatientName) != Name(named.PatientName);
            return hasOtherName ? origin with { Remarks = [.. origin.Remarks, "The reference and the measurement have one patient ID and two names: check that they are of one patient."] } : origin;
        }

        string list = string.Join(", ", differences);
        return force ? origin with { Remarks = [.. origin.Remarks, $"The reference was forced, although it and the measurement differ in {list}."] }
            : throw new InvalidMeasurementException(
                $"The reference does not belong to the measurement: they differ in {list}. Send a DICOM image of the measured patient and study; \"reference\": \"force\" (--force-reference) takes this one nevertheless.");
    }

    private static (StudyInformation Named, Box[] Places) OfImage(FormatReader reader, byte[] reference)
    {
        if (!DicomFile.IsDicom(reference)) throw new InvalidMeasurementException("The reference is a DICOM image, or a NIfTI volume whose place the result has; this file is neither.");
        DicomImage image = DicomFile.Read(reader, reference);
        return (DicomFile.ReadStudy(reader, reference), Boxes([.. image.Frames.Select(frame => frame.Geometry)], image.Rows, image.Columns));
    }

    // A volume names nobody.
    private static (StudyInformation Named, Box[] Places) OfVolume(FormatReader reader, byte[] reference)
    {
        NiftiSlices volume = NiftiSlices.Read(reference, reader.Limits.Elements);
        return volume.Geometry is { } places ? (new StudyInformation(), Boxes(places, volume.Rows, volume.Columns))
            : throw new InvalidMeasurementException("The reference is a NIfTI volume that does not say where its slices lie, so there is nothing that it could be a reference of.");
    }

    // What both name and is not the same. Names, which are written in many ways, tell patients apart only where one of the two has no identifier.
    private static List<string> Differences(StudyInformation a, StudyInformation b)
    {
        var found = new List<string>();
        bool identified = BothName(a.PatientId, b.PatientId);
        Compare("the patient ID", a.PatientId, b.PatientId);
        if (!identified) Compare("the patient's name", Name(a.PatientName), Name(b.PatientName));
        Compare("the patient's birth date", DicomText.Date(a.PatientBirthDate), DicomText.Date(b.PatientBirthDate));
        Compare("the patient's sex", Sex(a.PatientSex), Sex(b.PatientSex));
        Compare("the study instance UID", Uid(a.StudyInstanceUid), Uid(b.StudyInstanceUid));
        Compare("the study date", DicomText.Date(a.StudyDate), DicomText.Date(b.StudyDate));
        Compare("the frame of reference", Uid(a.FrameOfReferenceUid), Uid(b.FrameOfReferenceUid));
        return found;

        void Compare(string what, string? first, string? second)
        {
            if (BothName(first, second) && !string.Equals(first!.Trim(), second!.Trim(), StringComparison.Ordinal)) found.Add(what);
        }
    }

    private static bool BothName(string? a, string? b) => !string.IsNullOrWhiteSpace(a) && !string.IsNullOrWhiteSpace(b);

    // A single number, as some converters write it, is the scanner's own and no UID.
    private static string? Uid(string? text) => DicomText.Uid(text) is { } uid && uid.Contains('.') ? uid : null;

    // Other than male and female says nothing against either.
    private static string? Sex(string? text) => text?.Trim() is "M" or "F" ? text : null;

    // Families and given names without what formats put between them, of the alphabetic writing alone.
    private static string? Name(string? text) =>
        text is null ? null : string.Join(' ', text.Split('=')[0].Split((char[])['^', ',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Normalize(NormalizationForm.FormC).ToUpperInvariant();

    private static Box[] Boxes(IReadOnlyList<FrameGeometry?> frames, int rows, int columns) => [.. frames.OfType<FrameGeometry>().Distinct().Select(frame => Box.Of(frame, rows, columns))];

    // What is not known may meet anything.
    private static bool Meet(Box[] these, Box[] those) => these.Length == 0 || those.Length == 0 || these.Any(a => those.Any(a.Meets));

    /// <summary>The tissue that a slice shows.</summary>
    private sealed record Box(PatientVector Centre, PatientVector[] Sides)
    {
        internal static Box Of(FrameGeometry frame, int rows, int columns)
        {
            PatientVector right = columns * frame.ColumnSpacingMm * frame.AlongRow, down = rows * frame.RowSpacingMm * frame.AlongColumn;
            double thickness = Math.Max(frame.SliceThicknessMm ?? frame.RowSpacingMm, frame.SliceSpacingMm ?? 0);
            PatientVector centre = frame.Position - (0.5 * frame.ColumnSpacingMm * frame.AlongRow) - (0.5 * frame.RowSpacingMm * frame.AlongColumn) + (0.5 * right) + (0.5 * down);
            return new Box(centre, [right, down, thickness * frame.Normal]);
        }

        // Boxes are apart where a plane lies between them: its normal is one of their sides' or a product of two.
        internal bool Meets(Box other)
        {
            PatientVector way = other.Centre - Centre;
            IEnumerable<PatientVector> normals = [.. Sides, .. other.Sides, .. Sides.SelectMany(side => other.Sides.Select(side.Cross))];
            return normals.All(normal => 2 * Math.Abs(way.Dot(normal)) <= Sides.Concat(other.Sides).Sum(side => Math.Abs(side.Dot(normal))) + 1e-9);
        }
    }
}
