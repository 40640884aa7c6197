namespace InverseSolver.Reconstruction.Mri;

/// <summary>The end of a multi-coil reconstruction: all frames over one scale, and remarks on them.</summary>
internal static class ParallelReconstruction
{
    // Of right data, see docs/results/mri.md. The second keeps a noise level that is a little off from being taken for a wrong model.
    internal const double LargestUnexplained = 0.02, LargestModelError = 2, LargestNoise = 0.5;

    // Where lines are missing, sensitivities from fewer positions than this in the centre leave aliases that the model explains.
    private const double LeastAcceleration = 1.05;
    private const int FewestLines = 8;

    /// <summary>The frames over the largest of their scales, with the report and the arrays of all of them.</summary>
    public static SolvedFrames Combine(IReadOnlyList<FrameResult> frames, bool isStack)
    {
        MriFrame first = frames[0].Mri!;
        MriReport[] reports = [.. frames.Select(frame => frame.Mri!.Report)];
        MriReport report = first.Report with
        {
            Scale = reports.Max(one => one.Scale),
            ModelError = reports.Max(one => one.ModelError),
            Unexplained = reports.Max(one => one.Unexplained),
            NoiseShare = reports.Max(one => one.NoiseShare),
            CoilRatios = [.. first.Report.CoilRatios
                .Select((_, coil) => reports.Average(one => coil < one.CoilRatios.Count ? one.CoilRatios[coil] : double.NaN))],
        };
        return new SolvedFrames(OnOneScale(frames, report.Scale), report, isStack ? Stacked(frames) : first.Arrays) { Warnings = [.. Warnings(report)] };
    }

    private static MriArrays Stacked(IReadOnlyList<FrameResult> frames)
    {
        MriArrays first = frames[0].Mri!.Arrays;
        MriArrays[] arrays = [.. frames.Select(frame => frame.Mri!.Arrays)];
        bool alike = arrays.All(one => one.Maps.Shape.SequenceEqual(first.Maps.Shape));
        return alike
            ? new MriArrays(Stack(one => one.Image), Stack(one => one.Maps), Stack(one => one.KSpace), first.Mask is null ? null : Stack(one => one.Mask!))
            : new MriArrays(Stack(one => one.Image), first.Maps, first.KSpace, first.Mask);

        ArrayData Stack(Func<MriArrays, ArrayData> of) => FrameStack.Stack([.. arrays.Select(of)]);
    }

    // Remarks for the reader of the image.
    internal static IEnumerable<string> Warnings(MriReport report)
    {
        if (report.NoiseSamples is not null && report.NoiseShare > LargestNoise)
        {
            yield return "The image may be wrong: what the outermost samples hold is taken for noise, "
                + FormattableString.Invariant($"which then makes {report.NoiseShare:p0} of the measurement's energy. ")
                + "Check that the centre of k-space is in the middle of the array (rows / 2, columns / 2), or give sigma.";
        }

        if (report is { Maps: "lowResolution", Coils: > 1 } && report.NetAcceleration > LeastAcceleration
            && Math.Min(report.CalibrationRows, report.CalibrationLines) < FewestLines)
        {
            yield return
                $"The image may be wrong: its coil sensitivities come from {report.CalibrationLines} x {report.CalibrationRows} fully measured positions "
                    + "in the centre of k-space, too few to tell aliases apart, and no figure shows it. "
                    + $"Send the file 'maps' or 'calibration', or measure {FewestLines} lines there.";
        }

        // Without noise there is no ratio, and it is 1.
        if (report.Unexplained <= LargestUnexplained || report.ModelError is > 1 and <= LargestModelError) yield break;
        yield return
            FormattableString.Invariant($"The image may be wrong: no image explains {report.Unexplained:p1} of the measurement's energy with these coils, ")
                + FormattableString.Invariant($"where right data leave less than {LargestUnexplained:p0} besides the noise. ")
                + "Check the centre of k-space, the order and direction of its lines, the order of coils in each file, the unit of a trajectory, "
                + "a given sigma, and whether the patient moved.";
    }

    // All frames' images over one scale.
    private static List<FrameResult> OnOneScale(IReadOnlyList<FrameResult> frames, double scale) => [.. frames.Select(frame =>
    {
        float factor = (float)(frame.Mri!.Report.Scale / scale);
        return factor == 1
            ? frame
            : frame with { Image = Times(frame.Image, factor), Deviation = frame.Deviation is null ? null : Times(frame.Deviation, factor) };
    })];

    /// <summary>An array times a number.</summary>
    internal static ArrayData Times(ArrayData array, float factor) => array with { Values = Array.ConvertAll(array.Values, value => value * factor) };
}
