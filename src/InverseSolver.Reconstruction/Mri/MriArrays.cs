namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Arrays of a multi-coil result, so that anybody can check y = mask · F(Σ maps · image) + noise, with <c>bart</c> or any other tool. Those of a volume have
/// one more leading dimension.
/// </summary>
/// <param name="Image">Complex (rows, columns), or of several sets (sets, rows, columns), in the measurement's units.</param>
/// <param name="Maps">Complex ([sets,] coils, rows, columns), of the virtual coils.</param>
/// <param name="KSpace">The prepared measurement, whitened and compressed, complex (virtual coils, rows, columns) or (virtual coils, samples).</param>
/// <param name="Mask">1 where measured, (rows, columns); null with a trajectory.</param>
public sealed record MriArrays(ArrayData Image, ArrayData Maps, ArrayData KSpace, ArrayData? Mask);

// One frame's share of it.
internal sealed record MriFrame(MriArrays Arrays, MriReport Report);
