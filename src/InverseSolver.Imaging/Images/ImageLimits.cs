namespace InverseSolver.Imaging;

/// <summary>How large an image may be.</summary>
/// <param name="MaxPixels">The most pixels (height times width) that are decoded.</param>
public sealed record ImageLimits(long MaxPixels = 4096 * 4096);
