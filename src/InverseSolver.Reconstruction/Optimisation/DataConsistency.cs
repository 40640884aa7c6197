using InverseSolver.Diffusion.Schedules;
using InverseSolver.Reconstruction.Operators;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Reconstruction.Optimisation;

/// <summary>
/// The data consistency step of our presets: the image that explains the measurement and is near an estimate. For a linear A it is the proximal step in the
/// metric of the estimate's error (<see cref="MetricProx"/>), for any other the same by Gauss and Newton's iteration (<see cref="GaussNewton"/>),
/// or, where only the gradient is known, a bounded number of gradient steps that stop at the noise level. Where there is a
/// <see cref="SolverInput.GlobalStart"/>, it is the result for estimates that explain the measurement much worse than it does: docs/decisions/0013.
/// </summary>
internal sealed class DataConsistency
{
    private const int Iterations = 100;
    private const double LearningRate = 5e-3;

    // An estimate is in another basin than the global start while its residual's norm is more than twice that one's.
    private const double BasinRatio = 4;

    private readonly SolverInput _input;
    private readonly DiffusionParameters _parameters;
    private readonly IMetricProx? _prox;
    private readonly GaussNewton? _gaussNewton;

    internal DataConsistency(SolverInput input, DiffusionParameters parameters)
    {
        (_input, _parameters) = (input, parameters);
        double tau = parameters.PriorStandardDeviation ?? input.Model.Info.RoundTripRmse ?? 0.03;
        _prox = (input.A as LinearOperator)?.MetricProx(input.Sigma, tau, input.Cancellation.ThrowIfCancellationRequested);
        _gaussNewton = input.A is NonlinearOperator nonlinear ? new GaussNewton(nonlinear, input.Sigma, tau, input.Cancellation) : null;
    }

    /// <summary>Correlation of neighbouring pixels' errors in a clean estimate from noise level √((1-ᾱ)/ᾱ); fitted, see docs/decisions/0004.</summary>
    internal static double ErrorCorrelation(double alphaCumprod)
    {
        double noise = new DiffusionLevel(alphaCumprod).Sigma;
        return 0.9 * noise / (noise + 0.6);
    }

    /// <summary>The consistent image.</summary>
    /// <param name="x0">The estimate, (N, C, H, W) in [0,1].</param>
    /// <param name="correlation">r in [0, 1), of neighbouring pixels' errors.</param>
    internal Tensor Solve(Tensor x0, double correlation)
    {
        if (_input.GlobalStart is null)
        {
            return SolveLocally(x0, correlation);
        }

        // Far from the start the estimate is in no basin that local steps could find their way out of.
        var op = (NonlinearOperator)_input.A;
        Tensor start = op.Near(_input.GlobalStart, x0);
        double[] here = _input.A.Residual2(x0, _input.Y).ToDoubles(), there = _input.A.Residual2(start, _input.Y).ToDoubles();
        bool[] far = [.. here.Zip(there, (estimate, global) => estimate > BasinRatio * global)];
        return far.Contains(false) ? Select(far, start, SolveLocally(x0, correlation)) : start;
    }

    private Tensor SolveLocally(Tensor x0, double correlation) =>
        _prox?.Solve(x0, _input.Y, correlation)
        ?? _gaussNewton!.Solve(x0, _input.Y, correlation)
        ?? Descend(x0);

    private static Tensor Select(bool[] first, Tensor a, Tensor b)
    {
        Tensor mask = torch.copy_of([.. first.Select(one => one ? 1f : 0)], first.Length, 1, 1, 1).to(a.device);
        return torch.where(mask.gt(0.5), a, b);
    }

    /// <summary>
    /// The end of a run: the last proximal step, where the parameters ask for it, and for σ = 0 the projection on the images that explain y exactly; without
    /// it the authors' own last step, or the image as it is.
    /// </summary>
    internal Tensor Finish(Tensor x0, Func<Tensor, Tensor>? published = null)
    {
        if (!_parameters.FinalProximalStep)
        {
            return published is null ? x0 : published(x0);
        }

        Tensor x = Solve(x0, _parameters.FinalCorrelation);
        return _input.Sigma == 0 && _input.A is LinearOperator linear ? linear.Prox(x, _input.Y, 0) : x;
    }

    private Tensor Descend(Tensor x0)
    {
        (ForwardOperator a, Tensor y) = (_input.A, _input.Y);
        double enough = a.MeasuredComponents * _input.Sigma * _input.Sigma;
        Tensor x = x0.clone();
        using var optimizer = new Adam([x], LearningRate);
        var stop = new ItemStop(x.size(0), Iterations, window: 20);
        for (int k = 0; k < Iterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            stop.Observe(k, a.Residual2(x, y).ToDoubles(), residual2 => residual2 <= enough);
            if (stop.All)
            {
                break;
            }

            using Tensor before = stop.Any ? x.clone() : x.alias();
            optimizer.step(a.Gradient(x, y));
            stop.Restore(x, before);
            _input.Cancellation.ThrowIfCancellationRequested();
        }

        return x;
    }
}
