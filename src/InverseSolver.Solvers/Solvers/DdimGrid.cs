using InverseSolver.Diffusion;
using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// The timesteps of a DDIM run and their ᾱ, by index from 0 (image) to steps - 1 (noise). For 500 of 1000 steps these are the reference's
/// 1, 3, ..., 999; its own construction fails for other numbers. A model whose scheduler's config asks for another spacing gets that one:
/// docs/decisions/0018.
/// </summary>
internal sealed class DdimGrid
{
    /// <summary>
    /// A grid of <paramref name="steps"/> steps in the spacing of the model's scheduler, ending as that one does; <paramref name="reference"/>: where that spacing is
    /// even, the reference's own for numbers of steps that divide the timesteps.
    /// </summary>
    internal DdimGrid(LatentModel model, int steps, bool reference = false)
        : this(model.Abar, OfModel(model, steps, reference), model.Info.SetAlphaToOne ? 1 : model.Abar[0])
    {
    }

    /// <summary>A grid of <paramref name="steps"/> steps over the schedule <paramref name="abar"/>.</summary>
    internal DdimGrid(ReadOnlySpan<double> abar, int steps)
        : this(abar, Linear(abar.Length, steps), abar[0])
    {
    }

    private DdimGrid(ReadOnlySpan<double> abar, int[] timesteps, double end)
    {
        Timestep = timesteps;
        Abar = new double[Steps];
        AbarBefore = new double[Steps];
        for (int i = 0; i < Steps; i++)
        {
            Abar[i] = abar[Timestep[i]];
            AbarBefore[i] = i == 0 ? end : Abar[i - 1];
        }
    }

    /// <summary>τ_i, what the network is told.</summary>
    internal int[] Timestep { get; }

    /// <summary>ᾱ at τ_i.</summary>
    internal double[] Abar { get; }

    /// <summary>ᾱ at τ_{i-1}, where a step from index i arrives; for i = 0 it is ᾱ of timestep 0, or 1 where the model's scheduler ends without noise.</summary>
    internal double[] AbarBefore { get; }

    internal int Steps => Timestep.Length;

    /// <summary>DiffPIR's spacing: the squares of the timesteps are evenly spaced, so that most lie where there is much noise. It begins at timestep 0.</summary>
    internal static DdimGrid Quadratic(ReadOnlySpan<double> abar, int steps)
    {
        int length = Checked(abar.Length, steps);
        var timesteps = new int[steps];

        // Rounded down as by the authors; where two would coincide, the one nearer to the image moves.
        for (int i = steps - 1, next = length; i >= 0; next = timesteps[i--])
        {
            int wanted = steps == 1 ? length - 1 : (int)(Math.Sqrt((double)i / (steps - 1)) * length);
            timesteps[i] = Math.Min(wanted, next - 1);
        }

        return new DdimGrid(abar, timesteps, abar[0]);
    }

    private static int[] OfModel(LatentModel model, int steps, bool reference)
    {
        int length = Checked(model.Abar.Length, steps);
        return model.Info.TimestepSpacing == TimestepSpacing.Leading ? Linear(length, steps, reference)

            // A single step of Linspace would be timestep 0, from which nothing can start.
            : steps == 1 ? [length - 1]
            : [.. DdimSchedule.Timesteps(model.Info.TimestepSpacing, length, steps).Reverse()];
    }

    private static int[] Linear(int length, int steps, bool reference = false)
    {
        int last = Checked(length, steps) - 1;
        return [.. Enumerable.Range(0, steps).Select(i =>
            steps == 1 ? last
            : steps == length ? i
            : reference && length % steps == 0 ? i * (length / steps) + 1
            : (int)Math.Round((double)i * (last - 1) / (steps - 1), MidpointRounding.AwayFromZero) + 1)];
    }

    private static int Checked(int length, int steps) =>
        steps >= 1 && steps <= length ? length : throw new ArgumentOutOfRangeException(nameof(steps), steps, $"1 to {length}");

    /// <summary>ẑ₀ = (z - √(1-ᾱ) ε) / √ᾱ, Tweedie's estimate.</summary>
    internal Tensor Clean(Tensor z, Tensor e, int index) => (z - e * Math.Sqrt(1 - Abar[index])) / Math.Sqrt(Abar[index]);

    /// <summary>
    /// The latent one step nearer to the image (Song, Meng, Ermon 2021, eq. 12): √ᾱ' z₀ + √(1-ᾱ'-s²) ε + s n, with s = η √((1-ᾱ')/(1-ᾱ) (1-ᾱ/ᾱ')).
    /// </summary>
    internal Tensor Next(Tensor z0, Tensor e, int index, double eta, SolverState state)
    {
        double a = Abar[index], before = AbarBefore[index];
        double s = eta * Math.Sqrt((1 - before) / (1 - a) * (1 - a / before));
        Tensor next = z0 * Math.Sqrt(before) + e * Math.Sqrt(Math.Max(0, 1 - before - s * s));
        return s > 0 ? next.add_(state.Noise(z0.shape[1..]), s) : next;
    }
}
