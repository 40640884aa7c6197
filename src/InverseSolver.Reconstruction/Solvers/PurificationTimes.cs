using System.Text.Json.Serialization;

namespace InverseSolver.Reconstruction.Solvers;

/// <summary>The fall of the purification time T_k of <see cref="Dcdp"/> over the rounds.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PurificationSchedule>))]
public enum PurificationSchedule
{
    /// <summary>In equal steps.</summary>
    [JsonStringEnumMemberName("linear")] Linear,

    /// <summary>Not at all: always the first time.</summary>
    [JsonStringEnumMemberName("constant")] Constant,

    /// <summary>Slowly at both ends, as a squared cosine.</summary>
    [JsonStringEnumMemberName("cosine")] Cosine,

    /// <summary>Slowly at first, as a sine: long near the first time.</summary>
    [JsonStringEnumMemberName("biasT1")] BiasT1,

    /// <summary>Fast at first: long near the last time.</summary>
    [JsonStringEnumMemberName("biasT0")] BiasT0,

    /// <summary>Fast at both ends: twice the linear one less the cosine.</summary>
    [JsonStringEnumMemberName("reverseCosine")] ReverseCosine,
}

/// <summary>
/// The noise level that each round of <see cref="Dcdp"/> goes back to, and the timesteps that lead from it to the image. Purification time T stands
/// for the noise of timestep T - 1. Halves are rounded to even, as in the reference.
/// </summary>
internal static class PurificationTimes
{
    // Lifts values just below a half over it.
    private const double Nudge = 1e-6;

    /// <summary>T_k of each round, from <paramref name="first"/> to <paramref name="last"/>, at least 1.</summary>
    internal static int[] Of(PurificationSchedule schedule, int rounds, int first, int last)
    {
        return [.. Enumerable.Range(0, rounds).Select(k => Math.Max(1, Time(1 - (double)k / (rounds - 1))))];

        // s runs from 1, the first round, to 0.
        int Time(double s) => last + (int)Math.Round((first - last) * Share(schedule, s) + Nudge, MidpointRounding.ToEven);
    }

    /// <summary>Timesteps of the DDIM run of models in pixel space, rising from 0 to <paramref name="time"/> - 1.</summary>
    internal static int[] OfImages(int time, int steps)
    {
        int count = Math.Min(steps, time);
        double stride = (time - 1) / (count - 1.0), at = 0;
        var timesteps = new int[count];
        for (int j = 0; j < count; j++, at += stride)
        {
            timesteps[j] = (int)Math.Round(at, MidpointRounding.ToEven);
        }

        return timesteps;
    }

    /// <summary>Timesteps of the DDIM run of latent models, rising from 1 to <paramref name="time"/> - 1; only 1 for time 1. One may come twice.</summary>
    internal static int[] OfLatents(int time, int steps)
    {
        int count = Math.Min(steps, time);
        return count == 1 ? [1]
            : [.. Enumerable.Range(0, count).Select(j => (int)Math.Round((double)j / (count - 1) * (time - 2) + Nudge, MidpointRounding.ToEven) + 1)];
    }

    private static double Share(PurificationSchedule schedule, double s) => schedule switch
    {
        PurificationSchedule.Linear => s,
        PurificationSchedule.Constant => 1,
        PurificationSchedule.Cosine => Cosine(s),
        PurificationSchedule.BiasT1 => Math.Sin(Math.PI / 2 * s),
        PurificationSchedule.BiasT0 => Math.Sin(Math.PI / 2 * (s - 1)) + 1,
        PurificationSchedule.ReverseCosine => 2 * s - Cosine(s),
        _ => throw new ArgumentOutOfRangeException(nameof(schedule), schedule, null),
    };

    private static double Cosine(double s) => Math.Pow(Math.Cos(Math.PI / 2 * (1 - s)), 2);
}
