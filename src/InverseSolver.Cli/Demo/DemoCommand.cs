using System.CommandLine;
using System.Text.Json.Nodes;
using InverseSolver.Cli.Server;
using InverseSolver.Client;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Demo;

/// <summary><c>inverse demo</c>: inverse problems on slices of a head, solved by a running service.</summary>
internal static class DemoCommand
{
    private const long MaxVoxels = 512L * 512 * 512;

    internal static Command Create()
    {
        Option<string> server = ServerOptions.Server();
        var volume = new Option<string>("--volume") { Description = "NIfTI file with a magnitude volume of a head.", Required = true };
        var output = new Option<string>("--out") { Description = "Folder for sheet.png, report.md and a folder for each job.", Required = true };
        var slices = new Option<string>("--slices")
        {
            Description = "Comma-separated: axial, coronal, sagittal (the middle one), or with an index as in axial:90.",
            DefaultValueFactory = _ => "axial,coronal,sagittal",
        };
        var everySlice = new Option<bool>("--every-slice") { Description = "Solve every problem on every slice, not on one slice each." };
        var problems = new Option<string>("--problems")
        {
            Description = $"Comma-separated: {string.Join(", ", StandardProblems.All.Keys)}.",
            DefaultValueFactory = _ => string.Join(',', DemoJob.Problems),
        };
        Option<double> sigma = CliOptions.Number("--sigma", "Standard deviation of the simulated noise.", 0.01);
        var preset = new Option<string>("--preset") { Description = "paper, paperFast, balanced or fast.", DefaultValueFactory = _ => "balanced" };
        Option<string> model = CliOptions.Model();
        Option<string[]> set = CliOptions.Set();
        Option<long> seed = CliOptions.Seed();
        Option<string?> json = CliOptions.Json();
        var command = new Command("demo", "Shows what a running service makes of measurements of slices of a head.")
        {
            server, volume, output, slices, everySlice, problems, sigma, preset, set, seed, model, json,
        };
        command.SetAction(async (arguments, cancellation) =>
        {
            string file = arguments.GetRequiredValue(volume);
            DemoJob[] jobs = DemoJob.Plan(
                Nifti.Read(File.ReadAllBytes(file), MaxVoxels),
                List(arguments.GetValue(slices)!),
                List(arguments.GetValue(problems)!),
                arguments.GetValue(everySlice),
                arguments.GetValue(seed));
            string folder = Directory.CreateDirectory(arguments.GetRequiredValue(output)).FullName;
            string modelId = arguments.GetValue(model)!, presetName = arguments.GetValue(preset)!;
            double noise = arguments.GetValue(sigma);
            var solver = new JsonObject
            {
                ["type"] = "reSample",
                ["preset"] = presetName,
                ["parameters"] = CliJson.ReadSettings(arguments.GetValue(set) ?? []),
            };
            using InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
            var run = new DemoRun(client, folder);
            IReadOnlyList<DemoResult> results;
            try
            {
                Console.WriteLine($"{jobs.Length} jobs on {arguments.GetValue(server)}: model {modelId}, {solver["type"]}, preset {presetName}, noise {noise}");
                foreach (DemoJob job in jobs)
                {
                    await run.SubmitAsync(job, modelId, noise, solver, cancellation);
                }

                await ProgressBars.ShowAsync([.. jobs.Select(job => job.Name)], (i, report) => run.WaitAsync(jobs[i], report, cancellation));
                results = await run.CollectAsync(jobs, cancellation);
            }
            catch
            {
                await run.CancelAsync();
                throw;
            }

            if (results.Count > 0)
            {
                DemoRow[] rows = [.. results.Select(result => result.Row)];
                DemoReport.WriteSheet(Path.Combine(folder, "sheet.png"), results);
                CliJson.WriteAtomically(Path.Combine(folder, "report.md"), DemoReport.Markdown(rows, Path.GetFileName(file), modelId, presetName, noise));
                CliJson.Write(arguments.GetValue(json), rows);
                DemoReport.Print(rows);
                Console.WriteLine($"Pictures: {Path.Combine(folder, "sheet.png")}    report: {Path.Combine(folder, "report.md")}");
                Console.WriteLine("Not for diagnosis.");
            }

            return results.Count == jobs.Length ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static string[] List(string text) => CliOptions.List(text) is [_, ..] list ? list : throw new CommandException("A list is empty.");
}
