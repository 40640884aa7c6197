namespace InverseSolver.Imaging;

/// <summary>Matrix sizes and fields of view in millimetres (0: not said): along the readout, the phase encoding and the partitions.</summary>
internal sealed record MriSpace((int Size, double Mm) X, (int Size, double Mm) Y, (int Size, double Mm) Z);
