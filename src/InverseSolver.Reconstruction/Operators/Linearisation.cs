namespace InverseSolver.Reconstruction.Operators;

/// <summary>The residual r(x) of a forward model near an image, and its Jacobian there.</summary>
/// <param name="Residual">r, (N, range).</param>
/// <param name="Apply">v ↦ J v, (N, channels, height, width) to (N, range).</param>
/// <param name="Adjoint">w ↦ Jᵀ w.</param>
internal sealed record Linearisation(Tensor Residual, Func<Tensor, Tensor> Apply, Func<Tensor, Tensor> Adjoint);
