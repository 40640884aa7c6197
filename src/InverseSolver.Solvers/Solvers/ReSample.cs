using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;
using InverseSolver.Solvers.Operators;
using InverseSolver.Torch;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// ReSample: Song, Kwon, Zhang, Hu, Qu, Shen, "Solving Inverse Problems with Latent Diffusion Models via Hard Data Consistency"
/// (ICLR 2024). DDIM in the latent space; every step is followed by a Latent-DPS gradient step; from a third of the way on, every few
/// steps the clean estimate is made consistent with the measurement (first as an image, later as a latent) and mapped back to the
/// current noise level by stochastic resampling.
/// </summary>
/// <remarks>
/// Images are on [0,1] here and on [-1,1] in the paper: residuals, hence r and dr/dx, are twice as large there, which is where the
/// factors 2 and 4 below come from. Items of a batch have their own seeds, residual norms and stops.
/// </remarks>
public sealed class ReSample
{
    private readonly LatentModel _model;
    private readonly LinearOperator _a;
    private readonly Tensor _y;
    private readonly ReSampleParameters _p;
    private readonly DdimGrid _grid;
    private readonly double _sigma;
    private readonly GaussianConditioning _conditioning;
    private readonly int _height, _width;
    private readonly Action<SolverProgress>? _progress;
    private readonly ModelCalls _calls;
    private SolverClock? _clock;

    /// <summary>A run on <paramref name="y"/>.</summary>
    /// <param name="model">The prior.</param>
    /// <param name="a">The forward operator, on images of the model's channels.</param>
    /// <param name="y">Measurements, (N, ...a.Range), on the model's device.</param>
    /// <param name="sigma">Standard deviation of the noise per real component, in y's units; 0 asks for exact consistency.</param>
    /// <param name="parameters">See <see cref="ReSampleParameters"/>.</param>
    /// <param name="progress">Called on this thread after every step.</param>
    /// <param name="cancellation">Checked before every network, encoder or decoder call.</param>
    public ReSample(
        LatentModel model, LinearOperator a, Tensor y, double sigma, ReSampleParameters parameters,
        Action<SolverProgress>? progress = null, CancellationToken cancellation = default)
    {
        (_model, _a, _y, _p, _sigma, _progress) = (model, a, y, parameters, sigma, progress);
        (_height, _width) = ((int)a.Domain[1], (int)a.Domain[2]);
        _grid = new DdimGrid(model.Abar, parameters.Steps);
        double tau = parameters.PriorStandardDeviation ?? model.Info.RoundTripRmse ?? 0.03;
        _conditioning = new GaussianConditioning(a, sigma, tau);
        _calls = new ModelCalls(model, cancellation);
    }

    /// <summary>Steps of the whole run: DDIM's, and one for what comes after them.</summary>
    public int Steps => _grid.Steps + 1;

    internal ModelCalls Calls => _calls;

    /// <summary>Pure noise, one item for each seed.</summary>
    public SolverState Start(params long[] seeds) => SolverState.Start(_model.LatentShape(_height, _width), seeds, _y.device);

    /// <summary>Advances a state, which is not yet at the end, to the end.</summary>
    /// <returns>The images, (N, C, H, W) in [0,1], not clipped; owned by the state.</returns>
    public Tensor Run(SolverState state)
    {
        while (state.Step < Steps)
        {
            Advance(state);
        }

        return state.Image!;
    }

    /// <summary>Advances a state by one step.</summary>
    public void Advance(SolverState state)
    {
        using GradMode grad = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        int i = state.Step;
        if (i >= Steps)
        {
            throw new InvalidOperationException("The run is over.");
        }

        _clock ??= new SolverClock(WorkAfter(i));
        if (i == _grid.Steps)
        {
            state.SetImage(Finish(state.Latent));
            state.Step++;
            Report(state.Step, "final", state.Image);
            return;
        }

        int index = _grid.Steps - 1 - i;
        (Tensor zNext, Tensor z0) = Ddim(state.Latent, _grid.Timestep[index], index, state);
        string stage = "sampling";
        Tensor? estimate = null;
        if (_p.LdpsScale > 0)
        {
            (zNext, estimate) = LdpsStep(zNext, z0, index);
        }

        if (IsEvent(index))
        {
            (stage, z0) = (IsPixelEvent(index) ? "pixel" : "latent", TimeTravel(zNext, z0, i, state));
            Tensor zConsistent;
            if (IsPixelEvent(index))
            {
                estimate = PixelConsistency(_calls.Decode(z0, _height, _width), ErrorCorrelation(index));
                zConsistent = _calls.Encode(estimate);
            }
            else
            {
                zConsistent = LatentConsistency(z0, _p.LatentIterations);
            }

            zNext = Resample(zConsistent, zNext, index, state);
        }

        state.SetLatent(zNext);
        state.Step++;
        Report(state.Step, stage, estimate);
    }

