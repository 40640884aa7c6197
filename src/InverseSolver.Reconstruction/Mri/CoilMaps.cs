namespace InverseSolver.Reconstruction.Mri;

/// <summary>Sensitivities of coils with the certainty that a pixel holds signal.</summary>
/// <param name="Maps">
/// Complex (slices, sets, coils, rows, columns), in each pixel of norm 1 over the coils or 0; its phase relative to the strongest virtual coil's.
/// </param>
/// <param name="Eigenvalues">(slices, sets, rows, columns), near 1 where there is signal, before any cropping.</param>
public sealed record CoilMaps(Tensor Maps, Tensor Eigenvalues) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Maps.Dispose();
        Eigenvalues.Dispose();
    }
}
