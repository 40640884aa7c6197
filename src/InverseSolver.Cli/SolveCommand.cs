using System.CommandLine;
using InverseSolver.Diffusion;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;

namespace InverseSolver.Cli;

/// <summary><c>inverse solve</c>: one measurement, locally, without a server.</summary>
internal static class SolveCommand
{
    internal static Command Create()
    {
        var job = new JobArguments();
        var output = new Option<string>("--out")
        {
            HelpName = "FOLDER",
            Description = "Folder for the files that a job of the service has: result.npy, result.png, result16.png, measurement.npy, measurement.png, "
                + "report.json; of a stack frame-0000.png ...; where there is a mask mask.png (white is measured); for several samples deviation.npy and "
                + "deviation.png; of scans result.nii and result-0000.dcm ...; "
                + "of parallelMri complex.npy, maps.npy, kspace.npy and mask.npy; and baseline-NAME.npy and baseline-NAME.png.",
            Required = true,
        };
        Option<string> models = CliOptions.Models(), device = CliOptions.Device();
        Option<string?> operators = CliOptions.Operators(), json = CliOptions.Json();
        var command = new Command("solve", "Solves one problem locally.");
        foreach (Option option in (Option[])[.. job.Options, output, models, operators, device, json]) command.Options.Add(option);
        command.SetAction((arguments, cancellation) => Task.Run(
            () =>
            {
                using var reader = new FormatReader(ReaderLimits.Default);
                StoredRequest request = job.Stored(arguments);
                Dictionary<string, byte[]> files = job.Files(arguments, reader);
                request = request with { Files = StoredRequest.HashesOf(files) };
                Device where = CliOptions.ParseDevice(arguments.GetValue(device)!);
                using LatentModel model = CliOptions.LoadModel(arguments.GetValue(models)!, request.Model, where);
                JobPlan plan = JobPlan.Of(request, files, reader, ArrayFiles.MaxPixels, model.Info, arguments.GetValue(operators));
                string[] warnings = [.. Fingerprint.Warnings, .. plan.Warnings];
                ResultText.Warn(warnings);

                DateTimeOffset started = DateTimeOffset.UtcNow;
                SolvedJob solved = ProgressBars.Show(progress => SolvedJob.Run(plan, model, progress, cancellation));
                string folder = Directory.CreateDirectory(arguments.GetRequiredValue(output)).FullName;
                (JobReport report, _) = JobOutputs.Write(
                    solved, new JobCircumstances("inverse", started, started), reader,
                    (name, bytes) => ArrayFiles.Write(Path.Combine(folder, name), bytes));
                ResultText.Print(folder, warnings);
                CliJson.Write(arguments.GetValue(json), report.ToJson());
                return ExitCode.Done;
            },
            cancellation));
        return command;
    }
}
