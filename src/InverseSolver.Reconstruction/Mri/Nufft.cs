using InverseSolver.Reconstruction.Operators;

namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// The Fourier transform of images at any frequencies (non-uniform fast Fourier transform; Fessler and Sutton 2003), by an oversampled transform and
/// Kaiser-Bessel interpolation:
/// y_j = 1/√(rows·columns) Σ x[r, c] exp(−2πi (k_j,0 (r − rows/2)/rows + k_j,1 (c − columns/2)/columns)), rows/2 and columns/2 whole numbers.
/// At the frequencies of the Cartesian grid that is the centred orthonormal transform. Within 2·10⁻⁶ of the sum.
/// Either direction gathers, and sums in one order: deterministic on every device.
/// </summary>
public sealed class Nufft : IDisposable
{
    /// <summary>Samples of a trajectory at most: what is kept of them takes about 800 bytes for each.</summary>
    public const long MaxSamples = 1L << 21;

    /// <summary>Rows and columns of an image at most; <see cref="ToeplitzNormal"/> takes half of that.</summary>
    public const long MaxSize = 8192;

    // A trajectory computed in float32 may miss the edge by its rounding.
    private const double EdgeTolerance = 1e-4;

    private readonly List<Tensor> _owned = [];
    private readonly KaiserBesselAxis _row, _column;
    private readonly SparseMatrix _interpolation;    // (samples, grid rows · grid columns)
    private readonly Tensor _deapodisation;          // (rows, columns, 1)

    /// <summary>Plans transforms.</summary>
    /// <param name="rows">Rows of the image, along the readout.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">(samples, 2), frequencies along rows and along columns in cycles per field of view; see <see cref="Check"/>.</param>
    /// <param name="device">Where it computes.</param>
    /// <exception cref="ArgumentException">As from <see cref="Check"/>.</exception>
    public Nufft(long rows, long columns, double[,] trajectory, Device device)
    {
        Check(rows, columns, trajectory);
        (Rows, Columns, Samples) = (rows, columns, trajectory.GetLength(0));
        _row = KaiserBesselAxis.ForTransform(rows);
        _column = KaiserBesselAxis.ForTransform(columns);
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        _interpolation = Interpolation.Matrix(_row, _column, trajectory, device, Own);
        Tensor factors = torch.outer(torch.copy_of(_row.Deapodisation()), torch.copy_of(_column.Deapodisation()));
        _deapodisation = Own(factors.unsqueeze(2).to(ScalarType.Float32, device));
    }

    /// <summary>Rows of the image.</summary>
    public long Rows { get; }

    /// <summary>Columns of the image.</summary>
    public long Columns { get; }

    /// <summary>Samples of the trajectory.</summary>
    public long Samples { get; }

    /// <summary>Refuses what no transform can be planned for.</summary>
    /// <param name="rows">Rows of the image.</param>
    /// <param name="columns">Columns of the image.</param>
    /// <param name="trajectory">
    /// (samples, 2), in cycles per field of view, in [−rows/2, rows/2] and [−columns/2, columns/2]. Both edges are the same frequency to an image of
    /// pixels.
    /// </param>
    /// <exception cref="ArgumentException">
    /// An empty or too large image, no or too many samples, or a frequency that is not finite or outside; the text says which.
    /// </exception>
    public static void Check(long rows, long columns, double[,] trajectory)
    {
        if (rows is < 1 or > MaxSize || columns is < 1 or > MaxSize)
        {
            throw new ArgumentException($"An image has 1 to {MaxSize} rows and columns, not {rows} x {columns}.", nameof(rows));
        }

        long samples = trajectory.GetLength(0);
        if (trajectory.GetLength(1) != 2)
        {
            throw new ArgumentException($"The trajectory has {trajectory.GetLength(1)} components for each sample, not 2.", nameof(trajectory));
        }

        if (samples is 0 or > MaxSamples) throw new ArgumentException($"The trajectory has {samples} samples, not 1 to {MaxSamples}.", nameof(trajectory));
        for (long j = 0; j < samples; j++)
        {
            for (int d = 0; d < 2; d++)
            {
                double k = trajectory[j, d], edge = (d == 0 ? rows : columns) / 2.0;
                // Written so that NaN is refused.
                if (!(Math.Abs(k) <= edge * (1 + EdgeTolerance)))
                {
                    throw new ArgumentException(
                        FormattableString.Invariant($"Sample {j} of the trajectory has frequency {k} along {(d == 0 ? "rows" : "columns")}, ")
                            + FormattableString.Invariant($"outside [{-edge}, {edge}] cycles per field of view."),
                        nameof(trajectory));
                }
            }
        }
    }

