namespace InverseSolver.Imaging;

/// <summary>Raw data in fastMRI's HDF5 layout (Zbontar et al., arXiv:1811.08839): datasets kspace, ismrmrd_header and, where lines are missing, mask.</summary>
public static class FastMriFile
{
    // The share of a line's samples that remains where a few are zero by chance.
    private const double WholeLines = 0.95;

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
            _ => throw new InvalidMeasurementException(
                "The fastMRI file's kspace has neither the shape (slices, coils, rows, columns) nor (slices, rows, columns)."),
        };
        float[] kspace = array.ToFloats();
        foreach (float value in kspace)
            if (!float.IsFinite(value)) throw new InvalidMeasurementException("The fastMRI file holds samples that are not finite numbers.");
        List<string> remarks = [], routine = [];
        IsmrmrdHeader? header = answer.Head.TryGetProperty("xml", out var xml) ? IsmrmrdHeader.Parse(xml.GetString()!) : null;
        if (header is null) remarks.Add("The file has no header: field of view and oversampling are unknown.");

        bool[] mask = Mask(answer, kspace, rows, columns);
        MriEncoding? encoding = header?.Encodings[0];
        int[] wanted = Reconstructed(answer);
        (KSpaceAxis readout, int rowsLeft) = Axis(
            (encoding?.Encoded.X, encoding?.Recon.X), rows, wanted[0], InOnePiece(mask, (columns, 1), (rows, columns)), "readout", remarks, routine);
        (KSpaceAxis phase, int columnsLeft) = Axis(
            (encoding?.Encoded.Y, encoding?.Recon.Y), columns, wanted[1], InOnePiece(mask, (rows, columns), (columns, 1)), "phase-encoding", remarks, routine);
        kspace = phase.Apply(readout.Apply(kspace, slices * coils, columns), slices * coils * readout.Final, 1);
        bool[] grid = Applied(mask, readout, phase);
        for (long i = 0; i < kspace.LongLength / 2; i++)
            if (!grid[i % grid.Length]) kspace[2 * i] = kspace[(2 * i) + 1] = 0;
        bool isSized = encoding is not null && !encoding.Recon.IsTooSmall && !encoding.Encoded.IsTooSmall;
        if (encoding is not null && !isSized) remarks.Add(encoding.Recon.TooSmall());

        StudyInformation study = header?.Study ?? new StudyInformation();
        if (Text(answer, "acquisition") is { } acquisition) study = study with { SeriesDescription = study.SeriesDescription ?? acquisition };
        if (Text(answer, "patientId") is { } patient) study = study with { PatientId = study.PatientId ?? patient };
        return new RawMri
        {
            Frames = slices,
            Coils = coils,
            Rows = readout.Final,
            Columns = phase.Final,
            KSpace = kspace,
            Mask = grid,
            PixelMm = isSized && readout.PixelMm > 0 && phase.PixelMm > 0
                ? (readout.PixelMm, phase.PixelMm, encoding!.Recon.Z.Size == 1 ? encoding.Recon.Z.Mm : 0)
                : default,
            Crop = (rowsLeft, columnsLeft) == (readout.Final, phase.Final) ? null : (rowsLeft, columnsLeft),
            FrameList = [.. Enumerable.Range(0, slices).Select(slice => new RawMriFrame(slice, 0, 0, 0, 0, null))],
            Study = study,
            Remarks = remarks,
            Routine = routine,
        };
    }

    // (rows, columns). The mask names phase-encoding lines, or positions. Without a mask, zeros were not measured (or are zero filling): whole lines, and
    // single samples where a good part of the lines' samples is zero.
    private static bool[] Mask(ReaderAnswer answer, float[] kspace, int rows, int columns)
    {
        bool[] mask = new bool[rows * columns], lines = new bool[columns];
        for (long i = 0; i < kspace.LongLength / 2; i++)
            if (kspace[2 * i] != 0 || kspace[(2 * i) + 1] != 0) mask[i % mask.Length] = lines[i % columns] = true;
        if (mask.Count(there => there) > WholeLines * rows * lines.Count(there => there))
            for (int i = 0; i < mask.Length; i++) mask[i] = lines[i % columns];
        if (!answer.Arrays.TryGetValue("mask", out ReaderArray? array)) return mask;
        float[] named = array.ToFloats();
        int[] shape = [.. array.Shape.Where(size => size > 1)], line = columns > 1 ? [columns] : [];
        if (!shape.SequenceEqual(line) && !shape.SequenceEqual([rows, columns]))
            throw new InvalidMeasurementException(
                $"The fastMRI file's mask has the shape ({string.Join(", ", array.Shape)}); it must name {columns} lines or {rows} x {columns} positions.");
        for (int i = 0; i < mask.Length; i++) mask[i] &= named[i % named.Length] != 0;
        return mask;
    }

    // True where the measured samples of each line along an axis are contiguous, so that its image can be cropped.
    private static bool InOnePiece(bool[] mask, (int Count, int Stride) lines, (int Count, int Stride) axis)
    {
        for (int line = 0; line < lines.Count; line++)
        {
            int ends = 0;
            for (int i = 0; i < axis.Count; i++)
                if (At(line, i) && (i + 1 == axis.Count || !At(line, i + 1))) ends++;
            if (ends > 1) return false;
        }
        return true;

        bool At(int line, int i) => mask[(line * lines.Stride) + (i * axis.Stride)];
    }

    private static bool[] Applied(bool[] mask, KSpaceAxis readout, KSpaceAxis phase)
    {
        bool[] columns = new bool[readout.Final * phase.Encoded], result = new bool[readout.Final * phase.Final];
        for (int c = 0; c < phase.Encoded; c++)
        {
            bool[] column = readout.Apply([.. Enumerable.Range(0, readout.Encoded).Select(r => mask[(r * phase.Encoded) + c])]);
            for (int r = 0; r < readout.Final; r++) columns[(r * phase.Encoded) + c] = column[r];
        }
        for (int r = 0; r < readout.Final; r++) phase.Apply(columns[(r * phase.Encoded)..((r + 1) * phase.Encoded)]).CopyTo(result, r * phase.Final);
        return result;
    }

    // Rows and columns of the file's own reconstruction; 0: it has none.
    private static int[] Reconstructed(ReaderAnswer answer) =>
        answer.Head.TryGetProperty("reconstruction", out var sizes) ? [.. sizes.EnumerateArray().Select(size => size.GetInt32())] : [0, 0];

    // By the header, where it describes this file; else the size of the file's own reconstruction, which is cropped from the image. With gaps between lines the
    // image is cropped after its reconstruction, to the number of pixels in Left.
    private static (KSpaceAxis Axis, int Left) Axis(
        ((int Size, double Mm)? Encoded, (int Size, double Mm)? Recon) header, int size, int wanted, bool mayCrop, string name, List<string> remarks,
        List<string> routine)
    {
        KSpaceAxis axis = KSpaceAxis.Unchanged(size, 0);
        int left = wanted > 0 ? wanted : size;
        if (header is { Encoded: { } encoded, Recon: { } recon })
        {
            if (encoded.Size != size)
            {
                remarks.Add(
                    $"The header's encoded matrix ({encoded.Size}) is not that of the file ({size}) along the {name} "
                        + "direction: oversampling is left as it is.");
            }
            else
            {
                axis = KSpaceAxis.Between(encoded, recon, mayCrop);
                left = axis.PixelMm > 0 ? recon.Size : left;
            }
        }
        if (axis is { ChangesNothing: true, PixelMm: 0 } && left < size)
            axis = (mayCrop ? KSpaceAxis.Between((size, size), (left, left), mayCrop) : axis).With(
                header.Recon is { } space && space.Size == left ? space.Mm / space.Size : 0);
        left = Math.Min(left, axis.Final);
        if (axis.Cropped < axis.Encoded)
        {
            routine.Add(FormattableString.Invariant($"The {name} direction's oversampling of {(double)axis.Encoded / axis.Cropped:0.###} is removed."));
        }
        if (axis.Final != axis.Cropped)
        {
            routine.Add(
                $"k-space is {(axis.Final > axis.Cropped ? "filled with zeros" : "cropped")} along the {name} direction, from {axis.Cropped} to {axis.Final}.");
        }
        if (left < axis.Final)
        {
            remarks.Add($"The scan is undersampled along the {name} direction: {axis.Final} pixels are solved for, and the image is cut to {left} afterwards.");
        }
        if (wanted > 0 && left != wanted) remarks.Add($"The file's own reconstruction has {wanted} pixels along the {name} direction, this image {left}.");
        return (axis, left);
    }

    private static string? Text(ReaderAnswer answer, string name) =>
        answer.Head.GetProperty(name).GetString() is { Length: > 0 and <= 1024 } text ? text : null;
}
