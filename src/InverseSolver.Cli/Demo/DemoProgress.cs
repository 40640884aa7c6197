using InverseSolver.Cli.Server;
using Spectre.Console;

namespace InverseSolver.Cli.Demo;

/// <summary>Shows several jobs at once: bars on a terminal, otherwise a line at every quarter of a job.</summary>
internal static class DemoProgress
{
    /// <summary>Runs something for each job and shows what it reports.</summary>
    /// <param name="jobs">The jobs.</param>
    /// <param name="run">Gets a job and where to report its states.</param>
    internal static async Task ShowAsync(IReadOnlyList<DemoJob> jobs, Func<DemoJob, Action<ServiceJob>, Task> run)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive)
        {
            await Task.WhenAll(jobs.Select(job => run(job, Lines(job))));
            return;
        }

        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask[] bars = [.. jobs.Select(job => context.AddTask(job.Name, autoStart: false))];
                await Task.WhenAll(jobs.Select((job, i) => run(job, state => Move(bars[i], job, state))));
            });
    }

    private static void Move(ProgressTask bar, DemoJob job, ServiceJob state)
    {
        if (state.State != "queued" && !bar.IsStarted)
        {
            bar.StartTask();
        }

        if (state.IsFinal)
        {
            bar.Description = $"{job.Name}: {state.State}";
            bar.Value = bar.MaxValue;
            bar.StopTask();
        }
        else if (state.Progress is { } progress)
        {
            bar.Description = $"{job.Name}: {progress.Stage}";
            bar.MaxValue = progress.Of;
            bar.Value = progress.Step;
        }
    }

    private static Action<ServiceJob> Lines(DemoJob job)
    {
        int quarter = 0;
        return state =>
        {
            if (state.IsFinal)
            {
                Console.WriteLine($"{job.Name}: {state.State}{(state.Result is { } result ? $" after {result.Cost.Seconds:F1} s" : string.Empty)}");
            }
            else if (state.Progress is { } progress && 4 * progress.Step / Math.Max(1, progress.Of) > quarter)
            {
                quarter = 4 * progress.Step / progress.Of;
                Console.WriteLine($"{job.Name}: {progress.Stage}, {progress.Step} of {progress.Of} steps, {progress.ElapsedSeconds:F0} s");
            }
        };
    }
}
