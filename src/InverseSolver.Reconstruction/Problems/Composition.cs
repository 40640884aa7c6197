using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Linear problems one after the other: y = A_k ... A_2 A_1 x + n, for example blur, then super-resolution, then inpainting.</summary>
/// <param name="Parts">The parts in the order in which they act on the image; <c>mri</c> only as the last one. What the last part does not measure is not measured.</param>
public sealed record Composition([property: Required, Length(1, 8)] IReadOnlyList<Problem> Parts) : Problem
{
    internal override string? PhotonRefusal => Parts[^1].PhotonRefusal;
}
