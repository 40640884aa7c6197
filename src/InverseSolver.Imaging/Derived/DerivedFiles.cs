using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Writes a result as <c>result.nii</c> and as a derived DICOM series, <c>result-0000.dcm</c> and so on.</summary>
public static class DerivedFiles
{
    /// <summary>Writes both.</summary>
    /// <param name="reader">The process that writes DICOM.</param>
    /// <param name="images">The result.</param>
    /// <returns>The files, and what is to be said of them. A series that cannot be written is missing, and the remarks say why: the result is there without it.</returns>
    public static (IReadOnlyList<DerivedFile> Files, DerivedReport Report) Write(FormatReader reader, DerivedImages images)
    {
        var files = new List<DerivedFile>();
        var remarks = new List<string>();
        byte[] sent = images.Reference.ToArray();
        NiftiSlices? volume = Nifti.IsNifti(sent) ? NiftiSlices.Read(sent, reader.Limits.Elements) : null;
        // A volume names nobody.
        ReadOnlyMemory<byte> reference = images.Reference.IsEmpty || volume is not null ? images.Origin.Dicom : images.Reference;
        string identifiers = !reference.IsEmpty ? "reference" : NamesStudy(images.Origin.Study) ? "header" : "new";
        if (images.Channels != 1) return (files, new DerivedReport(identifiers, "unknown", 0, ["A coloured image is no MR image: neither DICOM nor NIfTI is written."]));

        float[]? padding = images.Origin.PaddingOf(images.Slices, images.Rows, images.Columns);
        int instances = 0;
        string source = "unknown";
        IReadOnlyList<FrameGeometry>? geometry = null;
        try
        {
            string? modality;
            (geometry, source, modality) = Geometry(reader, images, volume, remarks);
            if (modality is not (null or "MR")) throw new InvalidMeasurementException("The image that they would refer to is no MR image, and derived series are written as MR images only.");
            DerivedSeries written = Series(images, reference, geometry, padding);
            if (source == "measurement") written = written with { FrameOfReferenceUid = images.Origin.FrameOfReferenceUid };
            IReadOnlyList<byte[]> series = DicomSeries.Write(reader, written);
            instances = series.Count;
            if (geometry is null && (!images.Reference.IsEmpty || images.Origin.Format == "dicom"))
                remarks.Add("Where the slices lie and how large their pixels are is not known: the DICOM files hold placeholders, and the NIfTI volume has no place in space.");
            files.AddRange(series.Select((file, i) => new DerivedFile(string.Create(CultureInfo.InvariantCulture, $"result-{i:0000}.dcm"), "application/dicom", file)));
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

    // Of the reference where that is of the same sizes and the measurement does not say otherwise, else of the measurement. Voxels of a volume are compared as they are stored.
    private static (IReadOnlyList<FrameGeometry>? Geometry, string Source, string? Modality) Geometry(FormatReader reader, DerivedImages images, NiftiSlices? volume, List<string> remarks)
    {
        string? modality = images.Origin.Modality;
        IReadOnlyList<FrameGeometry>? own = images.Origin.GeometryOf(images.Slices, images.Rows, images.Columns);
        if (volume is { Geometry: { } places })
        {
            NiftiLayout layout = images.Origin.Layout ?? new NiftiLayout(false, false, false);
            (int rows, int columns) = layout.IsTransposed ? (volume.Columns, volume.Rows) : (volume.Rows, volume.Columns);
            FrameGeometry[]? shown = (volume.Slices, rows, columns) == (images.Slices, images.Rows, images.Columns) ? [.. places.Select(slice => layout.Show(slice, rows, columns))] : null;
            if (shown is not null && MayBeAt(own, shown))
            {
                remarks.Add("The slices' places are those of the NIfTI reference, whose first, second and third axis are taken for the result's columns, rows and slices: compare left and right with the scanner's own images.");
                return (shown, "reference", modality);
            }

            remarks.Add(shown is null
                ? $"The NIfTI reference has other sizes ({volume.Columns} x {volume.Rows} x {volume.Slices}) than the result: its places are not used."
                : "The NIfTI reference lies elsewhere, or its rows and columns go other ways: the slices' places are the measurement's.");
        }
        else if (!images.Reference.IsEmpty)
        {
            DicomImage reference = DicomFile.Read(reader, images.Reference);
            modality = reference.Modality;
            bool fits = reference.Frames.Count == images.Slices && reference.Rows == images.Rows && reference.Columns == images.Columns;
            FrameGeometry[] theirs = [.. reference.Frames.Select(frame => frame.Geometry).OfType<FrameGeometry>()];
            bool placed = fits && theirs.Length == reference.Frames.Count;
            if (placed && MayBeAt(own, theirs)) return (theirs, "reference", modality);
            if (own is not null)
            {
                string reason = !fits ? "has other sizes" : !placed ? "does not say where it lies" : "lies elsewhere, or its rows and columns go other ways";
                remarks.Add($"The reference {reason}: the slices' places are the measurement's, their frame of reference is the {(DicomText.Uid(images.Origin.FrameOfReferenceUid) is null ? "reference" : "measurement")}'s.");
            }
        }

        return own is not null ? (own, "measurement", modality) : (null, "unknown", modality);
    }

    // A measurement that does not say where it lies may be anywhere.
    private static bool MayBeAt(IReadOnlyList<FrameGeometry>? own, FrameGeometry[] places) => own is null || own.Zip(places).All(pair => AreOne(pair.First, pair.Second));

    // Half a pixel is what programs differ by in where a pixel's place is.
    private static bool AreOne(FrameGeometry a, FrameGeometry b)
    {
        PatientVector apart = a.Position - b.Position;
        return Math.Abs(apart.Dot(b.AlongRow)) <= 0.51 * b.ColumnSpacingMm && Math.Abs(apart.Dot(b.AlongColumn)) <= 0.51 * b.RowSpacingMm
            && Math.Abs(apart.Dot(b.Normal)) <= 0.25 * (b.SliceThicknessMm ?? b.RowSpacingMm) && AreParallel(a, b, 0.02);
    }

    private static bool AreInOnePlace(FrameGeometry a, FrameGeometry b) => (a.Position - b.Position).Norm <= 0.01 && AreParallel(a, b, 1e-3);

    private static bool AreParallel(FrameGeometry a, FrameGeometry b, double tolerance) =>
        (a.AlongRow - b.AlongRow).Norm < tolerance && (a.AlongColumn - b.AlongColumn).Norm < tolerance
        && Math.Abs(a.RowSpacingMm - b.RowSpacingMm) < tolerance * b.RowSpacingMm && Math.Abs(a.ColumnSpacingMm - b.ColumnSpacingMm) < tolerance * b.ColumnSpacingMm;

    // Below the file's zero there is nothing to see: the solver's small negative values are cut off, as in a PNG.
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
        Consistency = images.Ratio is { } ratio ? FormattableString.Invariant($"Squared residual over what noise explains: {ratio:0.###}.") : null,
        Remarks = [.. images.Warnings, .. images.Origin.Remarks, .. images.Origin.Routine],
        SoftwareVersion = images.SoftwareVersion,
    };

    // A measurement's own file keeps its axes: voxels of the result lie beside those that it was made from.
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
            // Perhaps the frames are only in the order in which they were measured.
        }

