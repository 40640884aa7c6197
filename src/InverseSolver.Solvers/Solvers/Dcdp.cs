using InverseSolver.Diffusion;
using InverseSolver.Solvers.Consistency;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// DCDP: Li, Kwon, Liang, Alkhouri, Ravishankar, Qu, "Decoupled Data Consistency with Diffusion Purification for Image Restoration"
/// (2024). Rounds of two steps that know nothing of each other: the estimate is made consistent with the measurement, then purified, which is to
/// add noise up to a time T_k, falling from round to round, and to take it away with the diffusion model. The model is never differentiated.
/// </summary>
/// <remarks>
/// Models in pixel space are purified as in the paper's pixel version, which clips clean estimates to the model's range, latent models
/// as in DCDP-LDM. A state holds x where the data step works on the image, z where it works on the latent.
/// </remarks>
public sealed class Dcdp : Solver
{
    private const string Estimate = "x";
    private const double Momentum = 0.9;

    private readonly DcdpParameters _p;
    private readonly int[] _times;
    private readonly bool _isPixelSpace;
    private readonly DataConsistency _consistency;

    /// <summary>A run on <paramref name="input"/>.</summary>
    public Dcdp(SolverInput input, DcdpParameters parameters)
        : base(input)
    {
        _p = parameters;
        _times = PurificationTimes.Of(parameters.Schedule, parameters.Rounds, parameters.FirstTime, parameters.LastTime);
        _isPixelSpace = Model.Info.LatentDownsampling == 1;
        _consistency = new DataConsistency(input, parameters);
    }

    /// <summary>The rounds.</summary>
    public override int Steps => _times.Length;

    private bool ReturnsConsistent => _p.Result == DcdpResult.Consistent || (_p.Result == DcdpResult.ByNoise && Sigma == 0);

    /// <summary>A grey image, which is 0 on the paper's [-1,1], or pure noise in the latent space.</summary>
    public override SolverState Start(params long[] seeds)
    {
        if (_p.Data == DcdpData.Latent)
        {
            return SolverState.StartFromNoise(Model.LatentShape(Height, Width), seeds, Y.device);
        }

        SolverState state = SolverState.Start(seeds, Y.device);
        state[Estimate] = torch.full([seeds.Length, .. A.Domain], 0.5, device: Y.device);
        return state;
    }

    private protected override (string Stage, Tensor? Estimate) Advance(SolverState state, int k)
    {
        bool isLast = k == Steps - 1, isLatent = _p.Data == DcdpData.Latent;
        Tensor x = isLatent ? Calls.Decode(LatentConsistency(state.Latent)) : PixelConsistency(state[Estimate], k);
        if (isLast && ReturnsConsistent)
        {
            state.Image = _consistency.Finish(x);
            return ("final", state.Image);
        }

        Tensor z = Purify(Calls.Encode(x), _times[k], state);
        if (isLatent && !isLast)
        {
            state.Latent = z;
            return ("latent", x);
        }

        x = Calls.Decode(z);
        if (isLast)
        {
            state.Image = _consistency.Finish(x);
            return ("final", state.Image);
        }

        state[Estimate] = x;
        return ("pixel", x);
    }

    /// <summary>Adds the noise of timestep T - 1 and takes it away.</summary>
    internal Tensor Purify(Tensor z, int time, SolverState state)
    {
        double a = Model.Abar[time - 1];
        Tensor noise = state.Noise(z.shape[1..]);
        if (_p.Purifier == Purifier.Consistency)
        {
            double sigma = Math.Sqrt((1 - a) / a);
            return Calls.Consistent(z + noise * sigma, sigma);
        }

        Tensor noisy = z * Math.Sqrt(a) + noise * Math.Sqrt(1 - a);

        // In pixel space the noise of time 1 is taken away as if it were that of time 2, as in the reference.
        time = _isPixelSpace ? Math.Max(2, time) : time;
        if (_p.Purifier == Purifier.Tweedie)
        {
            return Clean(noisy, time - 1).Clean;
        }

        return _isPixelSpace
            ? Ddim(noisy, PurificationTimes.OfImages(time, _p.DdimSteps), 1)
            : Ddim(noisy, PurificationTimes.OfLatents(time, _p.DdimSteps), Model.Abar[0]);
    }

