namespace InverseSolver.Imaging;

/// <summary>The covariance of the receivers' noise from acquisitions without a signal.</summary>
internal static class NoiseScan
{
    /// <summary>
    /// E[n nᴴ] of one complex sample (coils, coils), real and imaginary parts in turn; null where there are fewer than two samples for each coil.
    /// </summary>
    /// <param name="scans">Noise acquisitions, all with the same channels.</param>
    /// <param name="samples">All samples of the file.</param>
    internal static float[]? Covariance(IReadOnlyList<Acquisition> scans, float[] samples)
    {
        int coils = scans[0].Channels;
        double[] sum = new double[2 * coils * coils];
        long count = 0;
        foreach (Acquisition scan in scans)
        {
            for (int s = scan.DiscardPre; s < scan.Samples - scan.DiscardPost; s++)
            {
                count++;
                for (int i = 0; i < coils; i++)
                {
                    int a = 2 * (scan.DataOffset + (i * scan.Samples) + s);
                    for (int j = 0; j <= i; j++)
                    {
                        int b = 2 * (scan.DataOffset + (j * scan.Samples) + s), at = 2 * ((i * coils) + j);
                        sum[at] += ((double)samples[a] * samples[b]) + ((double)samples[a + 1] * samples[b + 1]);
                        sum[at + 1] += ((double)samples[a + 1] * samples[b]) - ((double)samples[a] * samples[b + 1]);
                    }
                }
            }
        }
        if (count < 2 * coils) return null;
        float[] covariance = new float[sum.Length];
        for (int i = 0; i < coils; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                int at = 2 * ((i * coils) + j), mirrored = 2 * ((j * coils) + i);
                covariance[at] = covariance[mirrored] = (float)(sum[at] / count);
                covariance[at + 1] = i == j ? 0 : (float)(sum[at + 1] / count);
                covariance[mirrored + 1] = -covariance[at + 1];
            }
        }
        return covariance;
    }

    /// <summary>
    /// The factor from a noise scan's variance to the variance of the data. White noise behind a filter as wide as the sampling rate has a variance in
    /// proportion to one over the dwell time. A receiver whose noise bandwidth is that part of the nominal one attenuates the edges of its band, which cropping
    /// the oversampled readout removes: in the middle the density is larger by one over it (Kellman and McVeigh, Magn Reson Med 54:1439, 2005).
    /// </summary>
    internal static double Ratio(Acquisition noise, Acquisition data, double? relativeBandwidth)
    {
        bool known = noise.SampleTime > 0 && data.SampleTime > 0 && float.IsFinite(noise.SampleTime) && float.IsFinite(data.SampleTime);
        double dwell = known ? (double)noise.SampleTime / data.SampleTime : 1;
        return dwell / (relativeBandwidth is { } part && part is > 0.1 and <= 1 ? part : 1);
    }
}
