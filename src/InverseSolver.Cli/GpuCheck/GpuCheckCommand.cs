using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace InverseSolver.Cli.GpuCheck;

/// <summary><c>inverse gpu-check</c>: checks and times on a GPU, or, saying so, on the CPU, as one report in Markdown.</summary>
internal static class GpuCheckCommand
{
    private static readonly IReadOnlyDictionary<string, Func<GpuCheckStages, bool>> Stages = new Dictionary<string, Func<GpuCheckStages, bool>>
    {
        ["parity"] = check => check.Parity(),
        ["determinism"] = check => check.Determinism(),
        ["cancel"] = check => check.Cancel(),
        ["memory"] = check => check.Memory(),
        ["sharing"] = check => check.Sharing(),
        ["precision"] = check => check.Precision(),
        ["networks"] = check => check.Networks(),
    };

    internal static Command Create()
    {
        var folders = new Argument<string[]>("folders")
        {
            Description = "Network folders and model packages that hold a golden.safetensors, for the stage parity.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var stages = new Option<string>("--stages")
        {
            Description = $"Comma-separated stages: {string.Join(", ", Stages.Keys)}.",
            DefaultValueFactory = _ => string.Join(',', Stages.Keys),
        };
        var report = new Option<string?>("--report") { Description = "Append the report to this file, too." };
        Option<string?> json = CliOptions.Json();
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        var command = new Command("gpu-check", "Checks and times networks and solvers on a GPU, or, saying so, on the CPU.")
        {
            folders, stages, report, modelId, models, device, json,
        };
        command.SetAction(arguments =>
        {
            string[] wanted = arguments.GetValue(stages)!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            if (wanted.FirstOrDefault(stage => !Stages.ContainsKey(stage)) is { } unknown)
            {
                throw new CommandException($"--stages {unknown}: it is no stage: {string.Join(", ", Stages.Keys)}.");
            }

            Device where = CliOptions.ParseDevice(arguments.GetValue(device)!);
            var text = new StringBuilder();
            void Line(string line)
            {
                Console.WriteLine(line);
                text.AppendLine(line);
            }

            Head(where, Line);
            string folder = CliOptions.FolderOf(arguments.GetValue(models)!, arguments.GetValue(modelId)!);
            var check = new GpuCheckStages(folder, [.. arguments.GetValue(folders) ?? []], where, Line);
            var failed = new List<string>();
            var done = new List<object>();
            foreach (string stage in wanted)
            {
                var watch = Stopwatch.StartNew();
                Line($"\n## {stage}\n");
                if (!Stages[stage](check))
                {
                    failed.Add(stage);
                }

                Line(string.Create(CultureInfo.InvariantCulture, $"\n{(failed.Contains(stage) ? "FAILED" : "ok")}, {watch.Elapsed.TotalSeconds:F0} s"));
                done.Add(new { stage, passed = !failed.Contains(stage), seconds = watch.Elapsed.TotalSeconds });
            }

            if (arguments.GetValue(report) is { } file)
            {
                File.AppendAllText(file, text.ToString());
            }

            CliJson.Write(arguments.GetValue(json), new { device = where.ToString(), stages = done });
            Line(failed.Count == 0 ? "\nAll stages passed." : $"\nFAILED: {string.Join(", ", failed)}");
            return failed.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static void Head(Device where, Action<string> line)
    {
        bool cuda = where.type == DeviceType.CUDA;
        line(cuda ? $"GPU: {Backend.NameOf(where)}" : "There is no GPU here (or this build has no CUDA): the same checks run on the CPU.");
        line($"libtorch {Backend.Version}, {Backend.Threads} threads, {Backend.CpuCapability}{(cuda ? $", TF32 {(Backend.AllowTf32 ? "on" : "off")}" : "")}");
    }
}
