namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Coil sensitivities as eigenvectors of what all small neighbourhoods of k-space have in common (Uecker, Lai, Murphy, Virtue, Elad, Pauly, Vasanawala,
/// Lustig: ESPIRiT, an eigenvalue approach to autocalibrating parallel MRI, 2014). The matrices of the pixels are trigonometric polynomials of degree
/// kernel − 1, so they are made on a grid of 2 kernel − 1 positions and interpolated exactly. At least 12 lines are needed, twice the kernel. Time grows
/// with the third power of the coils: compress many of them first.
/// </summary>
public static class Espirit
{
    // Complex values of the pixels' matrices that are held at once: 64 MiB in single precision.
    private const long ChunkElements = 1 << 23;

    /// <summary>Estimates maps.</summary>
    /// <param name="calibration">
    /// The fully measured centre of k-space, complex ([slices,] coils, r, c), frequency 0 at (r / 2, c / 2); at least as large as the kernel.
    /// </param>
    /// <param name="rows">Rows of the maps.</param>
    /// <param name="columns">Columns of the maps.</param>
    /// <param name="sets">1, or 2 where the field of view is smaller than the object, whose parts then lie on one another.</param>
    /// <param name="kernel">Side of the neighbourhoods.</param>
    /// <param name="threshold">
    /// Least eigenvalue of the neighbourhoods' Gram matrix that counts as signal, relative to the largest. (As BART's option -t: of singular values it is
    /// the square.)
    /// </param>
    /// <param name="crop">Maps are 0 where the pixel's eigenvalue, 1 for signal without noise, is not above this.</param>
    /// <returns>Made on the device of <paramref name="calibration"/>.</returns>
    public static CoilMaps Maps(Tensor calibration, long rows, long columns, int sets = 1, int kernel = 6, double threshold = 1e-3, double crop = 0.8)
    {
        if (calibration.ndim is not (3 or 4) || !calibration.is_complex())
        {
            throw new ArgumentException("Calibration data are complex ([slices,] coils, rows, columns).", nameof(calibration));
        }

        if (kernel < 1 || calibration.size(-2) < kernel || calibration.size(-1) < kernel)
        {
            throw new ArgumentException(
                $"A kernel of {kernel} needs as many calibration rows and columns; there are {calibration.size(-2)} and {calibration.size(-1)}.",
                nameof(calibration));
        }
        if (sets < 1 || sets > calibration.size(-3)) throw new ArgumentException($"{sets} sets of maps of {calibration.size(-3)} coils.", nameof(sets));
        using var scope = torch.NewDisposeScope();
        using var _ = torch.no_grad();
        Tensor slices = calibration.ndim == 4 ? calibration : calibration.unsqueeze(0);
        var maps = new Tensor[slices.size(0)];
        var values = new Tensor[slices.size(0)];
        for (long slice = 0; slice < maps.LongLength; slice++)
        {
            using var inner = torch.NewDisposeScope();
            Tensor data = slices.select(0, slice);
            Tensor largest = data.abs().max();
            if (largest.ToDouble() is not (> 0 and < double.PositiveInfinity))
            {
                throw new ArgumentException($"The calibration data of slice {slice} are zero or not finite.", nameof(calibration));
            }

            // The Gram matrix squares the values.
            data = (data / largest).to(ScalarType.ComplexFloat32);
            (Tensor vectors, Tensor eigenvalues) = Eigenvectors(Polynomial(Neighbourhoods(data, kernel, threshold)), rows, columns, sets);
            Tensor referred = PhaseReference.Apply(vectors, PhaseReference.Coil(data));
            maps[slice] = (referred * eigenvalues.gt(crop).unsqueeze(1)).MoveToOuterDisposeScope();
            values[slice] = eigenvalues.MoveToOuterDisposeScope();
        }
        return new(torch.stack(maps).MoveToOuterDisposeScope(), torch.stack(values).MoveToOuterDisposeScope());
    }

    // An orthonormal basis of the neighbourhoods that occur: (coils, kernel, kernel, vectors).
    private static Tensor Neighbourhoods(Tensor data, int kernel, double threshold)
    {
        (long coils, long rows, long columns) = (data.size(0), data.size(1) - kernel + 1, data.size(2) - kernel + 1);
        var shifted = new Tensor[kernel * kernel];
        for (int i = 0; i < shifted.Length; i++) shifted[i] = data.narrow(1, i / kernel, rows).narrow(2, i % kernel, columns);
        Tensor patches = torch.stack(shifted, 1).reshape(coils * kernel * kernel, rows * columns);
        (Tensor values, Tensor vectors) = torch.linalg.eigh(patches.Matmul(CoilMatrix.Adjoint(patches)));
        double[] ascending = values.ToDoubles();
        long signal = ascending.LongCount(value => value > threshold * ascending[^1]);
        return vectors.narrow(1, ascending.Length - signal, signal).reshape(coils, kernel, kernel, signal);
    }

    // The coefficients of the pixels' coil-by-coil matrices: (d, d, coils · coils), d = 2 kernel − 1, of the frequencies 0 … kernel − 1, 1 − kernel … −1.
    private static Tensor Polynomial(Tensor basis)
    {
        (long coils, long kernel, long count) = (basis.size(0), basis.size(1), basis.size(3));
        long grid = (2 * kernel) - 1;
        Tensor spread = torch.nn.functional.pad(basis.permute(3, 0, 1, 2), [0, kernel - 1, 0, kernel - 1]);
        Tensor fields = torch.fft.ifft2(spread, norm: FFTNormType.Forward).permute(2, 3, 1, 0).reshape(grid * grid, coils, count);
        // Each sample lies in kernel² neighbourhoods, whose projections are averaged.
        Tensor matrices = fields.Matmul(CoilMatrix.Adjoint(fields)) / (kernel * kernel);
        return torch.fft.fft2(matrices.reshape(grid, grid, coils * coils), dim: [0, 1], norm: FFTNormType.Forward);
    }

    // (sets, coils, rows, columns) of norm 1 in each pixel, and (sets, rows, columns).
    private static (Tensor Vectors, Tensor Values) Eigenvectors(Tensor polynomial, long rows, long columns, int sets)
    {
        long grid = polynomial.size(0), squared = polynomial.size(2), coils = (long)Math.Round(Math.Sqrt(squared));
        Tensor across = Waves(columns, grid, polynomial.device).Matmul(polynomial).reshape(grid, columns * squared);
        Tensor down = Waves(rows, grid, polynomial.device);
        long step = Math.Clamp(ChunkElements / (columns * squared), 1, rows);
        var vectors = new List<Tensor>();
        var values = new List<Tensor>();
        for (long row = 0; row < rows; row += step)
        {
            using var scope = torch.NewDisposeScope();
            long count = Math.Min(step, rows - row);
            Tensor matrices = down.narrow(0, row, count).Matmul(across).reshape(count * columns, coils, coils);
            (Tensor ascending, Tensor basis) = torch.linalg.eigh(matrices);
            vectors.Add(basis.narrow(2, coils - sets, sets).flip(2).permute(2, 1, 0).reshape(sets, coils, count, columns).MoveToOuterDisposeScope());
            values.Add(ascending.narrow(1, coils - sets, sets).flip(1).permute(1, 0).reshape(sets, count, columns).MoveToOuterDisposeScope());
        }
        return (torch.cat([.. vectors], 2), torch.cat([.. values], 1));
    }

    // exp(2πi d x / size), (size, grid): x = −size / 2 … along the rows, the frequencies d along the columns.
    private static Tensor Waves(long size, long grid, Device device)
    {
        var pairs = new float[2 * size * grid];
        for (long i = 0; i < size * grid; i++)
        {
            long d = i % grid;
            double angle = 2 * Math.PI * ((d <= grid / 2 ? d : d - grid) * ((i / grid) - (size / 2))) / size;
            (pairs[2 * i], pairs[(2 * i) + 1]) = ((float)Math.Cos(angle), (float)Math.Sin(angle));
        }
        return torch.view_as_complex(torch.copy_of(pairs, [size, grid, 2])).to(device);
    }
}
