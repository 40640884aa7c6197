using System.Numerics;

namespace InverseSolver.Imaging;

/// <summary>
/// The processing of one axis of k-space from the encoded to the reconstructed matrix: the field of view is cropped in the image, then k-space is
/// filled with zeros or cropped around its centre. Transforms are orthonormal: white noise keeps its variance.
/// </summary>
internal sealed class KSpaceAxis
{
    private readonly Fft? _encoded, _cropped;

    private KSpaceAxis(int encoded, int cropped, int final, double pixelMm)
    {
        (Encoded, Cropped, Final, PixelMm) = (encoded, cropped, final, pixelMm);
        if (cropped == encoded) return;
        _encoded = new Fft(encoded);
        _cropped = new Fft(cropped);
    }

    /// <summary>Samples as encoded.</summary>
    internal int Encoded { get; }

    /// <summary>Samples after the field of view was cropped.</summary>
    internal int Cropped { get; }

    /// <summary>The final number of samples.</summary>
    internal int Final { get; }

    /// <summary>The final size of a pixel in millimetres; 0: unknown.</summary>
    internal double PixelMm { get; }

    internal bool ChangesNothing => Encoded == Final && Cropped == Encoded;

    /// <summary>An axis as it is.</summary>
    internal static KSpaceAxis Unchanged(int size, double fieldOfViewMm) => new(size, size, size, fieldOfViewMm / size);

    /// <summary>The same axis with pixels of another size.</summary>
    internal KSpaceAxis With(double pixelMm) => new(Encoded, Cropped, Final, pixelMm);

    /// <summary>The axis from the header's encoded to its reconstructed space.</summary>
    /// <param name="encoded">Matrix size and field of view as encoded.</param>
    /// <param name="recon">Matrix size and field of view as reconstructed.</param>
    /// <param name="mayCrop">True where all of the axis was measured, so that its image can be cropped.</param>
    internal static KSpaceAxis Between((int Size, double Mm) encoded, (int Size, double Mm) recon, bool mayCrop)
    {
        if (!(encoded.Mm > 0 && recon.Mm > 0)) return Unchanged(encoded.Size, 0);
        double part = recon.Mm / encoded.Mm;
        int cropped = mayCrop && part < 1 ? Math.Max(1, (int)Math.Round(encoded.Size * part)) : encoded.Size;
        // Without a crop the pixels are the reconstructed space's, in the encoded field of view.
        double fieldOfView = cropped == encoded.Size ? encoded.Mm : recon.Mm;
        double final = Math.Round(recon.Size * (fieldOfView / recon.Mm));
        if (!(final >= 1 && final <= 4.0 * encoded.Size))
            throw new InvalidMeasurementException(
                $"The ISMRMRD header's reconstructed matrix ({recon.Size} for {recon.Mm:R} mm) is inconsistent with the encoded "
                    + $"one ({encoded.Size} for {encoded.Mm:R} mm).");
        return new KSpaceAxis(encoded.Size, cropped, (int)final, fieldOfView / final);
    }

    /// <summary>Applies the axis to complex data.</summary>
    /// <param name="data">(outer, <see cref="Encoded"/>, inner), real and imaginary parts in turn.</param>
    /// <param name="outer">Product of the sizes before the axis.</param>
    /// <param name="inner">Product of the sizes behind it.</param>
    internal float[] Apply(float[] data, int outer, int inner)
    {
        if (ChangesNothing) return data;
        float[] result = new float[2L * outer * Final * inner];
        var line = new Complex[Encoded];
        int shift = (Final / 2) - (Cropped / 2), first = Math.Max(0, shift), end = Math.Min(Final, shift + Cropped);
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                for (int n = 0; n < Encoded; n++)
                {
                    long at = 2 * ((((long)o * Encoded) + n) * inner + i);
                    line[n] = new Complex(data[at], data[at + 1]);
                }
                Span<Complex> cropped = Crop(line);
                for (int n = first; n < end; n++)
                {
                    long at = 2 * ((((long)o * Final) + n) * inner + i);
                    (result[at], result[at + 1]) = ((float)cropped[n - shift].Real, (float)cropped[n - shift].Imaginary);
                }
            }
        }
        return result;
    }

    /// <summary>
    /// Returns the measured samples of the final axis. A crop in the image mixes neighbouring samples: a sample counts as measured where all within one sample
    /// of it were.
    /// </summary>
    internal bool[] Apply(bool[] measured)
    {
        if (ChangesNothing) return measured;
        bool[] result = new bool[Final];
        double step = (double)Encoded / Cropped;
        for (int n = 0; n < Final; n++)
        {
            int m = n - (Final / 2) + (Cropped / 2);
            if (m < 0 || m >= Cropped) continue;
            double at = (Encoded / 2) + ((m - (Cropped / 2)) * step), guard = Cropped == Encoded ? 0 : step;
            int first = Math.Max(0, (int)Math.Floor(at - guard)), last = Math.Min(Encoded - 1, (int)Math.Ceiling(at + guard));
            result[n] = !measured.AsSpan(first, last - first + 1).Contains(false);
        }
        return result;
    }

    /// <summary>Transforms an axis of k-space to image, in place: (outer, length, inner).</summary>
    internal static void ToImage(float[] data, int outer, int length, int inner)
    {
        var fft = new Fft(length);
        var line = new Complex[length];
        for (int o = 0; o < outer; o++)
        {
            for (int i = 0; i < inner; i++)
            {
                for (int n = 0; n < length; n++)
                {
                    long at = 2 * ((((long)o * length) + n) * inner + i);
                    line[n] = new Complex(data[at], data[at + 1]);
                }
                fft.Inverse(line);
                for (int n = 0; n < length; n++)
                {
                    long at = 2 * ((((long)o * length) + n) * inner + i);
                    (data[at], data[at + 1]) = ((float)line[n].Real, (float)line[n].Imaginary);
                }
            }
        }
    }

    private Span<Complex> Crop(Complex[] line)
    {
        if (_encoded is null || _cropped is null) return line;
        _encoded.Inverse(line);
        Span<Complex> middle = line.AsSpan((Encoded / 2) - (Cropped / 2), Cropped);
        _cropped.Forward(middle);
        return middle;
    }
}
