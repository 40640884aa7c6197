namespace InverseSolver.Imaging;

/// <summary>Raw data as the files of a request.</summary>
internal static class RawMriImport
{
    /// <summary>Sorts a scan into files.</summary>
    /// <param name="raw">The scan.</param>
    /// <param name="kind">What the problem takes.</param>
    /// <param name="withMask">True where the problem asks for the file <c>mask</c>; else the zeros of k-space mark the gaps.</param>
    /// <exception cref="InvalidMeasurementException">The problem takes something else.</exception>
    internal static ImportedMeasurement Import(RawMri raw, MeasurementKind kind, bool withMask)
    {
        if (kind == MeasurementKind.Image)
            throw new InvalidMeasurementException(
                "Raw data hold k-space, not an image; the problem to be solved is parallelMri, or mri where there is one coil.");
        var files = new Dictionary<string, ImportedFile>();
        int[] frames = raw.Frames == 1 ? [] : [raw.Frames];
        var origin = new MeasurementOrigin
        {
            Format = raw.Layout,
            Rows = raw.Rows,
            Columns = raw.Columns,
            Geometry = [.. raw.FrameList.Select(frame => frame.Geometry)],
            Details = raw.FrameList.All(frame => frame.Details is null) ? null : [.. raw.FrameList.Select(frame => frame.Details)],
            FrameOfReferenceUid = raw.Study.FrameOfReferenceUid,
            PixelMm = raw.PixelMm,
            Crop = raw.Crop,
            Study = raw.Study,
            Remarks = raw.Remarks,
            Routine = raw.Routine,
        };
        int samples = raw.Trajectory is null ? 0 : raw.KSpace.Length / 2 / raw.Frames / raw.Coils;
        int[] range = raw.Trajectory is null ? [raw.Rows, raw.Columns] : [samples];
        if (withMask && raw.Trajectory is null)
            Add(
                "mask", raw.Mask.Length == raw.Rows * raw.Columns ? [raw.Rows, raw.Columns] : [.. frames, raw.Rows, raw.Columns],
                Array.ConvertAll(raw.Mask, m => m ? 1f : 0f), false);
        if (kind == MeasurementKind.SingleCoil)
        {
            if (raw.Coils != 1)
            {
                throw new InvalidMeasurementException($"The file has {raw.Coils} coils; the problem mri takes one, parallelMri takes all of them.");
            }
            if (raw.Trajectory is not null)
            {
                throw new InvalidMeasurementException("The samples lie along a trajectory; parallelMri takes them, with one coil too.");
            }
            (float[] values, double scale) = SingleCoilScale.Apply(raw.KSpace, raw.Rows, raw.Columns);
            Add("measurement", [.. frames, raw.Rows, raw.Columns], values, true);
            return new ImportedMeasurement(files, origin with { Scale = scale, NoiseScale = scale });
        }

        Add("measurement", [.. frames, raw.Coils, .. range], raw.KSpace, true);
        if (raw.NoiseCovariance is { } covariance) Add("covariance", [raw.Coils, raw.Coils], covariance, true);
        if (raw.Calibration is { } lines) Add("calibration", [.. frames, raw.Coils, raw.Rows, raw.Columns], OfFrames(lines, raw), true);
        if (raw.Trajectory is { } path) Add("trajectory", path.Length == 2 * samples ? [samples, 2] : [.. frames, samples, 2], path, false);
        return new ImportedMeasurement(files, origin);

        void Add(string name, int[] shape, float[] values, bool complex) => files[name] = new ImportedFile(new ArrayData(shape, values, complex), 0);
    }

    private static float[] OfFrames(CalibrationLines lines, RawMri raw)
    {
        int size = 2 * raw.Coils * raw.Rows * raw.Columns;
        float[] values = new float[(long)raw.Frames * size];
        for (int i = 0; i < raw.Frames; i++) Array.Copy(lines.KSpace, (long)lines.OfFrame[i] * size, values, (long)i * size, size);
        return values;
    }
}
