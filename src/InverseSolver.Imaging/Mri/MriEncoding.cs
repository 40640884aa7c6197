namespace InverseSolver.Imaging;

/// <summary>One encoding of an ISMRMRD header.</summary>
/// <param name="Encoded">What was measured.</param>
/// <param name="Recon">What is to be reconstructed.</param>
/// <param name="Step1">The phase-encoding counter's limits; null: not said.</param>
/// <param name="Step2">The same of the partition counter.</param>
/// <param name="Trajectory">cartesian, epi, radial, goldenangle, spiral or other.</param>
/// <param name="HasRamps">Whether the description of the trajectory says that samples were taken while the gradient changed.</param>
internal sealed record MriEncoding(
    MriSpace Encoded,
    MriSpace Recon,
    KSpaceLimits? Step1,
    KSpaceLimits? Step2,
    string Trajectory,
    bool HasRamps = false);

/// <summary>The values of a counter of lines.</summary>
/// <param name="Minimum">The smallest.</param>
/// <param name="Maximum">The largest.</param>
/// <param name="Centre">The one in the centre of k-space; null: not said.</param>
internal sealed record KSpaceLimits(int Minimum, int Maximum, int? Centre);
