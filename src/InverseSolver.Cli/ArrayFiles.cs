using InverseSolver.Imaging;
using InverseSolver.Solvers;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Cli;

/// <summary>Arrays from and to local files.</summary>
internal static class ArrayFiles
{
    private const long MaxPixels = 4096L * 4096;

    /// <summary>An image (channels, height, width) from PNG, JPEG, TIFF, WebP or .npy.</summary>
    internal static ArrayData ReadImage(string path)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return Named(path, () => new FileImport(reader, MaxPixels).Read("image", File.ReadAllBytes(path)).Array);
    }

    /// <summary>A measurement and all that its file holds besides.</summary>
    /// <param name="reader">Parses HDF5 and DICOM.</param>
    /// <param name="problem">What is to be solved.</param>
    /// <param name="paths">The file; or those of a DICOM series, or their folder.</param>
    /// <param name="header">The .hdr file of a .cfl; null: the one of the same name where there is one.</param>
    /// <param name="withMask">Whether the problem's mask is not sent.</param>
    /// <param name="convention">How the directions of an ISMRMRD file are understood.</param>
    /// <param name="trajectory">The file with the trajectory; null: none was named.</param>
    internal static ImportedMeasurement ReadMeasurement(FormatReader reader, Problem problem, string[] paths, string? header, bool withMask, VendorConvention convention, string? trajectory)
    {
        MeasurementKind kind = problem is ParallelMri ? MeasurementKind.MultiCoil : Reconstruction.IsKSpace(problem) ? MeasurementKind.SingleCoil : MeasurementKind.Image;
        var import = new FileImport(reader, MaxPixels);
        if (paths is not [var path] || Directory.Exists(path)) return Named(paths[0], () => import.ReadSeries(kind, FilesOf(paths, import.MaxSeriesBytes)));
        if (path.EndsWith(".img", StringComparison.OrdinalIgnoreCase) && File.Exists(Path.ChangeExtension(path, ".hdr")))
            throw new CommandException($"{Path.GetFileName(path)}: It is half of a NIfTI or Analyze pair (.hdr and .img), which is not read: convert it to one .nii file.");
        string beside = Path.ChangeExtension(path, ".hdr");
        header ??= path.EndsWith(".cfl", StringComparison.OrdinalIgnoreCase) && File.Exists(beside) ? beside : null;
        return Named(path, () => import.ReadMeasurement(
            kind,
            File.ReadAllBytes(path),
            header is null ? null : File.ReadAllBytes(header),
            withMask && Reconstruction.NeededFiles(problem).Contains("mask"),
            trajectory is null ? null : File.ReadAllBytes(trajectory),
            (RawTrajectoryUnit?)(problem as ParallelMri)?.TrajectoryUnit,
            convention));
    }

    /// <summary>One of the other files by its name in requests.</summary>
    internal static ArrayData Read(FormatReader reader, string name, string path, MeasurementOrigin origin) =>
        Named(path, () => new FileImport(reader, MaxPixels).Read(name, File.ReadAllBytes(path), origin).Array);

    /// <summary>A DICOM or NIfTI file that a series can refer to, and the measurement's origin with what is to be said of it.</summary>
    internal static (byte[] File, MeasurementOrigin Origin) ReadReference(FormatReader reader, string path, MeasurementOrigin origin, bool force) => Named(path, () =>
    {
        if (Directory.Exists(path)) throw new CommandException("It is a folder: name one DICOM file of the series, or a NIfTI volume.");
        byte[] file = File.ReadAllBytes(path);
        return (file, ReferenceCheck.Check(reader, file, origin, force));
    });

    internal static void WriteNpy(string path, ArrayData array) => File.WriteAllBytes(path, Npy.Write(array));

    /// <summary>An image, or a stack of them side by side.</summary>
    internal static void WritePng(string path, ArrayData image, int bitDepth = 8) => File.WriteAllBytes(path, ImageFile.WritePng(
        image.Shape.Length == 3 ? ToImage(image) : Montage.Draw([.. Enumerable.Range(0, image.Shape[0]).Select(i => ToImage(image.Frame(i)))]), bitDepth));

    internal static Image ToImage(ArrayData image) => new(image.Shape[0], image.Shape[1], image.Shape[2], image.Values);

    // Files and the files of folders, those in folders of theirs too; hidden ones are left out. In the order of their names, which the places' order replaces.
    private static IEnumerable<byte[]> FilesOf(string[] paths, long maxBytes)
    {
        var all = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint };
        string[] files = [.. paths.SelectMany(path => Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", all).Order(StringComparer.Ordinal) : (IEnumerable<string>)[path]).Take(DicomArchive.MaxFiles + 1)];
        if (files.Length == 0) throw new InvalidMeasurementException("The folder holds no files.");
        if (files.Length > DicomArchive.MaxFiles) throw new InvalidMeasurementException($"There are more than {DicomArchive.MaxFiles} files.");
        long bytes = files.Sum(file => new FileInfo(file).Length);
        if (bytes > maxBytes) throw new InvalidMeasurementException($"The files have {bytes} bytes; at most {maxBytes} are read.");
        return files.Select(File.ReadAllBytes);
    }

    private static T Named<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidMeasurementException e)
        {
            throw new CommandException($"{Path.GetFileName(path)}: {e.Message}");
        }
    }
}
