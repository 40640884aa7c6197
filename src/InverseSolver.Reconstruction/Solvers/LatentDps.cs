using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Optimisation;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// Latent-DPS: Chung, Kim, Mccann, Klasky, Ye, "Diffusion Posterior Sampling for General Noisy Inverse Problems" (ICLR 2023), in the latent
/// space. Each step of the sampler is followed by one along the gradient of the residual of the clean estimate:
/// z' ← z' - ζ ∇_z ‖y - A(D(ẑ₀(z)))‖, or, with <see cref="LatentDpsParameters.Squared"/>, half the squared norm.
/// </summary>
/// <remarks>
/// The authors' norm is not squared, so a step's length does not depend on the residual's size; the best ζ then changes with the image's size,
/// and that of the squared norm does not. ReSample's code (Song and others, ICLR 2024) has the same step with ζ ᾱ and with ∇_z ẑ₀ = 1/√ᾱ, the
/// noise prediction taken as constant: <see cref="LatentDpsParameters.ScaleByAbar"/> and <see cref="LatentDpsParameters.ThroughNetwork"/> switch
/// both. On the papers' [-1,1] scale the residual is twice ours: the factors 2 and 4 below.
/// </remarks>
public sealed class LatentDps : DiffusionSolver
{
    private readonly LatentDpsParameters _p;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public LatentDps(SolverInput input, LatentDpsParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <summary>The sampler's, and one that decodes.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            (Tensor epsilon, Tensor x, Tensor gradient) = Guidance(state.Latent, t);
            Tensor z = t.Ddim(t.X0(state.Latent, epsilon), epsilon, _p.Eta, state.NoiseLike);
            state.Latent = z - gradient * (_p.Scale * (_p.ScaleByAbar ? t.AlphaCumprod : 1));
            yield return new SolverStep("sampling", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    // ε, D(ẑ₀) and, on the [-1,1] scale, ∇_z ‖y - A(D(ẑ₀))‖ or half its square, with ẑ₀ = (z - √(1-ᾱ) ε(z)) / √ᾱ.
    internal (Tensor Epsilon, Tensor Image, Tensor Gradient) Guidance(Tensor z, DdimStep t)
    {
        if (_p.ThroughNetwork)
        {
            return Model.X0Vjp(t, z, DecoderGradient);
        }

        Tensor epsilon = Model.PredictNoise(z, t.Timestep);
        (Tensor image, Tensor gradient) = DecoderGradient(t.X0(z, epsilon));
        return (epsilon, image, gradient / Math.Sqrt(t.AlphaCumprod));
    }

    private (Tensor Image, Tensor Gradient) DecoderGradient(Tensor z0) => Model.DecodeVjp(z0, x =>
    {
        Tensor gradient = A.Gradient(x, Y);
        return _p.Squared ? gradient * 4 : gradient * 2 / A.Residual2(x, Y).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);
    });

    internal override IEnumerable<ModelCalls> StepCalls() =>
    [
        .. Enumerable.Repeat(_p.ThroughNetwork ? new ModelCalls(0, 1, 0, 1, 0) : new ModelCalls(1, 0, 0, 1, 0), Schedule.Steps),
        new ModelCalls(0, 0, 1, 0, 0),
    ];
}

/// <summary>Parameters of <see cref="LatentDps"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record LatentDpsParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public LatentDpsParameters() => Samples = 4;

    /// <summary>Steps of the sampler.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 50;

    /// <summary>DDIM's eta: 0 = deterministic, 1 = as noisy as DDPM.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; }

    /// <summary>ζ, the length of the gradient step on the papers' [-1,1] scale.</summary>
    [Range(0.0, 1000.0)] public double Scale { get; init; } = 1;

    /// <summary>True to follow half the squared norm of the residual instead of the norm, so that the step shortens with the residual.</summary>
    public bool Squared { get; init; } = true;

    /// <summary>True to multiply ζ by ᾱ, as in ReSample's code.</summary>
    public bool ScaleByAbar { get; init; } = true;

    /// <summary>True to take the gradient through the noise prediction too, which costs about as much again.</summary>
    public bool ThroughNetwork { get; init; }

    /// <summary>The authors' settings (ζ of most of their tasks) with the gradient through the whole chain.</summary>
    internal static LatentDpsParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 1000,
        Eta = 1,
        Scale = 0.3,
        Squared = false,
        ScaleByAbar = false,
        ThroughNetwork = true,
        FinalProximalStep = false,
    };

    /// <summary>The paper's method, through the network, with fewer steps and a longer ζ for each of them.</summary>
    internal static LatentDpsParameters PaperFast { get; } = Paper with { Steps = 60, Scale = 3 };

    /// <summary>Four samples of a short run, guided through the decoder only.</summary>
    internal static LatentDpsParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: one sample and fewer steps.</summary>
    internal static LatentDpsParameters Fast { get; } = new() { Samples = 1, Steps = 30 };

    internal static SolverDescription Description { get; } = new(
        "latentDps",
        "Latent-DPS",
        "Chung, Kim, Mccann, Klasky, Ye: Diffusion Posterior Sampling for General Noisy Inverse Problems. ICLR 2023.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
        Scale > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Squared), nameof(ScaleByAbar), nameof(ThroughNetwork)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => new(Denoiser: ThroughNetwork, Decoder: true, false);

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new LatentDps(input, this);
}
