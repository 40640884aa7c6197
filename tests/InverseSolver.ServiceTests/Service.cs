using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using InverseSolver.Service.Access;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace InverseSolver.ServiceTests;

/// <summary>The service as it is, on a port of its own, with a data folder of its own unless it is given one.</summary>
public sealed class Service : WebApplicationFactory<Program>
{
    private readonly Dictionary<string, string> _settings;
    private readonly bool _ownsFolder;
    private readonly LogCollector _log = new();

    internal Service(string? folder, params (string Name, string Value)[] settings)
    {
        _ownsFolder = folder is null;
        Folder = folder ?? Directory.CreateTempSubdirectory("inverse-service-").FullName;
        _settings = settings.GroupBy(setting => setting.Name).ToDictionary(same => same.Key, same => same.Last().Value);
        UseKestrel(0);
        StartServer();
        Client = CreateClient();
        Client.Timeout = TimeSpan.FromSeconds(100);
    }

    public Service()
        : this(folder: null)
    {
    }

    public string Folder { get; }

    public HttpClient Client { get; }

    /// <summary>A key of an account.</summary>
    public string Key(string account, string tenant = "", params string[] scopes) => Services.GetRequiredService<ApiKeys>().Create(
        new ApiKeyRequest { Account = account, Tenant = tenant, Scopes = scopes is [] ? ["read", "submit"] : scopes }).Key;

    public async Task<JsonObject> GetAsync(string path) => (await Client.GetFromJsonAsync<JsonObject>(path))!;

    /// <summary>Submits as JSON and expects 202 or 200.</summary>
    public async Task<JsonObject> SubmitAsync(JsonObject job, string? prefer = null)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs") { Content = JsonContent.Create(job) };
        if (prefer is not null)
        {
            message.Headers.Add("Prefer", prefer);
        }

        using HttpResponseMessage response = await Client.SendAsync(message);
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, body);
        return JsonNode.Parse(body)!.AsObject();
    }

    /// <summary>Listens to a job until something holds, or until it is final.</summary>
    public async Task<JsonObject> UntilAsync(string id, Func<JsonObject, bool>? holds = null)
    {
        await foreach (ServerEvent happened in EventsAsync(id))
        {
            if (happened.Job is { } job && (IsFinal(job) || holds?.Invoke(job) == true))
            {
                return job;
            }
        }

        throw new InvalidOperationException("The stream ended before the job did.");
    }

    public async IAsyncEnumerable<ServerEvent> EventsAsync(string id, string? lastEventId = null)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, $"/v1/jobs/{id}/events");
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (lastEventId is not null)
        {
            message.Headers.Add("Last-Event-ID", lastEventId);
        }

        using HttpResponseMessage response = await Client.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(), Encoding.UTF8);
        string? type = null, eventId = null, data = null;
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.Length == 0)
            {
                if (data is not null)
                {
                    yield return new ServerEvent(type, eventId, JsonNode.Parse(data)!.AsObject());
                }

                type = eventId = data = null;
            }
            else if (line.Split(": ", 2) is [string name, string value])
            {
                _ = name switch { "event" => type = value, "id" => eventId = value, "data" => data = value, _ => null };
            }
        }
    }

    public static bool IsFinal(JsonObject job) => State(job) is "succeeded" or "failed" or "cancelled";

    public static string State(JsonObject job) => (string)job["state"]!;

    public static string Id(JsonObject job) => (string)job["id"]!;

    /// <summary>Everything that was logged.</summary>
    public IReadOnlyCollection<string> Log => _log.Lines;

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        builder.ConfigureLogging(logging => logging.AddProvider(_log).AddFilter<LogCollector>(null, LogLevel.Debug));
        builder.UseSetting("Jobs:DataFolder", Folder);
        builder.UseSetting("Models:Folders:0", Path.Combine(Repository.Root, "models"));
        builder.UseSetting("Logging:LogLevel:Default", "Warning");
        builder.UseSetting("Jobs:ProgressInterval", "00:00:00");
        builder.UseSetting("Jobs:PreviewInterval", "00:00:00.2");
        foreach ((string name, string value) in _settings)
        {
            builder.UseSetting(name, value);
        }
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing && _ownsFolder && Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}

/// <summary>One event of a stream.</summary>
public sealed record ServerEvent(string? Type, string? Id, JsonObject Data)
{
    public JsonObject? Job => Data["job"] as JsonObject;

    public string? Preview => (string?)Data["preview"];
}
