using System.ComponentModel.DataAnnotations;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>
/// A forward model that the operator of the service wrote as a TorchScript module: a file in the configured folder of operators, never uploaded. Its <c>forward</c> takes
/// images (N, channels, height, width) on [0,1], float32, item by item, and gives real (N, channels, height, width) of any sizes; it must be differentiable.
/// </summary>
/// <param name="Module">The file's name without its ending, <c>.pt</c>.</param>
/// <param name="Channels">Channels of the unknown image; absent: the measurement's.</param>
/// <param name="Height">Height of the unknown image; absent: the measurement's.</param>
/// <param name="Width">Width of the unknown image; absent: the measurement's.</param>
public sealed record TorchScript(
    [property: Required, RegularExpression("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")] string Module,
    [property: AllowedValues(null, 1, 3)] int? Channels = null,
    [property: Range(1, 4096)] int? Height = null,
    [property: Range(1, 4096)] int? Width = null) : Problem
{
    internal override bool IsLinear => false;
}
