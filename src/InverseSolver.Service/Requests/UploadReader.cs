using System.Text.Json;
using InverseSolver.Imaging;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InverseSolver.Service.Requests;

/// <summary>A request and its files, from JSON or multipart.</summary>
/// <param name="Request">The JSON.</param>
/// <param name="Files">The files by name.</param>
internal sealed record Upload<T>(T Request, IReadOnlyDictionary<string, byte[]> Files);

/// <summary>A request that may contain its files as data URIs.</summary>
internal interface IRequestWithFiles
{
    /// <summary>All files it may have: name and data URI, null where it is absent.</summary>
    public IReadOnlyDictionary<string, string?> DataUris { get; }
}

/// <summary>Reads a request with files, as JSON with data URIs or as multipart/form-data, within the limits.</summary>
internal sealed class UploadReader(IOptions<LimitOptions> options)
{
    private const string RequestPart = "request";

    // The only file that may be sent as several parts, the files of a DICOM series, which become one archive.
    private const string Series = "measurement";

    private readonly LimitOptions _limits = options.Value;

    /// <summary>Reads a body.</summary>
    /// <param name="http">The HTTP request.</param>
    /// <param name="names">The files that it may have.</param>
    /// <param name="cancellation">Stops reading.</param>
    public async Task<Upload<T>> ReadAsync<T>(HttpRequest http, IReadOnlyCollection<string> names, CancellationToken cancellation)
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
            request = Parse<T>(await ReadToEndAsync(http.Body, _limits.JsonBytes, null, cancellation), null);
        }
        else if (type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase))
        {
            byte[] json = await ReadPartsAsync(http, type, names, files, cancellation);
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

        return new Upload<T>(request, files);
    }

    /// <summary>The error for a file over the limit.</summary>
    /// <param name="field">The file's field.</param>
    /// <param name="limit">The most bytes it may have.</param>
    public static RequestException FileTooLarge(string? field, long limit) =>
        new(StatusCodes.Status413PayloadTooLarge, "tooLarge", field, $"At most {limit} bytes are allowed.");

    private async Task<byte[]> ReadPartsAsync(
        HttpRequest http, MediaTypeHeaderValue type, IReadOnlyCollection<string> names, Dictionary<string, byte[]> files, CancellationToken cancellation)
    {
        string boundary = HeaderUtilities.RemoveQuotes(type.Boundary).ToString();
        if (boundary.Length is 0 or > 70)
        {
            throw Malformed("malformedMultipart", null, "The boundary of the multipart body is missing or too long.");
        }

        byte[]? json = null;
        var series = new List<byte[]>();
        long total = 0;
        try
        {
            var reader = new MultipartReader(boundary, http.Body) { HeadersCountLimit = 8, HeadersLengthLimit = 4096 };
            while (await reader.ReadNextSectionAsync(cancellation) is { } section)
            {
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

                byte[] bytes = await ReadToEndAsync(section.Body, name == RequestPart ? _limits.JsonBytes : _limits.FileBytes, field, cancellation);
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
        try
        {
            return JsonSerializer.Deserialize<T>(json, ApiJson.Requests)
                ?? throw new RequestException(StatusCodes.Status400BadRequest, "invalidValue", root, "The request must be a JSON object.");
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            // Fields are named from the root of the JSON, for both kinds of body.
            throw JsonErrors.Explain(error);
        }
    }

    private static async Task<byte[]> ReadToEndAsync(Stream body, int limit, string? field, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int read;
        while ((read = await body.ReadAsync(buffer, cancellation)) > 0)
        {
            if (bytes.Length + read > limit)
            {
                throw FileTooLarge(field, limit);
            }

            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    private static RequestException WrongType() =>
        new(StatusCodes.Status415UnsupportedMediaType, "unsupportedMediaType", null, "Send application/json or multipart/form-data.");

    private static RequestException Malformed(string code, string? field, string text) =>
        new(StatusCodes.Status400BadRequest, code, field, text);
}
