using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// AᴴWA of a <see cref="Nufft"/> A and real weights W: a convolution with q[m] = 1/(rows·columns) Σ_j w_j exp(2πi k_j·m/n), done by transforms of twice the
/// image's size (Fessler, Lee, Olafsson, Shi and Noll 2005). It needs no interpolation; its cost does not depend on the number of samples.
/// </summary>
public sealed class ToeplitzNormal : IDisposable
{
    private readonly long _rows, _columns;
    private readonly Tensor _transfer;   // (P rows, P columns), real because q[−m] is q[m] conjugated

    /// <summary>Plans the product.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">As for <see cref="Nufft"/>.</param>
    /// <param name="weights">W's diagonal, (samples), float32; null for ones.</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="ArgumentException">As from <see cref="Nufft.Check"/>.</exception>
    public ToeplitzNormal(long rows, long columns, double[,] trajectory, Tensor? weights, Device device)
    {
        Nufft.Check(rows, columns, trajectory);
        (_rows, _columns) = (rows, columns);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        // The adjoint on an image of twice the size, where the same frequencies are twice as many cycles per field of view.
        var twice = new double[trajectory.GetLength(0), 2];
        for (long j = 0; j < twice.GetLength(0); j++) (twice[j, 0], twice[j, 1]) = (2 * trajectory[j, 0], 2 * trajectory[j, 1]);
        using var nufft = new Nufft(2 * rows, 2 * columns, twice, device);
        Tensor real = weights ?? torch.ones([nufft.Samples], ScalarType.Float32, device);
        Tensor q = nufft.Adjoint(torch.complex(real, torch.zeros_like(real))) * (2 / Math.Sqrt(rows * (double)columns));
        // Differences of pixels go from 1 − n to n − 1.
        q = q.narrow(0, 1, (2 * rows) - 1).narrow(1, 1, (2 * columns) - 1);
        q = Padded(Padded(q, 1, 2 * Fourier.FastSize(columns)), 0, 2 * Fourier.FastSize(rows)).roll([1 - rows, 1 - columns], [0, 1]);
        _transfer = torch.fft.fft2(q).real.contiguous().DetachFromDisposeScope();
    }

    /// <summary>AᴴWA x.</summary>
    /// <param name="images">(..., rows, columns), complex float32.</param>
    /// <returns>The same shape.</returns>
    public Tensor Apply(Tensor images)
    {
        Nufft.Require(images, _rows, _columns);
        using var scope = torch.NewDisposeScope();
        // Rows that hold zeros alone are neither transformed nor transformed back.
        Tensor k = torch.fft.fft_(Padded(images, -1, _transfer.size(1)), dim: -1);
        k = torch.fft.fft_(Padded(k, -2, _transfer.size(0)), dim: -2) * _transfer;
        k = torch.fft.ifft(k, dim: -2).narrow(-2, 0, _rows);
        return torch.fft.ifft(k, dim: -1).narrow(-1, 0, _columns).contiguous().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _transfer.Dispose();

    private static Tensor Padded(Tensor x, int dim, long size)
    {
        long after = size - x.size(dim);
        return torch.nn.functional.pad(x, dim is -1 or 1 ? [0, after] : [0, 0, 0, after]);
    }
}
