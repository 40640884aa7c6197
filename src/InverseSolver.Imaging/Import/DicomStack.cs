using System.Globalization;
using System.Security.Cryptography;

namespace InverseSolver.Imaging;

/// <summary>A DICOM image, or the one-frame images of a series, all of one size.</summary>
/// <param name="Images">In the order of their places along the slices' normal; where there are none, of their instance numbers.</param>
/// <param name="First">The file of the first one.</param>
/// <param name="Remarks">Sentences on omissions and assumptions.</param>
/// <param name="Routine">Sentences on the way in which the stack was assembled.</param>
internal sealed record DicomStack(IReadOnlyList<DicomImage> Images, byte[] First, IReadOnlyList<string> Remarks, IReadOnlyList<string> Routine)
{
    // Positions closer than this are the same; so are distances that differ by less than this share.
    private const double SamePlaceMm = 0.01, SameDistance = 0.02;

    /// <summary>Reads an image.</summary>
    /// <exception cref="InvalidMeasurementException">The file cannot be read, is a mosaic, or has frames that mean different things.</exception>
    internal static DicomStack Read(FormatReader reader, byte[] file)
    {
        DicomImage image = DicomFile.Read(reader, file);
        CheckMeaning([image]);
        return new DicomStack([image], file, [], []);
    }

    /// <summary>Bytes of all files of a series, at most: its numbers in 32 bits, and 64 KiB of header for each file.</summary>
    internal static long MaxBytes(ReaderLimits limits) => (4 * limits.Elements) + (DicomArchive.MaxFiles * (64L << 10));

    /// <summary>Reads the files of a series; files that are not DICOM images, and copies of files, are left out.</summary>
    /// <exception cref="InvalidMeasurementException">A file cannot be read, or the files are not slices of one series, each at a place of its own.</exception>
    internal static DicomStack ReadSeries(FormatReader reader, IEnumerable<byte[]> files)
    {
        var read = new List<(DicomImage Image, byte[] File)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int others = 0, copies = 0, number = 0;
        long elements = 0, bytes = 0;
        foreach (byte[] file in files)
        {
            number++;
            if (number > DicomArchive.MaxFiles) throw new InvalidMeasurementException($"The series has more than {DicomArchive.MaxFiles} files.");
            if ((bytes += file.Length) > MaxBytes(reader.Limits))
            {
                throw new InvalidMeasurementException($"The series has more than the {MaxBytes(reader.Limits)} bytes that are allowed.");
            }
            if (!DicomFile.IsDicom(file) || IsDirectory(file)) others++;
            else if (!seen.Add(Convert.ToHexString(SHA256.HashData(file)))) copies++;
            else
            {
                if (ReadOne(reader, file, number) is not { } image)
                {
                    others++;
                    continue;
                }

                if ((elements += image.Values.Length) > reader.Limits.Elements)
                {
                    throw new InvalidMeasurementException($"The series holds more than the {reader.Limits.Elements} numbers that are allowed.");
                }
                read.Add((image, file));
            }
        }

        if (read.Count == 0)
        {
            throw new InvalidMeasurementException(
                "None of the files is a DICOM image. Several files, or a ZIP archive of files, form one "
                    + "measurement only where they are the DICOM images of a series.");
        }
        List<string> remarks = [], routine = [];
        CheckMeaning([.. read.Select(one => one.Image)]);
        if (read.Count > 1)
        {
            CheckSeries([.. read.Select(one => one.Image)]);
            read = Ordered(read, remarks);
            bool hasPlaces = read[0].Image.Frames[0].Geometry is not null;
            (hasPlaces ? routine : remarks).Insert(
                0,
                $"The measurement is a series of {read.Count} DICOM files, in the order of their "
                    + $"{(hasPlaces ? "positions" : "instance numbers, because they state no position")}.");
        }

        if (others > 0) remarks.Add($"{others} of the files are not DICOM images and were left out.");
        if (copies > 0) remarks.Add($"{copies} of the files are copies of others and were left out.");
        return new DicomStack([.. read.Select(one => one.Image)], read[0].File, remarks, routine);
    }

    // Null: a report, a presentation state or another object without pixels, as exports put beside the images.
    private static DicomImage? ReadOne(FormatReader reader, byte[] file, int number)
    {
        try
        {
            return DicomFile.Read(reader, file);
        }
        catch (InvalidMeasurementException e) when (e.Message.StartsWith(DicomFile.NoPixels, StringComparison.Ordinal))
        {
            return null;
        }
        catch (InvalidMeasurementException e)
        {
            throw new InvalidMeasurementException($"File {number} of the series: {e.Message}");
        }
    }

    // A DICOMDIR, which lists the files beside it; its class stands in the file's first elements.
    private static bool IsDirectory(ReadOnlySpan<byte> file) => file[..Math.Min(file.Length, 512)].IndexOf("1.2.840.10008.1.3.10"u8) >= 0;

    // The conditions under which the frames of a stack can share a scale.
    private static void CheckMeaning(DicomImage[] images)
    {
        if (images.Any(image => image.IsMosaic))
            throw new InvalidMeasurementException(
                "The DICOM image is a Siemens MOSAIC, several slices tiled in one picture, which is not supported: "
                    + "convert it to NIfTI (dcm2niix) and send that.");
        if (images.SelectMany(image => image.Frames).Select(frame => frame.Type).Distinct().ToArray() is { Length: > 1 } types)
            throw new InvalidMeasurementException(
                $"The DICOM {(images.Length > 1 ? "series" : "image")} mixes frame types ({string.Join("; ", types.Take(4).Select(Printable))}), "
                    + "whose values mean different things and have no scale in common. "
                + "Send the frames of one type: split it (dcm4che's emf2sf, dcm2niix).");
    }

