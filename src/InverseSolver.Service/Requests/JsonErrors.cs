using System.Text.Json;
using System.Text.RegularExpressions;
using InverseSolver.Reconstruction;

namespace InverseSolver.Service.Requests;

/// <summary>Turns the serializer's messages into a code, a field and a sentence without .NET's type names.</summary>
internal static partial class JsonErrors
{
    /// <summary>Reads the JSON of a request.</summary>
    /// <returns>Null for the JSON <c>null</c>.</returns>
    /// <exception cref="RequestException">It is not a <typeparamref name="T"/>.</exception>
    public static T? Read<T>(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, ApiJson.Requests);
        }
        catch (Exception error) when (error is JsonException or NotSupportedException)
        {
            throw Explain(error, json, typeof(T));
        }
    }

    /// <summary>Describes the fault of a body.</summary>
    /// <param name="error">A <see cref="JsonException"/>, or the <see cref="NotSupportedException"/> that a missing discriminator throws.</param>
    /// <param name="json">The body.</param>
    /// <param name="type">The type that it was read as.</param>
    private static RequestException Explain(Exception error, byte[] json, Type type)
    {
        string message = error.Message;
        string? path = Field((error as JsonException)?.Path ?? PathInText().Match(message) switch
        {
            { Success: true } match => match.Groups[1].Value,
            _ => null,
        });
        if (UnknownMember().Match(message) is { Success: true } unknown)
        {
            string member = unknown.Groups[1].Value;
            string field = path is not null && (path == member || path.EndsWith('.' + member)) ? path : Join(path, member);
            return Bad("unknownMember", field, $"The member '{Cut(member)}' is unknown; names are case-sensitive.");
        }

        if (MissingMembers().Match(message) is { Success: true } missing)
        {
            return RequestException.Of([.. QuotedName().Matches(missing.Groups[1].Value).Select(match => match.Groups[1].Value)
                .Select(member => Bad("missingMember", Join(path, member), $"The member '{member}' is required."))]);
        }

        if (error is NotSupportedException || message.Contains("type discriminator", StringComparison.Ordinal))
        {
            string? of = Trim(path, "type");
            SentWord? kind = SentWord.Find(json, type, of);
            bool isUnknown = message.Contains("unrecognized type discriminator", StringComparison.Ordinal);
            return isUnknown
                ? Bad("unknownType", Join(of, "type"), kind is null ? "The type is unknown." : Words.NoneOf(kind.Sent, kind.Known))
                : Bad(
                    "missingType", Join(of, "type"),
                    "The member 'type', which names the kind of the object, is required"
                        + (kind is null ? "." : $": one of {string.Join(", ", kind.Known)}."));
        }

        if (message.Contains("Duplicate property", StringComparison.Ordinal))
        {
            return Bad("duplicateMember", path, "The member occurs twice: send it once.");
        }

        if (message.Contains("maximum configured depth", StringComparison.Ordinal))
        {
            return Bad("tooDeep", path, "Objects and lists are nested too deeply here: at most 16 levels are read.");
        }

        // Errors of the text have the reader's exception inside; the serializer's errors on well-formed text have none.
        bool malformed = error is JsonException && (error.InnerException is JsonException || error.GetType() != typeof(JsonException));
        return malformed ? Bad("malformedJson", path, $"The text is not valid JSON (RFC 8259), line {((JsonException)error).LineNumber + 1}.")
            : Bad(
                "invalidValue", path,
                SentWord.Find(json, type, path) is { } word ? Words.NoneOf(word.Sent, word.Known)
                    : "The value has the wrong type; the schema under /swagger states the right one.");
    }

    /// <summary>Describes the fault of a parameter of the address or of the body as a whole.</summary>
    /// <param name="error">The routing's exception.</param>
    public static RequestException ExplainBinding(BadHttpRequestException error) => Parameter().Match(error.Message) switch
    {
        { Success: true } match =>
            Bad("invalidValue", match.Groups[1].Value, "The parameter has the wrong type; the schema under /swagger states the right one."),
        _ => new(error.StatusCode, "invalidRequest", null, "The request cannot be read."),
    };

    private static RequestException Bad(string code, string? field, string text) =>
        new(StatusCodes.Status400BadRequest, code, field is null ? null : Cut(field), text);

    private static string? Field(string? path) =>
        path is null or "$" ? null : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path.TrimStart('$');

    private static string Join(string? path, string member) => string.IsNullOrEmpty(path) ? member : $"{path}.{member}";

    private static string? Trim(string? path, string member) =>
        path is null || path == member || path == "$" + member ? null
        : path.EndsWith("." + member, StringComparison.Ordinal) ? path[..^(member.Length + 1)]
        : path.EndsWith(".$" + member, StringComparison.Ordinal) ? path[..^(member.Length + 2)]
        : path;

    private static string Cut(string text) => text.Length <= 100 ? text : text[..100];

    [GeneratedRegex("^The JSON property '(.*)' could not be mapped", RegexOptions.Singleline)]
    private static partial Regex UnknownMember();

    [GeneratedRegex("missing required properties including: (.*)", RegexOptions.Singleline)]
    private static partial Regex MissingMembers();

    [GeneratedRegex("'([^']*)'")]
    private static partial Regex QuotedName();

    [GeneratedRegex(@"Path: (\$[^ |]*)")]
    private static partial Regex PathInText();

    [GeneratedRegex("parameter \"[^ \"]+ ([A-Za-z]+)\"")]
    private static partial Regex Parameter();
}
