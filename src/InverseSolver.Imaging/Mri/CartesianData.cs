namespace InverseSolver.Imaging;

/// <summary>A finished <see cref="CartesianGrid"/>.</summary>
/// <param name="KSpace">(volumes x slices, coils, rows, columns), real and imaginary parts in turn.</param>
/// <param name="Mask">(volumes x slices, rows, columns).</param>
/// <param name="Slices">Slices that each volume was transformed into; 1 for a 2-D scan.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Readout">What became of the readout direction.</param>
/// <param name="Phase">What became of the phase-encoding direction.</param>
/// <param name="Third">What became of the partition direction.</param>
/// <param name="Partitions">The partitions that were measured; the others are zeros.</param>
/// <param name="NoiseFactor">The noise's variance over that of one acquired sample.</param>
/// <param name="Averaged">Whether samples were measured several times.</param>
internal sealed record CartesianData(float[] KSpace, bool[] Mask, int Slices, int Rows, int Columns, KSpaceAxis Readout, KSpaceAxis Phase, KSpaceAxis Third, (int First, int Count) Partitions, double NoiseFactor, bool Averaged);
