using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Writes a result as <c>result.nii</c> and as a derived DICOM series, <c>result-0000.dcm</c> and so on.</summary>
public static class DerivedFiles
{
    /// <summary>Whether a file can be the reference of a series.</summary>
    /// <exception cref="InvalidMeasurementException">It is no DICOM image that can be read.</exception>
    public static void CheckReference(FormatReader reader, byte[] reference)
    {
        if (!DicomFile.IsDicom(reference)) throw new InvalidMeasurementException("The reference is a DICOM image; this file is none.");
        DicomFile.Read(reader, reference);
    }

    /// <summary>Writes both.</summary>
    /// <param name="reader">The process that writes DICOM.</param>
    /// <param name="images">The result.</param>
    /// <returns>The files, and what is to be said of them. A series that cannot be written is missing, and the remarks say why: the result is there without it.</returns>
    public static (IReadOnlyList<DerivedFile> Files, DerivedReport Report) Write(FormatReader reader, DerivedImages images)
    {
        var files = new List<DerivedFile>();
        var remarks = new List<string>();
        ReadOnlyMemory<byte> reference = images.Reference.IsEmpty ? images.Origin.Dicom : images.Reference;
        string identifiers = !reference.IsEmpty ? "reference" : NamesStudy(images.Origin.Study) ? "header" : "new";
        if (images.Channels != 1) return (files, new DerivedReport(identifiers, "unknown", 0, ["A coloured image is no MR image: neither DICOM nor NIfTI is written."]));

        int instances = 0;
        string source = "unknown";
        IReadOnlyList<FrameGeometry>? geometry = null;
        try
        {
            string? modality;
            (geometry, source, modality) = Geometry(reader, images);
            if (modality is not (null or "MR")) throw new InvalidMeasurementException("The image that they would refer to is no MR image, and derived series are written as MR images only.");
            if (source == "measurement" && !images.Reference.IsEmpty) remarks.Add("The reference has other sizes: the slices' places are the measurement's, their frame of reference is the reference's.");
            IReadOnlyList<byte[]> series = DicomSeries.Write(reader, Series(images, reference, geometry));
            instances = series.Count;
            files.AddRange(series.Select((file, i) => new DerivedFile(string.Create(CultureInfo.InvariantCulture, $"result-{i:0000}.dcm"), "application/dicom", file)));
        }
        catch (InvalidMeasurementException error)
        {
            remarks.Add($"No DICOM files could be written. {error.Message}");
        }

        float[] values = Array.ConvertAll(images.Values, value => (float)((value * images.Scale) + images.Offset));
        files.Add(new DerivedFile("result.nii", "application/octet-stream", Nifti(values, images, geometry, remarks)));
        return (files, new DerivedReport(identifiers, source, instances, remarks));
    }

    // Of the reference where that is of the same sizes, else of the measurement.
    private static (IReadOnlyList<FrameGeometry>? Geometry, string Source, string? Modality) Geometry(FormatReader reader, DerivedImages images)
    {
        string? modality = images.Origin.Modality;
        if (!images.Reference.IsEmpty)
        {
            DicomImage reference = DicomFile.Read(reader, images.Reference);
            modality = reference.Modality;
            bool fits = reference.Frames.Count == images.Slices && reference.Rows == images.Rows && reference.Columns == images.Columns;
            if (fits && reference.Frames.All(frame => frame.Geometry is not null)) return ([.. reference.Frames.Select(frame => frame.Geometry!)], "reference", modality);
        }

        return images.Origin.GeometryOf(images.Slices, images.Rows, images.Columns) is { } own ? (own, "measurement", modality) : (null, "unknown", modality);
    }

    // Below the file's zero there is nothing to see: the solver's small negative values are cut off, as in a PNG.
    private static DerivedSeries Series(DerivedImages images, ReadOnlyMemory<byte> reference, IReadOnlyList<FrameGeometry>? geometry) => new()
    {
        Values = Array.ConvertAll(images.Values, value => (float)((Math.Max(0, value) * images.Scale) + images.Offset)),
        Slices = images.Slices,
        Rows = images.Rows,
        Columns = images.Columns,
        Geometry = geometry,
        Window = images.Origin.Window,
        Reference = reference,
        Study = images.Origin.Study,
        Solver = images.Solver,
        Model = images.Model,
        ModelHash = images.ModelHash,
        Consistency = images.Ratio is { } ratio ? FormattableString.Invariant($"Squared residual over what noise explains: {ratio:0.###}.") : null,
        Remarks = images.Origin.Remarks,
        SoftwareVersion = images.SoftwareVersion,
    };

    private static byte[] Nifti(float[] values, DerivedImages images, IReadOnlyList<FrameGeometry>? geometry, List<string> remarks)
    {
        try
        {
            return NiftiWriter.Write(values, images.Slices, images.Rows, images.Columns, geometry);
        }
        catch (ArgumentException) when (geometry is not null)
        {
            remarks.Add("The frames do not lie behind each other at equal distances: the NIfTI volume has no place in space.");
            return NiftiWriter.Write(values, images.Slices, images.Rows, images.Columns, null);
        }
    }

    // Acquisition parameters alone identify nobody.
    private static bool NamesStudy(StudyInformation? study) =>
        study is not null && (study.PatientName ?? study.PatientId ?? study.StudyInstanceUid ?? study.StudyId ?? study.AccessionNumber) is not null;
}
