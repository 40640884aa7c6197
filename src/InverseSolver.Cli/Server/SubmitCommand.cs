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
        var priority = new Option<string?>("--priority") { HelpName = "WORD", Description = "low, normal or high, among the caller's own waiting jobs." };
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
            Dictionary<string, byte[]> files = options.Files(arguments, reader);
            Job job;
            try
            {
                job = await client.SubmitAsync(request, files, cancellation: cancellation);
            }
            catch (OperationCanceledException)
            {
                Console.Error.WriteLine("warning: The submission was under way: the service may have taken it, and 'inverse' does not know the job's id.");
                throw;
            }

            ResultText.Warn(job.Warnings);
            Console.WriteLine($"job           {job.Id}");
            if (arguments.GetValue(output) is not { } folder)
            {
                await WriteAsync();
                return ExitCode.Done;
            }

            (int code, job) = await FinishAsync(client, job, folder, cancelWithIt: true, cancellation);
            await WriteAsync();
            return code;

            async Task WriteAsync()
            {
                if (arguments.GetValue(json) is { } file) CliJson.Write(file, await client.GetJsonAsync($"v1/jobs/{job.Id}", cancellation));
            }
        });
        return command;
    }

    /// <summary><c>inverse download</c>: waits for a job that was submitted before, and writes its files.</summary>
    internal static Command Download()
    {
        var id = new Argument<string>("id") { Description = "The job's id, as 'inverse submit' prints it." };
        Option<string> server = ServerOptions.Server();
        var output = new Option<string>("--out") { HelpName = "FOLDER", Description = "The folder for the job's files.", Required = true };
        Option<string?> json = CliOptions.Json();
        json.Description += " The job as the service describes it.";
        var command = new Command("download", "Waits for a job of a service and downloads its files.") { id, server, output, json };
        command.SetAction(async (arguments, cancellation) =>
        {
            using InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
            Job job = await client.Api.GetJobAsync(arguments.GetRequiredValue(id), cancellation);
            (int code, job) = await FinishAsync(client, job, arguments.GetRequiredValue(output), cancelWithIt: false, cancellation);
            if (arguments.GetValue(json) is { } file) CliJson.Write(file, await client.GetJsonAsync($"v1/jobs/{job.Id}", cancellation));
            return code;
        });
        return command;
    }

    private static async Task<(int Code, Job Job)> FinishAsync(
        InverseClient client, Job job, string folder, bool cancelWithIt, CancellationToken cancellation)
    {
        string[] told = [.. job.Warnings];
        try
        {
            await ProgressBars.ShowAsync(["job"], async (_, report) =>
                job = await client.WaitAsync(job.Id, new Reporter<Job>(ServerOptions.Progress(report)), cancellation));
        }
        catch (OperationCanceledException) when (cancelWithIt)
        {
            await ServerOptions.CancelAsync(client, [job.Id]);
            throw;
        }
        catch (Exception error) when (error is HttpRequestException or ApiException)
        {
            Console.Error.WriteLine($"note: the job goes on; later: inverse download {job.Id} --out {folder}");
            throw;
        }

        if (job.State != JobState.Succeeded)
        {
            Console.Error.WriteLine($"error: {ServerOptions.EndOf(job)}");
            return (ExitCode.Failed, job);
        }

        try
        {
            await client.SaveAsync(job, folder, cancellation);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            Console.Error.WriteLine($"note: the job has succeeded; once more: inverse download {job.Id} --out {folder}");
            throw;
        }

        ResultText.Print(folder, told);
        return (ExitCode.Done, job);
    }
}
