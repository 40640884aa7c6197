using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Writes a result as <c>result.nii</c> and as a derived DICOM series, <c>result-0000.dcm</c> and so on.</summary>
public static class DerivedFiles
{
    /// <summary>Writes both.</summary>
    /// <param name="reader">The process that writes DICOM.</param>
    /// <param name="images">The result.</param>
    /// <returns>The files and their report. A series that cannot be written is left out, and the remarks state why; the result does not depend on it.</returns>
    public static (IReadOnlyList<DerivedFile> Files, DerivedReport Report) Write(FormatReader reader, DerivedImages images)
    {
        reader = reader.ForResults();
        var files = new List<DerivedFile>();
        var remarks = new List<string>();
        byte[] sent = images.Reference.ToArray();
        NiftiSlices? volume = Nifti.IsNifti(sent) ? NiftiSlices.Read(sent, reader.Limits.Elements) : null;
        // A NIfTI volume has no patient data.
        ReadOnlyMemory<byte> reference = images.Reference.IsEmpty || volume is not null ? images.Origin.Dicom : images.Reference;
        string identifiers = !reference.IsEmpty ? "reference" : NamesStudy(images.Origin.Study) ? "header" : "new";
        if (images.Channels != 1)
        {
            return (
                files, new DerivedReport(identifiers, "unknown", 0, ["DICOM and NIfTI files are written for grey images only, and the result is coloured."]));
        }

        float[]? padding = images.Origin.PaddingOf(images.Slices, images.Rows, images.Columns);
        int instances = 0;
        string source = "unknown";
        IReadOnlyList<FrameGeometry>? geometry = null;
        try
        {
            string? modality;
            (geometry, source, modality) = Geometry(reader, images, volume, remarks);
            if (modality is not (null or "MR"))
            {
                throw new InvalidMeasurementException("Derived series are written as MR images only, and the reference is not an MR image.");
            }
            DerivedSeries written = Series(images, reference, geometry, padding);
            if (source == "measurement") written = written with { FrameOfReferenceUid = images.Origin.FrameOfReferenceUid };
            IReadOnlyList<byte[]> series = DicomSeries.Write(reader, written);
            instances = series.Count;
            if (geometry is null && (!images.Reference.IsEmpty || images.Origin.Format == "dicom"))
                remarks.Add(
                    "The position and pixel size of the slices are unknown: the DICOM files hold placeholders, and the NIfTI volume has no position in space.");
            files.AddRange(series.Select((file, i) =>
                new DerivedFile(string.Create(CultureInfo.InvariantCulture, $"result-{i:0000}.dcm"), "application/dicom", file)));
        }
        catch (InvalidMeasurementException error)
        {
            remarks.Add($"No DICOM files could be written. {error.Message}");
        }

        float[] values = Array.ConvertAll(images.Values, value => (float)((value * images.Scale) + images.Offset));
        if (padding is not null) values = [.. values.Zip(padding, (value, pad) => float.IsNaN(pad) ? value : pad)];
        files.Add(new DerivedFile("result.nii", "application/octet-stream", WriteNifti(values, images, geometry, remarks)));
        return (files, new DerivedReport(identifiers, source, instances, remarks));
    }

