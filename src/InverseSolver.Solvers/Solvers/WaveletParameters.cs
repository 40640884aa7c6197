using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="WaveletThresholding"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record WaveletParameters : SolverParameters
{
    /// <summary>w of ½ ‖A(x) − y‖² + w ‖W x‖₁, in units of y² over x; null: 5 σ².</summary>
    [Range(1e-12, 1e12)] public double? Weight { get; init; }

    /// <summary>Steps of FISTA.</summary>
    [Range(1, 10_000)] public int Steps { get; init; } = 200;

    /// <summary>Whether every step shifts the wavelets' grid at random, from the item's seed.</summary>
    public bool CycleSpinning { get; init; } = true;

    /// <summary>FISTA for one fixed W, near convergence.</summary>
    internal static WaveletParameters Paper { get; } = new() { Steps = 1000, CycleSpinning = false };

    /// <summary>The defaults.</summary>
    internal static WaveletParameters Balanced { get; } = new();

    /// <summary>Half the steps.</summary>
    internal static WaveletParameters Fast { get; } = new() { Steps = 100 };

    /// <summary>
    /// w = 5 σ²: the mode of the posterior where the penalty's density is exp(-5 ‖W x‖₁) on [0,1], whatever A's scale is; within 0.1 dB of the best over five kinds of problems (docs/decisions/0011).
    /// Noise below 10⁻³ ‖A‖ counts as that much: with none the weight only decides the pace.
    /// </summary>
    internal static double WeightFor(double sigma, double norm2) => 5 * Math.Max(sigma * sigma, 1e-6 * norm2);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new WaveletThresholding(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) => problem switch
    {
        PhaseRetrieval or CodedDiffraction => "Wavelet thresholding needs a convex problem: from magnitudes alone its steps end wherever they start.",
        TorchScript => "Wavelet thresholding needs a convex problem, and of a module it is not known whether it is one.",
        _ => null,
    };
}
