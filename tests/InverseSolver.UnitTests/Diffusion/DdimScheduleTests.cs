using InverseSolver.Diffusion.Schedules;
using InverseSolver.UnitTests.Solvers;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

public sealed class DdimScheduleTests
{
    private static readonly NoiseSchedule Ldm = NoiseSchedule.ScaledLinear(0.0015, 0.0195);

    private static DdimSchedule Even(int steps) =>
        new(Ldm.AlphasCumprod, DdimSchedule.Spaced(TimestepSpacing.Leading, Ldm.TrainTimesteps, steps), Ldm.AlphasCumprod[0]);

    [Fact]
    public void Five_hundred_steps_are_the_odd_timesteps()
    {
        Assert.Equal(Enumerable.Range(0, 500).Select(i => 2 * i + 1), Even(500).Timesteps());
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(10), InlineData(30)]
    [InlineData(100), InlineData(300), InlineData(500), InlineData(999), InlineData(1000)]
    public void Any_number_of_steps_rises_within_the_schedule_up_to_its_end(int steps)
    {
        var grid = Even(steps);
        Assert.Equal(steps, grid.Steps);
        Assert.Equal(steps, grid.Timesteps().Length);
        Assert.Equal(999, grid[steps - 1].Timestep);
        Assert.InRange(grid[0].Timestep, 0, 999);
        Assert.All(Enumerable.Range(1, steps - 1), i => Assert.True(grid[i].Timestep > grid[i - 1].Timestep));
        Assert.All(Enumerable.Range(0, steps), i => Assert.Equal(Ldm.AlphasCumprod[grid[i].Timestep], grid[i].AlphaCumprod));
        Assert.Equal(Ldm.AlphasCumprod[0], grid[0].AlphaCumprodPrev);
        Assert.All(Enumerable.Range(1, steps - 1), i => Assert.Equal(grid[i - 1].AlphaCumprod, grid[i].AlphaCumprodPrev));
    }

    [Fact]
    public void A_thousand_steps_are_all_timesteps_and_one_step_is_the_last()
    {
        Assert.Equal(Enumerable.Range(0, 1000), Even(1000).Timesteps());
        Assert.Equal([999], Even(1).Timesteps());
        Assert.Equal([1, 999], Even(2).Timesteps());
        Assert.Equal([1, 500, 999], Even(3).Timesteps());
    }

    [Theory]
    [InlineData(0), InlineData(-1), InlineData(1001)]
    public void A_number_of_steps_that_the_schedule_has_not_is_refused(int steps) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Even(steps));

    [Theory]
    [InlineData(330, 661, 0.024664, 0.025222)]
    [InlineData(250, 501, 0.114005, 0.115844)]
    [InlineData(170, 341, 0.330643, 0.334207)]
    [InlineData(160, 321, 0.367095, 0.370836)]
    [InlineData(100, 201, 0.612443, 0.616727)]
    [InlineData(50, 101, 0.821146, 0.825084)]
    [InlineData(10, 21, 0.965732, 0.968955)]
    public void The_reference_s_values_stand_at_its_indices(int index, int timestep, double abar, double before)
    {
        var grid = Even(500);
        Assert.Equal(timestep, grid[index].Timestep);
        Assert.Equal(abar, grid[index].AlphaCumprod, 6);
        Assert.Equal(before, grid[index].AlphaCumprodPrev, 6);
    }
}
