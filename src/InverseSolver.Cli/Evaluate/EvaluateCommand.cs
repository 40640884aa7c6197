using System.CommandLine;
using System.Text.Json.Nodes;
using InverseSolver.Diffusion;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Solvers;

namespace InverseSolver.Cli.Evaluate;

/// <summary><c>inverse evaluate</c>: solvers on measurements simulated from a folder of images.</summary>
internal static class EvaluateCommand
{
    internal static Command Create()
    {
        var images = new Option<string>("--images") { Description = "Folder with true images.", Required = true };
        var problems = new Option<string>("--problems")
        {
            Description = $"Comma-separated: {string.Join(", ", StandardProblems.All.Keys)}, or JSON files.",
            Required = true,
        };
        var solvers = new Option<string>("--solvers")
        {
            Description = "Comma-separated solvers, or 'all'. "
                + "Beside them, what looks at the truth: leastSquaresBest (least squares at its best weight) and roundTrip (the truth encoded and decoded).",
            DefaultValueFactory = _ => "leastSquaresBest,roundTrip,reSample",
        };
        var presets = new Option<string>("--presets") { Description = "Comma-separated presets.", DefaultValueFactory = _ => "balanced" };
        Option<double> sigma = CliOptions.Number("--sigma", "Standard deviation of the simulated noise.", 0.01);
        Option<double?> photons = CliOptions.Number<double>(
            "--photons", "Photons per unit of the simulated measurement, where it is counted; --sigma is then the read-out's noise.");
        var estimate = new Option<bool>("--estimate-sigma") { Description = "Solvers estimate the noise level instead of being given it." };
        Option<int> limit = CliOptions.Number("--limit", "Images to take, evenly spaced in the folder.", 8);
        var sheet = new Option<string?>("--sheet") { Description = "PNG with truths, measurements and results." };
        var bestOf = new Option<string?>("--best-of")
        {
            Description = "JSON file with the rows of an earlier evaluation: for each problem only those of the solvers are taken that did best in it.",
        };
        Option<int> best = CliOptions.Number("--best", "How many of them.", 3);
        var resume = new Option<string?>("--resume") { Description = "JSON file that rows are added to; what it holds already is not run again." };
        var means = new Option<string?>("--means") { Description = "File for the table as JSON." };
        var markdown = new Option<string?>("--markdown") { Description = "File for the table." };
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        Option<string[]> set = CliOptions.Set();
        Option<string?> operators = CliOptions.Operators();
        Option<long> seed = CliOptions.Seed();
        Option<string?> json = CliOptions.Json();
        var command = new Command("evaluate", "Simulates measurements from images, solves them and tabulates the results.")
        {
            images, problems, solvers, presets, sigma, photons, estimate, limit, bestOf, best, seed, sheet,
            resume, markdown, means, modelId, models, operators, device, set, json,
        };
        command.SetAction((arguments, cancellation) => Task.Run(
            () =>
            {
                IEnumerable<EvaluationRun> runs = Runs(
                    CliOptions.List(arguments.GetRequiredValue(problems)),
                    CliOptions.List(arguments.GetValue(solvers)!),
                    CliOptions.List(arguments.GetValue(presets)!),
                    CliJson.ReadSettings(arguments.GetValue(set) ?? []));
                if (arguments.GetValue(bestOf) is { } earlier)
                {
                    runs = Best(runs, Evaluation.ReadRows(earlier), arguments.GetValue(best));
                }

                var evaluation = new Evaluation
                {
                    Images = ImagesIn(arguments.GetRequiredValue(images), arguments.GetValue(limit)),
                    Sigma = arguments.GetValue(sigma),
                    Photons = arguments.GetValue(photons),
                    EstimateSigma = arguments.GetValue(estimate),
                    Seed = arguments.GetValue(seed),
                    Runs = [.. runs],
                    OperatorFolder = arguments.GetValue(operators),
                    RowsFile = arguments.GetValue(resume),
                };
                using LatentModel model = CliOptions.LoadModel(
                    arguments.GetValue(models)!, arguments.GetValue(modelId)!, CliOptions.ParseDevice(arguments.GetValue(device)!));
                IReadOnlyList<EvaluationRow> rows = evaluation.Execute(model, cancellation);
                string table = EvaluationTable.Markdown(rows, evaluation.Refusals);
                Console.WriteLine(table);
                if (arguments.GetValue(markdown) is { } markdownFile)
                {
                    CliJson.WriteAtomically(markdownFile, table);
                }

                CliJson.Write(arguments.GetValue(means), EvaluationTable.Means(rows));
                if (arguments.GetValue(sheet) is { } sheetFile && rows.Count > 0)
                {
                    EvaluationTable.WriteSheet(sheetFile, evaluation, rows);
                }

                CliJson.Write(arguments.GetValue(json), rows);
                return ExitCode.Done;
            },
            cancellation));
        return command;
    }

    private static IEnumerable<EvaluationRun> Runs(string[] problems, string[] solvers, string[] presets, JsonObject settings)
    {
        foreach (string problem in problems)
        {
            foreach (string solver in solvers is ["all"] ? [.. SolverCatalog.All.Select(one => one.Type)] : solvers)
            {
                if (solver is Evaluation.LeastSquaresBest or Evaluation.RoundTrip)
                {
                    yield return new EvaluationRun(problem, solver, string.Empty, null, string.Empty);
                    continue;
                }

                foreach (string preset in presets)
                {
                    SolverParameters parameters = SolverCatalog.Resolve(solver, preset, settings);
                    yield return new EvaluationRun(problem, solver, preset, parameters, settings.Count == 0 ? string.Empty : settings.ToJsonString());
                }
            }
        }
    }

    // Of each problem's runs those whose solvers had the highest mean PSNR in earlier rows, whatever their presets were then.
    private static IEnumerable<EvaluationRun> Best(IEnumerable<EvaluationRun> runs, IReadOnlyList<EvaluationRow> earlier, int count)
    {
        ILookup<(string Problem, string Solver), double> psnr = earlier.ToLookup(row => (row.Problem, row.Solver), row => row.PsnrDb);
        return runs.GroupBy(run => run.Problem).SelectMany(problem =>
        {
            string[] best = [.. problem.Select(run => run.Solver).Distinct().Where(solver => psnr.Contains((problem.Key, solver)))
                .OrderByDescending(solver => psnr[(problem.Key, solver)].Average()).Take(count)];
            return problem.Where(run => best.Contains(run.Solver));
        });
    }

    private static string[] ImagesIn(string folder, int limit)
    {
        if (!Directory.Exists(folder)) throw new CommandException($"--images {folder}: there is no such folder.");
        string[] files = [.. Directory.EnumerateFiles(folder)
            .Where(file => Path.GetExtension(file).ToLowerInvariant() is ".png" or ".jpg" or ".jpeg" or ".tif" or ".tiff" or ".webp" or ".npy")
            .Order(StringComparer.Ordinal)];
        if (limit < 1)
        {
            throw new CommandException("--limit: it is 1 or more.");
        }

        if (files.Length == 0)
        {
            throw new CommandException($"--images {folder}: there are no images.");
        }

        int count = Math.Min(limit, files.Length);
        return [.. Enumerable.Range(0, count).Select(i => files[(int)((long)i * files.Length / count)])];
    }
}
