using System.Text;

namespace InverseSolver.Imaging;

/// <summary>
/// Checks that a reference belongs to a measurement: patient, study and place of both are compared. Only the names of differing fields are reported.
/// </summary>
public static class ReferenceCheck
{
    /// <summary>Refuses a file that cannot be the reference of a measurement's series.</summary>
    /// <param name="reader">Parses DICOM.</param>
    /// <param name="reference">The whole file.</param>
    /// <param name="origin">The measurement's.</param>
    /// <param name="force">True where a reference of another patient, study or place is taken nevertheless.</param>
    /// <returns>The origin; where the reference was forced, with a remark that says so.</returns>
    /// <exception cref="InvalidMeasurementException">
    /// It is neither a DICOM image nor a NIfTI volume with a place, cannot be read, or differs from the measurement and is not forced.
    /// </exception>
    public static MeasurementOrigin Check(FormatReader reader, byte[] reference, MeasurementOrigin origin, bool force)
    {
        (StudyInformation named, Box[] places) = Nifti.IsNifti(reference) ? OfVolume(reader, reference) : OfImage(reader, reference);
        StudyInformation measured = (origin.Dicom.IsEmpty ? origin.Study : DicomFile.ReadStudy(reader, origin.Dicom)) ?? new StudyInformation();
        List<string> differences = Differences(measured, named);
        // An exam has images at many positions; without a common UID the positions must overlap.
        bool isOneExam = BothName(Uid(measured.StudyInstanceUid), Uid(named.StudyInstanceUid))
            || BothName(Uid(measured.FrameOfReferenceUid), Uid(named.FrameOfReferenceUid));
        if (!isOneExam && !Meet(Boxes(origin.Geometry ?? [], origin.Rows, origin.Columns), places)) differences.Add("the place in the patient");
        if (differences.Count == 0)
        {
            bool hasOtherName = BothName(Name(measured.PatientName), Name(named.PatientName)) && Name(measured.PatientName) != Name(named.PatientName);
            return hasOtherName
                ? origin with
                {
                    Remarks = [
                        .. origin.Remarks,
                        "The reference and the measurement have the same patient ID and different names: check that they belong to one patient."],
                }
                : origin;
        }

        string list = string.Join(", ", differences);
        return force ? origin with { Remarks = [.. origin.Remarks, $"The reference was forced, although it and the measurement differ in {list}."] }
            : throw new InvalidMeasurementException(
                $"The reference does not belong to the measurement: they differ in {list}. Send a DICOM image of the measured patient and study; "
                    + "\"reference\": \"force\" (--force-reference) takes this one nevertheless.");
    }

    private static (StudyInformation Named, Box[] Places) OfImage(FormatReader reader, byte[] reference)
    {
        if (!DicomFile.IsDicom(reference))
        {
            throw new InvalidMeasurementException(
                "The reference must be a DICOM image, or a NIfTI volume with the position of the result; this file is neither.");
        }
        DicomImage image = DicomFile.Read(reader, reference);
        return (DicomFile.ReadStudy(reader, reference), Boxes([.. image.Frames.Select(frame => frame.Geometry)], image.Rows, image.Columns));
    }

    // A NIfTI volume has no patient data.
    private static (StudyInformation Named, Box[] Places) OfVolume(FormatReader reader, byte[] reference)
    {
        NiftiSlices volume = NiftiSlices.Read(reference, reader.Limits.Elements);
        return volume.Geometry is { } places ? (new StudyInformation(), Boxes(places, volume.Rows, volume.Columns))
            : throw new InvalidMeasurementException(
                "The reference is a NIfTI volume that does not state the position of its slices, so nothing can be taken from it.");
    }

    // The fields that both state and that differ. Names, which are written in many ways, count only where one of the two has no identifier.
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

    // A single number, as some converters write it, is the scanner's counter and not a UID.
    private static string? Uid(string? text) => DicomText.Uid(text) is { } uid && uid.Contains('.') ? uid : null;

    // Codes other than male and female do not contradict either.
    private static string? Sex(string? text) => text?.Trim() is "M" or "F" ? text : null;

    // Family and given names without separators, in the alphabetic representation only.
    private static string? Name(string? text) =>
        text is null
            ? null
            : string.Join(
                ' ',
                text.Split('=')[0].Split(
                    (char[])['^', ',', ' '],
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Normalize(NormalizationForm.FormC).ToUpperInvariant();

    private static Box[] Boxes(IReadOnlyList<FrameGeometry?> frames, int rows, int columns) =>
        [.. frames.OfType<FrameGeometry>().Distinct().Select(frame => Box.Of(frame, rows, columns))];

    // An unknown position may overlap any other.
    private static bool Meet(Box[] these, Box[] those) => these.Length == 0 || those.Length == 0 || these.Any(a => those.Any(a.Meets));

    /// <summary>The tissue that a slice shows.</summary>
    private sealed record Box(PatientVector Centre, PatientVector[] Sides)
    {
        internal static Box Of(FrameGeometry frame, int rows, int columns)
        {
            PatientVector right = columns * frame.ColumnSpacingMm * frame.AlongRow, down = rows * frame.RowSpacingMm * frame.AlongColumn;
            double thickness = Math.Max(frame.SliceThicknessMm ?? frame.RowSpacingMm, frame.SliceSpacingMm ?? 0);
            PatientVector centre = frame.Position - (0.5 * frame.ColumnSpacingMm * frame.AlongRow) - (0.5 * frame.RowSpacingMm * frame.AlongColumn)
                + (0.5 * right) + (0.5 * down);
            return new Box(centre, [right, down, thickness * frame.Normal]);
        }

        // Boxes are disjoint where a plane separates them, whose normal is that of a side or a product of two edges.
        internal bool Meets(Box other)
        {
            PatientVector way = other.Centre - Centre;
            IEnumerable<PatientVector> normals = [.. Sides, .. other.Sides, .. Sides.SelectMany(side => other.Sides.Select(side.Cross))];
            return normals.All(normal => 2 * Math.Abs(way.Dot(normal)) <= Sides.Concat(other.Sides).Sum(side => Math.Abs(side.Dot(normal))) + 1e-9);
        }
    }
}
