using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>A multi-coil measurement made ready: white noise, few coils, known sensitivities and phase, images on [0,1].</summary>
/// <param name="A">The operator of all frames.</param>
/// <param name="Y">The prepared measurement over the scale, (frames, coils, range).</param>
/// <param name="Noise">Noise of the measurement as it came, per real component.</param>
/// <param name="Report">What was done; without the coils' residuals.</param>
internal sealed record PreparedScan(SenseOperator A, Tensor Y, NoiseReport Noise, MriReport Report)
{
    /// <summary>What Y and images were divided by.</summary>
    public double Scale => Report.Scale;

    /// <summary>σ per real component of Y.</summary>
    public double NoiseSigma => Noise.Sigma / Scale;

    /// <summary>The same with what the model does not explain, which solvers must not fit.</summary>
    public double Sigma => NoiseSigma * Math.Sqrt(Report.ModelError);
}
