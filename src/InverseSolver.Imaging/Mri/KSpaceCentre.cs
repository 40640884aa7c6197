namespace InverseSolver.Imaging;

/// <summary>
/// Finds the centre of k-space along readout, phase encoding and partitions. The stated centre holds, unless the file states none or the energy of k-space is
/// clearly elsewhere: calibration is taken around the centre, so that a wrong one spoils the image. The energy of an image falls off by orders of magnitude
/// within a few lines, and its peak moves by a line or two (field gradients, timing); noise has no peak.
/// </summary>
internal static class KSpaceCentre
{
    // The largest distance of a peak from the stated centre, in lines and as a share of all lines.
    private const int LeastReach = 3;
    private const double ReachPart = 1.0 / 64;

    // The least ratio of the peak to the energy near the stated centre and near the peak's mirror image, which tagging measures alike.
    private const double Clear = 4;

    // Lines with a smaller share of the strongest line's energy are ignored: they lie at the edge of k-space.
    private const double Strong = 0.05;

    // The most lines, relative to the header's matrix, that are accepted as a finer image of the same field of view.
    private const double MostLines = 1.5;

    /// <summary>Corrects the scan's encoding and the centres of its lines, which then count in the order of acquisition.</summary>
    /// <exception cref="InvalidMeasurementException">Lines lie outside the encoded matrix.</exception>
    internal static void Settle(IsmrmrdScan scan)
    {
        double[] energy = [.. scan.Image.Select(line => Energies(line, scan.Samples).Sum())];
        MriEncoding e = scan.Encoding;
        (KSpaceLimits? step1, int columns) = Steps(scan, energy, line => line.Step1, e.Step1, e.Encoded.Y.Size, "phase-encoding");
        (KSpaceLimits? step2, int partitions) = Steps(scan, energy, line => line.Step2, e.Step2, e.Encoded.Z.Size, "partition");
        scan.Encoding = e with { Step1 = step1, Step2 = step2, Encoded = e.Encoded with { Y = (columns, e.Encoded.Y.Mm), Z = (partitions, e.Encoded.Z.Mm) } };
        Readouts(scan, energy);
    }

    private static (KSpaceLimits? Limits, int Size) Steps(
        IsmrmrdScan scan, double[] energies, Func<Acquisition, int> step, KSpaceLimits? limits, int size, string name)
    {
        int first = scan.Image.Min(step), last = scan.Image.Max(step);
        if (size == 1 || (limits is not null && (first < limits.Minimum || last > limits.Maximum))) return (limits, size);
        double[] energy = new double[last + 1];
        for (int i = 0; i < energies.Length; i++) energy[step(scan.Image[i])] = Math.Max(energy[step(scan.Image[i])], energies[i]);
        int stated = limits?.Centre ?? size / 2, centre = Peak(energy, stated) ?? stated;
        if (centre != stated)
            scan.Remarks.Add(
                $"The energy of k-space is around {name} step {centre}, which is used as its centre; "
                    + $"{(limits?.Centre is null ? "the header names none" : $"the header says {stated}")}.");
        else if (limits is { Centre: null })
            scan.Remarks.Add($"The header names no central {name} step; {stated} is used.");

        if (last - first >= size)
        {
            int needed = size;
            while (needed / 2 < centre - first || needed - (needed / 2) <= last - centre) needed++;
            if (needed > MostLines * size) return (limits, size);
            scan.Remarks.Add($"There are more {name} steps than the header's matrix of {size}; {needed} are assumed to span the same field of view.");
            size = needed;
        }
        else
        {
            (int least, int most) = (last - (size - (size / 2) - 1), first + (size / 2));
            centre = Fitted(scan, centre, least, most, Reach(last - first + 1), $"central {name} step");
            int strongest = Array.IndexOf(energy, energy.Max());
            double[] measured = [.. energy.Where(value => value > 0).Order()];
            if ((centre < least || centre > most) && strongest >= least && strongest <= most && energy[strongest] >= Clear * measured[measured.Length / 2])
            {
                // The stated centre is impossible, so the peak need not stand out against it, but against most lines.
                scan.Remarks.Add(
                    $"With the central {name} step {centre} lines would lie outside the encoded matrix; step {strongest}, which has the most energy, is used.");
                centre = strongest;
            }
        }

        return (new KSpaceLimits(limits?.Minimum ?? 0, limits?.Maximum ?? ushort.MaxValue, centre), size);
    }

    private static void Readouts(IsmrmrdScan scan, double[] energies)
    {
        var centres = new Dictionary<(bool, int, int, int, int), int>();
        double strongest = energies.Max();
        foreach (IGrouping<(bool, int, int, int, int), int> group in Enumerable.Range(0, energies.Length).GroupBy(i => Key(scan.Image[i])))
        {
            Acquisition line = scan.Image[group.First()];
            double[] energy = new double[line.Samples];
            if (group.Max(i => energies[i]) >= Strong * strongest)
                foreach (int i in group) Add(energy, Energies(scan.Image[i], scan.Samples));
            centres[group.Key] = Readout(scan, line, energy);
        }

        Turn(scan.Image);
        Turn(scan.Calibration);

        void Turn(List<Acquisition> lines)
        {
            for (int i = 0; i < lines.Count; i++)
            {
                if (!centres.TryGetValue(Key(lines[i]), out int centre))
                {
                    centres[Key(lines[i])] = centre = Readout(scan, lines[i], new double[lines[i].Samples]);
                }
                lines[i] = lines[i] with { CentreSample = centre };
            }
        }
    }

