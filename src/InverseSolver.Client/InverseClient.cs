using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace InverseSolver.Client;

/// <summary>A service: jobs from their submission to their files. <see cref="Api"/> has every operation of the OpenAPI document.</summary>
public sealed class InverseClient : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);

    private readonly HttpClient _http;

    /// <summary>A client of the service at an address.</summary>
    /// <param name="address">The service's address, for example <c>http://localhost:8080</c>; a path before <c>/v1</c> is kept.</param>
    /// <param name="key">The caller's key (<c>X-API-Key</c>); null: jobs belong to the address that this program calls from.</param>
    /// <param name="handler">The handler of requests; null: a new one.</param>
    public InverseClient(Uri address, string? key = null, HttpMessageHandler? handler = null)
    {
        _http = new HttpClient(handler ?? new SocketsHttpHandler(), handler is null)
        {
            BaseAddress = new Uri(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null) _http.DefaultRequestHeaders.Add("X-API-Key", key);
        Api = new ApiClient(_http);
    }

    /// <summary>The operations of the OpenAPI document.</summary>
    public ApiClient Api { get; }

    /// <summary>The time for which <see cref="WaitAsync"/> bears a service that does not answer, as during a restart.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Submits a job with its files. It is sent once more where the connection is lost, under the same key, so that it becomes one job.</summary>
    /// <param name="request">The job.</param>
    /// <param name="files">The files by name: <c>measurement</c>, and <c>mask</c>, <c>psf</c>, ... where the problem has them.</param>
    /// <param name="idempotencyKey">The key of this submission; null: a new one.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    /// <exception cref="ApiException{ApiError}">The service refused it.</exception>
    public Task<Job> SubmitAsync(
        JobRequest request, IReadOnlyDictionary<string, byte[]> files, string? idempotencyKey = null, CancellationToken cancellation = default) =>
        SubmitAsync(JsonSerializer.SerializeToNode(request, ApiClient.Json)!.AsObject(), files, idempotencyKey, cancellation);

    /// <summary>The same of a request that is JSON already: the schema <c>JobRequest</c> of the OpenAPI document.</summary>
    /// <inheritdoc cref="SubmitAsync(JobRequest, IReadOnlyDictionary{string, byte[]}, string?, CancellationToken)"/>
    public async Task<Job> SubmitAsync(
        JsonObject request, IReadOnlyDictionary<string, byte[]> files, string? idempotencyKey = null, CancellationToken cancellation = default)
    {
        string key = idempotencyKey ?? Guid.NewGuid().ToString("N");
        try
        {
            return await SendAsync();
        }
        catch (HttpRequestException error) when (error.StatusCode is null)
        {
            return await SendAsync();
        }

        async Task<Job> SendAsync()
        {
            using var body = new MultipartFormDataContent();
            var json = new ByteArrayContent(Encoding.UTF8.GetBytes(request.ToJsonString()));
            json.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            body.Add(json, "request");
            foreach ((string name, byte[] file) in files) body.Add(new ByteArrayContent(file), name, name);
            using var message = new HttpRequestMessage(HttpMethod.Post, "v1/jobs") { Content = body, Headers = { { "Idempotency-Key", key } } };
            using HttpResponseMessage answer = await _http.SendAsync(message, cancellation);
            string text = await answer.Content.ReadAsStringAsync(cancellation);
            return answer.IsSuccessStatusCode ? JsonSerializer.Deserialize<Job>(text, ApiClient.Json)! : throw ErrorOf(answer.StatusCode, text);
        }
    }

    /// <summary>Waits until a job is final. Its events are followed; where they end early, the job is asked for again.</summary>
    /// <param name="id">The job's id.</param>
    /// <param name="progress">Gets the job with each event.</param>
    /// <param name="cancellation">Stops waiting; the job goes on.</param>
    /// <returns>The job: succeeded, failed or cancelled.</returns>
    /// <exception cref="HttpRequestException">The service has not answered for <see cref="Patience"/>. The job goes on there.</exception>
    public async Task<Job> WaitAsync(string id, IProgress<Job>? progress = null, CancellationToken cancellation = default)
    {
        string? seen = null;
        var silent = new Stopwatch();
        while (true)
        {
            try
            {
                await foreach (SseItem<JobEvent> item in EventsAsync(id, seen, cancellation))
                {
                    seen = item.EventId;
                    progress?.Report(item.Data.Job);
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException && !cancellation.IsCancellationRequested)
            {
                // The service may be restarted: its jobs go on.
            }

            try
            {
                if (await Api.GetJobAsync(id, cancellation) is { State: not (JobState.Queued or JobState.Running) } job) return job;
                silent.Reset();
            }
            catch (HttpRequestException) when (silent.Elapsed < Patience)
            {
                silent.Start();
            }

            await Task.Delay(Poll, cancellation);
        }
    }

    /// <summary>Downloads a file of a job and compares it with its hash.</summary>
    /// <param name="job">The job, final.</param>
    /// <param name="name">The file's name, for example <c>result.npy</c>.</param>
    /// <param name="cancellation">Stops the download.</param>
    /// <exception cref="ArgumentException">The job has no file of this name.</exception>
    /// <exception cref="InvalidDataException">The file is not the one that the service wrote.</exception>
    public async Task<byte[]> DownloadAsync(Job job, string name, CancellationToken cancellation = default)
    {
        Artefact artefact = job.Result?.Artefacts.FirstOrDefault(file => file.Name == name)
            ?? throw new ArgumentException($"The job {job.Id} has no file '{name}'.", nameof(name));
        using FileResponse answer = await Api.GetArtefactAsync(job.Id, name, cancellation);
        using var bytes = new MemoryStream();
        await answer.Stream.CopyToAsync(bytes, cancellation);
        return Convert.ToHexStringLower(SHA256.HashData(bytes.ToArray())) == artefact.Sha256 ? bytes.ToArray()
            : throw new InvalidDataException($"The file {name} of the job {job.Id} is not the one that the service wrote: download it again.");
    }

    /// <summary>Downloads all files of a job into a folder, which is made where there is none.</summary>
    /// <param name="job">The job, succeeded.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellation">Stops the downloads.</param>
    public async Task SaveAsync(Job job, string folder, CancellationToken cancellation = default)
    {
        Directory.CreateDirectory(folder);
        foreach (Artefact artefact in job.Result?.Artefacts ?? [])
        {
            // A file's name is never a way to another folder.
            string path = Path.Combine(folder, Path.GetFileName(artefact.Name));
            await File.WriteAllBytesAsync(path + ".new", await DownloadAsync(job, artefact.Name, cancellation), cancellation);
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    /// <summary>An answer as it came, for what has no type of its own here.</summary>
    /// <param name="path">The address below the service's, for example <c>v1/models</c>.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    /// <exception cref="ApiException">The service refused it.</exception>
    public Task<JsonObject> GetJsonAsync(string path, CancellationToken cancellation = default) => SendJsonAsync(HttpMethod.Get, path, null, cancellation);

    /// <summary>The answer to a request, as it came.</summary>
    /// <param name="method">The method.</param>
    /// <param name="path">The address below the service's.</param>
    /// <param name="body">The body; null: none.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    /// <exception cref="ApiException">The service refused it.</exception>
    public async Task<JsonObject> SendJsonAsync(HttpMethod method, string path, JsonObject? body, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage answer = await _http.SendAsync(request, cancellation);
        string text = await answer.Content.ReadAsStringAsync(cancellation);
        return answer.IsSuccessStatusCode ? JsonNode.Parse(text)!.AsObject() : throw ErrorOf(answer.StatusCode, text);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<SseItem<JobEvent>> EventsAsync(
        string id, string? seen, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using FileResponse answer = await Api.ListenToJobAsync(id, seen, cancellation);
        if (answer.StatusCode == (int)HttpStatusCode.NoContent) yield break;
        SseParser<JobEvent> events = SseParser.Create(answer.Stream, static (_, data) => JsonSerializer.Deserialize<JobEvent>(data, ApiClient.Json)!);
        await foreach (SseItem<JobEvent> item in events.EnumerateAsync(cancellation)) yield return item;
    }

    private static ApiException ErrorOf(HttpStatusCode status, string text)
    {
        var headers = new Dictionary<string, IEnumerable<string>>();
        try
        {
            if (JsonSerializer.Deserialize<ApiError>(text, ApiClient.Json) is { Detail: { } detail } error)
            {
                return new ApiException<ApiError>(detail, (int)status, text, headers, error, null);
            }
        }
        catch (JsonException)
        {
            // A proxy's page.
        }

        return new ApiException($"The answer is not the service's: HTTP {(int)status}.", (int)status, text, headers, null);
    }
}

/// <summary>The settings of the generated part.</summary>
public partial class ApiClient
{
    /// <summary>The settings of JSON: what is null is left out.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull,
    };

    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings) =>
        settings.DefaultIgnoreCondition = Json.DefaultIgnoreCondition;
}
