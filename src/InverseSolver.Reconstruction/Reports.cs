namespace InverseSolver.Reconstruction;

/// <summary>Agreement of an image with its measurement.</summary>
/// <param name="MeasuredComponents">m, real components measured.</param>
/// <param name="Residual">||A(x) - y||^2 over the measured components.</param>
/// <param name="Expected">m sigma^2, what noise alone would leave.</param>
/// <param name="Ratio">Residual over expected; null when sigma is 0.</param>
/// <param name="RelativeResidual">||A(x) - y|| / ||y||.</param>
/// <remarks>With counted photons the entries are weighted by their noise: then everything is in units of a common level, and a ratio of 1 still is what
/// noise explains.</remarks>
/// <param name="PriorShare">
/// ||x - A⁺A x||^2 / ||x||^2: the share of the image's energy that the measurement does not see, hence comes from the prior; null where A is not linear.
/// </param>
/// <param name="Photons">Photons per unit of y, where they were counted.</param>
public sealed record ConsistencyReport(
    long MeasuredComponents, double Residual, double Expected, double? Ratio, double RelativeResidual, double? PriorShare, double? Photons = null)
{
    /// <summary>Of a stack of frames: sums, the ratio of the sums, and the means of the relative residuals and prior shares.</summary>
    internal static ConsistencyReport Of(ConsistencyReport[] frames)
    {
        (double residual, double expected) = (frames.Sum(f => f.Residual), frames.Sum(f => f.Expected));
        return new ConsistencyReport(
            frames.Sum(f => f.MeasuredComponents), residual, expected, expected > 0 ? residual / expected : null,
            frames.Average(f => f.RelativeResidual), frames.Average(f => f.PriorShare), frames[0].Photons);
    }
}

/// <summary>The noise that was solved for.</summary>
/// <param name="Sigma">Standard deviation of the Gaussian noise, per real component.</param>
/// <param name="SigmaEstimated">Whether it was estimated from the measurement.</param>
/// <param name="SigmaMethod">How, where it was.</param>
/// <param name="Photons">Photons per unit of y, where they were counted.</param>
public sealed record NoiseReport(double Sigma, bool SigmaEstimated, string? SigmaMethod, double? Photons);

/// <summary>Agreement of the image, clipped to [0,1], with a known truth.</summary>
/// <param name="PsnrDb">Peak signal-to-noise ratio, peak 1.</param>
/// <param name="Ssim">Structural similarity, Gaussian window 11, sigma 1.5, range 1.</param>
/// <param name="Nmse">||x - truth||^2 / ||truth||^2.</param>
public sealed record QualityReport(double PsnrDb, double Ssim, double Nmse)
{
    /// <summary>Of a stack of frames: the means.</summary>
    internal static QualityReport MeanOf(QualityReport[] frames) =>
        new(frames.Average(f => f.PsnrDb), frames.Average(f => f.Ssim), frames.Average(f => f.Nmse));
}

/// <summary>The figures of one frame of a stack.</summary>
/// <param name="Seed">Its seed: alone, with this seed, it gives the same image up to rounding.</param>
/// <param name="Consistency">How well it explains its measurement.</param>
/// <param name="Quality">Agreement with its truth, where that was given.</param>
/// <param name="Twin">Which twin it is, of problems that have them.</param>
public sealed record FrameReport(long Seed, ConsistencyReport Consistency, QualityReport? Quality, TwinReport? Twin);

/// <summary>
/// The choice between an image and its twin, turned by 180 degrees: the result is the one that the prior finds likelier by its denoising loss. The
/// measurement says nothing about it, nor about where in the frame the image lies.
/// </summary>
/// <param name="Turned">Whether the solver's own image was turned.</param>
/// <param name="Loss">Denoising loss of the result per element of the latent.</param>
/// <param name="OtherLoss">That of the twin which was left.</param>
/// <param name="Registered">
/// Agreement with the truth of the result, or of its twin where that agrees better, shifted by whole pixels so that it correlates best; null without a
/// truth. It uses the truth, so it says what the magnitudes were solved to, not what a caller gets.
/// </param>
public sealed record TwinReport(bool Turned, double Loss, double OtherLoss, QualityReport? Registered);

/// <summary>The cost of a run.</summary>
/// <param name="NetworkCalls">Calls of the denoiser without gradient.</param>
/// <param name="DecoderCalls">Calls of the decoder without gradient.</param>
/// <param name="DecoderGradients">Calls of the decoder with gradient.</param>
/// <param name="EncoderCalls">Calls of the encoder, with gradient or without.</param>
/// <param name="Seconds">Wall-clock time.</param>
/// <param name="NetworkGradients">Calls of the denoiser with gradient.</param>
public sealed record CostReport(int NetworkCalls, int DecoderCalls, int DecoderGradients, int EncoderCalls, double Seconds, int NetworkGradients = 0);
