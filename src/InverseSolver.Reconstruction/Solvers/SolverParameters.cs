using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The parameters of one solver. Ranges stand as validation attributes on its properties; its defaults are the preset <c>balanced</c>.</summary>
public abstract record SolverParameters
{
    /// <summary>The solver with these parameters.</summary>
    internal abstract Solver Create(SolverInput input);

    /// <summary>The reason for which the solver cannot solve a problem with a model, in a sentence for the caller; null when it can.</summary>
    internal virtual string? Refusal(Problem problem, ModelInfo model) => null;

    /// <summary>The gradients of the model that the solver needs with these parameters.</summary>
    internal virtual ModelGradients Gradients => ModelGradients.None;

    /// <summary>The data step that a run on a problem takes; null for solvers without a network.</summary>
    internal virtual DataStep? DataStepOn(Problem problem) => null;

    /// <summary>Steps over the model's training schedule, which has to be at least as long; 0 for solvers without a grid of their own.</summary>
    internal virtual int GridSteps => 0;

    /// <summary>
    /// True where the items of a batch are the frames of one sequence, which are solved with each other: all of them in one batch, as one sample.
    /// </summary>
    internal virtual bool JointFrames => false;

    /// <summary>Memory beside that of images and of the model's calls.</summary>
    /// <param name="image">(channels, height, width).</param>
    /// <param name="frames">Frames of the measurement.</param>
    internal virtual double Bytes(long[] image, long frames) => 0;

    /// <summary>Properties that change nothing beside the values of the others.</summary>
    internal virtual IEnumerable<string> WithoutEffect() => [];
}

/// <summary>The parameters that all solvers with a diffusion model have in common.</summary>
public abstract record DiffusionParameters : SolverParameters
{
    /// <summary>
    /// Independent samples; small images are solved together. The result is their mean, which is nearer to the truth than each of them, and their
    /// standard deviation shows where the prior chose; it is smaller than the posterior's (docs/results.md).
    /// </summary>
    [Range(1, 32)] public int Samples { get; init; } = 1;

    /// <summary>A last proximal step from the solver's own image.</summary>
    public bool FinalProximalStep { get; init; } = true;

    /// <summary>Correlation of neighbouring pixels' errors that the last proximal step assumes; 0 leaves unmeasured pixels as they are.</summary>
    [Range(0.0, 0.95)] public double FinalCorrelation { get; init; } = 0.4;

    /// <summary>
    /// Standard deviation of the decoded image's error that proximal steps assume, on [0,1]; null: the model card's round-trip RMSE.
    /// </summary>
    [Range(1e-6, 1.0)] public double? PriorStandardDeviation { get; init; }

    /// <inheritdoc/>
    internal override DataStep? DataStepOn(Problem problem) => DataStep.Paper;

    /// <summary>True where proximal steps in the metric of the error come before the last one.</summary>
    private protected virtual bool HasProximalSteps => false;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
    [
        .. FinalProximalStep ? Array.Empty<string>() : [nameof(FinalCorrelation)],
        .. FinalProximalStep || HasProximalSteps ? Array.Empty<string>() : [nameof(PriorStandardDeviation)],
    ];
}

/// <summary>The parameters of solvers whose own data step the proximal step can replace.</summary>
public abstract record DataStepParameters : DiffusionParameters
{
    /// <summary>The data step.</summary>
    public abstract DataStep DataStep { get; init; }

    /// <inheritdoc/>
    internal override DataStep? DataStepOn(Problem problem) => DataStep;

    /// <inheritdoc/>
    private protected override bool HasProximalSteps => DataStep == DataStep.Proximal;
}

/// <summary>The step that takes a clean estimate towards the measurement: the method's own, or ours in its place (docs/decisions/0033).</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DataStep>))]
public enum DataStep
{
    /// <summary>The method's own, as its authors have it.</summary>
    [JsonStringEnumMemberName("paper")] Paper,

    /// <summary>
    /// The proximal step of this software in its place, in the metric of the estimate's error: a measured pixel also corrects its neighbours. It is one step
    /// for all solvers, which then differ little.
    /// </summary>
    [JsonStringEnumMemberName("proximal")] Proximal,
}
