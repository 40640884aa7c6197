namespace InverseSolver.Imaging;

/// <summary>
/// Acquisitions of a non-Cartesian scan to samples and their places. ISMRMRD leaves the trajectory's unit open; what is in use is cycles per pixel of the encoded
/// matrix, from -0.5 to 0.5, and cycles per field of view. The larger of the numbers tells them apart. A third dimension of a 2-D scan holds density weights.
/// </summary>
internal static class TrajectorySorter
{
    private const double Slack = 1.02;

    internal static RawMri Sort(IsmrmrdScan scan, float[] trajectories, long maxElements)
    {
        if (scan.Encoding.Encoded.Z.Size > 1) throw new InvalidMeasurementException("Non-Cartesian 3-D scans are not supported.");
        int dimensions = scan.Image[0].TrajectoryDimensions;
        if (dimensions is not (2 or 3) || scan.Image.Any(line => line.TrajectoryDimensions != dimensions))
            throw new InvalidMeasurementException($"The scan's trajectory is '{Name(scan)}', but its acquisitions do not all hold one of 2 dimensions (or 3, the last of them density weights).");
        double[] scale = Scale(scan, trajectories);
        var order = new FrameOrder(scan.Image);
        FrameSamples[] frames = [.. order.Lines.Select(_ => new FrameSamples())];
        int rows = scan.Encoding.Recon.X.Size, columns = scan.Encoding.Recon.Y.Size, outside = 0;
        foreach (Acquisition line in scan.Image) outside += Collect(frames[order.Of(line)], line, trajectories, scale, (rows, columns));
        if (outside > 0) scan.Remarks.Add($"{outside} samples beyond the reconstructed matrix left out.");
        if (scan.Calibration.Count > 0) scan.Remarks.Add($"{scan.Calibration.Count} calibration acquisitions left out.");
        return Assemble(scan, order, frames, maxElements);
    }

    private static string Name(IsmrmrdScan scan) => scan.Encoding.Trajectory is "radial" or "goldenangle" or "spiral" ? scan.Encoding.Trajectory : "other";

    // What the file's numbers are multiplied with for cycles per reconstructed field of view, along readout and phase encoding.
    private static double[] Scale(IsmrmrdScan scan, float[] trajectories)
    {
        double[] largest = [0, 0];
        foreach (Acquisition line in scan.Image)
        {
            for (int s = line.DiscardPre; s < line.Samples - line.DiscardPost; s++)
            {
                for (int axis = 0; axis < 2; axis++)
                {
                    float value = trajectories[line.TrajectoryOffset + (s * line.TrajectoryDimensions) + axis];
                    if (!float.IsFinite(value)) throw new InvalidMeasurementException("The ISMRMRD trajectory holds values that are not finite.");
                    largest[axis] = Math.Max(largest[axis], Math.Abs(value));
                }
            }
        }
        MriEncoding e = scan.Encoding;
        (int Size, double Mm)[] encoded = [e.Encoded.X, e.Encoded.Y], recon = [e.Recon.X, e.Recon.Y];
        double most = Math.Max(largest[0], largest[1]);
        bool perPixel = most <= 0.5 * Slack;
        bool perField = most >= encoded.Min(axis => axis.Size) / 8.0 && most <= encoded.Max(axis => axis.Size) / 2.0 * Slack;
        if (most == 0 || (!perPixel && !perField))
            throw new InvalidMeasurementException("The ISMRMRD trajectory is neither in cycles per pixel (-0.5 to 0.5) nor in cycles per field of view (up to half the encoded matrix).");
        scan.Remarks.Add(perPixel ? "The trajectory is taken as cycles per pixel of the encoded matrix." : "The trajectory is taken as cycles per encoded field of view.");
        return
        [
            .. Enumerable.Range(0, 2).Select(axis =>
            {
                double fields = encoded[axis].Mm > 0 && recon[axis].Mm > 0 ? recon[axis].Mm / encoded[axis].Mm : 1;
                return fields * (perPixel ? encoded[axis].Size : 1);
            }),
        ];
    }

