using System.Globalization;
using InverseSolver.Reconstruction.Solvers;
using Spectre.Console;

namespace InverseSolver.Cli;

/// <summary>The progress of runs: a bar for each on a terminal, else a line at every quarter of a run that has a name.</summary>
internal static class ProgressBars
{
    /// <summary>Shows one run.</summary>
    internal static T Show<T>(Func<Action<SolverProgress>, T> run)
    {
        T? result = default;
        ShowAsync([""], (_, report) => Task.Run(() => result = run(report))).GetAwaiter().GetResult();
        return result!;
    }

    /// <summary>Shows several runs at once.</summary>
    /// <param name="names">Their names; empty: lines are not written.</param>
    /// <param name="run">Gets the number of a run and where to report its progress.</param>
    internal static async Task ShowAsync(IReadOnlyList<string> names, Func<int, Action<SolverProgress>, Task> run)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            await Task.WhenAll(names.Select((name, i) => run(i, Lines(name))));
            return;
        }

        await AnsiConsole.Progress()
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(),
                new ElapsedTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask[] bars = [.. names.Select(name => context.AddTask(name.Length > 0 ? name : "starting", autoStart: false))];
                await Task.WhenAll(names.Select(async (name, i) =>
                {
                    await run(i, progress => Move(bars[i], name, progress));
                    bars[i].Value = bars[i].MaxValue;
                    bars[i].StopTask();
                }));
            });
    }

    /// <summary>The stage with the residual, in units of what the noise explains.</summary>
    internal static string Describe(string name, SolverProgress progress) =>
        $"{(name.Length > 0 ? $"{name}: " : "")}{progress.Stage}"
            + $"{(progress.Residual is { } residual ? string.Create(CultureInfo.InvariantCulture, $", residual {residual:G3}") : "")}";

    private static void Move(ProgressTask bar, string name, SolverProgress progress)
    {
        if (!bar.IsStarted) bar.StartTask();
        bar.Description = Markup.Escape(Describe(name, progress));
        bar.MaxValue = Math.Max(1, progress.Of);
        bar.Value = progress.Step;
    }

    private static Action<SolverProgress> Lines(string name)
    {
        int quarter = 0;
        return progress =>
        {
            if (name.Length == 0 || 4 * progress.Step / Math.Max(1, progress.Of) <= quarter) return;
            quarter = 4 * progress.Step / progress.Of;
            Console.WriteLine($"{Describe(name, progress)}; {progress.Step} of {progress.Of} steps, {progress.Elapsed.TotalSeconds:F0} s");
        };
    }
}
