using System.Text.Json;
using InverseSolver.Imaging;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InverseSolver.Service.Requests;

/// <summary>A request and its files, from JSON or multipart.</summary>
/// <param name="Request">The JSON.</param>
/// <param name="Files">The files by name.</param>
/// <param name="Memory">The memory that they take.</param>
internal sealed record Upload<T>(T Request, IReadOnlyDictionary<string, byte[]> Files, UploadBytes Memory) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();
}

/// <summary>A request that may contain its files as data URIs.</summary>
internal interface IRequestWithFiles
{
    /// <summary>All files it may have: name and data URI, null where it is absent.</summary>
    public IReadOnlyDictionary<string, string?> DataUris { get; }
}

/// <summary>Reads a request with files, as JSON with data URIs or as multipart/form-data, within the limits.</summary>
internal sealed class UploadReader(IOptions<LimitOptions> options, UploadMemory memory)
{
    private const int BufferBytes = 64 * 1024;

    // Text in JSON is kept in two bytes a letter, beside the body and the file that is made of it.
    private const int TextCopies = 3;

    // A request without files has some dozens. A node of a JSON tree takes a hundred bytes for two in the body.
    private const int MaxTokens = 100_000;

    private const string RequestPart = "request";

    // The only file that may be sent as several parts, the files of a DICOM series, which become one archive.
    private const string Series = "measurement";

    // The files of a series, and each other part once.
    private const int MaxParts = DicomArchive.MaxFiles + 32;

    private readonly LimitOptions _limits = options.Value;

    /// <summary>Reads a body, within the limits of time and of the memory of all bodies.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="caller">Who sent it.</param>
    /// <param name="names">The files that it may have.</param>
    /// <param name="cancellation">Stops reading.</param>
    /// <returns>The upload, whose memory counts until it is disposed.</returns>
    public async Task<Upload<T>> ReadAsync<T>(
        HttpRequest http, string caller, IReadOnlyCollection<string> names, CancellationToken cancellation)
        where T : IRequestWithFiles
    {
        UploadBytes held = memory.Open(caller, cancellation);
        try
        {
            // A read that its token ends leaves the body in a state that Kestrel reports as an error of ours.
            await using CancellationTokenRegistration ending = held.End.Register(http.BodyReader.CancelPendingRead);
            Upload<T> upload = await ReadAsync<T>(http, names, held);
            held.Arrived();
            return upload;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            bool gaveWay = held.HasGivenWay;
            held.Dispose();
            throw gaveWay ? UploadMemory.Busy() : new RequestException(
                StatusCodes.Status408RequestTimeout, "tooSlow", null, $"The body did not arrive within {_limits.BodySeconds} seconds (Limits:BodySeconds).");
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private async Task<Upload<T>> ReadAsync<T>(HttpRequest http, IReadOnlyCollection<string> names, UploadBytes held)
        where T : IRequestWithFiles
    {
        if (!MediaTypeHeaderValue.TryParse(http.ContentType, out MediaTypeHeaderValue? type))
        {
            throw WrongType();
        }

        var files = new Dictionary<string, byte[]>();
        T request;
        if (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            held.Take(BufferBytes);
            byte[] json = await ReadToEndAsync(http.Body, new byte[BufferBytes], _limits.JsonBytes, null, held);
            held.Take(TextCopies * (long)json.Length);
            request = Parse<T>(json, null);
        }
        else if (type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            byte[] json = await ReadPartsAsync(http, type, names, files, held);
            held.Take(TextCopies * (long)json.Length);
            request = Parse<T>(json, RequestPart);
        }
        else
        {
            throw WrongType();
        }

        foreach ((string name, string? uri) in request.DataUris)
        {
            if (uri is not null && !files.TryAdd(name, DataUri.Parse(uri, $"files.{name}", _limits.FileBytes)))
            {
                throw Malformed("duplicateFile", $"files.{name}", "The file was sent twice, as a part and as a data URI: send it once.");
            }
        }

        return new Upload<T>(request, files, held);
    }

    /// <summary>The error for a file over the limit.</summary>
    /// <param name="field">The file's field.</param>
    /// <param name="limit">The most bytes it may have.</param>
    public static RequestException FileTooLarge(string? field, long limit) =>
        new(StatusCodes.Status413PayloadTooLarge, "tooLarge", field, $"At most {limit} bytes are allowed.");

    private async Task<byte[]> ReadPartsAsync(
        HttpRequest http, MediaTypeHeaderValue type, IReadOnlyCollection<string> names, Dictionary<string, byte[]> files, UploadBytes held)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        if (boundary.Length is 0 or > 70)
        {
            throw Malformed("malformedMultipart", null, "The boundary of the multipart body is missing or too long.");
        }

        held.Take(BufferBytes);
        byte[] buffer = new byte[BufferBytes];
        byte[]? json = null;
        int parts = 0;
        var series = new List<byte[]>();
        long total = 0;
        try
        {
            var reader = new MultipartReader(boundary, http.Body) { HeadersCountLimit = 8, HeadersLengthLimit = 4096 };
            while (await reader.ReadNextSectionAsync(CancellationToken.None) is { } section)
            {
                if (++parts > MaxParts)
                {
                    throw Malformed("tooManyParts", null, $"At most {MaxParts} parts are read.");
                }

                string name = PartName(section);
                string field = name == RequestPart ? RequestPart : $"files.{name}";
                if (name != RequestPart && !names.Contains(name))
                {
                    throw Malformed(
                        "unknownPart", name.Length <= 100 ? name : name[..100],
                        $"The part is unknown; the parts are 'request' and the files {string.Join(", ", names)}.");
                }

                if (name == RequestPart ? json is not null : files.ContainsKey(name))
                {
                    throw Malformed("duplicateFile", field, "The part was sent twice: send it once.");
                }

                byte[] bytes = await ReadToEndAsync(section.Body, buffer, name == RequestPart ? _limits.JsonBytes : _limits.FileBytes, field, held);
                if ((total += bytes.Length) > _limits.RequestBytes)
                {
                    throw FileTooLarge(null, _limits.RequestBytes);
                }

                if (name == RequestPart)
                {
                    json = bytes;
                }
                else if (bytes.Length > 0 && name == Series)
                {
                    if (series.Count == DicomArchive.MaxFiles)
                    {
                        throw Malformed("tooManyFiles", field, $"At most {DicomArchive.MaxFiles} files of a series are allowed.");
                    }

                    series.Add(bytes);
                }
                else if (bytes.Length > 0)
                {
                    // Forms send an empty part for a file that was not chosen.
                    files.Add(name, bytes);
                }
            }
        }
        catch (Exception error) when (error is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw Malformed("malformedMultipart", null, "The multipart body is truncated or malformed.");
        }

        if (series.Count > 0)
        {
            held.Take(series.Count == 1 ? 0 : 2 * series.Sum(file => (long)file.Length));
            files.Add(Series, series.Count == 1 ? series[0] : DicomArchive.Pack(series));
        }

        return json ?? throw Malformed("missingPart", RequestPart, "The part 'request' with the JSON is missing.");
    }

    private static string PartName(MultipartSection section) =>
        ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition) && disposition.Name.HasValue
            ? HeaderUtilities.RemoveQuotes(disposition.Name).ToString()
            : throw Malformed("malformedMultipart", null, "A part lacks a Content-Disposition with a name.");