    // The reference's geometry where its sizes match and the measurement does not contradict it, else the measurement's. Voxels of a volume are compared as
    // stored.
    private static (IReadOnlyList<FrameGeometry>? Geometry, string Source, string? Modality) Geometry(
        FormatReader reader, DerivedImages images, NiftiSlices? volume, List<string> remarks)
    {
        string? modality = images.Origin.Modality;
        IReadOnlyList<FrameGeometry>? measured = images.Origin.GeometryOf(images.Slices, images.Rows, images.Columns);
        if (volume is { Geometry: { } places })
        {
            NiftiLayout layout = images.Origin.Layout ?? new NiftiLayout(false, false, false);
            (int rows, int columns) = layout.IsTransposed ? (volume.Columns, volume.Rows) : (volume.Rows, volume.Columns);
            FrameGeometry[]? displayed = (volume.Slices, rows, columns) == (images.Slices, images.Rows, images.Columns)
                ? [.. places.Select(slice => layout.Show(slice, rows, columns))]
                : null;
            if (displayed is not null && MayBeAt(measured, displayed))
            {
                remarks.Add(
                    "The slices' positions are those of the NIfTI reference, with its first, second and third axis as the result's columns, rows and slices: "
                        + "compare left and right with the scanner's own images.");
                return (displayed, "reference", modality);
            }

            remarks.Add(displayed is null
                ? $"The NIfTI reference has other sizes ({volume.Columns} x {volume.Rows} x {volume.Slices}) than the result: its positions are not used."
                : "The NIfTI reference lies elsewhere, or its rows and columns have other directions: the slices' positions are the measurement's.");
        }
        else if (!images.Reference.IsEmpty)
        {
            DicomImage reference = DicomFile.Read(reader, images.Reference);
            modality = reference.Modality;
            bool fits = reference.Frames.Count == images.Slices && reference.Rows == images.Rows && reference.Columns == images.Columns;
            FrameGeometry[] referenced = [.. reference.Frames.Select(frame => frame.Geometry).OfType<FrameGeometry>()];
            bool placed = fits && referenced.Length == reference.Frames.Count;
            if (placed && MayBeAt(measured, referenced)) return (referenced, "reference", modality);
            if (measured is not null)
            {
                string reason = !fits ? "has other sizes"
                    : !placed ? "does not state its position"
                    : "lies elsewhere, or its rows and columns have other directions";
                remarks.Add(
                    $"The reference {reason}: the slices' positions are the measurement's, their frame of reference is the "
                        + $"{(DicomText.Uid(images.Origin.FrameOfReferenceUid) is null ? "reference" : "measurement")}'s.");
            }
        }

        return measured is not null ? (measured, "measurement", modality) : (null, "unknown", modality);
    }

    // A measurement without a position contradicts no reference.
    private static bool MayBeAt(IReadOnlyList<FrameGeometry>? measured, FrameGeometry[] places) =>
        measured is null || measured.Zip(places).All(pair => AreOne(pair.First, pair.Second));

    // Programs differ by half a pixel in the position that they state for a pixel.
    private static bool AreOne(FrameGeometry a, FrameGeometry b)
    {
        PatientVector apart = a.Position - b.Position;
        return Math.Abs(apart.Dot(b.AlongRow)) <= 0.51 * b.ColumnSpacingMm && Math.Abs(apart.Dot(b.AlongColumn)) <= 0.51 * b.RowSpacingMm
            && Math.Abs(apart.Dot(b.Normal)) <= 0.25 * (b.SliceThicknessMm ?? b.RowSpacingMm) && AreParallel(a, b, 0.02);
    }

    private static bool AreInOnePlace(FrameGeometry a, FrameGeometry b) => (a.Position - b.Position).Norm <= 0.01 && AreParallel(a, b, 1e-3);

    private static bool AreParallel(FrameGeometry a, FrameGeometry b, double tolerance) =>
        (a.AlongRow - b.AlongRow).Norm < tolerance && (a.AlongColumn - b.AlongColumn).Norm < tolerance
        && Math.Abs(a.RowSpacingMm - b.RowSpacingMm) < tolerance * b.RowSpacingMm
        && Math.Abs(a.ColumnSpacingMm - b.ColumnSpacingMm) < tolerance * b.ColumnSpacingMm;

    // The display starts at the file's zero: the solver's small negative values are clipped, as in a PNG.
    private static DerivedSeries Series(DerivedImages images, ReadOnlyMemory<byte> reference, IReadOnlyList<FrameGeometry>? geometry, float[]? padding) => new()
    {
        Values = Array.ConvertAll(images.Values, value => (float)((Math.Max(0, value) * images.Scale) + images.Offset)),
        Slices = images.Slices,
        Rows = images.Rows,
        Columns = images.Columns,
        Padding = padding is null ? null : Array.ConvertAll(padding, value => !float.IsNaN(value)),
        Geometry = geometry,
        Details = images.Origin.Details?.Count == images.Slices ? images.Origin.Details : null,
        PixelMm = images.Origin.PixelMm,
        Window = images.Origin.Window,
        Reference = reference,
        Sources = images.Origin.Sources is { } sources && sources.Count == images.Slices && reference.Equals(images.Origin.Dicom) ? sources : null,
        Study = images.Origin.Study,
        Solver = images.Solver,
        Model = images.Model,
        ModelHash = images.ModelHash,
        Consistency = images.Ratio is { } ratio ? FormattableString.Invariant($"Squared residual over its expected value from noise: {ratio:0.###}.") : null,
        Remarks = [.. images.Warnings, .. images.Origin.Remarks, .. images.Origin.Routine],
        SoftwareVersion = images.SoftwareVersion,
    };

