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
        if (series.Slices < 1 || series.Rows is < 1 or > Largest || series.Columns is < 1 or > Largest || series.Values.Length != (long)series.Slices * series.Rows * series.Columns)
            throw new ArgumentException("The values are not (slices, rows, columns).", nameof(series));
        if (series.Geometry is { } given && given.Count != series.Slices) throw new ArgumentException("There must be a geometry for each slice.", nameof(series));
        if (!series.Values.All(float.IsFinite)) throw new ArgumentException("A value is not finite.", nameof(series));

        IReadOnlyList<FrameGeometry>? geometry = series.Geometry ?? OfReference(reader, series);
        (double slope, double intercept) = Scale(series.Values);
        var arguments = new JsonObject
        {
            ["rows"] = series.Rows,
            ["columns"] = series.Columns,
            ["slope"] = slope,
            ["intercept"] = intercept,
            ["texts"] = DicomSeriesTexts.Common(series, geometry is not null, slope, intercept),
            ["scanner"] = series.Reference.IsEmpty ? DicomSeriesTexts.Scanner(series.Study) : [],
            ["missing"] = new JsonObject { ["0020,000d"] = DicomText.NewUid(), ["0020,0052"] = DicomText.NewUid() },
            ["instances"] = new JsonArray([.. Enumerable.Range(0, series.Slices).Select(i => DicomSeriesTexts.Slice(i, geometry))]),
        };
        ReaderAnswer answer = reader.Call("dicom-write", [Store(series.Values, slope, intercept), series.Reference], arguments);
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

    // value = stored * slope + intercept; zero stays zero where nothing is below it.
    private static (double Slope, double Intercept) Scale(float[] values)
    {
        double low = Math.Min(0, values.Min()), high = values.Max();
        return (high > low ? (high - low) / Largest : 1, low);
    }

    private static byte[] Store(float[] values, double slope, double intercept)
    {
        byte[] stored = new byte[2L * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(stored.AsSpan(2 * i), (ushort)Math.Clamp(Math.Round((values[i] - intercept) / slope), 0, Largest));
        return stored;
    }
}
