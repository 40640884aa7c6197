namespace InverseSolver.Service;

/// <summary>A request that is answered with an error. Its text is shown to the caller.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="code">The stable code of the error for programs.</param>
/// <param name="field">The offending field in JSON notation; null where it is not a single field.</param>
/// <param name="message">The fault and its remedy.</param>
internal sealed class RequestException(int status, string code, string? field, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The stable code.</summary>
    public string Code { get; } = code;

    /// <summary>The offending field.</summary>
    public string? Field { get; } = field;

    /// <summary>The time after which a retry may succeed, for the Retry-After header.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>There is nothing under this address.</summary>
    /// <param name="what">The name of the missing thing.</param>
    public static RequestException NotFound(string what) =>
        new(StatusCodes.Status404NotFound, "notFound", null, $"There is no such {what}.");
}
