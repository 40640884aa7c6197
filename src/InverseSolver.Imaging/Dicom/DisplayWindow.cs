namespace InverseSolver.Imaging;

/// <summary>The values that a display spreads from black to white.</summary>
/// <param name="Centre">The middle, in the image's units.</param>
/// <param name="Width">The extent, in the image's units; above 0.</param>
public sealed record DisplayWindow(double Centre, double Width);
