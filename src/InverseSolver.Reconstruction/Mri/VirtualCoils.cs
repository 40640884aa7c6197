namespace InverseSolver.Reconstruction.Mri;

/// <summary>
/// Compression of whitened coils from which the coils as they came can be told. Noise that is much louder in some coils than in others makes the whitened
/// signal of the loud ones small: to keep nearly all of the whitened energy alone would lose them, and with them the image's intensity, which is relative
/// to all coils.
/// </summary>
/// <param name="Matrix">Complex float64 (virtual, coils), of whitened coils, its rows orthonormal.</param>
/// <param name="Back">The linear prediction of the coils as they came from the virtual ones, complex float64 (coils, virtual).</param>
internal sealed record VirtualCoils(Tensor Matrix, Tensor Back)
{
    /// <summary>
    /// As few virtual coils as keep <see cref="CoilCompression.DefaultEnergy"/> of the whitened calibration data and predict as much of those as they came.
    /// </summary>
    /// <param name="white">Whitened calibration data, complex (…, coils, rows, columns).</param>
    /// <param name="whitening">Complex (coils, coils); null where nothing was whitened.</param>
    /// <param name="most">Virtual coils at most, whatever is lost.</param>
    public static VirtualCoils Find(Tensor white, Tensor? whitening, long most)
    {
        using var scope = torch.NewDisposeScope();
        Tensor all = CoilCompression.Matrix(white, 1), samples = CoilMatrix.Columns(white).to(ScalarType.ComplexFloat64, torch.CPU);
        Tensor coils = whitening is null ? samples : torch.linalg.inv(whitening).Matmul(samples);
        all = all.to(torch.CPU);
        // Samples of different virtual coils are uncorrelated, so each predicts a part of its own.
        Tensor virtualSamples = all.Matmul(samples), power = virtualSamples.abs().square().sum([1]).clamp(min: double.Epsilon);
        Tensor back = coils.Matmul(CoilMatrix.Adjoint(virtualSamples)) / power;
        double[] predicted = (back.abs().square().sum([0]) * power).ToDoubles();
        double needed = CoilCompression.DefaultEnergy * coils.abs().square().sum().ToDouble(), sum = 0;
        long count = Math.Min(most, CoilCompression.Matrix(white).size(0));
        for (long i = 0; i < all.size(0) && (i < count || sum < needed); i++)
        {
            sum += predicted[i];
            count = Math.Min(most, Math.Max(count, i + 1));
        }

        return new VirtualCoils(all.narrow(0, 0, count).to(white.device).MoveToOuterDisposeScope(), back.narrow(1, 0, count).clone().MoveToOuterDisposeScope());
    }
}
