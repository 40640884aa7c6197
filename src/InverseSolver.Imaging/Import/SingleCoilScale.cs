using System.Numerics;

namespace InverseSolver.Imaging;

/// <summary>Brings k-space of one coil, which scanners give in units of their own, to that of an image on [0,1].</summary>
internal static class SingleCoilScale
{
    // Spikes and vessels lie above this quantile.
    private const double Quantile = 0.99;

    /// <summary>Divides by the 0.99 quantile of the zero-filled images' magnitude.</summary>
    /// <param name="kspace">(frames, rows, columns), real and imaginary parts in turn.</param>
    /// <param name="rows">Rows of a frame.</param>
    /// <param name="columns">Columns of a frame.</param>
    /// <returns>The scaled values and what they were divided by.</returns>
    /// <exception cref="InvalidMeasurementException">The images are zero nearly everywhere.</exception>
    internal static (float[] Values, double Scale) Apply(float[] kspace, int rows, int columns)
    {
        int plane = rows * columns;
        double[] magnitudes = new double[kspace.Length / 2];
        var image = new Complex[plane];
        for (int start = 0; start < magnitudes.Length; start += plane)
        {
            for (int i = 0; i < plane; i++) image[i] = new Complex(kspace[2 * (start + i)], kspace[(2 * (start + i)) + 1]);
            Inverse(image, rows, columns);
            for (int i = 0; i < plane; i++) magnitudes[start + i] = image[i].Magnitude;
        }

        Array.Sort(magnitudes);
        double scale = magnitudes[(int)(Quantile * (magnitudes.Length - 1))];
        if (!(scale > 0) || !double.IsFinite(scale)) throw new InvalidMeasurementException("The image of this k-space is zero nearly everywhere.");
        return (Array.ConvertAll(kspace, value => (float)(value / scale)), scale);
    }

    private static void Inverse(Complex[] image, int rows, int columns)
    {
        var across = new Fft(columns);
        for (int row = 0; row < rows; row++) across.Inverse(image.AsSpan(row * columns, columns));
        var down = new Fft(rows);
        var line = new Complex[rows];
        for (int column = 0; column < columns; column++)
        {
            for (int row = 0; row < rows; row++) line[row] = image[(row * columns) + column];
            down.Inverse(line);
            for (int row = 0; row < rows; row++) image[(row * columns) + column] = line[row];
        }
    }
}
