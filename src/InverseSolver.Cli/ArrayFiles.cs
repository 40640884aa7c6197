using InverseSolver.Imaging;
using InverseSolver.Solvers;

namespace InverseSolver.Cli;

/// <summary>Arrays from and to local files.</summary>
internal static class ArrayFiles
{
    private const long MaxElements = 4096L * 4096 * 3;

    /// <summary>An image (channels, height, width) from PNG, JPEG, TIFF, WebP or .npy.</summary>
    internal static ArrayData ReadImage(string path)
    {
        ArrayData array = Read(path, out _);
        return array is { IsComplex: false, Shape.Length: 2 } ? array with { Shape = [1, .. array.Shape] } : array;
    }

    /// <summary>A measurement, and the standard deviation of its 8-bit quantisation (0 for finer files).</summary>
    internal static (ArrayData Measurement, double Quantisation) ReadMeasurement(string path)
    {
        ArrayData array = Read(path, out int bitDepth);
        double quantisation = bitDepth == 8 ? 1.0 / 255 / Math.Sqrt(12) : 0;
        return (array is { IsComplex: false, Shape.Length: 2 } ? array with { Shape = [1, .. array.Shape] } : array, quantisation);
    }

    /// <summary>A mask, kernel or phase (height, width).</summary>
    internal static ArrayData ReadPlane(string path)
    {
        ArrayData array = Read(path, out _);
        return array is { Shape: [1, int h, int w] } ? array with { Shape = [h, w] } : array;
    }

    internal static void WriteNpy(string path, ArrayData array) =>
        File.WriteAllBytes(path, Npy.Write(new NpyArray(array.Shape, array.Values, array.IsComplex)));

    /// <summary>An image, or a stack of them side by side.</summary>
    internal static void WritePng(string path, ArrayData image, int bitDepth = 8) => File.WriteAllBytes(path, ImageFile.WritePng(
        image.Shape.Length == 3 ? ToImage(image) : Montage.Draw([.. Enumerable.Range(0, image.Shape[0]).Select(i => ToImage(image.Frame(i)))]), bitDepth));

    internal static Image ToImage(ArrayData image) => new(image.Shape[0], image.Shape[1], image.Shape[2], image.Values);

    private static ArrayData Read(string path, out int bitDepth)
    {
        byte[] bytes = File.ReadAllBytes(path);
        try
        {
            if (Npy.IsNpy(bytes))
            {
                bitDepth = 32;
                NpyArray array = Npy.Read(bytes, MaxElements);
                return new ArrayData(array.Shape, array.Values, array.IsComplex);
            }

            Image image = ImageFile.Read(bytes, new ImageLimits());
            bitDepth = image.BitDepth;
            return new ArrayData([image.Channels, image.Height, image.Width], image.Values);
        }
        catch (InvalidMeasurementException e)
        {
            throw new CommandException($"{Path.GetFileName(path)}: {e.Message}");
        }
    }
}
