namespace InverseSolver.Imaging;

/// <summary>Lines that were measured for the coil sensitivities alone, on the same grid as the k-space they belong to.</summary>
/// <param name="KSpace">(slices, coils, rows, columns), real and imaginary parts in turn, 0 where not measured.</param>
/// <param name="Mask">(slices, rows, columns): where it was measured.</param>
/// <param name="OfFrame">For each frame of the data the index of its slice here.</param>
public sealed record CalibrationLines(float[] KSpace, bool[] Mask, int[] OfFrame);
