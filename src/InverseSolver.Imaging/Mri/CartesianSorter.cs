using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Sorts the lines of a Cartesian scan into k-space by their counters.</summary>
internal static class CartesianSorter
{
    // A frame with fewer samples than this share of the others' is incomplete; random masks of one density differ by less.
    private const double LeastComplete = 0.95;

    internal static RawMri Sort(IsmrmrdScan scan, long maxElements)
    {
        KSpaceCentre.Settle(scan);
        var order = new FrameOrder(scan);
        var grid = new CartesianGrid(order.Lines.Count, scan.Coils, scan.Encoding, maxElements);
        foreach (Acquisition line in scan.Image) grid.Add(order.Of(line), line, scan.Samples);
        CartesianData data = grid.Finish();
        Explain(scan, data);
        return new RawMri
        {
            Frames = order.Lines.Count * data.Slices,
            Coils = scan.Coils,
            Rows = data.Rows,
            Columns = data.Columns,
            KSpace = data.KSpace,
            Mask = data.Mask,
            NoiseCovariance = scan.NoiseCovariance(data.NoiseFactor),
            Calibration = Calibration(scan, order, data, maxElements),
            FrameList = Frames(order, data, scan.IsTurned),
            Study = scan.Header.Study,
            Remarks = scan.Remarks,
            Routine = scan.Routine,
        };
    }

    private static CalibrationLines? Calibration(IsmrmrdScan scan, FrameOrder order, CartesianData image, long maxElements)
    {
        scan.Calibration.RemoveAll(line => order.SliceOf(line) < 0);
        if (scan.Calibration.Count == 0) return null;
        var grid = new CartesianGrid(order.Slices.Count, scan.Coils, scan.Encoding, maxElements);
        foreach (Acquisition line in scan.Calibration) grid.Add(order.SliceOf(line), line, scan.Samples);
        Acquisition[] between = Between(scan, order);
        foreach (Acquisition line in between) grid.Add(order.SliceOf(line), line, scan.Samples);
        scan.Routine.Add(
            $"{scan.Calibration.Count} separate calibration lines{(between.Length == 0 ? "" : $", and {between.Length} of the image between them")}.");
        CartesianData data = grid.Finish(image.Phase);
        return new CalibrationLines(
            data.KSpace, data.Mask, [.. order.Lines.SelectMany(line => Enumerable.Range(order.SliceOf(line) * data.Slices, data.Slices))]);
    }

    // Integrated calibration flags only lines that the image's sampling leaves out; the image's lines between them complete the block. A separate calibration
    // scan has no gaps.
    private static Acquisition[] Between(IsmrmrdScan scan, FrameOrder order)
    {
        HashSet<(int Slice, int Step2, int Step1)> there = [.. scan.Calibration.Select(Place)];
        Dictionary<int, (int First, int Last)> blocks = scan.Calibration.GroupBy(order.SliceOf).ToDictionary(
            slice => slice.Key, slice => (slice.Min(line => line.Step1), slice.Max(line => line.Step1)));
        return [.. scan.Image.Where(line =>
            blocks.TryGetValue(order.SliceOf(line), out (int First, int Last) block) && line.Step1 >= block.First && line.Step1 <= block.Last
                && there.Add(Place(line)))];

        (int, int, int) Place(Acquisition line) => (order.SliceOf(line), line.Step2, line.Step1);
    }

    private static RawMriFrame[] Frames(FrameOrder order, CartesianData data, bool isTurned)
    {
        // The spacing of 2-D slices follows from their positions; the slices of a 3-D scan fill the slab.
        double? spacing = SliceGeometry.Spacing([.. order.Slices.Select(slice => order.Lines.First(line => line.Slice == slice))]);
        if (data.Slices > 1) spacing = data.Third.PixelMm;
        return
        [
            .. order.Lines.SelectMany((line, i) => Enumerable.Range(0, data.Slices).Select(slice => new RawMriFrame(
                (order.SliceOf(line) * data.Slices) + slice,
                line.Contrast,
                line.Phase,
                line.Repetition,
                line.Set,
                SliceGeometry.Of(
                    line,
                    (data.Rows, data.Readout.PixelMm),
                    (data.Columns, data.Phase.PixelMm),
                    (slice - (data.Slices / 2)) * (data.Slices > 1 ? data.Third.PixelMm : 0),
                    data.Third.PixelMm,
                    spacing,
                    isTurned),
                order.Details[i]))),
        ];
    }