    // DDIM without new noise (Song, Meng, Ermon 2021) from the last of the timesteps to the first, and on to ᾱ = end.
    private Tensor Ddim(Tensor z, int[] timesteps, double end)
    {
        for (int i = timesteps.Length - 1; i >= 0; i--)
        {
            double before = i == 0 ? end : Model.Abar[timesteps[i - 1]];
            (Tensor z0, Tensor e) = Clean(z, timesteps[i]);
            z = z0 * Math.Sqrt(before) + e * Math.Sqrt(1 - before);
        }

        return z;
    }

    // Tweedie's clean estimate and the noise that goes with it.
    private (Tensor Clean, Tensor Noise) Clean(Tensor z, int t)
    {
        double signal = Math.Sqrt(Model.Abar[t]), spread = Math.Sqrt(1 - Model.Abar[t]);
        Tensor e = Calls.PredictNoise(z, t);
        Tensor z0 = (z - e * spread) / signal;
        if (!_isPixelSpace)
        {
            return (z0, e);
        }

        z0 = z0.clamp(-1, 1);
        return (z0, (z - z0 * signal) / spread);
    }

    internal Tensor PixelConsistency(Tensor x, int round)
    {
        if (_p.Data == DcdpData.Proximal)
        {
            // The grey start is as far from the image as an estimate from pure noise.
            double a = Model.Abar[round == 0 ? ^1 : _times[round - 1] - 1];
            return _consistency.Solve(x, DataConsistency.ErrorCorrelation(a));
        }

        return Descend(x, at => (A.Residual2(at, Y).ToDoubles(), A.Gradient(at, Y)));
    }

    // On the paper's [-1,1] the residual and the decoder's Jacobian are twice as large, hence their product four times.
    internal Tensor LatentConsistency(Tensor z) => Descend(z, at =>
    {
        double[] residual2 = [];
        (_, Tensor gradient) = Calls.DecodeVjp(at, x =>
        {
            residual2 = A.Residual2(x, Y).ToDoubles();
            return A.Gradient(x, Y) * 4;
        });
        return (residual2, gradient);
    });

    // Gradient descent with momentum, anew in each round, each item until it explains its measurement up to the noise.
    private Tensor Descend(Tensor start, Func<Tensor, (double[] Residual2, Tensor Gradient)> evaluate)
    {
        Tensor v = start.clone();
        using var optimizer = new SGD([v], _p.StepSize, Momentum);
        var stop = new ItemStop(v.size(0), _p.Iterations, window: int.MaxValue);
        for (int i = 0; i < _p.Iterations; i++)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            (double[] residual2, Tensor gradient) = evaluate(v);
            if (!residual2.All(double.IsFinite))
            {
                throw new InvalidInputException("solver.parameters.stepSize", "The gradient steps diverged; a smaller step is needed.");
            }

            stop.Observe(i, residual2, r => r <= _p.DiscrepancyFactor * _p.DiscrepancyFactor * Expected);
            if (stop.All)
            {
                break;
            }

            using Tensor before = stop.Any ? v.clone() : v.alias();
            optimizer.step(gradient);
            stop.Restore(v, before);
            Calls.ThrowIfCancelled();
        }

        return v;
    }

    // A decoder gradient counts as two, a step on the image as next to nothing.
    private protected override double Work(int step) =>
        2 + Math.Min(_p.Purifier == Purifier.Ddim ? _p.DdimSteps : 1, _times[step]) + (_p.Data == DcdpData.Latent ? 2 * _p.Iterations : 0);
}
