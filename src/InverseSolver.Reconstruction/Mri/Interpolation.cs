using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>Interpolation from a grid to samples as a matrix.</summary>
internal static class Interpolation
{
    /// <summary>(samples, cells of rows · cells of columns): the kernels' products around each sample.</summary>
    /// <param name="row">The rows' gridding.</param>
    /// <param name="column">The columns' gridding.</param>
    /// <param name="trajectory">(samples, 2), in cycles per field of view.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="own">Keeps the matrix's tensors.</param>
    public static SparseMatrix Matrix(KaiserBesselAxis row, KaiserBesselAxis column, double[,] trajectory, Device device, Func<Tensor, Tensor> own)
    {
        var neighbours = new (int[], float[])[trajectory.GetLength(0)];
        Parallel.For(0, neighbours.Length, j => neighbours[j] = Neighbours(row, column, trajectory[j, 0], trajectory[j, 1]));
        return new SparseMatrix(neighbours, row.Grid * column.Grid, device, own);
    }

    private static (int[] Cells, float[] Weights) Neighbours(KaiserBesselAxis row, KaiserBesselAxis column, double rowFrequency, double columnFrequency)
    {
        int width = column.Width;
        Span<int> rows = stackalloc int[row.Width], columns = stackalloc int[width];
        Span<double> rowWeights = stackalloc double[row.Width], columnWeights = stackalloc double[width];
        row.Taps(rowFrequency, rows, rowWeights);
        column.Taps(columnFrequency, columns, columnWeights);
        var cells = new int[row.Width * width];
        var weights = new float[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            cells[i] = (rows[i / width] * (int)column.Grid) + columns[i % width];
            weights[i] = (float)(rowWeights[i / width] * columnWeights[i % width]);
        }

        return (cells, weights);
    }
}
