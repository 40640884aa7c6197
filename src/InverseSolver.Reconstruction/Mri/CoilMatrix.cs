namespace InverseSolver.Reconstruction.Mri;

/// <summary>Matrices that mix the coils of multi-coil data.</summary>
public static class CoilMatrix
{
    /// <summary>Replaces each sample's coils by a matrix times them.</summary>
    /// <param name="matrix">(outputs, coils), complex.</param>
    /// <param name="data">k-space or coil images, complex (…, coils, rows, columns).</param>
    /// <returns>(…, outputs, rows, columns), of the type of <paramref name="data"/>.</returns>
    public static Tensor Apply(Tensor matrix, Tensor data)
    {
        using var scope = torch.NewDisposeScope();
        long[] shape = data.shape;
        Check(data);
        if (matrix.ndim != 2 || matrix.size(1) != shape[^3])
        {
            throw new ArgumentException($"The matrix mixes {matrix.size(-1)} coils; the data have {shape[^3]}.");
        }

        Tensor mixed = Mix(matrix, data.reshape([.. shape[..^2], shape[^2] * shape[^1]]));
        return mixed.reshape([.. shape[..^3], matrix.size(0), shape[^2], shape[^1]]).MoveToOuterDisposeScope();
    }

    /// <summary>The same of (…, coils, samples).</summary>
    internal static Tensor Mix(Tensor matrix, Tensor samples)
    {
        using Tensor like = matrix.to(samples.dtype, samples.device);
        return like.Matmul(samples);
    }

    /// <summary>All samples of all slices as columns: (coils, samples).</summary>
    internal static Tensor Columns(Tensor data)
    {
        Check(data);
        long coils = data.size(-3), rows = data.size(-2), columns = data.size(-1);
        using Tensor slices = data.reshape(-1, coils, rows * columns), first = slices.permute(1, 0, 2);
        return first.reshape(coils, -1);
    }

    /// <summary>Eigenvalues, ascending, and eigenvectors, as columns, of Σ d dᴴ over the samples d, complex float64 (coils, coils).</summary>
    internal static (Tensor Values, Tensor Vectors) Principal(Tensor data)
    {
        using Tensor columns = Columns(data), wide = columns.to(ScalarType.ComplexFloat64), adjoint = Adjoint(wide), gram = wide.Matmul(adjoint);
        return torch.linalg.eigh(gram);
    }

    /// <summary>The conjugate transpose of the last two dimensions.</summary>
    internal static Tensor Adjoint(Tensor matrix)
    {
        using Tensor transposed = matrix.transpose(-2, -1), conjugate = transposed.conj();
        return conjugate.resolve_conj();
    }

    private static void Check(Tensor data)
    {
        if (data.ndim < 3 || !data.is_complex()) throw new ArgumentException("Multi-coil data are complex (…, coils, rows, columns).");
    }
}
