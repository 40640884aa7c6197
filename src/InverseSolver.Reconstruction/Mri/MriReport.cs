namespace InverseSolver.Reconstruction.Mri;

/// <summary>The preparation of a multi-coil measurement, and the residual of each coil.</summary>
/// <param name="Coils">Coils of the measurement.</param>
/// <param name="VirtualCoils">Coils after compression.</param>
/// <param name="Noise">Where the noise level comes from: the noise covariance that was sent, the given sigma, or the outermost samples.</param>
/// <param name="NoiseSamples">Samples that the noise was estimated from; null where it was not.</param>
/// <param name="Maps">Where the sensitivities come from: file, espirit or lowResolution.</param>
/// <param name="MapSets">Sets of sensitivities.</param>
/// <param name="CalibrationRows">Rows of the calibration region; 0 where the sensitivities were sent.</param>
/// <param name="CalibrationLines">Its lines.</param>
/// <param name="Phase">Where the first estimate of the phase comes from: file or lowResolution; it is refined jointly with the image.</param>
/// <param name="NetAcceleration">Positions of k-space over positions measured, the centre included.</param>
/// <param name="Scale">What the image was divided by for the model: the 0.99 quantile of its magnitude, in the measurement's units.</param>
/// <param name="ModelError">
/// Squared residual over what noise explains that no image gets rid of, at least 1: what is above 1 comes from wrong sensitivities, motion or anything else
/// the model does not know. Solvers take the noise to be so much larger.
/// </param>
/// <param name="Unexplained">
/// The share of the measurement's energy that no image explains, noise taken off: 0 to 1. Where it and <c>ModelError</c> are large, <c>warnings</c> says
/// so.
/// </param>
/// <param name="NoiseShare">The share of the measurement's energy that is noise.</param>
/// <param name="CoilRatios">Squared residual of each virtual coil over what noise explains; of a volume over all slices.</param>
public sealed record MriReport(
    int Coils, int VirtualCoils, string Noise, long? NoiseSamples, string Maps, int MapSets, int CalibrationRows, int CalibrationLines, string Phase,
    double NetAcceleration, double Scale, double ModelError, double Unexplained, double NoiseShare, IReadOnlyList<double> CoilRatios);
