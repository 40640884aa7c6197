namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// A sparse matrix and its transpose, both as lists of the entries of each row, so that either product gathers and each of its elements is summed in one order:
/// deterministic on every device. Built once; about 24 bytes for each entry.
/// </summary>
internal sealed class SparseMatrix
{
    private readonly (Tensor Columns, Tensor Starts, Tensor Weights) _forward, _backward;

    /// <summary>Takes entries over.</summary>
    /// <param name="rows">The entries of each row: columns and weights.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="device">Where it computes.</param>
    /// <param name="own">Keeps the matrix's tensors.</param>
    public SparseMatrix((int[] Columns, float[] Weights)[] rows, long columns, Device device, Func<Tensor, Tensor> own)
    {
        var starts = new long[rows.Length];
        for (int i = 1; i < rows.Length; i++) starts[i] = starts[i - 1] + rows[i - 1].Columns.Length;
        long count = starts[^1] + rows[^1].Columns.Length;
        int[] column = new int[count], row = new int[count];
        var weight = new float[count];
        var columnStarts = new long[columns + 1];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i].Columns.CopyTo(column, starts[i]);
            rows[i].Weights.CopyTo(weight, starts[i]);
            foreach (int c in rows[i].Columns) columnStarts[c + 1]++;
        }

        for (long c = 0; c < columns; c++) columnStarts[c + 1] += columnStarts[c];
        _forward = Keep(column, starts, weight);

        // Transposed by counting; the rows of each column stay in order.
        long[] next = columnStarts[..(int)columns];
        var transposed = new float[count];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int k = 0; k < rows[i].Columns.Length; k++)
            {
                long at = next[rows[i].Columns[k]]++;
                (row[at], transposed[at]) = (i, rows[i].Weights[k]);
            }
        }

        _backward = Keep(row, columnStarts[..(int)columns], transposed);

        (Tensor, Tensor, Tensor) Keep(int[] indices, long[] offsets, float[] weights) => (
            own(torch.from_bytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(indices), [indices.LongLength], ScalarType.Int32).to(device)),
            own(torch.copy_of(offsets).to(ScalarType.Int32, device)),
            own(torch.copy_of(weights, weights.LongLength).to(device)));
    }

    /// <summary>M x of vectors as rows, (K, columns): (K, rows). Differentiable.</summary>
    public Tensor Apply(Tensor x) => Product(_forward, x);

    /// <summary>Mᵀ y of vectors as rows, (K, rows): (K, columns). Differentiable.</summary>
    public Tensor Transposed(Tensor y) => Product(_backward, y);

    /// <summary>Multiplies the matrix by a number, in place.</summary>
    public void Scale(double factor)
    {
        _forward.Weights.mul_(factor);
        _backward.Weights.mul_(factor);
    }

    // Σ over a bag of rows of a table, weighted: a product in compressed rows.
    private static Tensor Product((Tensor Columns, Tensor Starts, Tensor Weights) m, Tensor vectors) =>
        torch.nn.functional.embedding_bag(m.Columns, vectors.transpose(0, 1).contiguous(), m.Starts, m.Weights).transpose(0, 1);
}
