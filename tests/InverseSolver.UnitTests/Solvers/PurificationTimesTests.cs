using InverseSolver.Reconstruction.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Solvers;

/// <summary>The published tables of purification times and timesteps.</summary>
public sealed class PurificationTimesTests
{
    [Theory]
    [InlineData(400, 0, new[] { 400, 356, 311, 267, 222, 178, 133, 89, 44, 1 })]
    [InlineData(400, 0, new[] { 400, 267, 133, 1 })]
    [InlineData(700, 0, new[] { 700, 663, 626, 589, 553, 516, 479, 442, 405, 368, 332, 295, 258, 221, 184, 147, 111, 74, 37, 1 })]
    [InlineData(500, 0, new[] { 500, 474, 447, 421, 395, 368, 342, 316, 289, 263, 237, 211, 184, 158, 132, 105, 79, 53, 26, 1 })]
    [InlineData(1000, 50, new[] { 1000, 894, 789, 683, 578, 472, 367, 261, 156, 50 })]
    [InlineData(300, 50, new[] { 300, 287, 274, 261, 247, 234, 221, 208, 195, 182, 168, 155, 142, 129, 116, 103, 89, 76, 63, 50 })]
    public void Linear_times_are_the_published_ones(int first, int last, int[] times) =>
        Assert.Equal(times, PurificationTimes.Of(PurificationSchedule.Linear, times.Length, first, last));

    [Fact]
    public void Two_hundred_rounds_begin_and_end_as_published()
    {
        int[] times = PurificationTimes.Of(PurificationSchedule.Linear, 200, 1000, 50);
        Assert.Equal(200, times.Length);
        Assert.Equal([1000, 995, 990, 986, 981], times[..5]);
        Assert.Equal([69, 64, 60, 55, 50], times[^5..]);
    }

    // Worked out from the formulas; that zero becomes one holds for each.
    [Theory]
    [InlineData(PurificationSchedule.Constant, 1000, 50, new[] { 1000, 1000, 1000, 1000, 1000 })]
    [InlineData(PurificationSchedule.Cosine, 1000, 50, new[] { 1000, 861, 525, 189, 50 })]
    [InlineData(PurificationSchedule.BiasT1, 1000, 50, new[] { 1000, 928, 722, 414, 50 })]
    [InlineData(PurificationSchedule.BiasT0, 1000, 50, new[] { 1000, 636, 328, 122, 50 })]
    [InlineData(PurificationSchedule.ReverseCosine, 1000, 50, new[] { 1000, 664, 525, 386, 50 })]
    [InlineData(PurificationSchedule.Constant, 400, 0, new[] { 400, 400, 400, 400, 400, 400, 400, 400, 400, 400 })]
    [InlineData(PurificationSchedule.Cosine, 400, 0, new[] { 400, 388, 353, 300, 235, 165, 100, 47, 12, 1 })]
    [InlineData(PurificationSchedule.BiasT1, 400, 0, new[] { 400, 394, 376, 346, 306, 257, 200, 137, 69, 1 })]
    [InlineData(PurificationSchedule.BiasT0, 400, 0, new[] { 400, 331, 263, 200, 143, 94, 54, 24, 6, 1 })]
    [InlineData(PurificationSchedule.ReverseCosine, 400, 0, new[] { 400, 323, 269, 233, 210, 190, 167, 131, 77, 1 })]
    public void The_other_schedules_follow_their_formulas(PurificationSchedule schedule, int first, int last, int[] times) =>
        Assert.Equal(times, PurificationTimes.Of(schedule, times.Length, first, last));

    [Theory]
    [InlineData(400, new[] { 0, 21, 42, 63, 84, 105, 126, 147, 168, 189, 210, 231, 252, 273, 294, 315, 336, 357, 378, 399 })]
    [InlineData(44, new[] { 0, 2, 5, 7, 9, 11, 14, 16, 18, 20, 23, 25, 27, 29, 32, 34, 36, 38, 41, 43 })]
    [InlineData(2, new[] { 0, 1 })]
    public void Models_in_pixel_space_visit_the_published_timesteps(int time, int[] timesteps) =>
        Assert.Equal(timesteps, PurificationTimes.OfImages(time, 20));

    [Theory]
    [InlineData(400, new[] { 1, 22, 43, 64, 85, 106, 127, 148, 169, 190, 210, 231, 252, 273, 294, 315, 336, 357, 378, 399 })]
    [InlineData(44, new[] { 1, 3, 5, 8, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34, 36, 39, 41, 43 })]
    [InlineData(20, new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 })]
    [InlineData(1, new[] { 1 })]
    public void Latent_models_visit_the_published_timesteps(int time, int[] timesteps) =>
        Assert.Equal(timesteps, PurificationTimes.OfLatents(time, 20));

    [Theory]
    [InlineData(10, 400, 0, 182, 181)]
    [InlineData(20, 700, 0, 382, 381)]
    [InlineData(20, 500, 0, 382, 381)]
    [InlineData(4, 400, 0, 62, 61)]
    [InlineData(200, 1000, 50, 4000, 4000)]
    [InlineData(200, 1000, 20, 4000, 4000)]
    [InlineData(10, 1000, 50, 200, 200)]
    [InlineData(20, 300, 50, 400, 400)]
    public void A_run_of_version_I_visits_as_many_timesteps_as_published(int rounds, int first, int last, int images, int latents)
    {
        int[] times = PurificationTimes.Of(PurificationSchedule.Linear, rounds, first, last);
        Assert.Equal(images, times.Sum(time => PurificationTimes.OfImages(Math.Max(2, time), 20).Length));
        Assert.Equal(latents, times.Sum(time => PurificationTimes.OfLatents(time, 20).Length));
    }

    [Theory]
    [InlineData(1000, 12_288, 0.163, 3)]
    [InlineData(1e5, 196_608, 1.017, 3)]
    [InlineData(1000, 196_608, 0.0102, 4)]
    [InlineData(300, 196_608, 0.00305, 5)]
    [InlineData(500, 442_368, 0.00226, 5)]
    public void A_step_is_twice_the_learning_rate_over_the_elements(double learningRate, long elements, double step, int digits) =>
        Assert.Equal(step, DcdpParameters.Normalised(learningRate, elements), digits);
}
