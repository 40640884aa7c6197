using InverseSolver.Imaging;

namespace InverseSolver.Cli;

/// <summary>Arrays from and to local files.</summary>
internal static class ArrayFiles
{
    /// <summary>Pixels of an image, or elements of an array's last two dimensions, at most.</summary>
    internal const long MaxPixels = 4096L * 4096;

    /// <summary>An image (channels, height, width) from PNG, JPEG, TIFF, WebP or .npy.</summary>
    internal static ArrayData ReadImage(string path)
    {
        using var reader = new FormatReader(ReaderLimits.Default);
        return Named(path, () => new FileImport(reader, MaxPixels).Read("image", File.ReadAllBytes(path)).Array);
    }

    /// <summary>The files of a DICOM series, or of the folders that hold them, as one archive, as a request has them.</summary>
    internal static byte[] ReadSeries(FormatReader reader, string[] paths) =>
        Named(paths[0], () => DicomArchive.Pack([.. FilesOf(paths, new FileImport(reader, MaxPixels).MaxSeriesBytes)]));

    /// <summary>The bytes of a file that an option names.</summary>
    internal static byte[] Read(string option, string path) =>
        Directory.Exists(path) ? throw new CommandException($"{option} {path}: it is a folder: name a file.")
        : File.Exists(path) ? File.ReadAllBytes(path)
        : throw new CommandException($"{option} {path}: there is no such file.");

    /// <summary>Writes a file, which is there whole or not at all.</summary>
    internal static void Write(string path, byte[] bytes)
    {
        // A device or a pipe is written to, and not replaced.
        if (IsSpecial(path))
        {
            using FileStream stream = File.OpenWrite(path);
            stream.Write(bytes);
            return;
        }

        string temporary = path + ".new";
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static bool IsSpecial(string path) => Path.GetFullPath(path) is var full
        && (full.StartsWith("/dev/", StringComparison.Ordinal) || full.StartsWith("/proc/", StringComparison.Ordinal));

    internal static void WriteNpy(string path, ArrayData array) => File.WriteAllBytes(path, Npy.Write(array));

    /// <summary>An image, or a stack of them side by side.</summary>
    internal static void WritePng(string path, ArrayData image, int bitDepth = 8) => File.WriteAllBytes(path, Pictures.ToPng(image, bitDepth)!);

    internal static Image ToImage(ArrayData image) => new(image.Shape[0], image.Shape[1], image.Shape[2], image.Values);

    // Files and the files of folders, those in folders of theirs too; hidden ones are left out. In the order of their names, which the places' order replaces.
    private static IEnumerable<byte[]> FilesOf(string[] paths, long maxBytes)
    {
        var all = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint,
        };
        string[] files = [.. paths
            .SelectMany(path =>
                Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", all).Order(StringComparer.Ordinal) : (IEnumerable<string>)[path])
            .Take(DicomArchive.MaxFiles + 1)];
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
            throw new CommandException($"{path}: {e.Message}");
        }
    }
}
