using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Solvers.Problems;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="Ddnm"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DdnmParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DdnmParameters() => Samples = 8;

    /// <summary>Noise levels; the network is called once at each, and again on every way that travel repeats.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Share of new noise: 0 = deterministic, 1 = only new noise.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; } = 1;

    /// <summary>Steps that time travel goes back.</summary>
    [Range(1, 1000)] public int TravelLength { get; init; } = 4;

    /// <summary>How often each way is gone; 1 = no time travel.</summary>
    [Range(1, 100)] public int TravelRepeat { get; init; } = 2;

    /// <summary>The data step; <c>published</c> replaces what A sees by A+ y (DDNM+'s lambda and gamma for noise).</summary>
    public DataStep Data { get; init; } = DataStep.ErrorMetric;

    /// <summary>The authors' settings.</summary>
    internal static DdnmParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 100,
        Eta = 0.85,
        TravelLength = 1,
        TravelRepeat = 1,
        Data = DataStep.Published,
        FinalProximalStep = false,
    };

    /// <summary>Eight samples of a short run with our data step.</summary>
    internal static DdnmParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU.</summary>
    internal static DdnmParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => Data == DataStep.ErrorMetric;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => TravelRepeat > 1 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(TravelLength)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Ddnm(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "DDNM needs a linear problem: it splits an image into what the measurement sees and what it does not.";
}
