namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>
/// An orthogonal wavelet transform of images: Daubechies' filters of four taps (Daubechies: Orthonormal bases of compactly supported wavelets. Comm. Pure
/// Appl. Math. 41, 1988), periodic, as many levels as fit (Mallat 1989). WᵀW = I for every height and width: the last row or column of an odd size goes on
/// to the next level as it is.
/// </summary>
internal sealed class OrthogonalWavelet : IDisposable
{
    private const int Taps = 4;

    private readonly List<(Tensor Rows, Tensor Columns, long Height, long Width)> _levels = [];

    private readonly Tensor _details;

    internal OrthogonalWavelet(long height, long width, Device device)
    {
        using IDisposable grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        _details = torch.ones([height, width], device: device);
        while (height >= Taps && width >= Taps)
        {
            _levels.Add((Level(height).to(device).DetachFromDisposeScope(), Level(width).to(device).DetachFromDisposeScope(), height, width));
            (height, width) = (height - height / 2, width - width / 2);
        }

        _details.narrow(0, 0, height).narrow(1, 0, width).mul_(0);
        _details.DetachFromDisposeScope();
    }

    /// <summary>Levels.</summary>
    internal int Levels => _levels.Count;

    /// <summary>1 where a coefficient is a detail, 0 where it is the coarsest image: (H, W).</summary>
    internal Tensor Details => _details;

    /// <summary>W x.</summary>
    /// <param name="x">(..., H, W).</param>
    /// <returns>As large; the coarsest image is at the beginning of rows and columns.</returns>
    internal Tensor Forward(Tensor x)
    {
        Tensor result = x.clone();
        foreach ((Tensor rows, Tensor columns, long height, long width) in _levels)
        {
            Tensor block = Block(result, height, width);
            block.copy_(rows.Matmul(block).Matmul(columns.t()));
        }

        return result;
    }

    /// <summary>Wᵀ c, which is W⁻¹ c.</summary>
    /// <param name="c">(..., H, W).</param>
    internal Tensor Inverse(Tensor c)
    {
        Tensor result = c.clone();
        foreach ((Tensor rows, Tensor columns, long height, long width) in Enumerable.Reverse(_levels))
        {
            Tensor block = Block(result, height, width);
            block.copy_(rows.t().Matmul(block).Matmul(columns));
        }

        return result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _details.Dispose();
        foreach ((Tensor rows, Tensor columns, _, _) in _levels)
        {
            rows.Dispose();
            columns.Dispose();
        }
    }

    private static Tensor Block(Tensor x, long height, long width) => x.narrow(x.dim() - 2, 0, height).narrow(x.dim() - 1, 0, width);

    // The averages first, then the odd sample, then the details.
    private static Tensor Level(long size)
    {
        double root = Math.Sqrt(3), scale = 4 * Math.Sqrt(2);
        double[] low = [(1 + root) / scale, (3 + root) / scale, (3 - root) / scale, (1 - root) / scale];
        long half = size / 2, even = 2 * half;
        var values = new float[size * size];
        for (long i = 0; i < half; i++)
        {
            for (int k = 0; k < Taps; k++)
            {
                long column = (2 * i + k) % even;
                values[i * size + column] = (float)low[k];
                values[(size - half + i) * size + column] = (float)((k % 2 == 0 ? 1 : -1) * low[Taps - 1 - k]);
            }
        }

        if (even < size)
        {
            values[half * size + even] = 1;
        }

        return torch.copy_of(values, size, size);
    }
}
