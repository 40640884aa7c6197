using InverseSolver.Diffusion.Schedules;

namespace InverseSolver.UnitTests;

/// <summary>The schedules that models come with.</summary>
internal static class NoiseSchedules
{
    extension(NoiseSchedule)
    {
        /// <summary>β_i = (√start + i/(n−1) (√end − √start))².</summary>
        public static NoiseSchedule ScaledLinear(double start = 0.0015, double end = 0.0195, int steps = 1000) =>
            NoiseSchedule.FromBetas(NoiseSchedule.Betas("scaled_linear", start, end, steps));

        /// <summary>β rises linearly.</summary>
        public static NoiseSchedule Linear(double start = 1e-4, double end = 0.02, int steps = 1000) =>
            NoiseSchedule.FromBetas(NoiseSchedule.Betas("linear", start, end, steps));
    }
}