        try
        {
            byte[] file = Write([.. volumes.Select(volume => volume.OrderBy(frame => geometry[frame].Position.Dot(geometry[0].Normal)).ToArray())], isPlaced: true);
            remarks.Add("The slices of the NIfTI volume are in the order of their places, not of the frames.");
            return file;
        }
        catch (ArgumentException)
        {
            remarks.Add("The frames do not lie behind each other at equal distances: the NIfTI volume has no place in space.");
            return Write(volumes, isPlaced: false);
        }

        byte[] Write(int[][] frames, bool isPlaced)
        {
            if (isPlaced && frames.Any(volume => !volume.Zip(frames[0]).All(pair => AreInOnePlace(geometry![pair.First], geometry[pair.Second])))) throw new ArgumentException("The volumes lie in several places.", nameof(frames));
            int plane = rows * columns;
            float[] ordered = new float[values.Length];
            foreach ((int to, int from) in frames.SelectMany(volume => volume).Index()) Array.Copy(values, (long)from * plane, ordered, (long)to * plane, plane);
            return NiftiWriter.Write(ordered, frames[0].Length, rows, columns, isPlaced ? [.. frames[0].Select(frame => geometry![frame])] : null, volumes: frames.Length, pixelMm: images.Origin.PixelMm);
        }
    }

    // The frames of each volume, slice behind slice: as the raw data count them, else by their places, each of which the next volume has again.
    private static int[][] Volumes(DerivedImages images, IReadOnlyList<FrameGeometry>? geometry)
    {
        int[] all = [.. Enumerable.Range(0, images.Slices)];
        IReadOnlyList<FrameDetails?>? details = images.Origin.Details?.Count == images.Slices ? images.Origin.Details : null;
        int[][] volumes = details?.All(frame => frame?.Volume is not null) == true ? [.. all.GroupBy(frame => details[frame]!.Volume).Select(volume => volume.ToArray())]
            : geometry is null ? [all]
            : [.. all.GroupBy(frame => all.Take(frame).Count(earlier => AreInOnePlace(geometry[earlier], geometry[frame]))).Select(volume => volume.ToArray())];
        return volumes.All(volume => volume.Length == volumes[0].Length) ? volumes : [all];
    }

    // Acquisition parameters alone identify nobody.
    private static bool NamesStudy(StudyInformation? study) =>
        study is not null && (study.PatientName ?? study.PatientId ?? study.StudyInstanceUid ?? study.StudyId ?? study.AccessionNumber) is not null;
}

/// <summary>A file to hand out.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ContentType">Its media type.</param>
/// <param name="Bytes">The whole file.</param>
public sealed record DerivedFile(string Name, string ContentType, byte[] Bytes);
