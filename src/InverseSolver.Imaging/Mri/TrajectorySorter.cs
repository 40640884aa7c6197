using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>
/// Sorts the acquisitions of a non-Cartesian scan into samples and their positions. ISMRMRD does not define the trajectory's unit; in use are cycles per pixel
/// of the encoded matrix, from -0.5 to 0.5, and cycles per encoded or reconstructed field of view. Trajectories reach the edge of k-space: where this
/// determines the unit, it need not be stated. A third dimension of a 2-D scan holds density weights.
/// </summary>
internal static class TrajectorySorter
{
    // The extent of a trajectory, where 1 is the edge of the encoded k-space. The fields of view of most oversampled scans differ by a factor of two; cycles
    // per pixel are far from both.
    private const double Slack = 1.02, LeastReach = 0.7, LeastReachPerPixel = 0.5;

    // Beyond this a stated unit is wrong.
    private const double MostReach = 1.5;

    internal static RawMri Sort(IsmrmrdScan scan, float[] trajectories, RawTrajectoryUnit? unit, long maxElements)
    {
        if (scan.Encoding.Encoded.Z.Size > 1) throw new InvalidMeasurementException("Non-Cartesian 3-D scans are not supported.");
        int dimensions = scan.Image[0].TrajectoryDimensions;
        if (dimensions is not (2 or 3) || scan.Image.Any(line => line.TrajectoryDimensions != dimensions))
            throw new InvalidMeasurementException(
                $"The scan's trajectory is '{Name(scan)}', but its acquisitions do not all hold one of 2 dimensions (or 3, the last of them density weights).");
        double[] scale = Scale(scan, trajectories, unit);
        var order = new FrameOrder(scan);
        FrameSamples[] frames = [.. order.Lines.Select(_ => new FrameSamples())];
        int rows = scan.Encoding.Recon.X.Size, columns = scan.Encoding.Recon.Y.Size, outside = 0;
        foreach (Acquisition line in scan.Image) outside += Collect(frames[order.Of(line)], line, trajectories, scale, (rows, columns));
        if (outside > 0) scan.Remarks.Add($"{outside} samples beyond the reconstructed matrix left out.");
        if (scan.Calibration.Count > 0) scan.Routine.Add($"{scan.Calibration.Count} calibration acquisitions left out.");
        return Assemble(scan, order, frames, maxElements);
    }

    private static string Name(IsmrmrdScan scan) => scan.Encoding.Trajectory is "radial" or "goldenangle" or "spiral" ? scan.Encoding.Trajectory : "other";

    // The factors from the file's unit to cycles per reconstructed field of view, along readout and phase encoding.
    private static double[] Scale(IsmrmrdScan scan, float[] trajectories, RawTrajectoryUnit? unit)
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
        double most = Math.Max(largest[0], largest[1]);
        unit ??= Unit(scan.Encoding, most);
        double reach = Reach(scan.Encoding, unit.Value, most);
        if (!(reach is > 0 and <= MostReach))
            throw new InvalidMeasurementException(string.Create(
                CultureInfo.InvariantCulture,
                $"The ISMRMRD trajectory's largest number is {most:G4}; as {Name(unit.Value)} that is {reach:G3} times the edge of the encoded "
                    + $"k-space, so the stated unit is wrong: rescale the trajectory to cycles per pixel, "
                    + $"or per field of view (from cycles or radians per metre by the field of view)."));
        scan.Remarks.Add($"The trajectory is read as {Name(unit.Value)}.");
        return Factors(scan.Encoding, unit.Value);
    }

    // The one unit in which the trajectory reaches the edge of k-space and not beyond.
    private static RawTrajectoryUnit Unit(MriEncoding e, double most)
    {
        bool oversampled = Fields(e).Any(field => Math.Abs(field - 1) > Slack - 1);
        RawTrajectoryUnit[] fitting =
        [
            .. Enum.GetValues<RawTrajectoryUnit>().Where(one => (oversampled || one != RawTrajectoryUnit.CyclesPerFieldOfView)
                && Reach(e, one, most) <= Slack && Reach(e, one, most) >= (one == RawTrajectoryUnit.CyclesPerPixel ? LeastReachPerPixel : LeastReach)),
        ];
        return fitting is [var found] ? found : throw Ambiguous(e, most);
    }

    private static double Reach(MriEncoding e, RawTrajectoryUnit unit, double most) =>
        Factors(e, unit).Zip(Edges(e), (factor, edge) => most * factor / edge).Min();

    private static InvalidMeasurementException Ambiguous(MriEncoding e, double most) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"The unit of the ISMRMRD trajectory is not clear. Its largest number is {most:G4}, which does not fit "
            + $"exactly one unit: cycles per pixel go up to 0.5, "
            + $"cycles per encoded field of view up to {e.Encoded.X.Size / 2}, cycles per reconstructed field of view up to {Edges(e)[0]:0.#}. "
            + $"State the unit as the problem's trajectoryUnit (cyclesPerPixel, cyclesPerEncodedFieldOfView or cyclesPerFieldOfView); "
            + $"rescale a trajectory in cycles or radians per metre to one of these."));

    private static string Name(RawTrajectoryUnit unit) => unit switch
    {
        RawTrajectoryUnit.CyclesPerPixel => "cycles per pixel of the encoded matrix",
        RawTrajectoryUnit.CyclesPerFieldOfView => "cycles per reconstructed field of view",
        _ => "cycles per encoded field of view",
    };

    // The factors from the file's unit to cycles per reconstructed field of view, along readout and phase encoding.
    private static double[] Factors(MriEncoding e, RawTrajectoryUnit unit) =>
    [
        .. Fields(e).Zip([e.Encoded.X.Size, e.Encoded.Y.Size], (field, size) => unit switch
        {
            RawTrajectoryUnit.CyclesPerPixel => field * size,
            RawTrajectoryUnit.CyclesPerFieldOfView => 1,
            _ => field,
        }),
    ];

    // The edge of the encoded k-space in cycles per reconstructed field of view.
    private static double[] Edges(MriEncoding e) => [.. Factors(e, RawTrajectoryUnit.CyclesPerPixel).Select(factor => factor / 2)];

    // Reconstructed over encoded fields of view.
    private static double[] Fields(MriEncoding e) =>
        [.. new[] { (e.Encoded.X, e.Recon.X), (e.Encoded.Y, e.Recon.Y) }.Select(axis =>
            axis.Item1.Mm > 0 && axis.Item2.Mm > 0 ? axis.Item2.Mm / axis.Item1.Mm : 1)];

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
        if (frames.Any(frame => frame.Samples.Count != count))
        {
            throw new InvalidMeasurementException("The frames of the non-Cartesian scan have different numbers of samples.");
        }
        if ((long)frames.Length * scan.Coils * count > Math.Min(maxElements, Array.MaxLength / 2))
        {
            throw new InvalidMeasurementException($"The scan has more than the {maxElements} samples that are allowed.");
        }
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
            FrameList = [.. order.Lines.Select((line, i) => new RawMriFrame(
                order.SliceOf(line), line.Contrast, line.Phase, line.Repetition, line.Set,
                SliceGeometry.Of(line, rows, columns, 0, e.Recon.Z.Mm, spacing, scan.IsTurned), order.Details[i]))],
            Study = scan.Header.Study,
            Remarks = scan.Remarks,
            Routine = scan.Routine,
        };
    }

    private sealed class FrameSamples
    {
        internal List<float> Places { get; } = [];
        internal List<(Acquisition Line, int Sample)> Samples { get; } = [];
        internal List<float> Weights { get; } = [];
    }
}
