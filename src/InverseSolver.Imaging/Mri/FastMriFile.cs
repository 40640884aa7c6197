namespace InverseSolver.Imaging;

/// <summary>Raw data in fastMRI's HDF5 layout (Zbontar et al., arXiv:1811.08839): datasets kspace, ismrmrd_header and, where lines are missing, mask.</summary>
public static class FastMriFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="reader">The process that parses it.</param>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidMeasurementException">The file is damaged, too large, or its arrays do not go together.</exception>
    public static RawMri Read(FormatReader reader, byte[] file) => RawMriFile.Read(reader, file, "fastmri");

    internal static RawMri From(ReaderAnswer answer)
    {
        ReaderArray array = answer.Arrays["kspace"];
        (int slices, int coils, int rows, int columns) = array.Shape switch
        {
            [int s, int c, int r, int l] => (s, c, r, l),
            [int s, int r, int l] => (s, 1, r, l),
            _ => throw new InvalidMeasurementException("The fastMRI file's kspace has neither the shape (slices, coils, rows, columns) nor (slices, rows, columns)."),
        };
        float[] kspace = array.ToFloats();
        foreach (float value in kspace)
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The fastMRI file holds samples that are not finite numbers.");
        List<string> remarks = [];
        IsmrmrdHeader? header = answer.Head.TryGetProperty("xml", out var xml) ? IsmrmrdHeader.Parse(xml.GetString()!) : null;
        if (header is null) remarks.Add("The file has no header: nothing is known of field of view and oversampling.");

        bool[] mask = Mask(answer, kspace, slices * coils, rows, columns);
        KSpaceAxis readout = Readout(header, rows, columns, remarks);
        kspace = readout.Apply(kspace, slices * coils, columns);
        bool[] grid = new bool[(long)readout.Final * columns];
        bool[] all = readout.Apply([.. Enumerable.Repeat(true, rows)]);
        for (int i = 0; i < grid.Length; i++) grid[i] = mask[i % columns] && all[i / columns];
        for (long i = 0; i < kspace.LongLength / 2; i++)
            if (!grid[i % grid.Length]) kspace[2 * i] = kspace[(2 * i) + 1] = 0;

        StudyInformation study = header?.Study ?? new StudyInformation();
        if (Text(answer, "acquisition") is { } acquisition) study = study with { SeriesDescription = study.SeriesDescription ?? acquisition };
        if (Text(answer, "patientId") is { } patient) study = study with { PatientId = study.PatientId ?? patient };
        return new RawMri
        {
            Frames = slices,
            Coils = coils,
            Rows = readout.Final,
            Columns = columns,
            KSpace = kspace,
            Mask = grid,
            FrameList = [.. Enumerable.Range(0, slices).Select(slice => new MriFrame(slice, 0, 0, 0, 0, null))],
            Study = study,
            Remarks = remarks,
        };
    }

    // The mask names phase-encoding lines. Without one the lines that hold nothing are those that were not measured (or zeros that fill k-space).
    private static bool[] Mask(ReaderAnswer answer, float[] kspace, int planes, int rows, int columns)
    {
        bool[] mask = new bool[columns];
        for (long i = 0; i < kspace.LongLength; i++)
            if (kspace[i] != 0) mask[i / 2 % columns] = true;
        if (!answer.Arrays.TryGetValue("mask", out ReaderArray? array)) return mask;
        float[] given = array.ToFloats();
        if (array.Shape.Length == 0 || array.Shape[^1] != columns || given.Length != columns) throw new InvalidMeasurementException($"The fastMRI file's mask does not name {columns} lines.");
        for (int i = 0; i < columns; i++) mask[i] &= given[i] != 0;
        return mask;
    }

    private static KSpaceAxis Readout(IsmrmrdHeader? header, int rows, int columns, List<string> remarks)
    {
        if (header is null) return KSpaceAxis.Unchanged(rows, 0);
        MriEncoding encoding = header.Encodings[0];
        if (encoding.Encoded.X.Size != rows)
        {
            remarks.Add($"The header's encoded matrix ({encoding.Encoded.X.Size}) is not that of the file ({rows}): oversampling is left as it is.");
            return KSpaceAxis.Unchanged(rows, 0);
        }
        KSpaceAxis axis = KSpaceAxis.Between(encoding.Encoded.X, encoding.Recon.X, mayCrop: true);
        if (axis.Cropped < axis.Encoded) remarks.Add(FormattableString.Invariant($"The readout direction's oversampling of {(double)axis.Encoded / axis.Cropped:0.###} is removed."));
        return axis;
    }

    private static string? Text(ReaderAnswer answer, string name) => answer.Head.GetProperty(name).GetString() is { Length: > 0 and <= 1024 } text ? text : null;
}
