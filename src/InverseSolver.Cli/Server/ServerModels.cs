using System.CommandLine;
using InverseSolver.Client;

namespace InverseSolver.Cli.Server;

/// <summary><c>inverse models … --server URL</c>: the models of a running service.</summary>
internal static class ServerModels
{
    internal static async Task ListAsync(string server, string? json, CancellationToken cancellation)
    {
        using InverseClient client = ServerOptions.Client(server);
        ModelList list = await client.Api.ListModelsAsync(cancellation);
        if (list.Items.Count + list.Broken.Count == 0)
        {
            Console.WriteLine("The service has no model package.");
        }

        foreach (Model model in list.Items)
        {
            string copies = string.Join(", ", model.Copies.Select(copy => $"{copy.Device} {MiB(copy.Bytes)}, {copy.Users} users"));
            Console.WriteLine($"{model.Id,-24} {Word(model.State),-10} {copies}{(copies.Length > 0 ? "  " : "")}{model.Title}");
        }

        foreach (BrokenModel broken in list.Broken)
        {
            Console.WriteLine($"{broken.Name,-24} cannot be used: {broken.Reason}");
        }

        if (json is not null) CliJson.Write(json, await client.GetJsonAsync("v1/models", cancellation));
    }

    internal static Command Show() => OnModel(
        "show", "Shows a model of a service: card, configs, files, memory.",
        (client, id, cancellation) => client.GetJsonAsync($"v1/models/{Uri.EscapeDataString(id)}", cancellation),
        model => Console.WriteLine(model.ToJsonString(CliJson.Options)));

    internal static Command Load()
    {
        var warm = new Option<bool>("--warm") { Description = "Also call each network once." };
        return OnModel(
            "load", "Loads a model into a service's memory.",
            (client, id, cancellation) => client.Api.LoadModelAsync(id, cancellationToken: cancellation),
            Print, warm, (client, id, cancellation) => client.Api.WarmModelAsync(id, cancellationToken: cancellation));

        static void Print(ModelLoadList loads)
        {
            foreach (ModelLoad load in loads.Items)
            {
                Console.WriteLine($"{load.Device,-8} {MiB(load.Bytes)}, loaded in {load.Seconds:0.00} s, version {load.Hash[..12]}");
            }
        }
    }

    internal static Command Unload() => OnModel(
        "unload", "Takes a model out of a service's memory.",
        (client, id, cancellation) => client.Api.UnloadModelAsync(id, cancellation),
        answer => Console.WriteLine($"{answer.Copies} copies, of which {answer.InUse} go when their jobs are done"));

    private static Command OnModel<T>(
        string name, string description, Func<InverseClient, string, CancellationToken, Task<T>> ask, Action<T> print,
        Option<bool>? other = null, Func<InverseClient, string, CancellationToken, Task<T>>? askOther = null)
        where T : class
    {
        var id = new Argument<string>("id") { Description = "The model's id." };
        Option<string> server = ServerOptions.Server();
        Option<string?> json = CliOptions.Json();
        var command = new Command(name, description) { id, server, json };
        if (other is not null) command.Add(other);
        command.SetAction(async (arguments, cancellation) =>
        {
            using InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
            T answer = await (other is not null && arguments.GetValue(other) ? askOther! : ask)(client, arguments.GetRequiredValue(id), cancellation);
            print(answer);
            CliJson.Write(arguments.GetValue(json), answer);
            return ExitCode.Done;
        });
        return command;
    }

    // As the service writes it.
    private static string Word(ModelState state) => System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName($"{state}");

    private static string MiB(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:0.0} MiB");
}
