namespace InverseSolver.Diffusion.Schedules;

/// <summary>One step of a <see cref="DdimSchedule"/>.</summary>
/// <param name="Step">Its number, counted from noise: 0 is the first.</param>
/// <param name="Index">Its index, counted from the image: 0 is the last.</param>
/// <param name="Timestep">The training timestep, which the network is called with.</param>
/// <param name="AlphaCumprod">ᾱ of the timestep.</param>
/// <param name="AlphaCumprodPrev">
/// ᾱ of the level where the step arrives, one index nearer to the image; for index 0 ᾱ of timestep 0, or 1 where the model's scheduler ends without noise.
/// </param>
public readonly record struct DdimStep(int Step, int Index, int Timestep, double AlphaCumprod, double AlphaCumprodPrev)
{
    /// <summary>The level where the step starts.</summary>
    public DiffusionLevel Level => new(AlphaCumprod);

    /// <summary>The level where the step arrives.</summary>
    public DiffusionLevel Prev => new(AlphaCumprodPrev);

    /// <summary>x₀ of z and a predicted ε, Tweedie's estimate.</summary>
    public Tensor X0(Tensor z, Tensor epsilon) => Level.X0(z, epsilon);

    /// <summary>
    /// The DDIM step (Song, Meng, Ermon 2021, eq. 12): √ᾱ' x₀ + √(1−ᾱ'−s²) ε + s n, with s = η √((1−ᾱ')/(1−ᾱ) (1−ᾱ/ᾱ')).
    /// </summary>
    /// <param name="x0">The estimate of the clean latent.</param>
    /// <param name="epsilon">The noise that goes with it.</param>
    /// <param name="eta">η: 0 is deterministic, 1 as noisy as DDPM.</param>
    /// <param name="noise">Draws n, standard normal and shaped as its argument; called where s is above 0.</param>
    public Tensor Ddim(Tensor x0, Tensor epsilon, double eta = 0, Func<Tensor, Tensor>? noise = null)
    {
        double s = eta == 0 ? 0 : eta * Math.Sqrt((1 - AlphaCumprodPrev) / (1 - AlphaCumprod) * (1 - AlphaCumprod / AlphaCumprodPrev));
        Tensor z = x0 * Math.Sqrt(AlphaCumprodPrev) + epsilon * Math.Sqrt(Math.Max(0, 1 - AlphaCumprodPrev - s * s));
        return s > 0 ? z.add_(noise!(x0), s) : z;
    }
}

/// <summary>
/// The timesteps of a run and their ᾱ, by index from 0 (image) to steps - 1 (noise). For 500 of 1000 steps these are ReSample's 1, 3, ..., 999, whose own
/// construction fails for other numbers. A model whose scheduler's config asks for another spacing gets that one: docs/decisions/0018.
/// </summary>
public sealed class DdimSchedule
{
    private readonly DdimStep[] _steps;

    /// <summary>A schedule in the spacing of the model's scheduler, ending as that one does.</summary>
    /// <param name="model">The model.</param>
    /// <param name="steps">Number of steps, at most the model's timesteps.</param>
    /// <param name="reference">Where the spacing is even, ReSample's own timesteps for numbers of steps that divide the model's.</param>
    public DdimSchedule(LatentModel model, int steps, bool reference = false)
        : this(
            model.AlphasCumprod,
            Spaced(model.Info.TimestepSpacing, model.AlphasCumprod.Length, steps, reference),
            model.Info.SetAlphaToOne ? 1 : model.AlphasCumprod[0])
    {
    }

    /// <summary>A schedule of given timesteps.</summary>
    /// <param name="alphasCumprod">ᾱ of each training timestep.</param>
    /// <param name="timesteps">The timesteps, rising.</param>
    /// <param name="end">ᾱ where the last step arrives.</param>
    public DdimSchedule(ReadOnlySpan<double> alphasCumprod, ReadOnlySpan<int> timesteps, double end)
    {
        _steps = new DdimStep[timesteps.Length];
        for (int i = 0; i < _steps.Length; i++)
        {
            _steps[i] = new DdimStep(_steps.Length - 1 - i, i, timesteps[i], alphasCumprod[timesteps[i]], i == 0 ? end : alphasCumprod[timesteps[i - 1]]);
        }
    }

    /// <summary>Number of steps.</summary>
    public int Steps => _steps.Length;

    /// <summary>The step with an index.</summary>
    public DdimStep this[int index] => _steps[index];

    /// <summary>The steps from noise to image that are left when some are done.</summary>
    /// <param name="done">Steps done.</param>
    /// <param name="downTo">Index of the last one.</param>
    public IEnumerable<DdimStep> From(int done, int downTo = 0)
    {
        for (int i = _steps.Length - 1 - done; i >= downTo; i--)
        {
            yield return _steps[i];
        }
    }

    /// <summary>Timesteps of a run, rising.</summary>
    /// <param name="spacing">Their spacing; <see cref="TimestepSpacing.Leading"/> is even here, and ends at the last training timestep.</param>
    /// <param name="train">Number of training timesteps.</param>
    /// <param name="steps">The number of steps, from 1 to <paramref name="train"/>.</param>
    /// <param name="reference">Of even ones, 1, 1 + c, 1 + 2c, ... where the steps are the training timesteps divided by a whole c.</param>
    public static int[] Spaced(TimestepSpacing spacing, int train, int steps, bool reference = false)
    {
        Check(train, steps);
        int last = train - 1;
        return [.. Enumerable.Range(0, steps).Select(i => spacing switch
        {
            // A single step of Linspace would be timestep 0, from which nothing can start.
            _ when steps == 1 => last,
            TimestepSpacing.Linspace => (int)Math.Round(i * (train - 1.0) / (steps - 1), MidpointRounding.ToEven),
            TimestepSpacing.Trailing => (int)Math.Round(train - (steps - 1 - i) * (train / (double)steps), MidpointRounding.ToEven) - 1,
            _ when steps == train => i,
            _ when reference && train % steps == 0 => i * (train / steps) + 1,
            _ => (int)Math.Round((double)i * (last - 1) / (steps - 1), MidpointRounding.AwayFromZero) + 1,
        })];
    }

    /// <summary>Timesteps whose squares are evenly spaced (DiffPIR), rising from 0: most lie where there is much noise.</summary>
    /// <param name="train">Number of training timesteps.</param>
    /// <param name="steps">The number of steps, from 1 to <paramref name="train"/>.</param>
    public static int[] Quadratic(int train, int steps)
    {
        Check(train, steps);
        var timesteps = new int[steps];

        // Rounded down as by the authors; where two would coincide, the one nearer to the image moves.
        for (int i = steps - 1, next = train; i >= 0; next = timesteps[i--])
        {
            int wanted = steps == 1 ? train - 1 : (int)(Math.Sqrt((double)i / (steps - 1)) * train);
            timesteps[i] = Math.Min(wanted, next - 1);
        }

        return timesteps;
    }

    private static void Check(int train, int steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, train);
    }
}