    private static void Explain(IsmrmrdScan scan, CartesianData data)
    {
        if (scan.Encoding.Trajectory == "epi") scan.Remarks.Add(scan.Encoding.HasRamps
            ? "Echo-planar lines are taken as Cartesian, and no phase correction is applied. "
                + "The header describes samples on the gradient's ramps (rampUpTime), which are not equidistant: "
                + "the image is distorted along the readout unless they were regridded before."
            : "Echo-planar lines are taken as Cartesian; no phase correction is applied.");
        if (scan.Image.Any(line => line.Has(AcquisitionFlags.Reverse))) scan.Routine.Add("Lines that were measured backwards are turned.");
        Explain(scan, data.Readout, "readout");
        Explain(scan, data.Phase, "phase-encoding");
        if (scan.Encoding.Recon.Y.Mm == 0 || scan.Encoding.Recon.X.Mm == 0)
            scan.Remarks.Add("The header states no reconstructed field of view: the image has the encoded one, oversampling included.");
        else if (data.Phase.Cropped == data.Phase.Encoded && scan.Encoding.Recon.Y.Mm < 0.999 * scan.Encoding.Encoded.Y.Mm)
            scan.Remarks.Add(
                "The image has the encoded field of view along the phase encoding, which is larger than the reconstructed one: "
                    + "an undersampled scan cannot be cropped before it is reconstructed.");
        if (data.Slices > 1)
        {
            Explain(scan, data.Third, "partition");
            scan.Routine.Add($"The 3-D scan is transformed into {data.Slices} slices.");
            if (data.Partitions.Count < data.Third.Encoded)
                scan.Remarks.Add(
                    $"Slice partial Fourier: of {data.Third.Encoded} partitions {data.Partitions.First} to "
                        + $"{data.Partitions.First + data.Partitions.Count - 1} are measured, the others are taken as 0.");
        }
        if (data.Averaged) scan.Routine.Add("Lines that were measured several times are averaged.");
        Unmeasured(scan, data);
    }

    private static void Explain(IsmrmrdScan scan, KSpaceAxis axis, string name)
    {
        if (axis.Cropped < axis.Encoded)
            scan.Routine.Add(string.Create(
                CultureInfo.InvariantCulture, $"The {name} direction's oversampling of {(double)axis.Encoded / axis.Cropped:0.###} is removed."));
        if (axis.Final > axis.Cropped) scan.Routine.Add($"k-space is filled with zeros along the {name} direction, from {axis.Cropped} to {axis.Final}.");
        if (axis.Final < axis.Cropped) scan.Remarks.Add($"k-space is cropped along the {name} direction, from {axis.Cropped} to {axis.Final}.");
    }

    // Reports unmeasured borders of the encoded k-space that are wider than the gaps between lines.
    private static void Unmeasured(IsmrmrdScan scan, CartesianData data)
    {
        int columns = data.Columns, rows = data.Rows, plane = rows * columns;
        bool[] lines = new bool[columns], samples = new bool[rows];
        int[] counts = new int[data.Mask.Length / plane];
        for (int i = 0; i < data.Mask.Length; i++)
        {
            if (!data.Mask[i]) continue;
            lines[i % columns] = samples[i % plane / columns] = true;
            counts[i / plane]++;
        }

        int[] incomplete = [.. Enumerable.Range(0, counts.Length).Where(frame => counts[frame] < LeastComplete * counts.Max())];
        if (incomplete.Length > 0)
        {
            IEnumerable<string> shares = incomplete.Take(8).Select(frame =>
                string.Create(CultureInfo.InvariantCulture, $"frame {frame}: {100.0 * counts[frame] / counts.Max():0} %"));
            scan.Remarks.Add(
                $"{incomplete.Length} of {counts.Length} frames have fewer samples than the others ({string.Join(", ", shares)}): "
                    + "the scan may have been stopped, and their images are less certain.");
        }

        Unmeasured(scan, lines, data.Phase, "Partial Fourier: lines");
        Unmeasured(scan, samples, data.Readout, "Asymmetric echo: samples");
    }

    private static void Unmeasured(IsmrmrdScan scan, bool[] measured, KSpaceAxis axis, string name)
    {
        int border = Math.Max(0, (axis.Final - axis.Cropped + 1) / 2); // filled with zeros, and said already
        int first = Array.IndexOf(measured, true), last = Array.LastIndexOf(measured, true), gap = 1;
        if (first < 0) return;
        for (int i = first, previous = first; i <= last; previous = measured[i] ? i : previous, i++)
            if (measured[i]) gap = Math.Max(gap, i - previous);
        if (first - border > gap) scan.Remarks.Add($"{name} {border} to {first - 1} are not measured.");
        if (measured.Length - 1 - border - last > gap) scan.Remarks.Add($"{name} {last + 1} to {measured.Length - 1 - border} are not measured.");
    }
}
