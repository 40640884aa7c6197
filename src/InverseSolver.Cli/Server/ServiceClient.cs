using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using InverseSolver.Imaging;
using InverseSolver.Reconstruction;
using InverseSolver.Reconstruction.Jobs;
using InverseSolver.Reconstruction.Problems;

namespace InverseSolver.Cli.Server;

/// <summary>A running service, over HTTP.</summary>
internal sealed class ServiceClient : IDisposable
{
    private const int Reconnections = 5;
    private const long MaxElements = 4096L * 4096 * 3;

    // A newer service may say more than this client knows.
    private static readonly JsonSerializerOptions Json = new(CliJson.Options)
    {
        WriteIndented = false,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip,
    };

    private readonly HttpClient _http;

    internal ServiceClient(string server)
    {
        if (!Uri.TryCreate(server.TrimEnd('/') + "/", UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            throw new CommandException($"'{server}' is not the URL of a server.");
        }

        _http = new HttpClient { BaseAddress = address };
    }

    /// <summary>A measurement of a clean image, with noise.</summary>
    internal async Task<ArrayData> SimulateAsync(Problem problem, ArrayData image, double sigma, long seed, CancellationToken cancellation)
    {
        using MultipartFormDataContent body = Multipart(new SimulationRequest(problem, sigma, seed), ("image", image));
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, "v1/measurements/simulate", body, cancellation);
        return ToArray(await response.Content.ReadAsByteArrayAsync(cancellation));
    }

    /// <summary>Queues a job.</summary>
    internal async Task<ServiceJob> SubmitAsync(SubmittedJob request, ArrayData measurement, ArrayData? truth, CancellationToken cancellation)
    {
        using MultipartFormDataContent body = truth is null
            ? Multipart(request, ("measurement", measurement))
            : Multipart(request, ("measurement", measurement), ("truth", truth));
        using HttpResponseMessage response = await SendAsync(HttpMethod.Post, "v1/jobs", body, cancellation);
        return await ReadAsync<ServiceJob>(response, cancellation);
    }

    /// <summary>The job each time that it changed, the last time when it is final. A broken stream is taken up again where it broke off.</summary>
    internal async IAsyncEnumerable<ServiceJob> FollowAsync(string id, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? lastEvent = null;
        for (int attempt = 0; attempt <= Reconnections; attempt++)
        {
            await using IAsyncEnumerator<SseItem<JobEvent?>> events = EventsAsync(id, lastEvent, cancellation).GetAsyncEnumerator(cancellation);
            while (await MoveNextAsync(events))
            {
                lastEvent = string.IsNullOrEmpty(events.Current.EventId) ? lastEvent : events.Current.EventId;
                if (events.Current.Data?.Job is { } job)
                {
                    attempt = 0;
                    yield return job;
                    if (job.IsFinal)
                    {
                        yield break;
                    }
                }
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
        }

        throw new HttpRequestException($"The events of job {id} break off again and again.");
    }

    /// <summary>Asks a job to stop; one that is finished stays as it is.</summary>
    internal async Task CancelAsync(string id, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await _http.PostAsync($"v1/jobs/{id}/cancel", null, cancellation);
        if (response.StatusCode != HttpStatusCode.Conflict)
        {
            await CheckAsync(response, cancellation);
        }
    }

    /// <summary>One of a finished job's files.</summary>
    internal async Task<byte[]> DownloadAsync(string id, string name, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(HttpMethod.Get, $"v1/jobs/{id}/artefacts/{name}", null, cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>Requests an address of the service and returns its JSON answer unchanged.</summary>
    internal async Task<JsonObject> AskAsync(HttpMethod method, string path, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(method, path, null, cancellation);
        return await ReadAsync<JsonObject>(response, cancellation);
    }

    /// <summary>A .npy file's array.</summary>
    internal static ArrayData ToArray(byte[] npy) => Npy.Read(npy, MaxElements);

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<SseItem<JobEvent?>> EventsAsync(string id, string? lastEvent, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/jobs/{id}/events");
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (lastEvent is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEvent);
        }

        using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        await CheckAsync(response, cancellation);
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
        SseParser<JobEvent?> parser = SseParser.Create(stream, static (_, data) => JsonSerializer.Deserialize<JobEvent>(data, Json));
        await foreach (SseItem<JobEvent?> item in parser.EnumerateAsync(cancellation))
        {
            yield return item;
        }
    }

    // False also where the connection broke; an answer of the service that refuses is still an error.
    private static async Task<bool> MoveNextAsync(IAsyncEnumerator<SseItem<JobEvent?>> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (Exception e) when (e is IOException or HttpRequestException { StatusCode: null })
        {
            return false;
        }
    }

    private static MultipartFormDataContent Multipart<T>(T request, params ReadOnlySpan<(string Name, ArrayData Array)> files)
    {
        var body = new MultipartFormDataContent
        {
            { new StringContent(JsonSerializer.Serialize(request, Json), MediaTypeHeaderValue.Parse("application/json")), "request" },
        };
        foreach ((string name, ArrayData array) in files)
        {
            body.Add(new ByteArrayContent(Npy.Write(array)), name, $"{name}.npy");
        }

        return body;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        HttpResponseMessage response = await _http.SendAsync(request, cancellation);
        await CheckAsync(response, cancellation);
        return response;
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, CancellationToken cancellation) =>
        JsonSerializer.Deserialize<T>(await response.Content.ReadAsByteArrayAsync(cancellation), Json)
        ?? throw new HttpRequestException("The service's answer is empty.");

    // The service's own words, where it has some.
    private static async Task CheckAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string text = await response.Content.ReadAsStringAsync(cancellation);
        ServiceError? error = null;
        try
        {
            error = JsonSerializer.Deserialize<ServiceError>(text, Json);
        }
        catch (JsonException)
        {
            // Not from the service itself.
        }

        string detail = error?.Detail is { } known
            ? $"{(error.Field is null ? string.Empty : error.Field + ": ")}{known}"
            : response.ReasonPhrase ?? string.Empty;
        throw new HttpRequestException($"The service answered {(int)response.StatusCode}: {detail}", null, response.StatusCode);
    }

    private sealed record SimulationRequest(Problem Problem, double Sigma, long Seed);

    private sealed record JobEvent(ServiceJob? Job);

    private sealed record ServiceError(string? Detail, string? Field);
}

/// <summary>A job to submit.</summary>
internal sealed record SubmittedJob(
    string Model, Problem Problem, double Sigma, SubmittedSolver Solver, long Seed, string Name, bool Previews = false, bool Reproducible = true);

/// <summary>The solver of a job to submit.</summary>
internal sealed record SubmittedSolver(string Type, string Preset, JsonObject Parameters);

/// <summary>Job of the service, with the members that this client reads.</summary>
internal sealed record ServiceJob(string Id, string State, ServiceProgress? Progress, ServiceResult? Result, ServiceFailure? Error)
{
    internal bool IsFinal => State is "succeeded" or "failed" or "cancelled";
}

/// <summary>Progress of a job.</summary>
internal sealed record ServiceProgress(string Stage, int Step, int Of, double? Residual, double ElapsedSeconds);

/// <summary>Result of a job.</summary>
internal sealed record ServiceResult(ConsistencyReport Consistency, QualityReport? Quality, CostReport Cost, SharingReport? Sharing = null);

/// <summary>Error that made a job fail.</summary>
internal sealed record ServiceFailure(string Code, string? Field, string Detail);
