namespace InverseSolver.Imaging;

/// <summary>
/// BART's k-space as the files of a request. Cartesian: readout, phase encodings and coil are BART's dimensions 0 to 3, time and slices (10 and 13) become
/// frames. Along a trajectory: samples and spokes are its dimensions 1 and 2, and dimension 0 is 1, as it is of a slice with two phase encodings.
/// </summary>
internal static class BartImport
{
    private const int Coil = 3, Time = 10, Slice = 13, SmallestSide = 8;

    // A position is (x, y, z), each a complex number without an imaginary part.
    private const int PositionBytes = 24;

    /// <summary>Reads a pair of files with Cartesian k-space.</summary>
    /// <exception cref="InvalidMeasurementException">The pair is damaged, or holds something else.</exception>
    internal static ImportedMeasurement Import(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, MeasurementKind kind, long maxElements)
    {
        (int[] sizes, ArrayData array) = Read(header, data, kind, maxElements);
        int[] encoded = [.. Enumerable.Range(0, Coil).Where(i => sizes[i] > 1)];
        if (encoded.Length != 2)
            throw new InvalidMeasurementException(
                "Two of BART's first three dimensions must be larger than 1 (rows and columns of k-space); "
                    + $"here they are {sizes[0]}, {sizes[1]} and {sizes[2]}.");
        (int rows, int columns, int coils, int frames) = (sizes[encoded[0]], sizes[encoded[1]], sizes[Coil], sizes[Time] * sizes[Slice]);
        float[] values = Transposed(array.Values, rows, columns);
        var origin = new MeasurementOrigin
        {
            Format = "bart",
            Rows = rows,
            Columns = columns,
            Remarks = encoded[0] == 0
                ? []
                : [
                    "BART's first dimension is 1, and no trajectory was sent: k-space is taken as Cartesian with two phase encodings. "
                        + "The image is wrong if these are samples and spokes of a non-Cartesian scan."],
        };
        int[] shape = [.. frames == 1 ? Array.Empty<int>() : [frames], .. kind == MeasurementKind.SingleCoil ? Array.Empty<int>() : [coils], rows, columns];
        if (kind == MeasurementKind.SingleCoil)
        {
            if (coils != 1) throw new InvalidMeasurementException($"The file has {coils} coils; the problem mri takes one, parallelMri takes all of them.");
            (values, double scale) = SingleCoilScale.Apply(values, rows, columns);
            origin = origin with { Scale = scale, NoiseScale = scale };
        }

        return new ImportedMeasurement(
            new Dictionary<string, ImportedFile> { ["measurement"] = new(new ArrayData(shape, values, IsComplex: true), 0) }, origin);
    }

    /// <summary>Reads a pair of files with k-space along a trajectory.</summary>
    /// <param name="header">The k-space's .hdr.</param>
    /// <param name="data">The k-space's .cfl.</param>
    /// <param name="kind">What the problem takes.</param>
    /// <param name="maxElements">The most complex numbers that are read.</param>
    /// <param name="trajectory">
    /// BART's .cfl of (3, samples, spokes) positions in cycles per field of view, the rows' first; its sizes are the k-space's. Or .npy.
    /// </param>
    /// <exception cref="InvalidMeasurementException">The files are damaged, hold something else, or do not go together.</exception>
    internal static ImportedMeasurement Import(
        ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, MeasurementKind kind, long maxElements, ReadOnlySpan<byte> trajectory)
    {
        if (kind == MeasurementKind.SingleCoil)
        {
            throw new InvalidMeasurementException("The samples lie along a trajectory; parallelMri takes them, with one coil too.");
        }
        (int[] sizes, ArrayData array) = Read(header, data, kind, maxElements);
        if (sizes[0] != 1)
        {
            throw new InvalidMeasurementException(
                $"BART's k-space along a trajectory has the dimensions 1, samples, spokes and coils; here the first is {sizes[0]}. "
                    + "For Cartesian k-space, leave out the file 'trajectory'.");
        }
        (int samples, int coils, int frames) = (sizes[1] * sizes[2], sizes[Coil], sizes[Time] * sizes[Slice]);
        int[] stack = frames == 1 ? [] : [frames];
        var files = new Dictionary<string, ImportedFile> { ["measurement"] = new(array with { Shape = [.. stack, coils, samples] }, 0) };
        var origin = new MeasurementOrigin { Format = "bart" };
        if (Npy.IsNpy(trajectory)) return new ImportedMeasurement(files, origin);

        int positions = trajectory.Length / PositionBytes;
        if (trajectory.Length % PositionBytes != 0 || (positions != samples && positions != samples * frames))
            throw new InvalidMeasurementException(
                $"The k-space has {samples} samples of a coil, so BART's trajectory (.cfl) has {(long)PositionBytes * samples} bytes; "
                    + $"the file 'trajectory' has {trajectory.Length}.");
        float[] values = new float[6 * positions], places = new float[2 * positions];
        Numbers.ToFloats(trajectory, 'f', 4, bigEndian: false, values);
        float row = 0, column = 0;
        for (int i = 0; i < positions; i++)
        {
            ReadOnlySpan<float> at = values.AsSpan(6 * i, 6);
            if (!float.IsFinite(at[0] + at[2])) throw new InvalidMeasurementException("The trajectory holds values that are not finite.");
            if (at[1] != 0 || at[3] != 0 || at[4] != 0 || at[5] != 0)
            {
                throw new InvalidMeasurementException(
                    "The trajectory is not that of a 2-D scan in BART's format: positions must be real, with 0 as the third coordinate.");
            }
            (places[2 * i], places[(2 * i) + 1]) = (at[0], at[2]);
            (row, column) = (Math.Max(row, Math.Abs(at[0])), Math.Max(column, Math.Abs(at[2])));
        }

        files["trajectory"] = new(new ArrayData(positions == samples ? [samples, 2] : [frames, samples, 2], places), 0);
        origin = origin with { Rows = Side(row), Columns = Side(column), Routine = ["The trajectory is BART's, in cycles per field of view."] };
        return new ImportedMeasurement(files, origin);
    }

    private static (int[] Sizes, ArrayData Array) Read(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, MeasurementKind kind, long maxElements)
    {
        if (kind == MeasurementKind.Image)
        {
            throw new InvalidMeasurementException(
                "A .cfl file holds k-space, not an image; the problem to be solved is parallelMri, or mri where there is one coil.");
        }
        (int[] found, ArrayData array) = BartFile.Read(header, data, maxElements);
        int[] sizes = [.. found, .. Enumerable.Repeat(1, 16 - found.Length)];
        if (Enumerable.Range(0, sizes.Length).FirstOrDefault(i => i > Coil && i is not (Time or Slice) && sizes[i] > 1) is var other and > 0)
            throw new InvalidMeasurementException(
                $"BART's dimension {other} has the size {sizes[other]}; only time (10) and slices (13) may follow the coils.");
        return (sizes, array);
    }

    // Of the image that the trajectory is full for.
    private static int Side(float largest) => (int)Math.Clamp(2 * Math.Ceiling((double)largest), SmallestSide, ushort.MaxValue);

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
