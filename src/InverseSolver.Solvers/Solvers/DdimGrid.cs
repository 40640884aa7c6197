using InverseSolver.Torch;

namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// The timesteps of a DDIM run and their ᾱ, by index from 0 (image) to steps - 1 (noise). For 500 of 1000 steps these are the reference's
/// 1, 3, ..., 999; its own construction fails for other numbers.
/// </summary>
internal sealed class DdimGrid
{
    /// <summary>A grid of <paramref name="steps"/> steps over the schedule <paramref name="abar"/>.</summary>
    internal DdimGrid(ReadOnlySpan<double> abar, int steps)
    {
        int last = abar.Length - 1;
        if (steps < 1 || steps > abar.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(steps), steps, $"1 to {abar.Length}");
        }

        Timestep = new int[steps];
        Abar = new double[steps];
        AbarBefore = new double[steps];
        for (int i = 0; i < steps; i++)
        {
            Timestep[i] = steps == 1 ? last
                : steps == abar.Length ? i
                : (int)Math.Round((double)i * (last - 1) / (steps - 1), MidpointRounding.AwayFromZero) + 1;
            Abar[i] = abar[Timestep[i]];
            AbarBefore[i] = i == 0 ? abar[0] : Abar[i - 1];
        }
    }

    /// <summary>τ_i, what the network is told.</summary>
    internal int[] Timestep { get; }

    /// <summary>ᾱ at τ_i.</summary>
    internal double[] Abar { get; }

    /// <summary>ᾱ at τ_{i-1}, where a step from index i arrives; ᾱ_0 for i = 0.</summary>
    internal double[] AbarBefore { get; }

    internal int Steps => Timestep.Length;

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
