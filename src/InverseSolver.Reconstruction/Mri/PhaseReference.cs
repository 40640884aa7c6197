namespace InverseSolver.Reconstruction.Mri;

/// <summary>Maps are known up to a phase in each pixel. Relative to a virtual coil that is strong everywhere their phase is smooth.</summary>
internal static class PhaseReference
{
    /// <summary>The first principal component of the coils of (coils, rows, columns), complex float32 (coils), its largest entry positive.</summary>
    public static Tensor Coil(Tensor data)
    {
        using var scope = torch.NewDisposeScope();
        Tensor strongest = CoilMatrix.Principal(data).Vectors.narrow(1, data.size(0) - 1, 1).squeeze(1);
        Tensor largest = strongest.index_select(0, strongest.abs().argmax().reshape(1));
        return (strongest * largest.conj() / largest.abs()).to(ScalarType.ComplexFloat32).MoveToOuterDisposeScope();
    }

    /// <summary>Turns each pixel of (…, coils, rows, columns) so that the virtual coil has the phase 0.</summary>
    public static Tensor Apply(Tensor maps, Tensor coil)
    {
        using var scope = torch.NewDisposeScope();
        Tensor seen = (maps * coil.conj().reshape(-1, 1, 1)).sum([-3], keepdim: true), size = seen.abs();
        Tensor turn = torch.where(size.gt(0), seen.conj() / size.clamp(min: float.Epsilon), torch.ones_like(seen));
        return (maps * turn).MoveToOuterDisposeScope();
    }
}
