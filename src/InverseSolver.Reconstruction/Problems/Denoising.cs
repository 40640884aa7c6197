using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Problems;

/// <summary>Nothing but noise: y = x + n.</summary>
public sealed record Denoising : Problem
{
    internal static ProblemDescription Description { get; } = new(
        "denoising",
        new("totalVariation", "totalVariation",
            "Where the noise is below the autoencoder's own error no solver with a model comes near the measurement itself."))
    {
        Standard = new Dictionary<string, Func<long, Problem>> { ["denoising"] = _ => new Denoising() },
    };

    internal override bool IsImage => true;

    internal override ForwardOperator Operator(long[] image, OperatorArrays arrays, Device device) =>
        MaskOperator.Denoising(image[0], image[1], image[2], device);
}
