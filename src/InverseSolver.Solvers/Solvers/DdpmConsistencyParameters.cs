using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="DdpmConsistency"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DdpmConsistencyParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DdpmConsistencyParameters() => Samples = 8;

    /// <summary>DDPM steps, one network call each.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>The data step; <c>published</c> replaces the measured lines of k-space.</summary>
    public DataStep Data { get; init; } = DataStep.ErrorMetric;

    /// <summary>All of DDPM's steps, measured lines replaced.</summary>
    internal static DdpmConsistencyParameters Paper { get; } = new() { Samples = 1, Steps = 1000, Data = DataStep.Published, FinalProximalStep = false };

    /// <summary>Eight samples of a short run with our data step.</summary>
    internal static DdpmConsistencyParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU.</summary>
    internal static DdpmConsistencyParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => Data == DataStep.ErrorMetric;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new DdpmConsistency(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is CartesianMri ? null : "DDPM with k-space consistency is for MRI: it replaces the measured lines of k-space.";
}
