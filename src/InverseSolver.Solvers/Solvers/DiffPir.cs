using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Operators;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// DiffPIR: Zhu, Zhang, Liang, Cao, Wen, Timofte, Van Gool, "Denoising Diffusion Models for Plug-and-Play Image Restoration" (CVPR Workshops 2023),
/// algorithm 1. Every clean estimate takes a proximal step towards the measurement and goes to the next noise level with a mixture of the noise
/// that then explains the current sample and of new noise. In the latent space of an autoencoder: docs/decisions/0010.
/// </summary>
public sealed class DiffPir : Solver
{
    // The authors' smallest noise level of a measurement, on [-1,1].
    private const double SmallestSigma = 1e-3;

    private readonly DiffPirParameters _p;
    private readonly DdimGrid _grid;
    private readonly DataConsistency _consistency;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public DiffPir(SolverInput input, DiffPirParameters parameters)
        : base(input)
    {
        _p = parameters;
        _grid = parameters.Spacing == StepSpacing.Quadratic ? DdimGrid.Quadratic(Model.Abar, parameters.Steps) : new DdimGrid(Model, parameters.Steps);
        _consistency = new DataConsistency(input, parameters);
    }

    /// <inheritdoc/>
    public override int Steps => _grid.Steps;

    /// <summary>
    /// Pure noise, one item for each seed. (The authors start from the noised measurement, of which √ᾱ of the last timestep, about 0.01, is left.)
    /// </summary>
    public override SolverState Start(params long[] seeds) => SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int i)
    {
        int index = _grid.Steps - 1 - i;
        double a = _grid.Abar[index];
        Tensor z = state.Latent, e = Calls.PredictNoise(z, _grid.Timestep[index]);
        Tensor x0 = Calls.Decode((z - e * Math.Sqrt(1 - a)) / Math.Sqrt(a));
        if (index == 0)
        {
            state.Image = _consistency.Finish(x0, x => Consistent(x, a));
            return ("final", state.Image);
        }

        Tensor x = Consistent(x0, a);
        state.Latent = Next(z, Calls.Encode(x), index, state);
        return ("sampling", x);
    }

    // ρ ‖x - x₀‖² keeps the estimate with ρ = λ σ_n²/σ_t². σ_t, of the latent, is on [-1,1], and there σ_n is twice ours; ρ itself has no unit where
    // A keeps the image's.
    internal double Rho(double abar)
    {
        double sigmaN = Math.Max(SmallestSigma, 2 * Sigma);
        return _p.Lambda * sigmaN * sigmaN * abar / (1 - abar);
    }

    // ẑ₀ with the noise level of the next index: √(1-ζ) of the noise that leads from ẑ₀ to z, √ζ of new noise.
    internal Tensor Next(Tensor z, Tensor z0, int index, SolverState state)
    {
        double a = _grid.Abar[index], before = _grid.AbarBefore[index];
        Tensor e = (z - z0 * Math.Sqrt(a)) / Math.Sqrt(1 - a);
        Tensor next = z0 * Math.Sqrt(before) + e * Math.Sqrt((1 - before) * (1 - _p.Zeta));
        return _p.Zeta > 0 ? next.add_(state.Noise(z.shape[1..]), Math.Sqrt((1 - before) * _p.Zeta)) : next;
    }

    internal Tensor Consistent(Tensor x0, double abar) => _p.Data == DataStep.Published && A is LinearOperator linear
        ? linear.Prox(x0, Y, Rho(abar))
        : _consistency.Solve(x0, DataConsistency.ErrorCorrelation(abar));
}