    /// <summary>w and v of E[z] = w √ᾱ' z* + (1-w) z_t, Var z = v: the product of N(√ᾱ' z*, 1-ᾱ') and N(z_t, σ²) (Proposition 1).</summary>
    internal (double Sigma, double Weight, double Variance) Resampling(int index)
    {
        double a = _grid.Abar[index], before = _grid.AbarBefore[index];
        double sigma = _p.Gamma * (1 - before) / (1 - a) * (1 - a / before);
        return (sigma, sigma / (sigma + 1 - before), sigma * (1 - before) / (sigma + 1 - before));
    }

    internal bool IsEvent(int index) =>
        index > 0 && index % _p.ConsistencyEvery == 0 && index <= _grid.Steps - Count(1 - _p.ConsistencyStart);

    internal bool IsPixelEvent(int index) => index >= Count(_p.LatentFraction);

    // One DDIM step (Song, Meng, Ermon 2021, eq. 12): the next latent and the clean estimate that events start from.
    internal (Tensor Next, Tensor Clean) Ddim(Tensor z, int timestep, int index, SolverState state)
    {
        double a = _grid.Abar[index], before = _grid.AbarBefore[index];
        double s = _p.Eta * Math.Sqrt((1 - before) / (1 - a) * (1 - a / before));
        Tensor e = _calls.PredictNoise(z, timestep);
        Tensor z0 = (z - e * Math.Sqrt(1 - a)) / Math.Sqrt(a);
        Tensor next = z0 * Math.Sqrt(before) + e * Math.Sqrt(Math.Max(0, 1 - before - s * s));
        if (s > 0)
        {
            next.add_(state.Noise(Shape(z)), s);
        }

        return (next, _p.Tweedie == Tweedie.Exact ? z0 : (z - e * (1 - a)) / Math.Sqrt(a));
    }

    // z ← z_next - s ᾱ ∇_z ‖y - A(D(ẑ₀))‖. The noise prediction carries no gradient, so ∇_z = ∇_ẑ₀ / √ᾱ.
    internal (Tensor Next, Tensor Estimate) LdpsStep(Tensor zNext, Tensor z0, int index)
    {
        (Tensor image, Tensor gradient) = _calls.DecodeVjp(z0, _height, _width, x =>
        {
            Tensor norm = _a.Residual2(x, _y).sqrt().clamp(min: 1e-12).reshape(-1, 1, 1, 1);
            return _a.Adjoint(Residual(x)) / norm;
        });
        return (zNext - gradient * (2 * _p.LdpsScale * Math.Sqrt(_grid.Abar[index])), image);
    }

    // A few more DDIM steps without guidance; only the clean estimate of the last one is used.
    internal Tensor TimeTravel(Tensor z, Tensor z0, int i, SolverState state)
    {
        int n = _grid.Steps;
        for (int k = i; k < Math.Min(i + _p.TravelSteps, n - 1); k++)
        {
            int at = n - 2 - k;
            (z, z0) = Ddim(z, _grid.Timestep[at], _p.TravelOffByOne ? at + 1 : at, state);
        }

        return z0;
    }

    internal Tensor PixelConsistency(Tensor x0, double correlation)
    {
        if (_p.Pixel == PixelStep.Proximal)
        {
            return _conditioning.Solve(x0, _y, correlation);
        }

        // AdamW on the [-1,1] image, loss = mean of the squared residuals there.
        Tensor u = x0 * 2 - 1;
        using var optimizer = new torch.optim.AdamW([u], _p.PixelLearningRate, weight_decay: _p.WeightDecay);
        var stop = new ItemStop(_y.size(0), _p.PixelIterations, window: int.MaxValue);
        for (int k = 0; k < _p.PixelIterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            Tensor x = (u + 1) / 2;
            stop.Observe(k, _a.Residual2(x, _y).ToDoubles(), Enough);
            if (stop.All)
            {
                break;
            }

            using Tensor before = stop.Any ? u.clone() : u.alias();
            optimizer.step(_a.Adjoint(Residual(x)) * (4.0 / Elements));
            stop.Restore(u, before);
            _calls.ThrowIfCancelled();
        }

        return (u + 1) / 2;
    }

