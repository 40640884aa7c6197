using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="WaveletThresholding"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record WaveletParameters : SolverParameters
{
    /// <summary>w of ½ ‖A(x) − y‖² + w ‖W x‖₁, in units of y² over x; null: from sigma.</summary>
    [Range(1e-12, 1e12)] public double? Weight { get; init; }

    /// <summary>Steps of FISTA.</summary>
    [Range(1, 10_000)] public int Steps { get; init; } = 200;

    /// <summary>Whether every step shifts the wavelets' grid at random, from the item's seed.</summary>
    public bool CycleSpinning { get; init; } = true;

    /// <summary>FISTA for one fixed W, near convergence.</summary>
    public static WaveletParameters Paper { get; } = new() { Steps = 1000, CycleSpinning = false };

    /// <summary>The defaults.</summary>
    public static WaveletParameters Balanced { get; } = new();

    /// <summary>Half the steps.</summary>
    public static WaveletParameters Fast { get; } = new() { Steps = 100 };

    internal static double WeightFor(double sigma, double norm2) => 20 * Math.Max(sigma * sigma, 1e-6 * norm2);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new WaveletThresholding(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, LatentModel model) => problem switch
    {
        PhaseRetrieval => "Wavelet thresholding needs a convex problem: from magnitudes alone its steps end wherever they start.",
        TorchScript => "Wavelet thresholding needs a convex problem, and of a module it is not known whether it is one.",
        _ => null,
    };
}
