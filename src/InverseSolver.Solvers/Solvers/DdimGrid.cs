namespace InverseSolver.Solvers.Solvers;

/// <summary>
/// The timesteps of a DDIM run and their ᾱ, by index from 0 (image) to steps - 1 (noise). For 500 of 1000 steps these are the reference's
/// 1, 3, ..., 999; its own construction fails for other numbers.
/// </summary>
internal sealed class DdimGrid
{
    /// <summary>A grid of <paramref name="steps"/> steps over the schedule <paramref name="abar"/>.</summary>
    internal DdimGrid(ReadOnlySpan<double> abar, int steps)
        : this(abar, Linear(abar.Length, steps))
    {
    }

    private DdimGrid(ReadOnlySpan<double> abar, int[] timesteps)
    {
        Timestep = timesteps;
        Abar = new double[Steps];
        AbarBefore = new double[Steps];
        for (int i = 0; i < Steps; i++)
        {
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

        return new DdimGrid(abar, timesteps);
    }

    private static int[] Linear(int length, int steps)
    {
        int last = Checked(length, steps) - 1;
        return [.. Enumerable.Range(0, steps).Select(i =>
            steps == 1 ? last
            : steps == length ? i
            : (int)Math.Round((double)i * (last - 1) / (steps - 1), MidpointRounding.AwayFromZero) + 1)];
    }

    private static int Checked(int length, int steps) =>
        steps >= 1 && steps <= length ? length : throw new ArgumentOutOfRangeException(nameof(steps), steps, $"1 to {length}");
}
