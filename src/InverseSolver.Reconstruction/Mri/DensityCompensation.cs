using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Density compensation: the area of k-space that each sample of a trajectory stands for.</summary>
public static class DensityCompensation
{
    /// <summary>
    /// The area around each sample in squared cycles per field of view, for trajectories of any kind: w ← w / (C Cᵀ w) from ones on, C a convolution onto a
    /// grid (Pipe and Menon 1999, eq. 6). Within 1.5 % of 1 on the Cartesian grid.
    /// </summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">As for <see cref="Nufft"/>.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="iterations">How often, at least 1; after 30 little changes.</param>
    /// <returns>(samples), float32, positive.</returns>
    /// <exception cref="ArgumentException">As from <see cref="Nufft.Check"/>.</exception>
    public static Tensor Weights(long rows, long columns, double[,] trajectory, Device device, int iterations = 30)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1);
        Nufft.Check(rows, columns, trajectory);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        KaiserBesselAxis row = KaiserBesselAxis.ForDensity(rows), column = KaiserBesselAxis.ForDensity(columns);
        SparseMatrix convolution = Interpolation.Matrix(row, column, trajectory, device, tensor => tensor);
        long samples = trajectory.GetLength(0);
        Tensor weights = torch.ones([1, samples], ScalarType.Float32, device);
        for (int i = 0; i < iterations; i++)
        {
            using var inner = torch.NewDisposeScope();
            // The signs of the interpolation stand squared here.
            weights.div_(convolution.Apply(convolution.Transposed(weights)));
        }

        // The fixed point is the area in cells over the integral of the kernel's correlation with itself.
        double area = row.Integral * row.Integral * rows / row.Grid * column.Integral * column.Integral * columns / column.Grid;
        return (weights.reshape(samples) * area).MoveToOuterDisposeScope();
    }
}
