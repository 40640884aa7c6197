using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;

namespace InverseSolver.Solvers.Solvers;

/// <summary>Parameters of <see cref="DiffPir"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record DiffPirParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public DiffPirParameters() => Samples = 8;

    /// <summary>Steps, one network call each.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 30;

    /// <summary>Where the steps lie.</summary>
    public StepSpacing Spacing { get; init; } = StepSpacing.Linear;

    /// <summary>Share of new noise in the variance of each step's noise; the authors have 0.1 for deblurring, 0.25 for super-resolution, 1 for inpainting.</summary>
    [Range(0.0, 1.0)] public double Zeta { get; init; } = 1;

    /// <summary>Weight of the clean estimate in the <c>published</c> data step.</summary>
    [Range(1e-6, 1e6)] public double Lambda { get; init; } = 1;

    /// <summary>The data step; <c>published</c> is the proximal step with rho = lambda sigma_n^2 / sigma_t^2, for linear problems only: others always take <c>errorMetric</c>'s descent.</summary>
    public DataStep Data { get; init; } = DataStep.ErrorMetric;

    /// <summary>The authors' settings, with the share of new noise that they have for super-resolution.</summary>
    internal static DiffPirParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 100,
        Spacing = StepSpacing.Quadratic,
        Zeta = 0.25,
        Data = DataStep.Published,
        FinalProximalStep = false,
    };

    /// <summary>Eight samples of a short run with our data step.</summary>
    internal static DiffPirParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU.</summary>
    internal static DiffPirParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    private protected override bool HasProximalSteps => true;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() => Data == DataStep.Published ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Lambda)];

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new DiffPir(input, this);
}

/// <summary>Where the steps of a run lie among the training timesteps.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StepSpacing>))]
public enum StepSpacing
{
    /// <summary>Evenly.</summary>
    [JsonStringEnumMemberName("linear")] Linear,

    /// <summary>Their squares evenly: most steps where there is much noise.</summary>
    [JsonStringEnumMemberName("quadratic")] Quadratic,
}
