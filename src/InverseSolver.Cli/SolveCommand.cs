using System.CommandLine;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Problems;
using InverseSolver.Reconstruction.Solvers;
using Spectre.Console;

namespace InverseSolver.Cli;

/// <summary><c>inverse solve</c>: one measurement, locally, without a server.</summary>
internal static class SolveCommand
{
    internal static Command Create()
    {
        var problem = new Option<string>("--problem")
        {
            Description = "The problem as the service takes it: JSON, a file with JSON, or the name of a kind (inverse problems).",
            Required = true,
        };
        var inputs = new SolveInputs();
        Option<double?> sigma = CliOptions.Number<double>(
            "--sigma", "Standard deviation of the noise, images on [0,1]; without it, estimated from the measurement.");
        Option<double?> photons = CliOptions.Number<double>(
            "--photons", "Photons per unit of the measurement, where it was counted; --sigma is then the read-out's noise.");
        var solver = new Option<string?>("--solver") { Description = "The solver; absent, the one that is recommended for the problem." };
        var preset = new Option<string>("--preset") { Description = "paper, paperFast, balanced or fast.", DefaultValueFactory = _ => "balanced" };
        string known = string.Join(", ", SolverCatalog.All.Where(one => one.IsBaseline).Select(one => one.Type));
        var baselines = new Option<string?>("--baselines")
        {
            Description = $"Comma-separated solvers without a network that solve the same beside it: {known}.",
        };
        var output = new Option<string>("--out")
        {
            Description = "Folder for the files that a job of the service has: result.npy, result.png, result16.png, measurement.npy, measurement.png, "
                + "report.json; of a stack frame-0000.png ...; where there is a mask mask.png (white is measured); for several samples deviation.npy and "
                + "deviation.png; of scans result.nii and result-0000.dcm ...; "
                + "of parallelMri complex.npy, maps.npy, kspace.npy and mask.npy; and baseline-NAME.npy and baseline-NAME.png.",
            Required = true,
        };
        Option<string> modelId = CliOptions.Model(), models = CliOptions.Models(), device = CliOptions.Device();
        var luminance = new Option<bool>("--luminance")
        {
            Description = "Take the luminance of a coloured measurement or truth, where the model is for grey images.",
        };
        Option<string[]> set = CliOptions.Set();
        Option<string?> operators = CliOptions.Operators();
        Option<long> seed = CliOptions.Seed();
        Option<string?> json = CliOptions.Json();
        var command = new Command("solve", "Solves one problem locally.")
        {
            problem, sigma, photons, modelId, models, solver, preset, set, baselines, luminance, seed, output, operators, device, json,
        };
        foreach (Option file in inputs.Options) command.Options.Add(file);
        command.SetAction((arguments, cancellation) => Task.Run(
            () =>
            {
                using var reader = new FormatReader(ReaderLimits.Default);
                Problem what = CliJson.ProblemOf(arguments.GetRequiredValue(problem), inputs.HasMask(arguments));
                (VendorConvention convention, bool force) = (inputs.Convention(arguments), inputs.ForceReference(arguments));
                SolveFiles files = inputs.Read(arguments, reader);
                string[] names = arguments.GetValue(baselines)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
                var request = new StoredRequest
                {
                    Model = arguments.GetValue(modelId)!,
                    Problem = what,
                    Sigma = arguments.GetValue(sigma),
                    Photons = arguments.GetValue(photons),
                    Solver = ResolvedSolver.Of(
                        what, arguments.GetValue(solver), arguments.GetValue(preset)!, CliJson.ReadSettings(arguments.GetValue(set) ?? [])),
                    Baselines = ResolvedSolver.Baselines(names),
                    Seed = arguments.GetValue(seed),
                    Luminance = arguments.GetValue(luminance),
                    Previews = false,
                    VendorConvention = convention,
                    Reference = force ? ReferenceRule.Force : ReferenceRule.Check,
                    Files = StoredRequest.HashesOf(files.Bytes),
                };
                Device where = CliOptions.ParseDevice(arguments.GetValue(device)!);
                using LatentModel model = CliOptions.LoadModel(arguments.GetValue(models)!, request.Model, where);
                JobPlan plan = Plan(request, files, reader, model.Info, arguments.GetValue(operators));
                string[] warnings = [.. Fingerprint.Warnings, .. plan.Warnings];
                Warn(warnings);

                DateTimeOffset started = DateTimeOffset.UtcNow;
                SolvedJob solved = WithProgressBar(progress => SolvedJob.Run(plan, model, progress, cancellation));
                string folder = Directory.CreateDirectory(arguments.GetValue(output)!).FullName;
                (JobReport report, _) = JobOutputs.Write(
                    solved, new JobCircumstances("inverse", started, started), reader,
                    (name, bytes) => ArrayFiles.Write(Path.Combine(folder, name), bytes));
                if (arguments.GetValue(json) is { } copy) ArrayFiles.Write(copy, report.ToJson());

                Console.WriteLine($"solver        {report.Solver}");
                Print(solved.Result);
                foreach ((Baseline baseline, ReconstructionResult image) in plan.Baselines.Zip(solved.Baselines)) Print(baseline, image);
                Warn(report.Warnings.Except(warnings));
                Console.WriteLine("Not for diagnosis.");
                return ExitCode.Done;
            },
            cancellation));
        return command;
    }

