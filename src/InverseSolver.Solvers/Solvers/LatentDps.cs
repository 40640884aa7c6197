using InverseSolver.Solvers.Consistency;

namespace InverseSolver.Solvers.Solvers;

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
public sealed class LatentDps : Solver
{
    private readonly LatentDpsParameters _p;
    private readonly DdimGrid _grid;
    private readonly DataConsistency _consistency;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public LatentDps(SolverInput input, LatentDpsParameters parameters)
        : base(input)
    {
        _p = parameters;
        _grid = new DdimGrid(Model, parameters.Steps);
        _consistency = new DataConsistency(input, parameters);
    }

    /// <summary>The sampler's, and one that decodes.</summary>
    public override int Steps => _grid.Steps + 1;

    /// <summary>Pure noise, one item for each seed.</summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int i)
    {
        if (i == _grid.Steps)
        {
            state.Image = _consistency.Finish(Calls.Decode(state.Latent));
            return ("final", state.Image);
        }

        int index = _grid.Steps - 1 - i;
        (Tensor e, Tensor image, Tensor gradient) = Guidance(state.Latent, index);
        Tensor next = _grid.Next(_grid.Clean(state.Latent, e, index), e, index, _p.Eta, state);
        state.Latent = next - gradient * (_p.Scale * (_p.ScaleByAbar ? _grid.Abar[index] : 1));
        return ("sampling", image);
    }

    // ε, D(ẑ₀) and, on the [-1,1] scale, ∇_z ‖y - A(D(ẑ₀))‖ or half its square, with ẑ₀ = (z - √(1-ᾱ) ε(z)) / √ᾱ.
    internal (Tensor Noise, Tensor Image, Tensor Gradient) Guidance(Tensor z, int index)
    {
        if (!_p.ThroughNetwork)
        {
            Tensor predicted = Calls.PredictNoise(z, _grid.Timestep[index]);
            (Tensor decoded, Tensor gradient) = DecoderGradient(_grid.Clean(z, predicted, index));
            return (predicted, decoded, gradient / Math.Sqrt(_grid.Abar[index]));
        }

        return Calls.CleanVjp(_grid, z, index, DecoderGradient);
    }

    private (Tensor Image, Tensor Gradient) DecoderGradient(Tensor z0) => Calls.DecodeVjp(z0, x =>
    {
        Tensor gradient = A.Gradient(x, Y);
        return _p.Squared ? gradient * 4 : gradient * 2 / A.Residual2(x, Y).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);
    });

    // A gradient counts as two calls.
    private protected override double Work(int step) => step == _grid.Steps ? 1 : _p.ThroughNetwork ? 5 : 3;
}
