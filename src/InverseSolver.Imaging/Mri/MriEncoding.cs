namespace InverseSolver.Imaging;

/// <summary>One encoding of an ISMRMRD header.</summary>
/// <param name="Encoded">What was measured.</param>
/// <param name="Recon">What is to be reconstructed.</param>
/// <param name="Step1">The phase-encoding counter's smallest, largest and central value; null: not said.</param>
/// <param name="Step2">The same of the partition counter.</param>
/// <param name="Trajectory">cartesian, epi, radial, goldenangle, spiral or other.</param>
internal sealed record MriEncoding(
    MriSpace Encoded,
    MriSpace Recon,
    (int Minimum, int Maximum, int Centre)? Step1,
    (int Minimum, int Maximum, int Centre)? Step2,
    string Trajectory);
