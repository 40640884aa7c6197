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
    private const int Downloads = 4;

    // Bytes a second, for which a submission is waited for longer.
    private const double SlowestUpload = 50_000;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(2);

    // The service writes a heartbeat every 15 s; an answer that takes longer than a minute is none.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http;

    /// <summary>A client of the service at an address.</summary>
    /// <param name="address">The service's address, for example <c>http://localhost:8080</c>; a path before <c>/v1</c> is kept.</param>
    /// <param name="key">The caller's key (<c>X-API-Key</c>); null: jobs belong to the address that this program calls from.</param>
    /// <param name="handler">The handler of requests; null: a new one.</param>
    public InverseClient(Uri address, string? key = null, HttpMessageHandler? handler = null)
    {
        // A redirected submission would become a question.
        _http = new HttpClient(handler ?? new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(15) }, handler is null)
        {
            BaseAddress = new Uri(address.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (key is not null) _http.DefaultRequestHeaders.Add("X-API-Key", key);
        Api = new ApiClient(_http);
    }

    /// <summary>The operations of the OpenAPI document.</summary>
    public ApiClient Api { get; }

    /// <summary>The time for which a submission and <see cref="WaitAsync"/> bear a service that does not answer, as during a restart.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Submits a job with its files. It is sent once more where the connection is lost, under the same key, so that it becomes one job.</summary>
    /// <param name="request">The job.</param>
    /// <param name="files">The files by name: <c>measurement</c>, and <c>mask</c>, <c>psf</c>, ... where the problem has them.</param>
    /// <param name="idempotencyKey">The key of this submission; null: a new one.</param>
    /// <param name="cancellation">Stops waiting for the answer.</param>
    /// <exception cref="ApiException{ApiError}">The service refused it.</exception>
    /// <exception cref="ApiException">The answer is not the service's.</exception>
    /// <exception cref="HttpRequestException">There is no answer.</exception>
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
            TimeSpan time = Patience + TimeSpan.FromSeconds(files.Values.Sum(file => (double)file.Length) / SlowestUpload);
            return await WithinAsync(
                time,
                async limit =>
                {
                    using HttpResponseMessage answer = await _http.SendAsync(message, limit);
                    string text = await answer.Content.ReadAsStringAsync(limit);
                    return answer.IsSuccessStatusCode && JobOf(text) is { } job ? job : throw ErrorOf(answer.StatusCode, text);
                },
                cancellation);
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
            catch (Exception error) when (IsPassing(error) && !cancellation.IsCancellationRequested)
            {
                // The service may be restarted, or a proxy before it lets no events through: the job is asked for.
            }

            try
            {
                Job job = await WithinAsync(Silence, limit => Api.GetJobAsync(id, limit), cancellation);
                if (job.State is not (JobState.Queued or JobState.Running)) return job;
                silent.Reset();
            }
            catch (Exception error) when (IsPassing(error) && silent.Elapsed < Patience && !cancellation.IsCancellationRequested)
            {
                silent.Start();
            }

            await Task.Delay(Poll, cancellation);
        }
    }

    /// <summary>Downloads a file of a job and compares it with its hash; four times, where it breaks off or arrives damaged.</summary>
    /// <param name="job">The job, final.</param>
    /// <param name="name">The file's name, for example <c>result.npy</c>.</param>
    /// <param name="cancellation">Stops the download.</param>
    /// <exception cref="ArgumentException">The job has no file of this name.</exception>
    /// <exception cref="InvalidDataException">The file is not the one that the service wrote.</exception>
    public async Task<byte[]> DownloadAsync(Job job, string name, CancellationToken cancellation = default)
    {
        Artefact artefact = job.Result?.Artefacts.FirstOrDefault(file => file.Name == name)
            ?? throw new ArgumentException($"The job {job.Id} has no file '{name}'.", nameof(name));
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                using FileResponse answer = await WithinAsync(Silence, limit => Api.GetArtefactAsync(job.Id, name, limit), cancellation);
                using var stream = new ImpatientStream(answer.Stream, Silence);
                using var read = new MemoryStream();
                await stream.CopyToAsync(read, cancellation);
                byte[] bytes = read.ToArray();
                if (Convert.ToHexStringLower(SHA256.HashData(bytes)) == artefact.Sha256) return bytes;
                throw new InvalidDataException($"The file {name} of the job {job.Id} is not the one that the service wrote: download it again.");
            }
            catch (Exception error)
                when (attempt < Downloads && (IsPassing(error) || error is InvalidDataException) && !cancellation.IsCancellationRequested)
            {
                await Task.Delay(Poll, cancellation);
            }
        }
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
        using HttpResponseMessage answer = await WithinAsync(Silence, limit => _http.SendAsync(request, limit), cancellation);
        string text = await answer.Content.ReadAsStringAsync(cancellation);
        try
        {
            if (answer.IsSuccessStatusCode && JsonNode.Parse(text) is JsonObject json) return json;
        }
        catch (JsonException)
        {
            // A page of something else.
        }

        throw ErrorOf(answer.StatusCode, text);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async IAsyncEnumerable<SseItem<JobEvent>> EventsAsync(
        string id, string? seen, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        using FileResponse answer = await WithinAsync(Silence, limit => Api.ListenToJobAsync(id, seen, ticket: null, limit), cancellation);
        if (answer.StatusCode == (int)HttpStatusCode.NoContent) yield break;
        using var stream = new ImpatientStream(answer.Stream, Silence);
        SseParser<JobEvent> events = SseParser.Create(stream, static (_, data) => JsonSerializer.Deserialize<JobEvent>(data, ApiClient.Json)!);
        await foreach (SseItem<JobEvent> item in events.EnumerateAsync(cancellation)) yield return item;
    }

    /// <summary>True for what may be over in a moment: a lost connection, a service or proxy that cannot answer now.</summary>
    private static bool IsPassing(Exception error) =>
        error is HttpRequestException or IOException or JsonException or ApiException { StatusCode: 429 or 502 or 503 or 504 };

    private static async Task<T> WithinAsync<T>(TimeSpan time, Func<CancellationToken, Task<T>> ask, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(time);
        try
        {
            return await ask(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"The service has not answered for {time.TotalSeconds:0} s.");
        }
    }

    // A page of something else may be JSON, too.
    private static Job? JobOf(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<Job>(text, ApiClient.Json) is { Id.Length: > 0 } job ? job : null;
        }
        catch (JsonException)
        {
            return null;
        }
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

/// <summary>A stream that ends with an error where nothing arrives for a while.</summary>
/// <param name="inner">The stream.</param>
/// <param name="patience">The while.</param>
internal sealed class ImpatientStream(Stream inner, TimeSpan patience) : Stream
{
    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            return await inner.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException("Nothing has arrived for a while.");
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
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
