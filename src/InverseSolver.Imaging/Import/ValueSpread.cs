using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Finds images that a scale leaves almost without contrast: an offset that was not taken out, or padding that is not declared.</summary>
internal static class ValueSpread
{
    // The share of pixels left out at either end, the share of the scale that the rest must fill, and the share of pixels of one value that makes it padding.
    private const double Outliers = 0.001, Least = 0.1, Padding = 0.01;

    // Sorting a volume takes seconds, and for nearly all images one pass shows that no remark is needed: either remark needs nearly all values, except those
    // equal to the smallest, within a tenth of the scale, hence within three neighbours of its twenty bins.
    private static bool UsesScale(float[] values, double offset, double scale)
    {
        const int parts = 20;
        int[] counts = new int[parts + 2];
        float smallest = values.Min();
        foreach (float value in values)
            if (value > smallest) counts[Math.Clamp((int)((value - offset) / scale * parts), 0, parts - 1)]++;
        int most = Enumerable.Range(0, parts).Max(i => counts[i] + counts[i + 1] + counts[i + 2]);
        return most < counts.Sum() - (2 * (int)(Outliers * values.Length));
    }

    /// <summary>Describes the reason why the values fill little of the scale.</summary>
    /// <param name="values">The image's, without its padding, in the file's units.</param>
    /// <param name="offset">The value that becomes 0.</param>
    /// <param name="scale">The distance from there to the value that becomes 1.</param>
    /// <returns>A sentence for the caller; null where the values use the scale.</returns>
    internal static string? Remark(float[] values, double offset, double scale)
    {
        if (values.Length == 0) return null;
        if (UsesScale(values, offset, scale)) return null;
        float[] sorted = [.. values.Order()];
        int lowest = Array.FindIndex(sorted, value => value > sorted[0]), skipped = (int)(Outliers * sorted.Length);
        if (lowest > 0 && lowest >= Padding * sorted.Length && lowest < sorted.Length - skipped)
        {
            double rest = sorted[^(1 + skipped)] - sorted[lowest];
            if (rest < Least * scale && sorted[lowest] - sorted[0] > 0.5 * scale)
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{lowest} pixels hold {sorted[0]:G6}, all others {sorted[lowest]:G6} to {sorted[^1]:G6}, "
                        + $"which is {100 * rest / scale:0.#} % of the scale. ")
                    + "If they are padding, declare it (PixelPaddingValue) or set them to the background's value.";
        }

        double spread = sorted[^(1 + skipped)] - sorted[skipped];
        return spread >= Least * scale || spread == 0 ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"Nearly all pixels lie between {sorted[skipped]:G6} and {sorted[^(1 + skipped)]:G6}, which is {100 * spread / scale:0.#} % of "
                    + $"the scale from {offset:G6} to {offset + scale:G6}: ")
                + "the model sees an image almost without contrast. Take out the offset, or the few values far from all others.";
    }
}