    // Of lines as acquired. A symmetric line that was measured backwards has the centre N/2 in many files, as if it had been turned already.
    private static int Readout(IsmrmrdScan scan, Acquisition line, double[] energy)
    {
        int first = line.DiscardPre, last = line.Samples - line.DiscardPost - 1, middle = (first + last + 1) / 2, size = scan.Encoding.Encoded.X.Size;
        bool reversed = line.Has(AcquisitionFlags.Reverse), isStated = line.CentreSample > 0 || line.Samples == 1;
        int stated = isStated ? line.CentreSample : middle;
        if (reversed && stated == (isStated ? line.Samples / 2 : middle)) stated = (isStated ? line.Samples - 1 : first + last) - stated;
        int centre = Peak(energy, stated) ?? stated;
        string lines = reversed ? "readouts that were measured backwards" : "readouts";
        if (centre != stated)
            scan.Remarks.Add(
                $"The energy of the {lines} is around sample {centre}, which is used as their centre; "
                    + $"{(isStated ? $"their center_sample is {line.CentreSample}" : "they name none")}.");
        else if (!isStated)
            scan.Remarks.Add($"The center_sample of the {lines} is 0, which is not plausible; sample {centre} is used as their centre.");
        if (last - first >= size) return centre;
        return reversed
            ? Fitted(
                scan, centre, last - (size / 2), first + size - (size / 2) - 1, Reach(line.Samples), "centre of readouts that were measured backwards, sample")
            : Fitted(scan, centre, last - (size - (size / 2) - 1), first + (size / 2), Reach(line.Samples), "centre of readouts, sample");
    }

    // The nearest centre with which all lines lie in the matrix, where it is close to the stated one.
    private static int Fitted(IsmrmrdScan scan, int centre, int least, int most, int reach, string name)
    {
        int fitted = Math.Clamp(centre, least, most);
        if (fitted == centre || Math.Abs(fitted - centre) > reach) return centre;
        scan.Remarks.Add($"With the {name} {centre} lines would lie outside the encoded matrix; {fitted} is used.");
        return fitted;
    }

    /// <summary>The index with the most energy where the energy is clearly not around the stated centre; else null.</summary>
    /// <param name="energy">By index; 0 where nothing was measured.</param>
    /// <param name="stated">The index of the centre that the file states.</param>
    internal static int? Peak(double[] energy, int stated)
    {
        int[] measured = [.. Enumerable.Range(0, energy.Length).Where(i => energy[i] > 0)];
        if (measured.Length < 3) return null;
        int gap = measured.Zip(measured.Skip(1), (a, b) => b - a).Max(), reach = Math.Max(Reach(energy.Length), gap);
        // At most the energy of the stronger neighbour, so that a spike is not a peak.
        double[] shared = new double[energy.Length];
        for (int i = 0; i < measured.Length; i++)
        {
            double before = i > 0 ? energy[measured[i - 1]] : 0, after = i + 1 < measured.Length ? energy[measured[i + 1]] : 0;
            shared[measured[i]] = Math.Min(energy[measured[i]], Math.Max(before, after));
        }

        int highest = measured.MaxBy(i => shared[i]), peak = measured.Where(i => Math.Abs(i - highest) <= gap).MaxBy(i => energy[i]);
        double Around(int at) => measured.Where(i => Math.Abs(i - at) <= reach).Select(i => shared[i]).DefaultIfEmpty(0).Max();
        return Math.Abs(peak - stated) > reach && shared[highest] >= Clear * Math.Max(Around(stated), Around((2 * stated) - peak)) ? peak : null;
    }

    private static int Reach(int size) => Math.Max(LeastReach, (int)(ReachPart * size));

    private static (bool, int, int, int, int) Key(Acquisition line) =>
        (line.Has(AcquisitionFlags.Reverse), line.Samples, line.CentreSample, line.DiscardPre, line.DiscardPost);

    private static void Add(double[] sum, double[] values)
    {
        for (int i = 0; i < sum.Length; i++) sum[i] += values[i];
    }

    // Of each sample, over all coils.
    private static double[] Energies(Acquisition line, float[] samples)
    {
        double[] energy = new double[line.Samples];
        for (int coil = 0; coil < line.Channels; coil++)
        {
            for (int s = line.DiscardPre; s < line.Samples - line.DiscardPost; s++)
            {
                int at = 2 * (line.DataOffset + (coil * line.Samples) + s);
                energy[s] += ((double)samples[at] * samples[at]) + ((double)samples[at + 1] * samples[at + 1]);
            }
        }

        return energy;
    }
}
