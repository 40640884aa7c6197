namespace InverseSolver.Imaging;

/// <summary>A file as an array.</summary>
/// <param name="Array">Its values.</param>
/// <param name="Quantisation">Standard deviation of its rounding, in the units of <paramref name="Array"/>; 0 for finer files.</param>
public sealed record ImportedFile(ArrayData Array, double Quantisation);
