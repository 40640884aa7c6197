namespace InverseSolver.Imaging;

/// <summary>BART's Cartesian k-space as the files of a request: readout, phase encodings and coil are BART's dimensions 0 to 3, time and slices (10 and 13) become frames.</summary>
internal static class BartImport
{
    private const int Coil = 3, Time = 10, Slice = 13;

    /// <summary>Reads a pair of files.</summary>
    /// <exception cref="InvalidMeasurementException">The pair is damaged, or holds something else.</exception>
    internal static ImportedMeasurement Import(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, MeasurementKind kind, long maxElements)
    {
        if (kind == MeasurementKind.Image) throw new InvalidMeasurementException("A .cfl file holds k-space, not an image; the problem to be solved is parallelMri, or mri where there is one coil.");
        (int[] found, NpyArray array) = BartFile.Read(header, data, maxElements);
        int[] sizes = [.. found, .. Enumerable.Repeat(1, 16 - found.Length)];
        int[] encoded = [.. Enumerable.Range(0, Coil).Where(i => sizes[i] > 1)];
        if (encoded.Length != 2)
            throw new InvalidMeasurementException($"Of BART's first three dimensions two are to be larger than 1 (rows and columns of k-space); here they are {sizes[0]}, {sizes[1]} and {sizes[2]}.");
        if (Enumerable.Range(0, sizes.Length).FirstOrDefault(i => i > Coil && i is not (Time or Slice) && sizes[i] > 1) is var other and > 0)
            throw new InvalidMeasurementException($"BART's dimension {other} has the size {sizes[other]}; only time (10) and slices (13) may follow the coils.");
        (int rows, int columns, int coils, int frames) = (sizes[encoded[0]], sizes[encoded[1]], sizes[Coil], sizes[Time] * sizes[Slice]);
        float[] values = Transposed(array.Values, rows, columns);
        var origin = new MeasurementOrigin { Format = "bart", Rows = rows, Columns = columns };
        int[] shape = [.. frames == 1 ? Array.Empty<int>() : [frames], .. kind == MeasurementKind.SingleCoil ? Array.Empty<int>() : [coils], rows, columns];
        if (kind == MeasurementKind.SingleCoil)
        {
            if (coils != 1) throw new InvalidMeasurementException($"The file has {coils} coils; the problem mri takes one, parallelMri takes all of them.");
            (values, double scale) = SingleCoilScale.Apply(values, rows, columns);
            origin = origin with { Scale = scale, NoiseScale = scale };
        }

        return new ImportedMeasurement(new Dictionary<string, ImportedFile> { ["measurement"] = new(new NpyArray(shape, values, IsComplex: true), 0) }, origin);
    }

    // Planes with the first of BART's dimensions fastest: of (columns, rows) to (rows, columns).
    private static float[] Transposed(float[] values, int rows, int columns)
    {
        float[] turned = new float[values.Length];
        int plane = rows * columns;
        for (int i = 0; i < values.Length / 2; i++)
        {
            int start = i / plane * plane, row = i % plane % rows, column = i % plane / rows, to = start + (row * columns) + column;
            (turned[2 * to], turned[(2 * to) + 1]) = (values[2 * i], values[(2 * i) + 1]);
        }

        return turned;
    }
}
