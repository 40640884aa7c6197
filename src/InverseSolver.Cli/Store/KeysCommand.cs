using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Cli.Server;
using InverseSolver.Service.Access;
using InverseSolver.Service.Audit;

namespace InverseSolver.Cli.Store;

/// <summary><c>inverse keys</c>: the keys of a service, over HTTP, or in its data folder while it is stopped, as the first one is made.</summary>
internal static class KeysCommand
{
    internal static Command Create() => new("keys", "Makes, lists and revokes the keys of a service.") { Make(), List(), Revoke() };

    private static Command Make()
    {
        var account = new Option<string>("--account") { Description = "The account that the key stands for.", Required = true };
        var tenant = new Option<string>("--tenant") { Description = "The account's organisation, where there are several.", DefaultValueFactory = _ => "" };
        var scopes = new Option<string>("--scopes")
        {
            Description = $"Comma-separated: {string.Join(", ", Scope.All)}.",
            DefaultValueFactory = _ => $"{Scope.Read},{Scope.Submit}",
        };
        scopes.CompletionSources.Add([.. Scope.All]);
        Option<int?> days = CliOptions.Number<int>("--days", "Days until it expires, 1 to 3650; absent, 365.");
        return On("create", "Makes a key and prints it, this once.", [account, tenant, scopes, days], async (arguments, place, cancellation) =>
        {
            string[] words = CliOptions.List(arguments.GetValue(scopes)!);
            JsonObject made;
            if (place.Keys is { } keys)
            {
                var request = new ApiKeyRequest
                {
                    Account = arguments.GetRequiredValue(account),
                    Tenant = arguments.GetValue(tenant)!,
                    Scopes = words,
                    Days = arguments.GetValue(days),
                };
                request.Check();
                AuditTrail trail = place.Trail!();
                NewApiKey created = keys.Create(request);
                trail.Add("createKey", created.Details.Id);
                made = JsonOf(created);
            }
            else
            {
                var request = new JsonObject { ["account"] = arguments.GetRequiredValue(account), ["tenant"] = arguments.GetValue(tenant) };
                request["scopes"] = new JsonArray([.. words.Select(word => (JsonNode)word)]);
                if (arguments.GetValue(days) is { } given) request["days"] = given;
                made = await place.Client!.SendJsonAsync(HttpMethod.Post, "v1/keys", request, cancellation);
            }

            Console.WriteLine(made["key"]);
            return made;
        });
    }

    private static Command List() => On("list", "Lists the keys.", [], async (arguments, place, cancellation) =>
    {
        JsonObject list = place.Keys is { } keys ? JsonOf(new ApiKeyList(keys.List())) : await place.Client!.GetJsonAsync("v1/keys", cancellation);
        foreach (JsonNode? key in list["items"]!.AsArray())
        {
            string account = (string)key!["tenant"]! is { Length: > 0 } tenant ? $"{tenant}/{key["account"]}" : (string)key["account"]!;
            string state = key["revoked"] is { } revoked ? $"revoked {Day(revoked)}" : $"expires {Day(key["expires"]!)}";
            Console.WriteLine($"{key["id"]}  {account,-24} {string.Join(',', key["scopes"]!.AsArray()),-26} {state}");
        }

        return list;
    });

    private static Command Revoke()
    {
        var id = new Argument<string>("id") { Description = "The key's id, as lists show it." };
        return On("revoke", "Revokes a key.", [], async (arguments, place, cancellation) =>
        {
            string one = arguments.GetRequiredValue(id);
            JsonObject revoked;
            if (place.Keys is { } keys)
            {
                AuditTrail trail = place.Trail!();
                revoked = JsonOf(keys.Revoke(one) ?? throw new CommandException($"There is no key '{one}'."));
                trail.Add("revokeKey", one);
            }
            else
            {
                revoked = await place.Client!.SendJsonAsync(HttpMethod.Delete, $"v1/keys/{Uri.EscapeDataString(one)}", null, cancellation);
            }

            Console.WriteLine($"{one} was revoked.");
            return revoked;
        }, id);
    }

    private static Command On(
        string name, string description, Option[] options, Func<ParseResult, Place, CancellationToken, Task<JsonObject>> act, Argument<string>? argument = null)
    {
        Option<string> server = ServerOptions.Server();
        Option<DirectoryInfo> data = new Option<DirectoryInfo>("--data")
        {
            HelpName = "FOLDER",
            Description = "The data folder (Jobs:DataFolder) of a service that is stopped, in place of a running one.",
        }.AcceptExistingOnly();
        Option<string?> json = CliOptions.Json();
        var command = new Command(name, description);
        if (argument is not null) command.Arguments.Add(argument);
        Option<string?> key = StoreCommand.KeyFile();
        foreach (Option option in (Option[])[server, data, .. options, key, json]) command.Options.Add(option);
        command.SetAction(async (arguments, cancellation) =>
        {
            JsonObject answer;
            if (arguments.GetValue(data) is { } folder)
            {
                answer = await StoreCommand.WithAsync(folder, database => act(
                    arguments, new Place(new ApiKeys(database), () => StoreCommand.OpenTrail(database, folder, arguments.GetValue(key)), null), cancellation),
                    mustExist: true);
            }
            else
            {
                using Client.InverseClient client = ServerOptions.Client(arguments.GetValue(server)!);
                answer = await act(arguments, new Place(null, null, client), cancellation);
            }

            CliJson.Write(arguments.GetValue(json), answer);
            return ExitCode.Done;
        });
        return command;
    }

    private static JsonObject JsonOf<T>(T value) => JsonSerializer.SerializeToNode(value, Service.ApiJson.Options)!.AsObject();

    private static string Day(JsonNode time) => ((string)time!)[..10];

    // A data folder with its trail, or a service.
    private sealed record Place(ApiKeys? Keys, Func<AuditTrail>? Trail, Client.InverseClient? Client);
}