    private static T Parse<T>(byte[] json, string? root)
    {
        CheckTokens(json, root);
        return JsonErrors.Read<T>(json)
            ?? throw new RequestException(StatusCodes.Status400BadRequest, "invalidValue", root, "The request must be a JSON object.");
    }

    // What is not JSON is described by the parser, which stops there too.
    private static void CheckTokens(byte[] json, string? root)
    {
        int tokens = 0;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = ApiJson.Requests.MaxDepth });
            while (reader.Read())
            {
                if (++tokens > MaxTokens)
                {
                    throw new RequestException(
                        StatusCodes.Status413PayloadTooLarge, "tooLarge", root, $"The JSON has more than {MaxTokens} names and values.");
                }
            }
        }
        catch (JsonException)
        {
        }
    }

    // Memory is taken as bytes arrive, not as they are announced.
    private static async Task<byte[]> ReadToEndAsync(Stream body, byte[] buffer, int limit, string? field, UploadBytes held)
    {
        var full = new List<byte[]>();
        int read;
        while ((read = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false)) == buffer.Length)
        {
            if ((full.Count + 1L) * buffer.Length > limit)
            {
                throw FileTooLarge(field, limit);
            }

            held.Take(buffer.Length);
            full.Add([.. buffer]);
        }

        long length = ((long)full.Count * buffer.Length) + read;
        if (length > limit)
        {
            throw FileTooLarge(field, limit);
        }

        // The file counts once; the parts that it is made of are garbage in a moment.
        held.Take(read);
        byte[] bytes = new byte[length];
        for (int i = 0; i < full.Count; i++)
        {
            full[i].CopyTo(bytes, i * buffer.Length);
        }

        buffer.AsSpan(0, read).CopyTo(bytes.AsSpan(full.Count * buffer.Length));
        return bytes;
    }

    private static RequestException WrongType() =>
        new(StatusCodes.Status415UnsupportedMediaType, "unsupportedMediaType", null, "Send application/json or multipart/form-data.");

    private static RequestException Malformed(string code, string? field, string text) =>
        new(StatusCodes.Status400BadRequest, code, field, text);
}
