using System.Globalization;
using System.Xml.Linq;

namespace InverseSolver.Imaging;

/// <summary>Patient, study and acquisition of an ISMRMRD header.</summary>
internal static class IsmrmrdStudy
{
    private const int MaxText = 1024;

    internal static StudyInformation Read(XElement root)
    {
        string? Of(string group, string name) => Clean(IsmrmrdHeader.Text(root, group, name));
        return new StudyInformation
        {
            PatientName = Of("subjectInformation", "patientName"),
            PatientId = Of("subjectInformation", "patientID"),
            PatientBirthDate = Date(Of("subjectInformation", "patientBirthdate")),
            PatientSex = Of("subjectInformation", "patientGender") is { } sex && (sex is "M" or "F" or "O") ? sex : null,
            PatientWeightKg = Positive(root, "subjectInformation", "patientWeight_kg"),
            StudyInstanceUid = Of("studyInformation", "studyInstanceUID"),
            StudyId = Of("studyInformation", "studyID"),
            StudyDate = Date(Of("studyInformation", "studyDate")),
            StudyTime = Time(Of("studyInformation", "studyTime")),
            StudyDescription = Of("studyInformation", "studyDescription"),
            AccessionNumber = Of("studyInformation", "accessionNumber"),
            ReferringPhysicianName = Of("studyInformation", "referringPhysicianName"),
            FrameOfReferenceUid = Of("measurementInformation", "frameOfReferenceUID"),
            PatientPosition = Of("measurementInformation", "patientPosition"),
            SeriesDescription = Of("measurementInformation", "seriesDescription"),
            ProtocolName = Of("measurementInformation", "protocolName"),
            SeriesDate = Date(Of("measurementInformation", "seriesDate")),
            SeriesTime = Time(Of("measurementInformation", "seriesTime")),
            SystemVendor = Of("acquisitionSystemInformation", "systemVendor"),
            SystemModel = Of("acquisitionSystemInformation", "systemModel"),
            FieldStrengthTesla = Positive(root, "acquisitionSystemInformation", "systemFieldStrength_T"),
            InstitutionName = Of("acquisitionSystemInformation", "institutionName"),
            RepetitionTimeMs = Positive(root, "sequenceParameters", "TR"),
            EchoTimeMs = Positive(root, "sequenceParameters", "TE"),
            InversionTimeMs = Positive(root, "sequenceParameters", "TI"),
            FlipAngleDegrees = Positive(root, "sequenceParameters", "flipAngle_deg"),
            SequenceType = Of("sequenceParameters", "sequence_type"),
        };
    }

    // XML's dates and times are 2026-11-21 and 12:30:05.25, both perhaps with a time zone, which is left out.
    private static string? Date(string? text) =>
        text is { Length: >= 10 } && DateOnly.TryParseExact(text[..10], "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly date)
            ? date.ToString("yyyyMMdd", CultureInfo.InvariantCulture)
            : null;

    private static string? Time(string? text) =>
        text is { Length: >= 8 } && TimeOnly.TryParseExact(text[..8], "HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out TimeOnly time)
            ? time.ToString("HHmmss", CultureInfo.InvariantCulture)
            : null;

    private static double? Positive(XElement root, string group, string name) => IsmrmrdHeader.Positive(IsmrmrdHeader.Text(root, group, name));

    private static string? Clean(string? text)
    {
        if (text is null) return null;
        string clean = string.Concat(text.Where(c => !char.IsControl(c))).Trim();
        return clean.Length == 0 ? null : clean[..Math.Min(clean.Length, MaxText)];
    }
}