    /// <summary>Shows a bar on a terminal, and nothing where the output goes to a file.</summary>
    internal static T WithProgressBar<T>(Func<Action<SolverProgress>, T> run) => Console.IsOutputRedirected ? run(static _ => { }) : AnsiConsole.Progress()
        .HideCompleted(true)
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
        .Start(context =>
        {
            ProgressTask task = context.AddTask("sampling");
            return run(progress =>
            {
                task.Description = progress.Stage;
                task.MaxValue = progress.Of;
                task.Value = progress.Step;
            });
        });

    private static JobPlan Plan(StoredRequest request, SolveFiles files, FormatReader reader, ModelInfo model, string? operatorFolder)
    {
        try
        {
            return JobPlan.Of(request, files.Bytes, reader, ArrayFiles.MaxPixels, model, operatorFolder);
        }
        catch (InvalidInputException error) when (error.Code == InvalidInputException.InvalidFile)
        {
            throw new CommandException($"{files.NameOf(error.Field)}: {error.Message}");
        }
    }

    // Also where the output goes to a file.
    private static void Warn(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings) Console.Error.WriteLine($"warning: {warning}");
    }

    private static void Print(Baseline baseline, ReconstructionResult result)
    {
        string quality = result.Quality is { } q ? $"PSNR {q.PsnrDb:F2} dB, SSIM {q.Ssim:F4}, " : string.Empty;
        Console.WriteLine($"{baseline.Solver,-13} {quality}relative residual {result.Consistency.RelativeResidual:G4}, {result.Cost.Seconds:F1} s");
    }

    private static void Print(ReconstructionResult result)
    {
        ConsistencyReport c = result.Consistency;
        NoiseReport n = result.Noise;
        Console.WriteLine(
            $"noise         sigma {n.Sigma:G3}{(n.SigmaEstimated ? $", estimated: {n.SigmaMethod}" : string.Empty)}"
                + $"{(n.Photons is { } p ? $", {p:G4} photons per unit" : string.Empty)}");
        Console.WriteLine(
            $"residual      {c.Residual:G4} over {c.MeasuredComponents} components; noise explains {c.Expected:G4}"
                + $"{(c.Ratio is { } r ? $" (ratio {r:F2})" : string.Empty)}");
        Console.WriteLine(
            c.PriorShare is { } share
                ? $"prior share   {share:P1} of the image's energy is not seen by the measurement"
                : "prior share   unknown: the problem is not linear");
        if (result.Deviation is { } deviation)
        {
            Console.WriteLine(
                $"deviation     {Math.Sqrt(deviation.Values.Average(v => (double)v * v)):F3} root mean square over the samples, "
                    + $"{deviation.Values.Max():F3} at most");
        }

        if (result.Quality is { } q)
        {
            Console.WriteLine($"against truth PSNR {q.PsnrDb:F2} dB, SSIM {q.Ssim:F4}, NMSE {q.Nmse:G4}");
        }

        if (result.Twin is { } twin)
        {
            Console.WriteLine(
                $"twin          {(twin.Turned ? "turned" : "not turned")}: loss {twin.Loss:F4} under the prior, the other way round {twin.OtherLoss:F4}"
                    + $"{(twin.Registered is { } best ? $"; registered to the truth PSNR {best.PsnrDb:F2} dB" : string.Empty)}");
        }

        Console.WriteLine(
            $"cost          {result.Cost.Seconds:F1} s, {result.Cost.NetworkCalls} network calls, "
                + $"{result.Cost.NetworkGradients} network gradients, {result.Cost.DecoderGradients} decoder gradients");
    }
}
