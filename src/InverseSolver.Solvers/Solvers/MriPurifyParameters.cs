using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="MriPurify"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record MriPurifyParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public MriPurifyParameters() => Samples = 8;

    /// <summary>Noise level that the first round diffuses to, as a share of the schedule; later rounds begin at evenly falling levels. Null: 0.8, of multi-coil data 0.3.</summary>
    [Range(0.01, 1.0)] public double? Start { get; init; } = 0.8;

    /// <summary>Rounds of diffusing, denoising and putting the measured k-space back. Null: 20, of multi-coil data 2.</summary>
    [Range(1, 1000)] public int? Rounds { get; init; } = 30;

    /// <summary>DDIM steps of each round, one network call each.</summary>
    [Range(1, 1000)] public int StepsPerRound { get; init; } = 1;

    /// <summary>How measured k-space is put back; <c>published</c> replaces it.</summary>
    public DataStep Data { get; init; } = DataStep.ErrorMetric;

    /// <summary>The released code: from the prior, and the measured k-space put back after each of 150 steps.</summary>
    internal static MriPurifyParameters Paper { get; } = new()
    {
        Samples = 1,
        Start = 1,
        Rounds = 150,
        Data = DataStep.Published,
        FinalProximalStep = false,
    };

    /// <summary>Eight samples of a short run with our data step.</summary>
    internal static MriPurifyParameters Balanced { get; } = new();

    /// <summary>Of multi-coil data two network calls: what is left of their aliasing needs no more (docs/results.md).</summary>
    internal static MriPurifyParameters Fast { get; } = new() { Samples = 1, Start = null, Rounds = null };

    private protected override bool HasProximalSteps => Data == DataStep.ErrorMetric;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new MriPurify(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem is CartesianMri or ParallelMri ? null : "MRI purification is for MRI: it starts from the aliased image and puts the measured k-space back.";
}
