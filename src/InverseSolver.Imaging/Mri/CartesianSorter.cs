using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>Lines of a Cartesian scan to k-space, by their counters.</summary>
internal static class CartesianSorter
{
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
        scan.Routine.Add($"{scan.Calibration.Count} separate calibration lines.");
        CartesianData data = grid.Finish(image.Phase);
        return new CalibrationLines(data.KSpace, data.Mask, [.. order.Lines.SelectMany(line => Enumerable.Range(order.SliceOf(line) * data.Slices, data.Slices))]);
    }

    private static MriFrame[] Frames(FrameOrder order, CartesianData data, bool isTurned)
    {
        // The slices of a 2-D scan lie apart as their positions do; those of a 3-D scan fill the slab.
        double? spacing = SliceGeometry.Spacing([.. order.Slices.Select(slice => order.Lines.First(line => line.Slice == slice))]);
        if (data.Slices > 1) spacing = data.Third.PixelMm;
        return
        [
            .. order.Lines.SelectMany((line, i) => Enumerable.Range(0, data.Slices).Select(slice => new MriFrame(
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
        if (scan.Encoding.Trajectory == "epi") scan.Remarks.Add("Echo-planar lines are taken as Cartesian; no phase correction is applied.");
        if (scan.Image.Any(line => line.Has(AcquisitionFlags.Reverse))) scan.Routine.Add("Lines that were measured backwards are turned.");
        Explain(scan, data.Readout, "readout");
        Explain(scan, data.Phase, "phase-encoding");
        if (data.Phase.Cropped == data.Phase.Encoded && scan.Encoding.Recon.Y.Mm < 0.999 * scan.Encoding.Encoded.Y.Mm)
            scan.Remarks.Add("The image has the encoded field of view along the phase encoding, which is larger than the reconstructed one: an undersampled scan cannot be cropped before it is reconstructed.");
        if (data.Slices > 1)
        {
            Explain(scan, data.Third, "partition");
            scan.Routine.Add($"The 3-D scan is transformed into {data.Slices} slices.");
            if (data.Partitions.Count < data.Third.Encoded)
                scan.Remarks.Add($"Slice partial Fourier: of {data.Third.Encoded} partitions {data.Partitions.First} to {data.Partitions.First + data.Partitions.Count - 1} are measured, the others are taken as 0.");
        }
        if (data.Averaged) scan.Routine.Add("Lines that were measured several times are averaged.");
        Unmeasured(scan, data);
    }

    private static void Explain(IsmrmrdScan scan, KSpaceAxis axis, string name)
    {
        if (axis.Cropped < axis.Encoded)
            scan.Routine.Add(string.Create(CultureInfo.InvariantCulture, $"The {name} direction's oversampling of {(double)axis.Encoded / axis.Cropped:0.###} is removed."));
        if (axis.Final > axis.Cropped) scan.Routine.Add($"k-space is filled with zeros along the {name} direction, from {axis.Cropped} to {axis.Final}.");
        if (axis.Final < axis.Cropped) scan.Routine.Add($"k-space is cropped along the {name} direction, from {axis.Cropped} to {axis.Final}.");
    }

    // What is not measured at the borders of the encoded k-space, beyond the gaps between lines.
    private static void Unmeasured(IsmrmrdScan scan, CartesianData data)
    {
        int columns = data.Columns, rows = data.Rows;
        bool[] lines = [.. Enumerable.Range(0, columns).Select(c => Enumerable.Range(0, rows).Any(r => data.Mask[(r * columns) + c]))];
        bool[] samples = [.. Enumerable.Range(0, rows).Select(r => data.Mask.AsSpan(r * columns, columns).Contains(true))];
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
        if (first - border > gap) scan.Routine.Add($"{name} {border} to {first - 1} are not measured.");
        if (measured.Length - 1 - border - last > gap) scan.Routine.Add($"{name} {last + 1} to {measured.Length - 1 - border} are not measured.");
    }
}
