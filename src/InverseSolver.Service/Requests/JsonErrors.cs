using System.Text.Json;
using System.Text.RegularExpressions;

namespace InverseSolver.Service.Requests;

/// <summary>Turns the serializer's words into a code, a field and a sentence without .NET's type names.</summary>
internal static partial class JsonErrors
{
    /// <summary>What is wrong with a body.</summary>
    /// <param name="error">A <see cref="JsonException"/>, or the <see cref="NotSupportedException"/> that a missing discriminator throws.</param>
    /// <param name="root">The field that the document was read from; null when it is the whole request.</param>
    public static RequestException Explain(Exception error, string? root = null)
    {
        string message = error.Message;
        string? path = Field(root, (error as JsonException)?.Path ?? PathInText().Match(message) switch
        {
            { Success: true } match => match.Groups[1].Value,
            _ => null,
        });
        if (UnknownMember().Match(message) is { Success: true } unknown)
        {
            string member = unknown.Groups[1].Value;
            string field = path is not null && (path == member || path.EndsWith('.' + member)) ? path : Join(path, member);
            return Bad("unknownMember", field, $"There is no member '{Cut(member)}' here; names are case-sensitive.");
        }

        if (MissingMembers().Match(message) is { Success: true } missing)
        {
            string member = QuotedName().Match(missing.Groups[1].Value).Groups[1].Value;
            return Bad("missingMember", Join(path, member), $"The member '{member}' is required.");
        }

        if (message.Contains("unrecognized type discriminator", StringComparison.Ordinal))
        {
            return Bad("unknownType", Join(Trim(path, "type"), "type"), "This type is not known; /v1/problems and /v1/solvers list the known ones.");
        }

        if (error is NotSupportedException || message.Contains("type discriminator", StringComparison.Ordinal))
        {
            return Bad("missingType", Join(Trim(path, "type"), "type"), "The member 'type' is required here: it says which kind of object this is.");
        }

        if (message.Contains("Duplicate property", StringComparison.Ordinal))
        {
            return Bad("duplicateMember", path, "A member stands here twice.");
        }

        if (message.Contains("maximum configured depth", StringComparison.Ordinal))
        {
            return Bad("tooDeep", path, "Objects and lists lie within each other too deeply here.");
        }

        // The reader of the text throws an exception of its own; the serializer's own complaints, about well-formed text, have none inside.
        bool malformed = error is JsonException && (error.InnerException is JsonException || error.GetType() != typeof(JsonException));
        return malformed
            ? Bad("malformedJson", path, $"This is not JSON as RFC 8259 has it (line {((JsonException)error).LineNumber + 1}).")
            : Bad("invalidValue", path, "This value is of the wrong kind; the schema under /swagger says which kind is right.");
    }

    /// <summary>What is wrong with a parameter of the address or with the body as a whole.</summary>
    /// <param name="error">What the routing threw.</param>
    public static RequestException ExplainBinding(BadHttpRequestException error) => Parameter().Match(error.Message) switch
    {
        { Success: true } match => Bad("invalidValue", match.Groups[1].Value, "This parameter is of the wrong kind."),
        _ => new(error.StatusCode, "invalidRequest", null, "The request cannot be read."),
    };

    private static RequestException Bad(string code, string? field, string text) =>
        new(StatusCodes.Status400BadRequest, code, field is null ? null : Cut(field), text);

    private static string? Field(string? root, string? path)
    {
        string? inner = path is null or "$" ? null : path.StartsWith("$.", StringComparison.Ordinal) ? path[2..] : path.TrimStart('$');
        return root is null ? inner : inner is null ? root : $"{root}.{inner}";
    }

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
