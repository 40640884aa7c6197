namespace InverseSolver.Imaging;

/// <summary>Matrix sizes and fields of view in millimetres (0: not said): along the readout, the phase encoding and the partitions.</summary>
internal sealed record MriSpace((int Size, double Mm) X, (int Size, double Mm) Y, (int Size, double Mm) Z)
{
    // Of patients: slices of metres that were written as millimetres are thinner.
    private const double LeastSlabMm = 0.05;

    /// <summary>Whether the field of view is too small to be in millimetres: in metres all are below 1.</summary>
    internal bool IsTooSmall => X.Mm is > 0 and < 1 || Y.Mm is > 0 and < 1 || Z.Mm is > 0 and < LeastSlabMm;

    /// <summary>What is to be said of it.</summary>
    internal string TooSmall() => FormattableString.Invariant($"The header's field of view of {X.Mm:G4} x {Y.Mm:G4} x {Z.Mm:G4} mm is too small to be in millimetres; perhaps it is in metres. Size and place of the pixels are taken as not known.");
}
