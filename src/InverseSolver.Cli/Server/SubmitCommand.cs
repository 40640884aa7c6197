using System.CommandLine;
using System.Text.Json.Nodes;
using InverseSolver.Client;
using InverseSolver.Imaging;

namespace InverseSolver.Cli.Server;

/// <summary><c>inverse submit</c>: one measurement, solved by a running service.</summary>
internal static class SubmitCommand
{
    internal static Command Create()
    {
        var options = new JobArguments();
        Option<string> server = ServerOptions.Server();
        var output = new Option<string?>("--out")
        {
            HelpName = "FOLDER",
            Description = "Waits for the job, shows its progress, and writes its files into this folder, the same as 'inverse solve' writes. "
                + "Without it, the job's id is printed and the command ends.",
        };
        var name = new Option<string?>("--name") { Description = "A label of the job, for lists and its report." };
        var priority = new Option<string?>("--priority") { Description = "low, normal or high, among the caller's own waiting jobs." };
        priority.CompletionSources.Add("low", "normal", "high");
        Option<string?> json = CliOptions.Json();
        json.Description += " The job as the service describes it.";
        var command = new Command("submit", "Submits one problem to a running service, waits for it and downloads its files.");
        foreach (Option option in (Option[])[server, .. options.Options, output, name, priority, json]) command.Options.Add(option);
        command.SetAction(async (arguments, cancellation) =>
        {
            using InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
            JsonObject request = options.Request(arguments);
            if (arguments.GetValue(name) is { } label) request["name"] = label;
            if (arguments.GetValue(priority) is { } place) request["priority"] = place;
            using var reader = new FormatReader(ReaderLimits.Default);
            Job job = await client.SubmitAsync(request, options.Files(arguments, reader), cancellation: cancellation);
            ResultText.Warn(job.Warnings);
            Console.WriteLine($"job           {job.Id}");
            if (arguments.GetValue(output) is not { } folder)
            {
                await WriteAsync();
                return ExitCode.Done;
            }

            string[] told = [.. job.Warnings];
            try
            {
                await ProgressBars.ShowAsync(["job"], async (_, report) =>
                    job = await client.WaitAsync(job.Id, new Reporter<Job>(ServerOptions.Progress(report)), cancellation));
            }
            catch (OperationCanceledException)
            {
                await ServerOptions.CancelAsync(client, [job.Id]);
                throw;
            }

            await WriteAsync();
            if (job.State != JobState.Succeeded)
            {
                Console.Error.WriteLine($"error: {ServerOptions.EndOf(job)}");
                return ExitCode.Failed;
            }

            await client.SaveAsync(job, folder, cancellation);
            ResultText.Print(folder, told);
            return ExitCode.Done;

            async Task WriteAsync()
            {
                if (arguments.GetValue(json) is { } file) CliJson.Write(file, await client.GetJsonAsync($"v1/jobs/{job.Id}", cancellation));
            }
        });
        return command;
    }
}