    // Codes of the standard or the vendor; other content is not shown.
    private static string Printable(string type) =>
        new([.. type.Take(64).Select(letter => char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter) || letter is '_' or '\\' or ' ' ? letter : '?')]);

    private static void CheckSeries(DicomImage[] images)
    {
        if (images.FirstOrDefault(image => image.Frames.Count > 1) is { } many)
            throw new InvalidMeasurementException(
                $"One of the series' files has {many.Frames.Count} frames. "
                    + "Several files form one measurement only where each holds one slice: send a multi-frame file alone.");
        if (Distinct(image => (image.StudyInstanceUid, image.SeriesInstanceUid)) is > 1 and var series)
        {
            throw Mixed($"belong to {series} series", "the files of one series");
        }
        if (Distinct(image => image.Patient) > 1)
        {
            throw Mixed("belong to several patients (ID, name or birth date), although they have one series UID", "those of one, or correct the files");
        }
        if (Distinct(image => image.IsInverted) > 1)
        {
            throw Mixed("are partly MONOCHROME1 and partly MONOCHROME2, whose values have no scale in common", "those of one kind");
        }
        if (Distinct(image => image.Modality) > 1) throw Mixed("are of several modalities", "the files of one series");
        if (Distinct(image => (image.Rows, image.Columns, image.Channels)) > 1)
            throw Mixed(
                $"have several sizes ({string.Join(", ", images.Select(image => $"{image.Rows} x {image.Columns}").Distinct().Take(4))}, or grey and coloured)",
                "those of one size");
        if (Distinct(image => image.FrameOfReferenceUid) > 1) throw Mixed("have positions in several coordinate systems (FrameOfReferenceUID)", "those of one");
        if (images.Count(image => image.Frames[0].Geometry is null) is > 0 and var lost && lost < images.Length)
            throw new InvalidMeasurementException(
                $"{lost} of the series' {images.Length} files state no position (ImagePositionPatient, ImageOrientationPatient, "
                    + "PixelSpacing), so their order is unknown.");

        int Distinct<T>(Func<DicomImage, T> of) => images.Select(of).Distinct().Count();
        static InvalidMeasurementException Mixed(string how, string what) => new($"The DICOM files {how}: send {what}.");
    }

    private static List<(DicomImage Image, byte[] File)> Ordered(List<(DicomImage Image, byte[] File)> read, List<string> remarks)
    {
        if (read[0].Image.Frames[0].Geometry is not { } first)
        {
            double?[] numbers = [.. read.Select(one => one.Image.InstanceNumber)];
            if (numbers.Contains(null) || numbers.Distinct().Count() < numbers.Length)
                throw new InvalidMeasurementException("The DICOM files state neither positions nor distinct instance numbers, so their order is unknown.");
            return [.. read.OrderBy(one => one.Image.InstanceNumber)];
        }

        if (read.Any(one => IsTurned(one.Image.Frames[0].Geometry!, first)))
            throw new InvalidMeasurementException(
                "The DICOM files' slices are not parallel, or have pixels of different sizes: send the files of one stack of slices.");
        (double At, DicomImage Image, byte[] File)[] sorted = [.. read.Select(one =>
            (one.Image.Frames[0].Geometry!.Position.Dot(first.Normal), one.Image, one.File)).OrderBy(one => one.Item1)];
        double[] steps = [.. sorted.Skip(1).Zip(sorted, (next, one) => next.At - one.At)];
        if (steps.Count(step => step < SamePlaceMm) is > 0 and var same)
        {
            double[] echoes = [.. read.Select(one => one.Image.Frames[0].EchoTimeMs).OfType<double>().Distinct().Order()];
            string why = echoes.Length > 1
                ? $"echo times {string.Join(", ", echoes.Take(8).Select(time => time.ToString("0.###", CultureInfo.InvariantCulture)))} ms"
                : "several echoes, repetitions, directions or phases";
            throw new InvalidMeasurementException(
                $"{same} of the series' {sorted.Length} images have the position of another ({why}): send one image for each slice.");
        }

        double usual = steps.Order().ElementAt(steps.Length / 2);
        int odd = Array.FindIndex(steps, step => Math.Abs(step - usual) > Math.Max(SamePlaceMm, SameDistance * usual));
        if (odd >= 0)
            remarks.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"The slices are not at equal distances: {steps[odd]:0.##} mm between slices {odd + 1} and {odd + 2} where {usual:0.##} mm are "
                    + $"usual{(steps[odd] > 1.5 * usual ? ", so a slice may be missing there" : "")}."));
        return [.. sorted.Select(one => (one.Image, one.File))];
    }

    private static bool IsTurned(FrameGeometry slice, FrameGeometry first) =>
        (slice.AlongRow - first.AlongRow).Norm > 1e-3 || (slice.AlongColumn - first.AlongColumn).Norm > 1e-3
        || Math.Abs(slice.RowSpacingMm - first.RowSpacingMm) > 1e-3 || Math.Abs(slice.ColumnSpacingMm - first.ColumnSpacingMm) > 1e-3;
}
