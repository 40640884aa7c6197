using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json.Nodes;

namespace InverseSolver.Imaging;

/// <summary>Writes reconstructions as derived series of classic MR images (PS3.3, A.4), 16 bits unsigned, Explicit VR Little Endian.</summary>
public static class DicomSeries
{
    private const int Largest = ushort.MaxValue;

    /// <summary>Writes one file for each slice.</summary>
    /// <param name="reader">The process that writes; it parses the reference.</param>
    /// <param name="series">The reconstruction.</param>
    /// <returns>Complete files, in the order of the slices, of one new series.</returns>
    /// <exception cref="InvalidMeasurementException">The reference is not a DICOM file that can be read.</exception>
    /// <exception cref="ArgumentException">The values do not fit their sizes or are not finite.</exception>
    public static IReadOnlyList<byte[]> Write(FormatReader reader, DerivedSeries series)
    {
        if (series.Slices < 1 || series.Rows is < 1 or > Largest || series.Columns is < 1 or > Largest
            || series.Values.Length != (long)series.Slices * series.Rows * series.Columns)
            throw new ArgumentException("The values are not (slices, rows, columns).", nameof(series));
        if (series.Geometry is { } places && places.Count != series.Slices)
        {
            throw new ArgumentException("There must be a geometry for each slice.", nameof(series));
        }
        if (series.Details is { } details && details.Count != series.Slices)
        {
            throw new ArgumentException("There must be details for each slice.", nameof(series));
        }
        if (series.Padding is { } marks && marks.Length != series.Values.Length)
        {
            throw new ArgumentException("There must be a mark for each value.", nameof(series));
        }
        if (series.Sources is { } sources && sources.Count != series.Slices)
        {
            throw new ArgumentException("There must be a source for each slice.", nameof(series));
        }
        if (!series.Values.All(float.IsFinite)) throw new ArgumentException("A value is not finite.", nameof(series));
        if (series.Padding is not null) series = series with { Values = WithoutPadding(series.Values, series.Padding) };

        IReadOnlyList<FrameGeometry>? geometry = series.Geometry ?? OfReference(reader, series);
        (double slope, double intercept) = Scale(series.Values, series.Padding is null ? 0 : 1);
        var arguments = new JsonObject
        {
            ["rows"] = series.Rows,
            ["columns"] = series.Columns,
            ["slope"] = slope,
            ["intercept"] = intercept,
            ["isPadded"] = series.Padding is not null,
            ["sources"] = new JsonArray([.. (series.Sources ?? []).Select(source => new JsonArray(source.SopClassUid, source.SopInstanceUid))]),
            ["texts"] = DicomSeriesTexts.Common(series, geometry is not null, slope, intercept),
            ["scanner"] = series.Reference.IsEmpty ? DicomSeriesTexts.Scanner(series.Study) : [],
            ["missing"] = new JsonObject { ["0020,000d"] = DicomText.NewUid(), ["0020,0052"] = DicomText.NewUid() },
            ["instances"] = new JsonArray(
                [.. Enumerable.Range(0, series.Slices).Select(i => DicomSeriesTexts.Slice(i, geometry, series.PixelMm, series.Details?[i]))]),
        };
        ReaderAnswer answer = reader.Call("dicom-write", [Store(series, slope, intercept), series.Reference], arguments);
        return [.. Enumerable.Range(0, series.Slices).Select(i => answer.Arrays[i.ToString(CultureInfo.InvariantCulture)].Bytes)];
    }

    private static IReadOnlyList<FrameGeometry>? OfReference(FormatReader reader, DerivedSeries series)
    {
        if (series.Reference.IsEmpty) return null;
        DicomImage reference = DicomFile.Read(reader, series.Reference);
        if (reference.Frames.Count != series.Slices || reference.Rows != series.Rows || reference.Columns != series.Columns) return null;
        FrameGeometry?[] frames = [.. reference.Frames.Select(frame => frame.Geometry)];
        return frames.Contains(null) ? null : [.. frames.Select(frame => frame!)];
    }

    // Padding takes the value of some pixel, so that it has no part in the scale.
    private static float[] WithoutPadding(float[] values, bool[] padding)
    {
        int first = Array.IndexOf(padding, false);
        float value = first < 0 ? 0 : values[first];
        return [.. values.Select((pixel, i) => padding[i] ? value : pixel)];
    }

    // value = stored * slope + intercept; the lowest is stored as the first number, and zero stays zero where nothing is below it.
    private static (double Slope, double Intercept) Scale(float[] values, int first)
    {
        double low = Math.Min(0, values.Min()), high = values.Max(), slope = high > low ? (high - low) / (Largest - first) : 1;
        return (slope, low - (first * slope));
    }

    private static byte[] Store(DerivedSeries series, double slope, double intercept)
    {
        byte[] stored = new byte[2L * series.Values.Length];
        for (int i = 0; i < series.Values.Length; i++)
        {
            double number = series.Padding?[i] == true
                ? 0
                : Math.Clamp(Math.Round((series.Values[i] - intercept) / slope), series.Padding is null ? 0 : 1, Largest);
            BinaryPrimitives.WriteUInt16LittleEndian(stored.AsSpan(2 * i), (ushort)number);
        }

        return stored;
    }
}
