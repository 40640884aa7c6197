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
        return Named(path, () => ToArrayData(new FileImport(reader, MaxPixels).Read("image", File.ReadAllBytes(path)).Array));
    }

    /// <summary>A measurement and all that its file holds besides.</summary>
    /// <param name="reader">Parses HDF5 and DICOM.</param>
    /// <param name="problem">What is to be solved.</param>
    /// <param name="path">The file.</param>
    /// <param name="header">The .hdr file of a .cfl; null: the one of the same name where there is one.</param>
    /// <param name="withMask">Whether the problem's mask is not sent.</param>
    internal static ImportedMeasurement ReadMeasurement(FormatReader reader, Problem problem, string path, string? header, bool withMask)
    {
        string beside = Path.ChangeExtension(path, ".hdr");
        header ??= path.EndsWith(".cfl", StringComparison.OrdinalIgnoreCase) && File.Exists(beside) ? beside : null;
        MeasurementKind kind = problem is ParallelMri ? MeasurementKind.MultiCoil : Reconstruction.IsKSpace(problem) ? MeasurementKind.SingleCoil : MeasurementKind.Image;
        return Named(path, () => new FileImport(reader, MaxPixels).ReadMeasurement(
            kind, File.ReadAllBytes(path), header is null ? null : File.ReadAllBytes(header), withMask && Reconstruction.NeededFiles(problem).Contains("mask")));
    }

    /// <summary>One of the other files by its name in requests.</summary>
    internal static ArrayData Read(FormatReader reader, string name, string path, MeasurementOrigin origin) =>
        Named(path, () => ToArrayData(new FileImport(reader, MaxPixels).Read(name, File.ReadAllBytes(path), origin).Array));

    /// <summary>A DICOM file that a series can refer to.</summary>
    internal static byte[] ReadReference(FormatReader reader, string path) => Named(path, () =>
    {
        byte[] file = File.ReadAllBytes(path);
        DerivedFiles.CheckReference(reader, file);
        return file;
    });

    internal static ArrayData ToArrayData(NpyArray array) => new(array.Shape, array.Values, array.IsComplex);

    internal static void WriteNpy(string path, ArrayData array) =>
        File.WriteAllBytes(path, Npy.Write(new NpyArray(array.Shape, array.Values, array.IsComplex)));

    /// <summary>An image, or a stack of them side by side.</summary>
    internal static void WritePng(string path, ArrayData image, int bitDepth = 8) => File.WriteAllBytes(path, ImageFile.WritePng(
        image.Shape.Length == 3 ? ToImage(image) : Montage.Draw([.. Enumerable.Range(0, image.Shape[0]).Select(i => ToImage(image.Frame(i)))]), bitDepth));

    internal static Image ToImage(ArrayData image) => new(image.Shape[0], image.Shape[1], image.Shape[2], image.Values);

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