    private static int Collect(FrameSamples frame, Acquisition line, float[] trajectories, double[] scale, (int Rows, int Columns) size)
    {
        int outside = 0;
        for (int s = line.DiscardPre; s < line.Samples - line.DiscardPost; s++)
        {
            int at = line.TrajectoryOffset + (s * line.TrajectoryDimensions);
            float row = (float)(trajectories[at] * scale[0]), column = (float)(trajectories[at + 1] * scale[1]);
            if (row < -size.Rows / 2f || row >= size.Rows / 2f || column < -size.Columns / 2f || column >= size.Columns / 2f)
            {
                outside++;
                continue;
            }
            frame.Places.Add(row);
            frame.Places.Add(column);
            frame.Samples.Add((line, s));
            if (line.TrajectoryDimensions == 3) frame.Weights.Add(trajectories[at + 2]);
        }
        return outside;
    }

    private static RawMri Assemble(IsmrmrdScan scan, FrameOrder order, FrameSamples[] frames, long maxElements)
    {
        int count = frames[0].Samples.Count;
        if (count == 0) throw new InvalidMeasurementException("The ISMRMRD trajectory lies outside the reconstructed matrix.");
        if (frames.Any(frame => frame.Samples.Count != count)) throw new InvalidMeasurementException("The frames of the non-Cartesian scan have different numbers of samples.");
        if ((long)frames.Length * scan.Coils * count > Math.Min(maxElements, Array.MaxLength / 2)) throw new InvalidMeasurementException($"The scan has more than the {maxElements} samples that are allowed.");
        float[] kspace = new float[2L * frames.Length * scan.Coils * count];
        for (int f = 0; f < frames.Length; f++)
        {
            for (int i = 0; i < count; i++)
            {
                (Acquisition line, int sample) = frames[f].Samples[i];
                for (int coil = 0; coil < scan.Coils; coil++)
                {
                    int from = 2 * (line.DataOffset + (coil * line.Samples) + sample);
                    long to = 2 * (((((long)f * scan.Coils) + coil) * count) + i);
                    (kspace[to], kspace[to + 1]) = (scan.Samples[from], scan.Samples[from + 1]);
                }
            }
        }
        bool shared = frames.All(frame => frame.Places.SequenceEqual(frames[0].Places));
        FrameSamples[] distinct = shared ? frames[..1] : frames;
        float[] weights = [.. distinct.SelectMany(frame => frame.Weights)];
        bool areWeights = weights.Length > 0 && weights.All(weight => float.IsFinite(weight) && weight >= 0) && weights.Any(weight => weight > 0);
        MriEncoding e = scan.Encoding;
        (int Size, double Mm) rows = (e.Recon.X.Size, e.Recon.X.Mm / e.Recon.X.Size), columns = (e.Recon.Y.Size, e.Recon.Y.Mm / e.Recon.Y.Size);
        double? spacing = SliceGeometry.Spacing([.. order.Slices.Select(slice => order.Lines.First(line => line.Slice == slice))]);
        return new RawMri
        {
            Frames = frames.Length,
            Coils = scan.Coils,
            Rows = rows.Size,
            Columns = columns.Size,
            KSpace = kspace,
            Mask = [],
            Trajectory = [.. distinct.SelectMany(frame => frame.Places)],
            Density = areWeights ? weights : null,
            NoiseCovariance = scan.NoiseCovariance(1),
            FrameList = [.. order.Lines.Select(line => new MriFrame(order.SliceOf(line), line.Contrast, line.Phase, line.Repetition, line.Set, SliceGeometry.Of(line, rows, columns, 0, e.Recon.Z.Mm, spacing)))],
            Study = scan.Header.Study,
            Remarks = scan.Remarks,
        };
    }

    private sealed class FrameSamples
    {
        internal List<float> Places { get; } = [];
        internal List<(Acquisition Line, int Sample)> Samples { get; } = [];
        internal List<float> Weights { get; } = [];
    }
}