    /// <summary>A x: samples of images.</summary>
    /// <param name="images">(..., rows, columns), complex float32.</param>
    /// <returns>(..., samples), complex float32.</returns>
    public Tensor Forward(Tensor images)
    {
        Require(images, Rows, Columns);
        using var scope = torch.NewDisposeScope();
        // The batch comes last: the values of one cell then lie side by side for the interpolation.
        Tensor x = images.reshape(-1, Rows, Columns).permute(1, 2, 0) * _deapodisation;
        x = torch.fft.fft_(torch.nn.functional.pad(x, [0, 0, .. Margins(_column, Columns)]), dim: 1);
        x = torch.fft.fft_(torch.nn.functional.pad(x, [0, 0, 0, 0, .. Margins(_row, Rows)]), dim: 0);
        Tensor values = _interpolation.Apply(Pairs(x, _row.Grid * _column.Grid));
        return Complex(values, Samples, -1).transpose(0, 1).contiguous().reshape([.. images.shape[..^2], Samples]).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Aᴴ y, the exact transpose of <see cref="Forward"/>; with weights Aᴴ W y, which with <see cref="DensityCompensation"/> is the gridding
    /// reconstruction.
    /// </summary>
    /// <param name="samples">(..., samples), complex float32.</param>
    /// <param name="weights">W's diagonal, (samples), float32; null for ones.</param>
    /// <returns>(..., rows, columns), complex float32.</returns>
    public Tensor Adjoint(Tensor samples, Tensor? weights = null)
    {
        Require(samples, Samples);
        using var scope = torch.NewDisposeScope();
        Tensor y = weights is null ? samples.resolve_conj() : samples * weights;
        Tensor values = _interpolation.Transposed(Pairs(y.reshape(-1, Samples).transpose(0, 1).contiguous(), Samples));
        Tensor x = Complex(values, _row.Grid, _column.Grid, -1);
        x = torch.fft.ifft(x, dim: 0, norm: FFTNormType.Forward).narrow(0, _row.Offset, Rows);
        x = torch.fft.ifft(x, dim: 1, norm: FFTNormType.Forward).narrow(1, _column.Offset, Columns) * _deapodisation;
        return x.permute(2, 0, 1).contiguous().reshape([.. samples.shape[..^1], Rows, Columns]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _owned) tensor.Dispose();
        _owned.Clear();
    }

    /// <summary>Refuses anything but complex float32 with these last dimensions.</summary>
    internal static void Require(Tensor tensor, params ReadOnlySpan<long> last)
    {
        long[] shape = tensor.shape;
        if (tensor.dtype != ScalarType.ComplexFloat32 || shape.Length < last.Length || !shape.AsSpan(shape.Length - last.Length).SequenceEqual(last))
        {
            throw new ArgumentException(
                $"A complex float32 tensor (..., {string.Join(", ", last.ToArray())}) is needed, not {tensor.dtype} ({string.Join(", ", shape)}).",
                nameof(tensor));
        }
    }

    private static long[] Margins(KaiserBesselAxis axis, long size) => [axis.Offset, axis.Grid - axis.Offset - size];

    // (count, N) complex in memory as (2N, count) real, transposed: a table of pairs for SparseMatrix, not copied.
    private static Tensor Pairs(Tensor x, long count) => torch.view_as_real(x).reshape(count, -1).transpose(0, 1);

    // The way back, to the given sizes; the last is the batch's.
    private static Tensor Complex(Tensor pairs, params long[] sizes) => torch.view_as_complex(pairs.transpose(0, 1).reshape([.. sizes, 2]));

    private Tensor Own(Tensor constant)
    {
        _owned.Add(constant.DetachFromDisposeScope());
        return constant;
    }
}
