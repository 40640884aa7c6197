using System.ComponentModel.DataAnnotations;
using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Optimisation;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>
/// PSLD: Rout, Raoof, Daras, Caramanis, Dimakis, Shakkottai, "Solving Linear Inverse Problems Provably via Posterior Sampling with Latent Diffusion
/// Models" (NeurIPS 2023). DDIM, each step followed by one along the gradient, through encoder, decoder and network, of
/// ω ‖y - A(D(ẑ₀))‖ + γ ‖E(Aᵀy + (I - AᵀA) D(ẑ₀)) - ẑ₀‖: the second term glues ẑ₀ to latents that the autoencoder keeps. The norms are the
/// authors' code's; their paper's, and <see cref="PsldParameters.Squared"/>'s, are squared (half the square here).
/// </summary>
/// <remarks>
/// Aᵀ is the exact adjoint; the authors' code has the identity in its place for blurs, and adds noise to A(D(ẑ₀)): neither is copied. Residuals
/// of images are twice ours on the paper's [-1,1] scale, those of latents are the same.
/// </remarks>
public sealed class Psld : DiffusionSolver
{
    private readonly PsldParameters _p;
    private readonly LinearOperator _a;

    /// <summary>A run on <paramref name="input"/>, whose operator is linear.</summary>
    public Psld(SolverInput input, PsldParameters parameters)
        : base(input, parameters)
    {
        _p = parameters;
        _a = (LinearOperator)A;
        Schedule = new DdimSchedule(input.Model, parameters.Steps);
    }

    /// <summary>DDIM's, and one that decodes.</summary>
    public override int Steps => Schedule.Steps + 1;

    internal DdimSchedule Schedule { get; }

    private protected override IEnumerable<SolverStep> Algorithm(SolverState state)
    {
        foreach (DdimStep t in Schedule.From(state.Step))
        {
            (Tensor epsilon, Tensor x, Tensor gradient) = Guidance(state.Latent, t);
            Tensor z = t.Ddim(t.X0(state.Latent, epsilon), epsilon, _p.Eta, state.NoiseLike);
            state.Latent = z - gradient * (_p.ScaleByAbar ? t.AlphaCumprod : 1);
            yield return new SolverStep("sampling", x);
        }

        state.Image = DataConsistency.Finish(Model.Decode(state.Latent));
        yield return new SolverStep("final", state.Image);
    }

    // ε, D(ẑ₀) and the gradient by z, with ẑ₀ = (z - √(1-ᾱ) ε(z)) / √ᾱ.
    internal (Tensor Epsilon, Tensor Image, Tensor Gradient) Guidance(Tensor z, DdimStep t) => Model.X0Vjp(t, z, X0Gradient);

    // D(ẑ₀) and the gradient by ẑ₀, by the chain rule: with the glued image q = x + Aᵀ(y - A x) and w = J_Eᵀ (E(q) - ẑ₀)/‖E(q) - ẑ₀‖,
    // the glue's gradient by x is w - AᵀA w. Squared, nothing is divided by a norm.
    internal (Tensor Image, Tensor Gradient) X0Gradient(Tensor z0)
    {
        Tensor byLatent = z0;
        (Tensor image, Tensor gradient) = Model.DecodeVjp(z0, x =>
        {
            Tensor residual = _a.Apply(x) - _a.Measured(Y), back = _a.Adjoint(residual);
            Tensor byImage = _p.Squared ? back * (4 * _p.Omega) : back / Norm(residual) * (2 * _p.Omega);
            (Tensor glued, Tensor w) = Model.EncodeVjp(x - back, encoded => ByDistance(encoded - z0));
            byLatent = ByDistance(glued - z0).MoveToOuterDisposeScope();
            return byImage + (w - _a.Adjoint(_a.Apply(w))) * _p.Gamma;
        });
        return (image, gradient - byLatent * _p.Gamma);
    }

    private Tensor ByDistance(Tensor t) => _p.Squared ? t : t / Norm(t);

    private static Tensor Norm(Tensor t) => ForwardOperator.SquaresPerItem(t).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);

    internal override IEnumerable<ModelCalls> StepCalls() =>
        [.. Enumerable.Repeat(new ModelCalls(0, 1, 0, 1, 0, 1), Schedule.Steps), new ModelCalls(0, 0, 1, 0, 0)];
}

/// <summary>Parameters of <see cref="Psld"/>. The defaults are the preset <c>balanced</c>.</summary>
public sealed record PsldParameters : DiffusionParameters
{
    /// <summary>The preset <c>balanced</c>.</summary>
    public PsldParameters() => Samples = 4;

    /// <summary>DDIM steps.</summary>
    [Range(1, 1000)] public int Steps { get; init; } = 40;

    /// <summary>DDIM's eta: 0 = deterministic, 1 = as noisy as DDPM.</summary>
    [Range(0.0, 1.0)] public double Eta { get; init; } = 1;

    /// <summary>ω, the length of the measurement's step, on the [-1,1] scale.</summary>
    [Range(0.0, 1000.0)] public double Omega { get; init; } = 1;

    /// <summary>γ, the length of the gluing step.</summary>
    [Range(0.0, 1000.0)] public double Gamma { get; init; } = 0.1;

    /// <summary>True to follow half the squared norms, so that the steps shorten with the residuals and do not depend on the image's size.</summary>
    public bool Squared { get; init; } = true;

    /// <summary>
    /// True to multiply the step by ᾱ. At the noisy end the gradient through the network is a small difference divided by √ᾱ, mostly the
    /// network's own error, and long steps along it ruin short runs.
    /// </summary>
    public bool ScaleByAbar { get; init; } = true;

    /// <summary>The authors' settings; of their ω the larger one, as they advise.</summary>
    internal static PsldParameters Paper { get; } = new()
    {
        Samples = 1,
        Steps = 1000,
        Eta = 0,
        Omega = 0.9,
        Gamma = 0.1,
        Squared = false,
        ScaleByAbar = false,
        FinalProximalStep = false,
    };

    /// <summary>The paper's method with fewer steps and a longer ω for each of them.</summary>
    internal static PsldParameters PaperFast { get; } = Paper with { Steps = 40, Omega = 3 };

    /// <summary>Four samples of a short run.</summary>
    internal static PsldParameters Balanced { get; } = new();

    /// <summary>Seconds on a CPU: two samples and fewer steps.</summary>
    internal static PsldParameters Fast { get; } = new() { Samples = 2, Steps = 20 };

    internal static SolverDescription Description { get; } = new(
        "psld",
        "PSLD",
        "Rout, Raoof, Daras, Caramanis, Dimakis, Shakkottai: Solving Linear Inverse Problems Provably via Posterior Sampling with Latent Diffusion " +
        "Models. NeurIPS 2023.",
        Paper, PaperFast, Balanced, Fast);

    /// <inheritdoc/>
    internal override int GridSteps => Steps;

    /// <inheritdoc/>
    internal override IEnumerable<string> WithoutEffect() =>
        Omega > 0 || Gamma > 0 ? base.WithoutEffect() : [.. base.WithoutEffect(), nameof(Squared), nameof(ScaleByAbar)];

    /// <inheritdoc/>
    internal override ModelGradients Gradients => ModelGradients.All;

    /// <inheritdoc/>
    internal override Solver Create(SolverInput input) => new Psld(input, this);

    /// <inheritdoc/>
    internal override string? Refusal(Problem problem, ModelInfo model) =>
        problem.IsLinear ? null : "PSLD solves linear problems only: it needs the adjoint of the forward model.";
}
