namespace InverseSolver.Service;

/// <summary>A request that is answered with an error. Its text is shown to the caller.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="code">The stable code that programs tell errors apart by.</param>
/// <param name="field">The offending field in JSON notation; null when it is no single field.</param>
/// <param name="message">What is wrong, and what would be right.</param>
internal sealed class RequestException(int status, string code, string? field, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The stable code.</summary>
    public string Code { get; } = code;

    /// <summary>The offending field.</summary>
    public string? Field { get; } = field;

    /// <summary>When it may work, for the Retry-After header.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>There is nothing under this address.</summary>
    /// <param name="what">What was looked for, with its article.</param>
    public static RequestException NotFound(string what) =>
        new(StatusCodes.Status404NotFound, "notFound", null, $"There is no such {what}.");
}
