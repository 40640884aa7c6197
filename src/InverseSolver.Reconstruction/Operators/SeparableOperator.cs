using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Operators;

/// <summary>
/// Y = R X Cᵀ in every channel: Gaussian blur, bicubic and average downsampling. With the thin singular value decompositions
/// R = U S Vᵀ and C = P Q Wᵀ the singular values of A are the products s q, which gives the proximal step in closed form.
/// </summary>
public sealed class SeparableOperator : LinearOperator
{
    private readonly Tensor _rows;       // R
    private readonly Tensor _columnsT;   // Cᵀ
    private readonly Lazy<Spectrum> _spectrum;

    private SeparableOperator(string name, long channels, double[,] rows, double[,] columns, Device device)
        : base(
            name, [channels, rows.GetLength(1), columns.GetLength(1)], [channels, rows.GetLength(0), columns.GetLength(0)],
            channels * rows.GetLength(0) * columns.GetLength(0))
    {
        using var scope = torch.NewDisposeScope();
        _rows = Own(Fourier.Matrix(rows).to(ScalarType.Float32, device));
        _columnsT = Own(Fourier.Matrix(columns).transpose(0, 1).contiguous().to(ScalarType.Float32, device));
        // Only the proximal step needs it, and for large images it takes seconds.
        _spectrum = new(() => Decompose(rows, columns, device));
    }

    /// <summary>Gaussian blur.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="sigma">Standard deviation in pixels, above 0.</param>
    /// <param name="boundary">What lies beyond the image's border.</param>
    /// <param name="device">Where it computes.</param>
    public static SeparableOperator GaussianBlur(
        long channels, long height, long width, double sigma, Boundary boundary, Device device) =>
        new("gaussianBlur", channels, GaussianKernel.Matrix(height, sigma, boundary), GaussianKernel.Matrix(width, sigma, boundary), device);

    /// <summary>Downsampling by a whole factor.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Height of the larger image, a multiple of the factor.</param>
    /// <param name="width">Width of the larger image, a multiple of the factor.</param>
    /// <param name="factor">How many times smaller the measurement is.</param>
    /// <param name="kernel">How pixels are merged.</param>
    /// <param name="device">Where it computes.</param>
    public static SeparableOperator Downsampling(
        long channels, long height, long width, int factor, DownsamplingKernel kernel, Device device)
    {
        if (height % factor != 0 || width % factor != 0) throw new ArgumentException($"superResolution: {height} x {width} is no multiple of {factor}.");
        Func<long, int, double[,]> matrix = kernel == DownsamplingKernel.Average ? Resampling.Average : Resampling.Bicubic;
        return new("superResolution", channels, matrix(height, factor), matrix(width, factor), device);
    }

    /// <inheritdoc/>
    protected override Tensor ApplyCore(Tensor x) => _rows.Matmul(x).Matmul(_columnsT);

    /// <inheritdoc/>
    protected override Tensor AdjointCore(Tensor y) => _rows.transpose(0, 1).Matmul(y).Matmul(_columnsT.transpose(0, 1));

    /// <inheritdoc/>
    protected override Tensor ProxCore(Tensor x0, Tensor y, double rho)
    {
        (Tensor ut, Tensor v, Tensor p, Tensor wt, Tensor values, Tensor inverse) = _spectrum.Value;
        Tensor filter = rho == 0 ? inverse : values / (values.square() + rho);
        Tensor residual = y - ApplyCore(x0);
        return x0 + v.Matmul(ut.Matmul(residual).Matmul(p) * filter).Matmul(wt);
    }

    private Spectrum Decompose(double[,] rows, double[,] columns, Device device)
    {
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        (Tensor u, Tensor s, Tensor vt) = Svd(rows);
        (Tensor p, Tensor q, Tensor wt) = Svd(columns);
        Tensor values = s.unsqueeze(1) * q.unsqueeze(0);
        Tensor smallest = values.max() * RelativeCutoff;
        Tensor inverse = torch.where(values.ge(smallest), values.reciprocal(), torch.zeros_like(values));
        return new(Keep(u.transpose(0, 1)), Keep(vt.transpose(0, 1)), Keep(p), Keep(wt), Keep(values), Keep(inverse));

        Tensor Keep(Tensor t) => Own(t.contiguous().to(ScalarType.Float32, device));
    }

    private static (Tensor U, Tensor S, Tensor Vt) Svd(double[,] matrix)
    {
        (Tensor u, Tensor s, Tensor vt) = torch.linalg.svd(Fourier.Matrix(matrix), fullMatrices: false);
        long rank = s.size(0);
        return (u.narrow(1, 0, rank), s, vt.narrow(0, 0, rank));
    }

    /// <param name="Ut">Uᵀ.</param>
    /// <param name="V">V.</param>
    /// <param name="P">P.</param>
    /// <param name="Wt">Wᵀ.</param>
    /// <param name="Values">s q, all pairs.</param>
    /// <param name="Inverse">1 / (s q), 0 below the cut-off.</param>
    private sealed record Spectrum(Tensor Ut, Tensor V, Tensor P, Tensor Wt, Tensor Values, Tensor Inverse);
}
