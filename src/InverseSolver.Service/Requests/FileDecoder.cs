using InverseSolver.Imaging;
using InverseSolver.Solvers;
using Microsoft.Extensions.Options;

namespace InverseSolver.Service.Requests;

/// <summary>A file as an array.</summary>
/// <param name="Array">Its values.</param>
/// <param name="Quantisation">Standard deviation of the rounding to 8 bits; 0 for finer files.</param>
internal sealed record DecodedFile(ArrayData Array, double Quantisation);

/// <summary>Turns files into arrays: images by libvips, everything else must be .npy.</summary>
internal sealed class FileDecoder(IOptions<LimitOptions> options)
{
    /// <summary>Rounding to steps of 1/255 spreads evenly over one step.</summary>
    private static readonly double EightBit = 1.0 / 255 / Math.Sqrt(12);

    private readonly LimitOptions limits = options.Value;

    /// <summary>Decodes all files of a request.</summary>
    /// <param name="files">The files by name.</param>
    public IReadOnlyDictionary<string, DecodedFile> DecodeAll(IReadOnlyDictionary<string, byte[]> files) =>
        files.ToDictionary(file => file.Key, file => Decode(file.Key, file.Value));

    /// <summary>Decodes one file.</summary>
    /// <param name="name">Its name: measurements, truths and images keep their channels; masks, kernels and phases have none.</param>
    /// <param name="bytes">The file.</param>
    public DecodedFile Decode(string name, byte[] bytes)
    {
        bool flat = name is "mask" or "psf" or "phase";
        try
        {
            if (Npy.IsNpy(bytes))
            {
                return new DecodedFile(FromNpy(Npy.Read(bytes, limits.Pixels * 3L), flat), 0);
            }

            Image image = ImageFile.Read(bytes, new ImageLimits(limits.Pixels));
            return new DecodedFile(flat ? Flatten(image, name) : ToArray(image), image.BitDepth == 8 ? EightBit : 0);
        }
        catch (InvalidMeasurementException error)
        {
            throw new RequestException(StatusCodes.Status422UnprocessableEntity, "invalidFile", $"files.{name}", error.Message);
        }
    }

    /// <summary>The noise level that a measurement has, its own quantisation included.</summary>
    /// <param name="sigma">The noise that the caller knows of.</param>
    /// <param name="measurement">The measurement.</param>
    public static double EffectiveSigma(double sigma, DecodedFile measurement) =>
        measurement.Quantisation == 0 ? sigma : double.Hypot(sigma, measurement.Quantisation);

    private ArrayData FromNpy(NpyArray array, bool flat)
    {
        long plane = array.Shape.TakeLast(2).Aggregate(1L, (product, size) => product * size);
        if (plane > limits.Pixels)
        {
            throw new InvalidMeasurementException($"The array has {plane} elements per channel; at most {limits.Pixels} are allowed.");
        }

        // A real (height, width) array is an image of one channel, as a grey PNG is.
        int[] shape = !flat && !array.IsComplex && array.Shape.Length == 2 ? [1, .. array.Shape] : array.Shape;
        return new ArrayData(shape, array.Values, array.IsComplex);
    }

    private static ArrayData ToArray(Image image) => new([image.Channels, image.Height, image.Width], image.Values);

    private static ArrayData Flatten(Image image, string name)
    {
        int plane = image.Height * image.Width;
        ReadOnlySpan<float> first = image.Values.AsSpan(0, plane);
        for (int channel = 1; channel < image.Channels; channel++)
        {
            if (!first.SequenceEqual(image.Values.AsSpan(channel * plane, plane)))
            {
                throw new InvalidMeasurementException($"The {name} is coloured; it has to be grey.");
            }
        }

        return new ArrayData([image.Height, image.Width], first.ToArray());
    }
}
