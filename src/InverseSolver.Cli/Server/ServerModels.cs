using System.CommandLine;
using System.Text.Json.Nodes;

namespace InverseSolver.Cli.Server;

/// <summary><c>inverse models … --server URL</c>: the models of a running service.</summary>
internal static class ServerModels
{
    internal static Option<string?> Server() => new("--server") { Description = "URL of a running service, for example http://localhost:8080." };

    internal static async Task<JsonObject> ListAsync(string server, CancellationToken cancellation)
    {
        using var client = new ServiceClient(server);
        JsonObject list = await client.AskAsync(HttpMethod.Get, "v1/models", cancellation);
        if (list["items"]!.AsArray().Count + list["broken"]!.AsArray().Count == 0)
        {
            Console.WriteLine("The service has no model package.");
        }

        foreach (JsonNode? model in list["items"]!.AsArray())
        {
            string copies = string.Join(
                ", ", model!["copies"]!.AsArray().Select(copy => $"{copy!["device"]} {MiB((long)copy["bytes"]!)}, {copy["users"]} users"));
            Console.WriteLine($"{model["id"],-24} {model["state"],-10} {copies}{(copies.Length > 0 ? "  " : "")}{model["title"]}");
        }

        foreach (JsonNode? broken in list["broken"]!.AsArray())
        {
            Console.WriteLine($"{broken!["name"],-24} cannot be used: {broken["reason"]}");
        }

        return list;
    }

    internal static Command Show() => OnModel(
        "show", "Shows a model of a service: card, configs, files, memory.", HttpMethod.Get, "",
        answer => Console.WriteLine(answer.ToJsonString(CliJson.Options)));

    internal static Command Load()
    {
        var warm = new Option<bool>("--warm") { Description = "Also call each network once." };
        return OnModel("load", "Loads a model into a service's memory.", HttpMethod.Post, "/load", answer =>
        {
            foreach (JsonNode? item in answer["items"]!.AsArray())
            {
                Console.WriteLine(
                    $"{item!["device"],-8} {MiB((long)item["bytes"]!)}, loaded in {(double)item["seconds"]!:0.00} s, version {item["hash"]!.ToString()[..12]}");
            }
        }, warm, "/warm");
    }

    internal static Command Unload() => OnModel("unload", "Takes a model out of a service's memory.", HttpMethod.Post, "/unload", answer =>
        Console.WriteLine($"{answer["copies"]} copies, of which {answer["inUse"]} go when their jobs are done"));

    private static Command OnModel(
        string name, string description, HttpMethod method, string path, Action<JsonObject> print, Option<bool>? other = null, string? otherPath = null)
    {
        var id = new Argument<string>("id") { Description = "The model's id." };
        Option<string?> server = Server(), json = CliOptions.Json();
        server.Required = true;
        var command = new Command(name, description) { id, server, json };
        if (other is not null)
        {
            command.Add(other);
        }

        command.SetAction(async (arguments, cancellation) =>
        {
            using var client = new ServiceClient(arguments.GetValue(server)!);
            string asked = other is not null && arguments.GetValue(other) ? otherPath! : path;
            JsonObject answer = await client.AskAsync(method, $"v1/models/{Uri.EscapeDataString(arguments.GetRequiredValue(id))}{asked}", cancellation);
            print(answer);
            CliJson.Write(arguments.GetValue(json), answer);
            return ExitCode.Done;
        });
        return command;
    }

    private static string MiB(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:0.0} MiB");
}