    // AdamW on mean ‖y - A(D(z))‖² over the [-1,1] scale, from z0.
    internal Tensor LatentConsistency(Tensor z0, int iterations)
    {
        Tensor z = z0.clone();
        using var optimizer = new torch.optim.AdamW([z], _p.LatentLearningRate, weight_decay: _p.WeightDecay);
        var stop = new ItemStop(z.size(0), iterations, _p.Window);
        for (int k = 0; k < iterations; k++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            double[] residual2 = [];
            (_, Tensor gradient) = _calls.DecodeVjp(z, _height, _width, x =>
            {
                residual2 = _a.Residual2(x, _y).ToDoubles();
                return _a.Adjoint(Residual(x)) * (8.0 / Elements);
            });
            stop.Observe(k, residual2, Enough);
            if (stop.All)
            {
                break;
            }

            using Tensor before = stop.Any ? z.clone() : z.alias();
            optimizer.step(gradient);
            stop.Restore(z, before);
        }

        return z;
    }

    // The product of the two Gaussians of Proposition 1, sampled.
    internal Tensor Resample(Tensor zConsistent, Tensor zt, int index, SolverState state)
    {
        (_, double weight, double variance) = Resampling(index);
        Tensor noise = state.Noise(Shape(zt));
        return zConsistent * (weight * Math.Sqrt(_grid.AbarBefore[index])) + zt * (1 - weight) + noise * Math.Sqrt(variance);
    }

    private Tensor Finish(Tensor z)
    {
        Tensor x = _calls.Decode(LatentConsistency(z, _p.FinalLatentIterations), _height, _width);
        return _p.FinalProximalStep ? _conditioning.Solve(x, _y, _p.FinalCorrelation) : x;
    }

    // Correlation of neighbouring pixels' errors in a clean estimate from noise level √((1-ᾱ)/ᾱ); fitted, see docs/decisions.
    private double ErrorCorrelation(int index)
    {
        double noise = Math.Sqrt((1 - _grid.Abar[index]) / _grid.Abar[index]);
        return 0.9 * noise / (noise + 0.6);
    }

    private Tensor Residual(Tensor x) => _a.Apply(x) - _y;

    private double Elements => _a.Range.Aggregate(1.0, (n, size) => n * size);

    private bool Enough(double residual2) => _p.DiscrepancyFactor is { } factor
        ? residual2 <= factor * factor * _a.MeasuredComponents * _sigma * _sigma
        : 4 * residual2 / Elements < 1e-6;

    private static long[] Shape(Tensor z) => z.shape[1..];

    // How many of the run's steps a fraction is; the reference rounds down.
    private int Count(double fraction) => (int)Math.Floor(_grid.Steps * fraction + 1e-9);

    private double WorkAfter(int step) => Enumerable.Range(step, Steps - step).Sum(Work);

    // What the step after `step` others costs at most, in network calls; a decoder gradient counts as two.
    private double Work(int step)
    {
        if (step == _grid.Steps)
        {
            return 2 * _p.FinalLatentIterations + 1;
        }

        int index = _grid.Steps - 1 - step;
        double work = _p.LdpsScale > 0 ? 3 : 1;
        return !IsEvent(index) ? work : work + _p.TravelSteps + (IsPixelEvent(index) ? 2 : 2 * _p.LatentIterations);
    }

    private void Report(int step, string stage, Tensor? estimate)
    {
        if (_progress is null)
        {
            return;
        }

        double expected = _a.MeasuredComponents * _sigma * _sigma;
        double? residual = estimate is null || expected == 0 ? null : _a.Residual2(estimate, _y).ToDoubles()[0] / expected;
        ArrayData? preview = null;
        if (estimate is not null)
        {
            using Tensor first = estimate.select(0, 0);
            preview = new ArrayData([.. first.shape.Select(n => (int)n)], first.ToFloats());
        }

        _progress(new SolverProgress(stage, step, Steps, residual, _clock!.Elapsed, _clock.Remaining(WorkAfter(step)), preview));
    }
}
