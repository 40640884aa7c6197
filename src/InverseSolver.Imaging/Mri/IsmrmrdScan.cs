namespace InverseSolver.Imaging;

/// <summary>The acquisitions of an ISMRMRD file, sorted by purpose.</summary>
internal sealed class IsmrmrdScan
{
    private static readonly (AcquisitionFlags Flags, string Name)[] LeftOut =
    [
        (AcquisitionFlags.Navigation, "navigator"),
        (AcquisitionFlags.PhaseCorrection, "phase-correction"),
        (AcquisitionFlags.HighPriorityFeedback | AcquisitionFlags.RealTimeFeedback, "feedback"),
        (AcquisitionFlags.Dummy, "dummy"),
        (AcquisitionFlags.SurfaceCoilCorrection, "surface-coil correction"),
        (AcquisitionFlags.PhaseStabilisation | AcquisitionFlags.PhaseStabilisationReference, "phase-stabilisation"),
    ];

    internal IsmrmrdScan(IsmrmrdHeader header, List<Acquisition> all, float[] samples)
    {
        Header = header;
        Samples = samples;
        Noise = [.. all.Where(a => a.Has(AcquisitionFlags.NoiseMeasurement))];
        foreach ((AcquisitionFlags flags, string name) in LeftOut)
        {
            int count = all.RemoveAll(a => a.Has(flags));
            if (count > 0) Routine.Add($"{count} {name} acquisitions left out.");
        }
        List<Acquisition> measured = [.. all.Where(a =>
            !a.Has(AcquisitionFlags.NoiseMeasurement) && a.DiscardPre + a.DiscardPost < a.Samples && a.Channels > 0)];
        bool IsCalibration(Acquisition a) => a.Has(AcquisitionFlags.ParallelCalibration) && !a.Has(AcquisitionFlags.ParallelCalibrationAndImaging);
        Image = [.. measured.Where(a => !IsCalibration(a))];
        if (Image.Count == 0) throw new InvalidMeasurementException("The ISMRMRD file holds no lines of an image.");

        int encoding = Image.Min(a => a.Encoding);
        if (encoding >= header.Encodings.Count)
        {
            throw new InvalidMeasurementException("The ISMRMRD file's lines are of an encoding that its header does not describe.");
        }
        Encoding = header.Encodings[encoding];
        int others = Image.RemoveAll(a => a.Encoding != encoding);
        if (others > 0) Remarks.Add($"Of several encodings, only number {encoding} is used; {others} lines of the others are left out.");
        Calibration = [.. measured.Where(a => IsCalibration(a) && a.Encoding == encoding)];

        Coils = Image[0].Channels;
        if (Image.Any(a => a.Channels != Coils))
        {
            // Lines of the body coil alternate with those of the receivers where images are to be normalised.
            Coils = header.ReceiverChannels is { } receivers && Image.Any(a => a.Channels == receivers)
                ? (int)receivers
                : throw new InvalidMeasurementException(
                    "The lines of the ISMRMRD file are from different numbers of coils, and the header's "
                        + "receiverChannels does not say which of them are the image's.");
            Remarks.Add($"{Image.RemoveAll(a => a.Channels != Coils)} lines of another number of coils than the header's {Coils} receiver channels left out.");
        }
        if (Noise.Any(a => a.Channels == Coils) && Noise.RemoveAll(a => a.Channels != Coils) > 0)
        {
            Remarks.Add("Noise scans of another number of coils left out.");
        }
        if (Calibration.RemoveAll(a => a.Channels != Coils) > 0) Remarks.Add("Calibration lines from another number of coils left out.");
        if (Encoding.Encoded.Z.Size > 1 && Image.All(a => a.Step2 == Image[0].Step2 && (IsCartesian || a.TrajectoryDimensions == 2)))
        {
            Remarks.Add($"The header encodes {Encoding.Encoded.Z.Size} partitions, but all lines belong to one: the scan is treated as 2-D.");
            Encoding = Encoding with
            {
                Encoded = Encoding.Encoded with { Z = (1, Encoding.Recon.Z.Mm) },
                Step2 = new(Image[0].Step2, Image[0].Step2, Image[0].Step2),
            };
        }
    }

    internal IsmrmrdHeader Header { get; }

    /// <summary>The encoding of the lines, corrected where they contradict the header.</summary>
    internal MriEncoding Encoding { get; set; }

    internal float[] Samples { get; }

    internal List<Acquisition> Noise { get; }

    internal List<Acquisition> Image { get; }

    /// <summary>Lines that serve the coil sensitivities only.</summary>
    internal List<Acquisition> Calibration { get; }

    internal int Coils { get; }

    internal List<string> Remarks { get; } = [];

    /// <summary>Sentences on the processing that every scan of this kind undergoes; they give no cause for doubt.</summary>
    internal List<string> Routine { get; } = [];

    /// <summary>True where pixels are counted against the directions of the file (<see cref="VendorConvention.Siemens"/>).</summary>
    internal bool IsTurned { get; init; }

    internal bool IsCartesian => Encoding.Trajectory is "cartesian" or "epi";

    /// <summary>The noise's covariance in the data; null without a noise scan that fits.</summary>
    /// <param name="factor">The factor of sorting on the noise's variance.</param>
    internal float[]? NoiseCovariance(double factor)
    {
        if (Noise.Count == 0) return null;
        if (Noise.Any(a => a.Channels != Coils || a.SampleTime != Noise[0].SampleTime))
        {
            Remarks.Add("The noise scans are inconsistent, or have another number of coils than the image, and are not used.");
            return null;
        }
        if (Image.Any(a => a.SampleTime != Image[0].SampleTime)) Remarks.Add("The lines have different dwell times; the noise level is that for the first.");
        float[]? covariance = NoiseScan.Covariance(Noise, Samples);
        if (covariance is null)
        {
            Remarks.Add("The noise scan is too short to be used.");
            return null;
        }
        double ratio = NoiseScan.Ratio(Noise[0], Image[0], Header.RelativeNoiseBandwidth) * factor;
        return [.. covariance.Select(value => (float)(value * ratio))];
    }
}
