using System.Globalization;

namespace InverseSolver.Imaging;

/// <summary>One encoding of an ISMRMRD header.</summary>
/// <param name="Encoded">The measured matrix.</param>
/// <param name="Recon">The matrix to reconstruct.</param>
/// <param name="Step1">The phase-encoding counter's limits; null: not stated.</param>
/// <param name="Step2">The limits of the partition counter.</param>
/// <param name="Trajectory">cartesian, epi, radial, goldenangle, spiral or other.</param>
/// <param name="HasRamps">True where the trajectory's description states samples on the gradient's ramps.</param>
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
/// <param name="Centre">The counter in the centre of k-space; null: not stated.</param>
internal sealed record KSpaceLimits(int Minimum, int Maximum, int? Centre);

/// <summary>Matrix sizes and fields of view in millimetres (0: not stated): along the readout, the phase encoding and the partitions.</summary>
internal sealed record MriSpace((int Size, double Mm) X, (int Size, double Mm) Y, (int Size, double Mm) Z)
{
    // For patients; a slice thickness in metres that was written as millimetres is smaller.
    private const double LeastSlabMm = 0.05;

    /// <summary>True where the field of view is too small to be in millimetres; in metres all are below 1.</summary>
    internal bool IsTooSmall => X.Mm is > 0 and < 1 || Y.Mm is > 0 and < 1 || Z.Mm is > 0 and < LeastSlabMm;

    /// <summary>The remark on such a field of view.</summary>
    internal string TooSmall() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"The header's field of view of {X.Mm:G4} x {Y.Mm:G4} x {Z.Mm:G4} mm is too small to be in millimetres; perhaps it is in metres. "
                + $"The pixels' size and position are treated as unknown.");
}