    // The axes of a NIfTI measurement are kept, so that the voxels of the result match those of the measurement.
    private static byte[] WriteNifti(float[] values, DerivedImages images, IReadOnlyList<FrameGeometry>? geometry, List<string> remarks)
    {
        (int rows, int columns) = (images.Rows, images.Columns);
        if (images.Origin.Layout is { } layout)
        {
            values = layout.Store(values, images.Slices, rows, columns);
            geometry = geometry is null ? null : [.. geometry.Select(slice => layout.Store(slice, images.Rows, images.Columns))];
            if (layout.IsTransposed) (rows, columns) = (columns, rows);
        }

        int[][] volumes = Volumes(images, geometry);
        if (geometry is null) return Write(volumes, isPlaced: false);
        try
        {
            return Write(volumes, isPlaced: true);
        }
        catch (ArgumentException)
        {
            // The frames may be in the order of their acquisition.
        }

        try
        {
            byte[] file = Write(
                [.. volumes.Select(volume => volume.OrderBy(frame => geometry[frame].Position.Dot(geometry[0].Normal)).ToArray())], isPlaced: true);
            remarks.Add("The slices of the NIfTI volume are in the order of their positions, not of the frames.");
            return file;
        }
        catch (ArgumentException)
        {
            remarks.Add("The frames are not equally spaced along one line: the NIfTI volume has no position in space.");
            return Write(volumes, isPlaced: false);
        }

        byte[] Write(int[][] frames, bool isPlaced)
        {
            if (isPlaced && frames.Any(volume => !volume.Zip(frames[0]).All(pair => AreInOnePlace(geometry![pair.First], geometry[pair.Second]))))
            {
                throw new ArgumentException("The volumes lie in several places.", nameof(frames));
            }
            int plane = rows * columns;
            float[] ordered = new float[values.Length];
            foreach ((int to, int from) in frames.SelectMany(volume => volume).Index())
            {
                Array.Copy(values, (long)from * plane, ordered, (long)to * plane, plane);
            }
            return NiftiWriter.Write(
                ordered, frames[0].Length, rows, columns, isPlaced ? [.. frames[0].Select(frame => geometry![frame])] : null, volumes: frames.Length,
                pixelMm: images.Origin.PixelMm);
        }
    }

    // The frames of each volume, slice by slice: by the raw data's counters, else by their positions, which repeat in each volume.
    private static int[][] Volumes(DerivedImages images, IReadOnlyList<FrameGeometry>? geometry)
    {
        int[] all = [.. Enumerable.Range(0, images.Slices)];
        IReadOnlyList<FrameDetails?>? details = images.Origin.Details?.Count == images.Slices ? images.Origin.Details : null;
        int[][] volumes = details?.All(frame => frame?.Volume is not null) == true
            ? [.. all.GroupBy(frame => details[frame]!.Volume).Select(volume => volume.ToArray())]
            : geometry is null ? [all]
            : [.. all.GroupBy(frame => all.Take(frame).Count(earlier => AreInOnePlace(geometry[earlier], geometry[frame]))).Select(volume => volume.ToArray())];
        return volumes.All(volume => volume.Length == volumes[0].Length) ? volumes : [all];
    }

    // Acquisition parameters alone do not identify a patient.
    private static bool NamesStudy(StudyInformation? study) =>
        study is not null && (study.PatientName ?? study.PatientId ?? study.StudyInstanceUid ?? study.StudyId ?? study.AccessionNumber) is not null;
}

/// <summary>A file that is written of a result.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Bytes">The whole file.</param>
public sealed record DerivedFile(string Name, string ContentType, byte[] Bytes);

/// <summary>The report on a result's DICOM files, without anything of a patient.</summary>
/// <param name="Identifiers">
/// The origin of patient and study: <c>reference</c> (the file of that name, or a measurement that is DICOM), <c>header</c> (of the raw data) or <c>new</c>
/// (a new study without a patient).
/// </param>
/// <param name="Geometry">The origin of the slices' geometry: <c>reference</c>, <c>measurement</c> or <c>unknown</c>.</param>
/// <param name="Instances">The number of files.</param>
/// <param name="Remarks">Sentences on what could not be written.</param>
public sealed record DerivedReport(string Identifiers, string Geometry, int Instances, IReadOnlyList<string> Remarks);
